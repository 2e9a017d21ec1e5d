"""The load client against a small real server on 127.0.0.1."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from flyball.core.errors import StoreError
from flyball.demo.replay import LoadClient


@asynccontextmanager
async def echo_server(*, close_every: int = 0, piecewise: bool = False, silent: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answers every POST with its own body; closes the connection after every n-th request if told so."""
    seen: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        served = 0
        while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
            body = await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
            seen.append(body)
            served += 1
            last = close_every and served >= close_every
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), b"Connection: close\r\n" if last else b"", body)
            if silent:
                continue
            for piece in [answer[i : i + 7] for i in range(0, len(answer), 7)] if piecewise else [answer]:
                writer.write(piece)
                await writer.drain()
                if piecewise:
                    await asyncio.sleep(0)
            if last:
                break
        writer.close()

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(quiet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


def bodies(count: int) -> list[bytes]:
    return [b'{"row": %d}' % i for i in range(count)]


@pytest.mark.parametrize("close_every", [0, 1, 7])
@pytest.mark.parametrize("piecewise", [False, True])
def test_every_body_gets_its_own_answer_in_order(close_every: int, piecewise: bool) -> None:
    async def play() -> None:
        async with (
            echo_server(close_every=close_every, piecewise=piecewise) as (port, seen),
            LoadClient("127.0.0.1", port, connections=5) as client,
        ):
            sent = bodies(100)
            answers = await client.post("/echo", sent)
            assert [answer.body for answer in answers] == sent
            assert {answer.status for answer in answers} == {200}
            assert sorted(seen) == sorted(sent)
            assert [answer.body for answer in await client.post("/echo", bodies(3))] == bodies(3)

    asyncio.run(play())


def test_no_bodies_need_no_server() -> None:
    async def play() -> None:
        async with LoadClient("127.0.0.1", 9) as client:
            assert await client.post("/echo", []) == []

    asyncio.run(play())


def test_a_server_that_is_not_there_is_said_plainly() -> None:
    async def play() -> None:
        async with echo_server() as (port, _):
            pass
        async with LoadClient("127.0.0.1", port) as client:
            with pytest.raises(StoreError, match="cannot be reached"):
                await client.post("/echo", bodies(3))

    asyncio.run(play())


def test_a_server_that_never_answers_ends_in_an_error_with_the_count() -> None:
    async def play() -> None:
        async with echo_server(silent=True) as (port, _), LoadClient("127.0.0.1", port, connections=2, timeout=0.2) as client:
            with pytest.raises(StoreError, match="5 of 5 requests"):
                await client.post("/echo", bodies(5))

    asyncio.run(play())
