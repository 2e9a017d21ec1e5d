"""The short way and uvicorn's own way give the same answers to the same bytes, whatever the bytes and however they arrive."""

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from flyball.server.protocol import short_way_known
from served import Site, body, serving, site
from served import _model as scoring

HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
NAMED = HEAD.replace(b"/predict", b"/models/flight-delay/predict")
ROW = {"hour": 3, "temp": 1.0, "rain": True}
ASK = body(features=ROW)


def post(content: bytes = ASK, extra: bytes = b"", head: bytes = HEAD) -> bytes:
    return head + extra + b"Content-Length: %d\r\n\r\n" % len(content) + content


GET = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
# Each probe is a list of what is sent, with a pause between the parts.
PROBES: dict[str, list[bytes]] = {
    "plain": [post()],
    "two in one packet": [post() * 2],
    "twenty pipelined": [post() * 20],
    "short, long, short": [post() + GET + post()],
    "long, short, long": [GET + post() + GET],
    "byte by byte at the start": [post()[:1], post()[1:9], post()[9:40], post()[40:]],
    "body in parts": [post()[:-10], post()[-10:-3], post()[-3:]],
    "a bad one between two good": [post() + post(b"{") + post()],
    "a missing feature": [post(b'{"features": {"hour": 3}}')],
    "a client's id": [post(body(features=ROW, prediction_id="mine")) * 2],
    "an empty body": [HEAD + b"Content-Length: 0\r\n\r\n"],
    "no length": [HEAD + b"\r\n"],
    "chunked": [HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(ASK), ASK)],
    "chunked with a trailer": [HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\nX: y\r\n\r\n" % (len(ASK), ASK)],
    "expects 100": [post(extra=b"Expect: 100-continue\r\n")],
    "close": [post(extra=b"Connection: close\r\n") + post()],
    "keep-alive": [post(extra=b"Connection: Keep-Alive\r\n") * 2],
    "upgrade": [post(extra=b"Connection: upgrade\r\nUpgrade: h2c\r\n")],
    "http 1.0": [post().replace(b"HTTP/1.1", b"HTTP/1.0")],
    "no host": [post(head=HEAD.replace(b"Host: 127.0.0.1\r\n", b""))],
    "two hosts": [post(extra=b"Host: 127.0.0.1\r\n")],
    "a foreign host": [post(head=HEAD.replace(b"127.0.0.1", b"evil.example"))],
    "an origin": [post(extra=b"Origin: http://evil.example\r\n")],
    "from a page of another site": [post(extra=b"Sec-Fetch-Site: cross-site\r\n"), post()],
    "from a page of this site": [post(extra=b"Sec-Fetch-Site: same-origin\r\n") * 2],
    "another type": [post(head=HEAD.replace(b"application/json", b"text/plain"))],
    "a type with a charset": [post(head=HEAD.replace(b"application/json", b"application/json; charset=utf-8"))],
    "two lengths": [HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"],
    "length and chunked": [HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    "a negative length": [HEAD + b"Content-Length: -1\r\n\r\n"],
    "a query": [post(head=HEAD.replace(b"/predict", b"/predict?a=1"))],
    "another method": [post(head=HEAD.replace(b"POST", b"PUT"))],
    "lower-case header names": [post(head=HEAD.replace(b"Content-Type", b"content-type").replace(b"Host", b"host"))],
    "more than 64 KB": [post(ASK + b" " * 70_000)],
    "too large": [HEAD + b"Content-Length: 2000000\r\n\r\n"],
    "by the model's name": [post(head=NAMED) * 2, post(head=NAMED)],
    "by the model's name, written otherwise": [post(head=NAMED.replace(b"-", b"%2D")) * 2],
    "by the name of no model": [post(head=NAMED.replace(b"-", b"_")) * 2],
    "no http": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"],
}


def exchange(url: str, parts: list[bytes]) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        for number, part in enumerate(parts):
            if number:
                time.sleep(0.02)
            connection.sendall(part)
        found = b""
        try:
            while piece := connection.recv(65536):
                found += piece
                connection.settimeout(0.25)  # what follows an answer follows at once
        except (TimeoutError, ConnectionError):
            pass
    return found


def exchanges(both: list[str], parts: list[bytes]) -> list[bytes]:
    """What both servers mean, asked at the same time."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda url: meaning(exchange(url, parts)), both))


def meaning(answer: bytes) -> bytes:
    """An answer without what differs between any two: ids and the date."""
    answer = re.sub(rb'"[0-9a-f]{32}"', b'"."', answer)
    return re.sub(rb"date: [^\r]*", b"date: .", answer)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The same site served the short way and the long way."""
    with ExitStack() as stack:
        urls = []
        for short in (True, False):
            made: Site = site(tmp_path_factory.mktemp("short" if short else "long"))
            made.deploy(1)
            url, _ = stack.enter_context(serving(made.settings(short_way=short)))
            while b" 200 " not in exchange(url, [GET.replace(b"live", b"ready").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]):
                time.sleep(0.05)
            urls.append(url)
        yield urls


# The same again on a connection that has had ordinary requests, whose heads are known by then.
PRIMED = {f"{name}, primed": [post(), post(), *parts] for name, parts in PROBES.items()}
HALF = post()[: len(post()) // 2]
MIXED = {
    "a head that is known and half a body": [post(), post()[:-5], post()[-5:], post()],
    "a known request and half of the next": [post(), post() + HALF, post()[len(HALF) :] + post()],
    "an empty line before a known head": [post(), b"\r\n" + post(), b"\r\n", post(), b"\r", b"\n" + post()],
    "a known head in two parts": [post(), post()[:1], post()[1:] + post()],
    "a known head inside a body": [post(), post(post()), post(post() + post()) + post()],
    "a known head behind a long one's body": [post(), post(post() + b" " * 70_000), post()],
    "a known head as a chunk": [
        post(),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(post()) + post() + b"\r\n0\r\n\r\n",
        post(),
    ],
    "known, unknown, known in one packet": [post(), post() + post(extra=b"X: y\r\n") + post() + GET + post()],
    "a known head while another is answered": [post(), GET + post(), GET, post() * 3],
    "a known head with a bad body": [post(), post(b"[" * len(ASK)), post()],
    "a known head with a client's id": [post(), post(body(features=ROW, prediction_id="p" * 30)) * 2, post()],
    "no http after a known head": [post(), post(), b"\x16\x03\x01\x02\r\n\r\n"],
    "bare line feeds": [post(), post().replace(b"\r\n", b"\n"), post()],
    "bare line feeds before a known head": [post(), GET.replace(b"\r\n", b"\n") + post(), post()],
    "close after a known head": [post(), post() + post(extra=b"Connection: close\r\n") + post()],
}
EVERY = {**PROBES, **PRIMED, **MIXED}


@pytest.mark.parametrize("name", EVERY)
def test_both_ways_answer_alike(both: list[str], name: str) -> None:
    short, long = exchanges(both, EVERY[name])
    assert short == long
    assert b"HTTP/1.1 5" not in short


def test_a_page_of_another_site_is_refused_both_ways(both: list[str]) -> None:
    for url in both:
        assert exchange(url, PROBES["from a page of another site"][:1]).startswith(b"HTTP/1.1 403")


# Messages after which the connection stays open.
CALM = [
    *(post(), GET, post(b"{"), post(b'{"features": {"hour": 3}}'), post(extra=b"X: y\r\n"), post(extra=b"Expect: 100-continue\r\n")),
    *(post(post()), post(ASK + b" " * 70_000), post(head=HEAD.replace(b"POST", b"PUT")), post(head=HEAD.replace(b"Host", b"hOST"))),
    *(post(body(features=ROW, prediction_id="mine")), b"\r\n", *PROBES["chunked with a trailer"], post(body(features=[ROW] * 3))),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([post(), post(), *CALM]), min_size=1, max_size=8), st.lists(st.integers(1, 2_000), max_size=4))
def test_any_requests_cut_into_any_parts_are_answered_alike(both: list[str], messages: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(messages) + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    places = sorted({0, *(cut % len(whole) for cut in cuts), len(whole)})
    short, long = exchanges(both, [whole[start:end] for start, end in pairwise(places)])
    assert short == long and short.count(b"HTTP/1.1 ") >= len(messages) - messages.count(b"\r\n") + 1


def test_pipelined_answers_come_in_the_order_of_their_requests(both: list[str]) -> None:
    temps = [-3.0, 3.0, -1.0, 1.0, 5.0, -5.0]
    parts = [post(body(features={**ROW, "temp": temp, "rain": False})) + (GET if number % 2 else b"") for number, temp in enumerate(temps)]
    for url in both:
        answer = exchange(url, [b"".join(parts)])
        assert [int(found) for found in re.findall(rb'"prediction":(\d)', answer)] == [int(temp > 0) for temp in temps]
        assert answer.count(b'{"status":"live"}') == 3


def test_the_short_way_knows_the_installed_uvicorn() -> None:
    assert short_way_known()


def test_an_idle_connection_is_let_go(tmp_path: Path) -> None:
    made = site(tmp_path / "idle")
    made.deploy(1)
    with serving(made.settings(keep_alive=1.0)) as (url, _):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(post())
            found = b""
            while piece := connection.recv(65536):
                found += piece
        assert found.count(b"HTTP/1.1") == 1


def test_requests_that_are_scored_together_are_answered_each_on_its_own_connection(tmp_path: Path) -> None:
    made = site(tmp_path / "gathered")
    made.add(2, wide_net())
    made.deploy(2)
    asks = [post(body(features={"hour": number, "temp": number - 7.5, "rain": False})) for number in range(16)]
    with serving(made.settings()) as (url, _), ExitStack() as stack:
        while b" 200 " not in exchange(url, [GET.replace(b"live", b"ready").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]):
            time.sleep(0.05)
        alone = [sure(exchange(url, [one])) for one in asks]
        host, _, port = url.removeprefix("http://").partition(":")
        clients = [stack.enter_context(socket.create_connection((host, int(port)), timeout=5)) for _ in asks]
        for wave in range(3):  # in the first, heads are met; a bad row and a second request on its heels come among the last
            for client, one in zip(clients, asks, strict=True):
                client.sendall(post(b"[" * 40) + one if wave == 2 else one)
            for client, expected in zip(clients, alone, strict=True):
                found = b""
                while found.count(b"HTTP/1.1") < 1 + (wave == 2) or not found.endswith(b"}"):
                    found += client.recv(65536)
                assert sure(found) == pytest.approx(expected, abs=1e-6)
                assert found.startswith(b"HTTP/1.1 400" if wave == 2 else b"HTTP/1.1 200")


def sure(answer: bytes) -> float:
    """The last confidence of an answer."""
    return float(re.findall(rb'"confidence":([0-9.e-]+)', answer)[-1])


def wide_net() -> bytes:
    """A net that gains by scoring rows together: three layers of 512."""
    rng = np.random.default_rng(1)
    widths = [3, 512, 512, 512, 1]
    nodes, constants, last = [], {"b": np.zeros(1, dtype=np.float32)}, "features"
    for number, (inner, outer) in enumerate(pairwise(widths)):
        constants[f"w{number}"] = (rng.normal(size=(inner, outer)) / np.sqrt(inner)).astype(np.float32)
        nodes += [
            helper.make_node("MatMul", [last, f"w{number}"], [f"z{number}"]),
            helper.make_node("Relu", [f"z{number}"], [f"r{number}"]),
        ]
        last = f"r{number}" if outer > 1 else f"z{number}"
    nodes.append(helper.make_node("Identity", [last], ["xw"]))
    return scoring(nodes, [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 3])], constants, False)
