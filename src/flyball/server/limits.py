"""How much a connection may send that is no body: uvicorn's parser itself takes heads, targets and trailers of any size."""

import asyncio

from flyball.server.protocol import TimedProtocol

LARGEST_HEAD = 64 * 1024  # bytes, besides those that come in one packet with the first
MOST_HEADERS = 100


class LimitedProtocol(TimedProtocol):
    """Turns a connection away whose request line, headers or trailers grow too large, or that sends on after it has been answered.

    Counted are the bytes since the last piece of a body: bodies have limits of their own, where they are read.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        self._apart = 0
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """What came with the first byte is in memory already."""
        self._apart = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Their number, before anything looks at them."""
        if len(self._headers) > MOST_HEADERS:
            self._too_large()
            raise ValueError("too many headers")  # which ends the parser
        super().on_headers_complete()

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
