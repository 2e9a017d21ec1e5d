"""Bytes that are no HTTP, or ambiguous HTTP, or too much of it: refused, answered once, and survived."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import MODEL, body, serving, site

# every route that takes a body
ROUTES = ("/predict", "/outcomes", f"/models/{MODEL}/predict", "/invocations", f"/v1/models/{MODEL}:predict", f"/v2/models/{MODEL}/infer")
ASK = body(features={"hour": 3, "temp": 1.0, "rain": True})
GOOD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(ASK), ASK)
_ESCAPES = {b"\\r": b"\r", b"\\n": b"\n", b"\\\\": b"\\"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all these bytes: it must still answer at the end."""
    made = site(tmp_path_factory.mktemp("raw"))
    made.deploy(1)
    with serving(made.settings(header_timeout=5.0)) as (url, _):
        yield url
        assert exchange(url, GOOD).startswith(b"HTTP/1.1 200")


def exchange(url: str, content: bytes, *, wait: float = 5.0, end: bool = True) -> bytes:
    """What comes back for bytes, after which nothing follows."""
    host, _, port = url.removeprefix("http://").partition(":")
    found = b""
    with socket.create_connection((host, int(port)), timeout=wait) as connection:
        try:
            connection.sendall(content)
            if end:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                found += part
        except (TimeoutError, ConnectionError):
            pass
    return found


def message(path: Path) -> bytes:
    """A message of the corpus: newlines of its layout are not part of it, escapes are."""
    raw = path.read_bytes().replace(b"\r", b"").replace(b"\n", b"")
    raw = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda hit: bytes([int(hit[1], 16)]), raw)
    return re.sub(rb"\\[rn\\]", lambda hit: _ESCAPES[hit[0]], raw)


def test_no_message_of_the_corpus_makes_a_5xx_or_more_answers_than_it_has_requests(url: str, conformance: Path) -> None:
    files = sorted((conformance / "http_raw").rglob("*.http"))
    assert len(files) > 100
    for path in files:
        answer = exchange(url, message(path), wait=0.5)
        statuses = [int(status) for status in re.findall(rb"(?m)^HTTP/1\.[01] (\d{3}) ", answer)]
        described = path.with_suffix(".py")
        requests = described.read_text().count('"method"') if described.exists() else 1
        assert all(status < 500 for status in statuses), (path.name, answer)
        assert len([status for status in statuses if status >= 200]) <= max(1, requests), (path.name, answer)


@pytest.mark.parametrize("route", ROUTES)
def test_ambiguous_requests_are_refused_once_and_the_connection_ends(url: str, route: str) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" % route.encode()
    for ambiguous in (
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        head + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        head + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        head + b"Content-Length: 2, 2\r\n\r\n{}",
        head + b"Content-Length: +2\r\n\r\n{}",
        head + b"Host: localhost\r\nContent-Length: 2\r\n\r\n{}",
        head + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        head + b"Content-Length : 2\r\n\r\n{}",
    ):
        answer = exchange(url, ambiguous + GOOD)
        assert answer.startswith(b"HTTP/1.1 4"), (ambiguous, answer)
        assert answer.count(b"HTTP/1.1 ") == 1, (ambiguous, answer)
        assert isinstance(json.loads(answer.partition(b"\r\n\r\n")[2]), dict)


@pytest.mark.parametrize("route", ROUTES)
def test_a_page_of_another_origin_and_a_foreign_host_are_refused_everywhere(url: str, route: str) -> None:
    line = b"POST %s HTTP/1.1\r\n" % route.encode()
    rest = b"Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    for headers in (
        b"Host: evil.example\r\n",
        b"Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n",
        b"Host: 127.0.0.1\r\nOrigin: null\r\n",
    ):
        assert exchange(url, line + headers + rest).startswith(b"HTTP/1.1 403"), headers
    for kind in (b"text/plain", b"application/x-www-form-urlencoded", b"text/csv"):
        page = line + b"Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n" + rest.replace(b"application/json", kind)
        assert exchange(url, page).startswith((b"HTTP/1.1 403", b"HTTP/1.1 415")), kind


HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
ENDLESS = {
    "a header": (HEAD + b"X: ", b"a" * 50_000),
    "headers": (HEAD, b"X: y\r\n" * 5_000),
    "a target": (b"POST /", b"a" * 50_000),
    "the extension of a chunk": (HEAD + b"\r\n1;", b"a" * 50_000),
    "trailers": (HEAD + b"\r\n1\r\n{\r\n0\r\n", b"X: y\r\n" * 5_000),
    "a trailer": (HEAD + b"\r\n1\r\n{\r\n0\r\nX: ", b"a" * 50_000),
    "a body": (HEAD + b"\r\n", b"4\r\n    \r\n" * 5_000),
    "a body that nobody reads": (HEAD.replace(b"/predict", b"/nowhere") + b"\r\n", b"1000\r\n" + b" " * 4096 + b"\r\n"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_ended_by_the_server(url: str, what: str) -> None:
    start, more = ENDLESS[what]
    host, _, port = url.removeprefix("http://").partition(":")
    answers: list[bytes] = []
    with socket.create_connection((host, int(port)), timeout=60) as connection:

        def read() -> None:
            try:
                while part := connection.recv(65536):
                    answers.append(part)
            except OSError:
                pass

        reader = threading.Thread(target=read)
        reader.start()
        sent = 0
        try:
            connection.sendall(start)
            while sent < 200_000_000:
                connection.sendall(more)
                sent += len(more)
        except OSError:
            pass
        reader.join(60)
    assert sent < 100_000_000, "it went on reading"
    assert all(answer.startswith(b"HTTP/1.1 4") for answer in answers[:1])


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs the table of connections of Linux")
def test_a_client_that_reads_none_of_its_answers_is_let_go(tmp_path: Path) -> None:
    made = site(tmp_path / "unread")
    made.deploy(1)
    with serving(made.settings(body_timeout=1.0)) as (url, _):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect((host, int(port)))
            connection.sendall(b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 900)
            pair = f"0100007F:{int(port):04X} 0100007F:{connection.getsockname()[1]:04X} 01"
            deadline = time.monotonic() + 60
            while pair in Path("/proc/net/tcp").read_text():  # established, as the server sees it
                assert time.monotonic() < deadline, "it is still held"
                time.sleep(0.1)
        assert exchange(url, GOOD).startswith(b"HTTP/1.1 200")


def test_a_flood_of_pipelined_requests_ends_its_connection(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection, pytest.raises(ConnectionError):
        for _ in range(10_000):
            connection.sendall(b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100)


def test_long_pipelines_that_are_read_are_answered_whole(url: str) -> None:
    asked = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 900
    assert exchange(url, asked, wait=30.0).count(b"HTTP/1.1 200") == 900


def test_a_hundred_headers_are_taken_and_more_are_not(url: str) -> None:
    few = GOOD.replace(b"Content-Type", b"".join(b"X-%d: y\r\n" % number for number in range(97)) + b"Content-Type")
    assert exchange(url, few).startswith(b"HTTP/1.1 200")
    many = GOOD.replace(b"Content-Type", b"".join(b"X-%d: y\r\n" % number for number in range(98)) + b"Content-Type")
    answer = exchange(url, many)
    assert answer.startswith(b"HTTP/1.1 431") and answer.count(b"HTTP/1.1 ") == 1
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": "the headers are too large"}


def test_pipelined_requests_larger_than_a_head_may_be_are_all_answered(url: str) -> None:
    assert exchange(url, GOOD * 1000).count(b"HTTP/1.1 200") == 1000


DEEP = {
    "arrays": b"[" * 100_000,
    "closed arrays": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 100_000,
    "closed objects": b'{"features":' * 50_000 + b"1" + b"}" * 50_000,
    "deep features": b'{"features": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "empty arrays": b'{"features": [' + b"[]," * 300_000 + b"[]]}",
    "short arrays": b'{"features": [' + b"[1]," * 250_000 + b"[1]]}",
    "instances": b'{"instances": [' + b"[1]," * 250_000 + b"[1]]}",
    "inputs": b'{"inputs": [' + b"[]," * 300_000 + b"[]]}",
    "a long number": b'{"features": [' + b"9" * 900_000 + b"]}",
    "a long name": b'{"' + b"a" * 900_000 + b'": 1}',
    "many keys": b"{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}",
}


@pytest.mark.parametrize("route", ROUTES)
def test_deep_and_wide_json_is_refused(url: str, route: str) -> None:
    for name, content in DEEP.items():
        assert len(content) <= 1024 * 1024, name
        head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n" % route.encode()
        answer = exchange(url, head + b"Content-Length: %d\r\n\r\n%s" % (len(content), content), wait=30.0)
        assert answer.startswith(b"HTTP/1.1 4"), (name, answer[:200])
        assert len(answer) < 3_000, (name, "an answer as long as the question")
