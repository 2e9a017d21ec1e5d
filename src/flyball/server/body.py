"""Reading a request's body: who may send it, in which shape, how large, and how long it may take."""

import asyncio
import re

from flyball.server.answers import HttpError, Receive, Scope

_PORT = re.compile(rb":\d*$")
_CLOSE = [(b"connection", b"close")]


class BodyReader:
    """Reads bodies of at most `limit` bytes, sent to one of the names in `hosts`.

    `expire`, called once a second, ends those that take longer than `timeout` seconds.
    """

    def __init__(self, *, limit: int, timeout: float, hosts: frozenset[bytes]) -> None:
        self._limit = limit
        self._timeout = timeout
        self._hosts = hosts
        self._open: dict[asyncio.Task[object], float] = {}

    async def read(self, scope: Scope, receive: Receive, *, browsers: bool) -> bytes:
        """The body of a POST that changes something; HttpError if its headers forbid that. `browsers`: a page of our own may send it."""
        self.check(scope, browsers=browsers)
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = asyncio.get_running_loop().time()
        try:
            return await self._whole(receive)
        except asyncio.CancelledError:
            if task in self._open:
                raise
            task.uncancel()
            raise HttpError(408, "the body did not arrive in time", headers=_CLOSE) from None
        finally:
            self._open.pop(task, None)

    def expire(self, now: float) -> None:
        """Cancel the reading of bodies that are overdue."""
        for task, since in list(self._open.items()):
            if now - since > self._timeout:
                del self._open[task]
                task.cancel()

    def check(self, scope: Scope, *, browsers: bool) -> None:
        """Refuse what the headers alone give away: wrong type, too large, ambiguous length, foreign host or page."""
        kind = length = host = origin = None
        chunked = False
        for name, value in scope["headers"]:
            if name == b"content-type":
                kind = value
            elif name == b"content-length":
                if length is not None:
                    raise HttpError(400, "the request has two Content-Length headers", headers=_CLOSE)
                length = value
            elif name == b"host":
                if host is not None:
                    raise HttpError(400, "the request has two Host headers", headers=_CLOSE)
                host = value
            elif name == b"transfer-encoding":
                chunked = True
            elif name == b"origin":
                origin = value
            elif name == b"content-encoding" and value.lower() != b"identity":
                raise HttpError(415, "a compressed body is not taken", headers=_CLOSE)
        if chunked and length is not None:
            raise HttpError(400, "the request has both Content-Length and Transfer-Encoding", headers=_CLOSE)
        if host is not None and host not in self._hosts and _PORT.sub(b"", host).lower() not in self._hosts:
            raise HttpError(403, "this server answers only to localhost", headers=_CLOSE)
        if origin is not None and not (browsers and host is not None and origin == b"http://" + host):
            raise HttpError(403, "requests from web pages are not taken here", headers=_CLOSE)
        if kind != b"application/json" and (kind is None or kind.partition(b";")[0].strip().lower() != b"application/json"):
            raise HttpError(415, "the body must be JSON: send the header Content-Type: application/json", headers=_CLOSE)
        if length is not None and (not length.isdigit() or int(length) > self._limit):
            raise self._too_large()

    async def _whole(self, receive: Receive) -> bytes:
        message = await receive()
        body: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body", False) and len(body) <= self._limit:
            return body
        parts, size = [], 0
        while True:
            if message["type"] != "http.request":
                raise ConnectionResetError("the client went away")
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > self._limit:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)
            message = await receive()

    def _too_large(self) -> HttpError:
        return HttpError(413, f"the body is larger than {self._limit} bytes", headers=_CLOSE)
