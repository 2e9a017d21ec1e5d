"""uvicorn's HTTP protocol with what it lacks: limits on connections and headers, errors in JSON, and a short way for `POST /predict`.

The short way answers a whole, small, plain request from its bytes, without a task, a scope or a cycle: half the cost of an answer. It
is taken only if nothing about the request is out of the ordinary; everything else, and every error, is replayed into uvicorn as if it
had just arrived, so each refusal is written once, in the application.
"""

import asyncio
import fcntl
import termios
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flyball.server.answers import Headers

if TYPE_CHECKING:
    from flyball.server.app import App

_LARGEST = 64 * 1024
_TRIED = ((0, 35), (0, 60))  # the short way leans on names that uvicorn does not document: versions in between were tried
_LEANS_ON = ("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete", "shutdown")
# Headers that decide. A request with one of the last kind is not ordinary.
_LENGTH, _TYPE, _HOST, _CONNECTION, _OTHER = range(5)
_DECIDES = {
    b"content-length": _LENGTH,
    b"content-type": _TYPE,
    b"host": _HOST,
    b"connection": _CONNECTION,
    **dict.fromkeys((b"origin", b"expect", b"transfer-encoding", b"upgrade", b"content-encoding", b"authorization"), _OTHER),
}


class TimedProtocol(HttpToolsProtocol):
    """One connection. `since` is when it began to wait for the rest of a request, None while the application has that request.

    `idle` is when the last short answer went out; uvicorn's own timer covers the connections the application answered.
    """

    application: "App"
    hosts: frozenset[bytes]
    short = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or turn it away when there are too many."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.since: float | None = self.loop.time()
        self.idle: float | None = None
        self._seen = False  # between a request's first byte and its replay or answer
        self._whole = False  # the headers were ordinary: the body is collected here
        self._url = b""
        self._headers: Headers = []
        self._body = b""
        self._stamp: list[tuple[bytes, bytes]] | None = None
        self._head = b""
        if len(self.connections) > self.application.settings.max_connections:
            self._refuse(b"503 Service Unavailable", b"too many connections", b"retry-after: 1\r\n")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._seen, self._whole = True, False
        self._url, self._headers, self._body = b"", [], b""
        self.idle = None
        if self.since is None:
            self.since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer after the body."""
        if self._seen:
            self._headers.append((name, value))
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Choose the way."""
        self._whole = self.short and self._url == b"/predict" and self._ordinary()
        if not self._whole:
            self._replay()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._whole:
            self._body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer, or leave it to the application."""
        if not self._whole:
            super().on_message_complete()
            return
        answer = self._answer()
        if answer is None:
            self._replay()
            super().on_message_complete()
            return
        self._seen = self._whole = False
        self.since, self.idle = None, self.loop.time()
        self.server_state.total_requests += 1
        if self._stamp is not self.server_state.default_headers:
            self._stamp = self.server_state.default_headers
            stamp = b"".join(b"%s: %s\r\n" % header for header in self._stamp)
            self._head = b"HTTP/1.1 200 OK\r\n%scontent-type: application/json\r\ncontent-length: " % stamp
        self.transport.write(b"%s%d\r\n\r\n%s" % (self._head, len(answer), answer))

    def shutdown(self) -> None:
        """The server stops: an idle connection ends. A request that is half read, or has come and not been read, gets its answer first:

        the application closes the connection after it.
        """
        if self._whole:
            self._replay()
        if not self._seen and not self._unread():
            super().shutdown()

    def _unread(self) -> bool:
        """True if bytes wait in the kernel: closing now would throw them away and reset the connection."""
        try:
            waiting = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
        except (OSError, AttributeError):
            return False
        return any(waiting)

    def expire(self, now: float, timeout: float, keep_alive: float) -> None:
        """Turn the connection away if a request is overdue; let it go if it was idle for long."""
        if self.since is not None and now - self.since > timeout:
            self._refuse(b"408 Request Timeout", b"the request did not arrive in time")
        elif self.idle is not None and now - self.idle > keep_alive and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the error schema too."""
        self._refuse(b"400 Bad Request", b"this is not a valid HTTP request")

    def _ordinary(self) -> bool:
        """True for a plain small JSON POST that may be answered here: nothing else is under way on this connection."""
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1" or self.application.draining:
            return False
        if (self.cycle is not None and not self.cycle.response_complete) or self.pipeline or self.flow.write_paused:
            return False
        length = kind = host = None
        for name, value in self._headers:
            what = _DECIDES.get(name.lower())
            if what is None:
                continue
            if what == _LENGTH:
                if length is not None or not value.isdigit() or not 0 < int(value[:9]) <= _LARGEST:
                    return False
                length = value
            elif what == _TYPE:
                kind = value
            elif what == _HOST:
                if host is not None:
                    return False
                host = value
            elif what == _OTHER or value.lower() != b"keep-alive":
                return False
        return length is not None and kind == b"application/json" and host in self.hosts

    def _answer(self) -> bytes | None:
        try:
            answer = self.application.predictor.quick(self._body)
        except Exception:  # noqa: BLE001 - the application meets the same error again and says what it was
            return None
        return answer if isinstance(answer, bytes) else None

    def _replay(self) -> None:
        """Tell uvicorn all that was held back, as if it arrived now."""
        self._seen = self._whole = False
        self.since = None
        super().on_message_begin()
        super().on_url(self._url)
        for name, value in self._headers:
            super().on_header(name, value)
        super().on_headers_complete()
        if self._body:
            super().on_body(self._body)

    def _refuse(self, status: bytes, error: bytes, headers: bytes = b"") -> None:
        if self.transport.is_closing():
            return
        body = b'{"error":"%s"}' % error
        self.transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n%s"
            % (status, len(body), headers, body)
        )
        self.transport.close()


def protocol_for(app: "App") -> type[TimedProtocol]:
    """The protocol for one app: uvicorn makes the connections itself and hands over nothing but its own configuration."""
    settings = app.settings
    hosts = frozenset(name + port for name in app.hosts for port in (b"", b":%d" % settings.port))
    # With a required log every answer waits for the disk, which needs a task; with several models a request has to name its own.
    short = settings.short_way and settings.log == "available" and len(app.models.by_name) == 1 and short_way_known()
    return type("AppProtocol", (TimedProtocol,), {"application": app, "hosts": hosts, "short": short})


def short_way_known() -> bool:
    """Whether this uvicorn is one the short way was tried with; without it answers are the same and cost twice as much."""
    version = tuple(int(part) for part in uvicorn.__version__.split(".")[:2] if part.isdigit())
    return _TRIED[0] <= version < _TRIED[1] and all(hasattr(HttpToolsProtocol, name) for name in _LEANS_ON)
