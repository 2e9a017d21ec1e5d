"""uvicorn's HTTP protocol with what it lacks: a limit on connections, a time limit on a request's headers, and errors in JSON."""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TimedProtocol(HttpToolsProtocol):
    """`since` is when this connection began to wait for the headers of a request; None while one is being answered, or none has begun
    on a connection that is kept alive (uvicorn's own timer ends those).
    """

    max_connections = 10_000

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or turn it away when there are too many."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.since: float | None = self.loop.time()
        if len(self.connections) > self.max_connections:
            self._refuse(b"503 Service Unavailable", b"too many connections", b"retry-after: 1\r\n")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if self.since is None:
            self.since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The headers are whole; what may still be slow is the body, which the app times."""
        self.since = None
        super().on_headers_complete()

    def expire(self, now: float, timeout: float) -> None:
        """Turn the connection away if its headers are overdue."""
        if self.since is not None and now - self.since > timeout:
            self._refuse(b"408 Request Timeout", b"the request did not arrive in time")

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the error schema too."""
        self._refuse(b"400 Bad Request", b"this is not a valid HTTP request")

    def _refuse(self, status: bytes, error: bytes, headers: bytes = b"") -> None:
        if self.transport.is_closing():
            return
        body = b'{"error":"%s"}' % error
        self.transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n%s"
            % (status, len(body), headers, body)
        )
        self.transport.close()


def protocol_for(max_connections: int) -> type[TimedProtocol]:
    """The protocol with a limit of its own: uvicorn makes the connections itself and hands over nothing."""
    return type("LimitedProtocol", (TimedProtocol,), {"max_connections": max_connections})
