"""uvicorn's HTTP protocol with what it lacks: limits on connections and headers, errors in JSON, and a short way for `POST /predict`.

The short way answers a whole, small, plain request from its bytes, without a task, a scope or a cycle: half the cost of an answer. It
is taken only if nothing about the request is out of the ordinary; everything else, and every error, is replayed into uvicorn as if it
had just arrived, so each refusal is written once, in the application.
"""

import asyncio
import fcntl
import termios
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import quote

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flyball.server.answers import Headers
from flyball.server.gather import Gatherer
from flyball.server.lane import Held, Lane
from flyball.server.predict import Predictor

if TYPE_CHECKING:
    from flyball.server.app import App

_LARGEST = 64 * 1024
_LONGEST_HEAD = 4 * 1024
_MOST_HEADS = 512  # a client that names lengths at random must not fill the memory: two megabytes
_TRIED = ((0, 35), (0, 60))  # the short way leans on names that uvicorn does not document: versions in between were tried
_LEANS_ON = ("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete", "shutdown")
# Headers that decide. A request with one of the last kind is not ordinary.
_LENGTH, _TYPE, _HOST, _CONNECTION, _OTHER = range(5)
_DECIDES = {
    b"content-length": _LENGTH,
    b"content-type": _TYPE,
    b"host": _HOST,
    b"connection": _CONNECTION,
    **dict.fromkeys(
        (b"origin", b"sec-fetch-site", b"expect", b"transfer-encoding", b"upgrade", b"content-encoding", b"authorization"), _OTHER
    ),
}


Way = Callable[[bytes], bytes | asyncio.Future[bytes] | None]


class Known(NamedTuple):
    """What a head that was found ordinary announces: the length of the body, and who answers it."""

    length: int
    predictor: Predictor


class Letterhead:
    """The heads of short answers by the length of their bodies; made anew when uvicorn's own headers change, once a second."""

    def __init__(self) -> None:
        self._stamp: list[tuple[bytes, bytes]] | None = None
        self._start = b""
        self._heads: dict[int, bytes] = {}

    def head(self, stamp: list[tuple[bytes, bytes]], length: int) -> bytes:
        """The bytes before a body."""
        if stamp is not self._stamp:
            self._stamp = stamp
            lines = b"".join(b"%s: %s\r\n" % header for header in stamp)
            self._start = b"HTTP/1.1 200 OK\r\n%scontent-type: application/json\r\ncontent-length: " % lines
            self._heads.clear()
        found = self._heads.get(length)
        if found is None:
            found = self._heads[length] = b"%s%d\r\n\r\n" % (self._start, length)
        return found


class TimedProtocol(HttpToolsProtocol):
    """One connection. `since` is when it began to wait for the rest of a request, None while the application has that request.

    `idle` is when the last short answer went out; uvicorn's own timer covers the connections the application answered. `ways` are the
    targets that have a short way; `heads` and `letterhead` are shared by all connections.
    """

    application: "App"
    hosts: frozenset[bytes]
    ways: dict[bytes, Predictor]
    heads: dict[bytes, Known]
    letterhead: Letterhead
    gatherer: Gatherer

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
        self._length = 0
        self._begun = 0  # messages that the parser has met
        self._between = True  # the parser stands where a message begins
        self._calm = False  # the last message was answered short, and the next has not begun
        self._held = b""  # a request whose answer comes at the end of this turn of the loop
        self._begun_as: tuple[Lane, bytes, Held] | None = None  # and what it was read as
        if len(self.connections) > self.application.settings.max_connections:
            self._refuse(b"503 Service Unavailable", b"too many connections", b"retry-after: 1\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer what begins with a known head; the rest is for the parser."""
        if self._held:
            self.gatherer.flush()
        while self._calm:
            end = data.find(b"\r\n\r\n") + 4
            known = self.heads.get(data[:end])
            if known is None or len(data) < end + known.length or self.application.draining or self.flow.write_paused:
                break
            whole = len(data) == end + known.length
            body = data[end:] if whole else data[end : end + known.length]
            lane = known.predictor.lane
            if lane is not None and lane.gathers and whole and len(self.connections) > 1 and self._gathered(lane, data, body):
                return
            try:
                answer = None if lane is None else lane.answer(body)
            except Exception:  # noqa: BLE001 - it is answered in more words below
                answer = None
            if answer is None:
                answer = self._quick(known.predictor.at_once, body)
            if answer is None:
                break
            self._send(answer)
            if whole:
                return
            data = data[end + known.length :]
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Let uvicorn's parser read; if that was one whole ordinary message, its head is known from now on."""
        between, begun = self._between, self._begun
        super().data_received(data)
        if self._calm and between and self._begun == begun + 1:
            end = data.find(b"\r\n\r\n") + 4
            if end + self._length == len(data) and end <= _LONGEST_HEAD:
                if len(self.heads) >= _MOST_HEADS:
                    self.heads.clear()
                self.heads[data[:end]] = Known(self._length, self.ways[self._url])

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._begun += 1
        self._calm = self._between = False
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
        self._whole = self._url in self.ways and self._ordinary()
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
        self._between = True
        if not self._whole:
            super().on_message_complete()
            return
        answer = self._quick(self.ways[self._url].quick, self._body)
        if answer is None:
            self._replay()
            super().on_message_complete()
            return
        self._seen = self._whole = False
        self._length = len(self._body)
        self._calm = True
        self._send(answer)

    def shutdown(self) -> None:
        """The server stops: an idle connection ends. A request that is half read, or has come and not been read, gets its answer first:

        the application closes the connection after it.
        """
        if self._held:
            self.gatherer.flush()
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
        plain = kind is not None and kind.partition(b";")[0].strip().lower() == b"application/json"
        return plain and length is not None and host in self.hosts

    def _quick(self, way: Way, body: bytes) -> bytes | None:
        try:
            answer = way(body)
        except Exception:  # noqa: BLE001 - the application meets the same error again and says what it was
            return None
        return answer if isinstance(answer, bytes) else None

    def _send(self, answer: bytes) -> None:
        self.since, self.idle = None, self.loop.time()
        self.transport.write(self.letterhead.head(self.server_state.default_headers, len(answer)) + answer)

    def _gathered(self, lane: Lane, data: bytes, body: bytes) -> bool:
        """Hold the request until the end of this turn of the loop, when what others have sent is known too."""
        try:
            held = lane.begin(body)
        except Exception:  # noqa: BLE001 - as above
            return False
        if held is None:
            return False
        self._held, self._begun_as = data, (lane, body, held)
        self.gatherer.hold(lane, held, self._let_go)
        return True

    def _let_go(self, answer: bytes | None) -> None:
        """The answer to the request that was held; None: uvicorn has to read it after all."""
        data, self._held, begun, self._begun_as = self._held, b"", self._begun_as, None
        if self.transport.is_closing():
            return
        if answer is not None:
            self._send(answer)
            return
        if begun is not None:
            lane, body, held = begun
            lane.left(body, held)
        super().data_received(data)

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
    hosts = app.hosts.with_port(settings.port)
    ways: dict[bytes, Predictor] = {}
    # With a required log every answer waits for the disk, which needs a task.
    if settings.short_way and settings.log != "required" and short_way_known():
        ways = {b"/models/%s/predict" % name.encode(): one.predictor for name, one in app.models.by_name.items() if quote(name) == name}
        if len(app.models.by_name) == 1:  # with several a request has to name its own
            ways[b"/predict"] = app.predictor
    shared = {"ways": ways, "heads": {}, "letterhead": Letterhead(), "gatherer": Gatherer()}
    return type("AppProtocol", (TimedProtocol,), {"application": app, "hosts": hosts, **shared})


def short_way_known() -> bool:
    """Whether this uvicorn is one the short way was tried with; without it answers are the same and cost twice as much."""
    version = tuple(int(part) for part in uvicorn.__version__.split(".")[:2] if part.isdigit())
    return _TRIED[0] <= version < _TRIED[1] and all(hasattr(HttpToolsProtocol, name) for name in _LEANS_ON)
