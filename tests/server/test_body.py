"""What a body may be: its type, its origin, its size before and after it is unpacked, and how it arrives."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.server.answers import HttpError
from flyball.server.body import BodyReader
from flyball.server.inflate import Inflater

LIMIT = 100_000
JSON = (b"content-type", b"application/json")
HOST = (b"host", b"127.0.0.1:8000")


def read(
    parts: Iterable[bytes], headers: list[tuple[bytes, bytes]], *, reader: BodyReader | None = None, browsers: bool = True, **more: Any
) -> bytes:
    """What the reader makes of a body that arrives in parts."""
    reader = reader or BodyReader(limit=LIMIT, timeout=5.0, hosts=frozenset({b"127.0.0.1"}))
    left = list(parts)

    async def receive() -> dict[str, Any]:
        part = left.pop(0) if left else b""
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    return asyncio.run(reader.read({"headers": headers}, receive, browsers=browsers, **more))


def refused(*args: Any, **more: Any) -> HttpError:
    with pytest.raises(HttpError) as caught:
        read(*args, **more)
    return caught.value


def bare(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


PACKERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"Deflate": bare,
}


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=3000), encoding=st.sampled_from(sorted(PACKERS)), step=st.integers(1, 700))
def test_a_compressed_body_is_what_was_compressed_however_it_arrives(content: bytes, encoding: bytes, step: int) -> None:
    packed = PACKERS[encoding](content)
    parts = [packed[start : start + step] for start in range(0, len(packed), step)]
    assert read(parts, [JSON, (b"content-encoding", encoding)]) == content


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_a_small_body_that_grows_beyond_the_limit_is_refused(encoding: bytes) -> None:
    bomb = PACKERS[encoding](b" " * 50_000_000)
    assert len(bomb) < LIMIT
    assert refused([bomb], [JSON, (b"content-encoding", encoding)]).status == 413
    assert read([PACKERS[encoding](b" " * LIMIT)], [JSON, (b"content-encoding", encoding)]) == b" " * LIMIT
    assert refused([PACKERS[encoding](b" " * (LIMIT + 1))], [JSON, (b"content-encoding", encoding)]).status == 413


def test_unpacking_a_bomb_never_makes_more_than_the_limit() -> None:
    inflater = Inflater(b"gzip", 1000)
    bomb = gzip.compress(b" " * 10_000_000)
    assert sum(len(inflater.feed(bomb[start : start + 512])) for start in range(0, len(bomb), 512)) == 1001


def test_joined_gzip_members_are_one_body_and_a_thousand_of_them_are_refused() -> None:
    members = [gzip.compress(b"%d," % number) for number in range(20)]
    header = [JSON, (b"content-encoding", b"gzip")]
    assert read([b"".join(members)], header) == b"".join(b"%d," % number for number in range(20))
    assert refused([gzip.compress(b"") * 1000], header).status == 400


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_what_is_not_compressed_as_it_says_is_malformed(encoding: bytes) -> None:
    header = [JSON, (b"content-encoding", encoding)]
    packed = PACKERS[encoding](b'{"features": [1, 2, 3]}' * 20)
    assert refused([b'{"features": []}'], header).status == 400
    assert refused([packed[:-5]], header).status == 400
    assert refused([packed[:1]], header).status == 400
    assert refused([packed + b"more"], header).status == 400


def test_other_encodings_are_refused_with_what_would_be_taken() -> None:
    for value in (b"br", b"zstd", b"gzip, gzip", b"compress"):
        error = refused([b"{}"], [JSON, (b"content-encoding", value)])
        assert error.status == 415 and (b"accept-encoding", b"gzip, deflate") in error.headers
    assert refused([b"{}"], [JSON, (b"content-encoding", b"gzip"), (b"content-encoding", b"gzip")]).status == 415
    assert read([b"{}"], [JSON, (b"content-encoding", b"identity")]) == b"{}"


def test_the_kinds_taken_are_the_callers_choice_and_json_without_one() -> None:
    csv = (b"content-type", b"Text/CSV; charset=utf-8")
    assert refused([b"1"], [csv]).status == 415
    assert refused([b"1"], []).status == 415
    assert "application/json" in refused([b"1"], []).message
    assert read([b"1"], [csv], kinds=(b"application/json", b"text/csv")) == b"1"
    error = refused([b"1"], [(b"content-type", b"image/png")], kinds=(b"application/json", b"text/csv"))
    assert error.status == 415 and "text/csv" in error.message
    for anything in ([], [csv], [(b"content-type", b"application/x-www-form-urlencoded")]):
        assert read([b"1"], anything, kinds=None) == b"1"


@pytest.mark.parametrize("kind", [b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", None])
def test_a_page_of_another_origin_is_refused_whatever_type_it_sends(kind: bytes | None) -> None:
    sent = [HOST] + ([] if kind is None else [(b"content-type", kind)])
    assert read([b"1"], sent, kinds=None) == b"1"
    for foreign in (
        (b"origin", b"http://evil.example"),
        (b"origin", b"null"),
        (b"origin", b"http://127.0.0.1:9000"),
        (b"sec-fetch-site", b"cross-site"),
        (b"sec-fetch-site", b"same-site"),
    ):
        assert refused([b"1"], [*sent, foreign], kinds=None).status == 403
    own = [(b"origin", b"http://127.0.0.1:8000"), (b"sec-fetch-site", b"same-origin")]
    assert read([b"1"], [*sent, *own], kinds=None) == b"1"
    assert refused([b"1"], [*sent, own[0]], kinds=None, browsers=False).status == 403


def test_a_limit_of_its_own_stands_in_for_the_readers() -> None:
    assert read([b" " * (LIMIT + 1)], [JSON], limit=LIMIT * 2) == b" " * (LIMIT + 1)
    assert refused([b" " * 11], [JSON], limit=10).status == 413
    assert refused([], [JSON, (b"content-length", b"11")], limit=10).status == 413
    assert refused([], [JSON, (b"content-length", b"9" * 5000)]).status == 413
    assert refused([b" "] * 11, [JSON], limit=10).status == 413


def test_half_read_bodies_together_are_bounded_and_given_back() -> None:
    reader = BodyReader(limit=1000, timeout=5.0, hosts=frozenset({b"127.0.0.1"}))

    async def story() -> list[int]:
        go = asyncio.Event()

        async def one() -> int:
            sent = False

            async def receive() -> dict[str, Any]:
                nonlocal sent
                if sent:
                    await go.wait()
                    return {"type": "http.request", "body": b"", "more_body": False}
                sent = True
                return {"type": "http.request", "body": b" " * 1000, "more_body": True}

            try:
                return len(await reader.read({"headers": [JSON]}, receive, browsers=True))
            except HttpError as error:
                assert (b"retry-after", b"1") in error.headers
                return error.status

        tasks = [asyncio.create_task(one()) for _ in range(70)]
        await asyncio.sleep(0.05)
        go.set()
        first = list(await asyncio.gather(*tasks))
        return [*first, await one()]

    found = asyncio.run(story())
    assert found == [1000] * 64 + [503] * 6 + [1000]


def test_a_body_of_single_bytes_is_read_whole() -> None:
    content = json.dumps({"features": list(range(2000))}).encode()
    assert read([content[number : number + 1] for number in range(len(content))], [JSON]) == content
