"""How much a connection may send that is no body: uvicorn's parser itself takes heads, targets and trailers of any size."""

import asyncio
from typing import TYPE_CHECKING

from flyball.server.protocol import TimedProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

LARGEST_HEAD = 64 * 1024  # bytes, besides those that come in one packet with the first
MOST_HEADERS = 100
MOST_PIPELINED = 1000  # requests of one connection that wait for the answer to the first


class LimitedProtocol(TimedProtocol):
    """Turns a connection away whose request line, headers or trailers grow too large, or that sends on after it has been answered.

    Counted are the bytes since the last piece of a body: bodies have limits of their own, where they are read. A connection whose
    answers are not read ends as late as one whose body does not come.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        self._apart = 0
        self._unheard: float | None = None  # since when the other side has not read what waits for it
        self._answering: RequestResponseCycle | None = None
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """uvicorn tells the request that came last; the one being answered may be another."""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: "RequestResponseCycle", app: "ASGI3Application") -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """The other side reads too slowly, or not at all."""
        self._unheard = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read."""
        self._unheard = None
        super().resume_writing()

    def expire(self, now: float, timeout: float, keep_alive: float) -> None:
        """Also let go of a connection that takes none of its answers."""
        super().expire(now, timeout, keep_alive)
        if self._unheard is not None and now - self._unheard > self.application.settings.body_timeout:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """What came with the first byte is in memory already."""
        self._apart = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Their number, before anything looks at them, and that of the requests before this one."""
        if len(self._headers) > MOST_HEADERS:
            self._too_large()
            raise ValueError("too many headers")  # which ends the parser
        if len(self.pipeline) >= MOST_PIPELINED:
            self.transport.close()
            raise ValueError("too many requests")
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """uvicorn reads on after every answer, whatever is still to be answered: a connection could fill the memory."""
        another = bool(self.pipeline)
        super().on_response_complete()
        if another:
            self.flow.pause_reading()  # until that one has been answered, or asks for the rest of its body

    def on_body(self, body: bytes) -> None:
        """Progress, if anybody reads it."""
        if self._whole or not self.cycle.response_complete:
            self._apart = 0
        super().on_body(body)

    def _parse(self, data: bytes) -> None:
        self._apart += len(data)
        super()._parse(data)
        if self._apart <= LARGEST_HEAD or self._between:
            return
        if self._seen or not self.cycle.response_complete:
            self._too_large()
        elif self._apart > self.application.settings.max_body:  # the answer was not about the body, which never ends
            self.transport.close()

    def _too_large(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(b"431 Request Header Fields Too Large", b"the headers are too large")
        else:  # an answer is under way on this connection
            self.transport.close()


def limited(protocol: type[TimedProtocol]) -> type[TimedProtocol]:
    """A protocol with these limits."""
    return type("AppProtocol", (LimitedProtocol, protocol), {})
