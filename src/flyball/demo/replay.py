"""An HTTP client for many small requests: keep-alive connections, one request in flight on each, answers read as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import cast

from flyball.core.errors import StoreError
from flyball.core.record import record

# A server may close an idle connection at any moment; after a pause new ones are opened instead of trusting the old.
_TRUSTED_IDLE_SECONDS = 2.0
_HEAD_END = b"\r\n\r\n"


@record
class Answer:
    """Status and body of one answer; status 0 means the connection broke before it came, `body` says how."""

    status: int
    body: bytes


class LoadClient:
    """Sends batches of POST requests to one server over `connections` keep-alive connections; one batch at a time."""

    def __init__(self, host: str, port: int, *, connections: int = 24, timeout: float = 60.0) -> None:
        self._host = host
        self._port = port
        self._size = connections
        self._timeout = timeout
        self._open: list[_Connection] = []
        self._used_at = 0.0
        self._busy = False

    async def __aenter__(self) -> LoadClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for connection in self._open:
            connection.close()
        self._open = []

    async def post(self, path: str, bodies: Sequence[bytes]) -> list[Answer]:
        """Post every body to `path`; the answers come back in the order of the bodies."""
        if not bodies:
            return []
        assert not self._busy, "one batch at a time: two would share connections"
        self._busy = True
        try:
            return await self._post(path, bodies)
        finally:
            self._busy = False

    async def _post(self, path: str, bodies: Sequence[bytes]) -> list[Answer]:
        connections = (await self._connections())[: len(bodies)]
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\nContent-Length: ".encode()
        batch = _Batch(head, bodies)
        for connection in connections:
            batch.next(connection)
        try:
            async with asyncio.timeout(self._timeout + 0.01 * len(bodies)):
                await batch.done
        except TimeoutError:
            self.close()
            raise StoreError(
                f"the server at {self._host}:{self._port} left {batch.waiting} of {len(bodies)} requests to {path} unanswered",
                hint="look at the server's log in .flyball/server.log",
            ) from None
        self._used_at = asyncio.get_running_loop().time()
        return batch.answers

    async def _connections(self) -> list[_Connection]:
        """Open connections, all of them fresh if there was a pause."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._used_at > _TRUSTED_IDLE_SECONDS:
            self.close()
        alive = [connection for connection in self._open if connection.usable]
        while len(alive) < self._size:
            try:
                _, connection = await loop.create_connection(_Connection, self._host, self._port)
            except OSError as error:
                raise StoreError(f"the server at {self._host}:{self._port} cannot be reached: {error}") from error
            alive.append(connection)
        self._open = alive
        return alive


class _Batch:
    """Requests waiting for a connection, and the answers there are; `done` is fulfilled with the last one."""

    def __init__(self, head: bytes, bodies: Sequence[bytes]) -> None:
        self.answers: list[Answer] = [Answer(status=0, body=b"never sent")] * len(bodies)
        self.waiting = len(bodies)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = head
        self._bodies = bodies
        self._next = 0
        self._replacing: asyncio.Task[None] | None = None

    def next(self, connection: _Connection) -> None:
        """Give the connection the next request, if there is one and the connection lives."""
        if self._next >= len(self._bodies):
            return
        index, self._next = self._next, self._next + 1
        body = self._bodies[index]
        connection.send(b"%b%d\r\n\r\n%b" % (self._head, len(body), body), lambda answer: self._answered(index, answer, connection))

    def _answered(self, index: int, answer: Answer, connection: _Connection) -> None:
        self._note(index, answer)
        if connection.usable:
            self.next(connection)
        elif self._next < len(self._bodies):
            self._replacing = asyncio.get_running_loop().create_task(self._replace(connection.peer))

    def _note(self, index: int, answer: Answer) -> None:
        self.answers[index] = answer
        self.waiting -= 1
        if self.waiting == 0 and not self.done.done():
            self.done.set_result(None)

    async def _replace(self, peer: tuple[str, int]) -> None:
        """Go on over a new connection in place of a closed one; without any, what is left was not answered."""
        try:
            _, fresh = await asyncio.get_running_loop().create_connection(_Connection, *peer)
        except OSError as error:
            while self._next < len(self._bodies):
                index, self._next = self._next, self._next + 1
                self._note(index, Answer(status=0, body=str(error).encode()))
            return
        self.next(fresh)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._needed = 0
        self._closing = False
        self._answer: Callable[[Answer], None] | None = None
        self.peer: tuple[str, int] = ("", 0)

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and not self._closing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = transport.get_extra_info("peername")[:2]

    def send(self, request: bytes, answer: Callable[[Answer], None]) -> None:
        assert self._transport is not None
        self._answer, self._buffer, self._needed = answer, b"", 0
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._needed:
            end = self._buffer.find(_HEAD_END)
            if end < 0:
                return
            self._needed = end + len(_HEAD_END) + self._length(self._buffer[:end].lower())
        if len(self._buffer) < self._needed or self._answer is None:
            return
        start = self._buffer.find(_HEAD_END) + len(_HEAD_END)
        answer, self._answer = self._answer, None
        answer(Answer(status=int(self._buffer[9:12]), body=self._buffer[start : self._needed]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None:
            answer, self._answer = self._answer, None
            answer(Answer(status=0, body=f"connection closed: {exc or 'by the server'}".encode()))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _length(self, head: bytes) -> int:
        self._closing = b"connection: close" in head
        _, found, rest = head.partition(b"content-length:")
        return int(rest.split(b"\r\n", 1)[0]) if found else 0
