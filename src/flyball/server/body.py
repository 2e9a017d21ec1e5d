"""Reading a request's body: who may send it, in which shape, how large, how compressed, and how long it may take."""

import asyncio
import re
from collections.abc import Collection

from flyball.server.answers import HttpError, Receive, Scope
from flyball.server.inflate import Inflater

_PORT = re.compile(rb":\d*$")
_CLOSE = [(b"connection", b"close")]
_JSON = (b"application/json",)
_ENCODINGS = {b"gzip": b"gzip", b"x-gzip": b"gzip", b"deflate": b"deflate"}
_AT_ONCE = 64  # bodies of full size that may be half read at the same time; beyond it, come again


class BodyReader:
    """Reads bodies of at most `limit` bytes, sent to one of the names in `hosts`.

    Compressed bodies (gzip, deflate) are read as they arrive; the limit holds for what they become, so a small body that grows large costs
    no more than a large one. All half-read bodies together hold at most 64 times the limit. `expire`, called once a second, ends those
    that take longer than `timeout` seconds.
    """

    def __init__(self, *, limit: int, timeout: float, hosts: frozenset[bytes]) -> None:
        self._limit = limit
        self._timeout = timeout
        self._hosts = hosts
        self._open: dict[asyncio.Task[object], float] = {}
        self._held = 0  # bytes of bodies that are half read

    async def read(
        self, scope: Scope, receive: Receive, *, browsers: bool, kinds: Collection[bytes] | None = _JSON, limit: int | None = None
    ) -> bytes:
        """The body of a POST that changes something; HttpError if its headers forbid that. `browsers`: a page of our own may send it.

        `kinds`: the content types taken, in lower case and without parameters; None takes any, and a body without one. A page may send some
        types without asking first, so whatever the kinds are, one that names a foreign origin is refused. `limit` stands in for the
        reader's own.
        """
        encoding = self.check(scope, browsers=browsers, kinds=kinds, limit=limit)
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = asyncio.get_running_loop().time()
        try:
            return await self._whole(receive, self._limit if limit is None else limit, encoding)
        except asyncio.CancelledError:
            if task in self._open:
                raise
            task.uncancel()
            raise HttpError(408, "the body did not arrive in time", headers=_CLOSE) from None
        finally:
            self._open.pop(task, None)

    def foreign(self, scope: Scope) -> HttpError | None:
        """The refusal of a request that calls this server by another's name, as a page does whose name was made to resolve here."""
        return next((_foreign() for name, value in scope["headers"] if name == b"host" and not self._ours(value)), None)

    def expire(self, now: float) -> None:
        """Cancel the reading of bodies that are overdue."""
        for task, since in list(self._open.items()):
            if now - since > self._timeout:
                del self._open[task]
                task.cancel()

    def check(self, scope: Scope, *, browsers: bool, kinds: Collection[bytes] | None = _JSON, limit: int | None = None) -> bytes:
        """Refuse what the headers alone give away: wrong type, too large, ambiguous length, foreign host or page; else the encoding."""
        kind = length = host = origin = None
        chunked = foreign = False
        encoding = b""
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
            elif name == b"sec-fetch-site":
                foreign = value not in (b"same-origin", b"none")
            elif name == b"content-encoding":
                encoding = _encoding(value, encoding)
        if chunked and length is not None:
            raise HttpError(400, "the request has both Content-Length and Transfer-Encoding", headers=_CLOSE)
        if host is not None and not self._ours(host):
            raise _foreign()
        if foreign or (origin is not None and not (browsers and host is not None and origin == b"http://" + host)):
            raise HttpError(403, "requests from web pages are not taken here", headers=_CLOSE)
        if kinds is not None and kind not in kinds and (kind is None or kind.partition(b";")[0].strip().lower() not in kinds):
            raise _wrong_kind(kinds)
        most = self._limit if limit is None else limit
        if length is not None and (not length.isdigit() or len(length) > 18 or int(length) > most):
            raise _too_large(most)
        return encoding

    def _ours(self, host: bytes) -> bool:
        return host in self._hosts or _PORT.sub(b"", host).lower() in self._hosts

    async def _whole(self, receive: Receive, limit: int, encoding: bytes) -> bytes:
        message = await receive()
        if not encoding and message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            return body
        inflater = Inflater(encoding, limit) if encoding else None
        whole, came = bytearray(), 0
        try:
            while True:
                if message["type"] != "http.request":
                    raise ConnectionResetError("the client went away")
                part: bytes = message.get("body", b"")
                came += len(part)
                if came > limit:
                    raise _too_large(limit)
                if inflater is not None:
                    part = inflater.feed(part)
                    if len(whole) + len(part) > limit:
                        raise _too_large(limit)
                self._hold(len(part))
                whole += part
                if not message.get("more_body", False):
                    break
                message = await receive()
        finally:
            self._held -= len(whole)
        if inflater is not None:
            inflater.end()
        return bytes(whole)

    def _hold(self, more: int) -> None:
        if self._held + more > _AT_ONCE * self._limit:
            raise HttpError(503, "too many large requests at once", headers=[*_CLOSE, (b"retry-after", b"1")])
        self._held += more


def _foreign() -> HttpError:
    return HttpError(403, "this server answers only to localhost and to what others call it (flyball serve --called NAME)", headers=_CLOSE)


def _encoding(value: bytes, before: bytes) -> bytes:
    name = value.strip().lower()
    if name in (b"", b"identity"):
        return before
    if before or name not in _ENCODINGS:
        accepted = (b"accept-encoding", b"gzip, deflate")
        raise HttpError(415, "a body may be compressed once, with gzip or deflate", headers=[*_CLOSE, accepted])
    return _ENCODINGS[name]


def _wrong_kind(kinds: Collection[bytes]) -> HttpError:
    if set(kinds) == set(_JSON):
        return HttpError(415, "the body must be JSON: send the header Content-Type: application/json", headers=_CLOSE)
    names = ", ".join(kind.decode("latin-1") for kind in kinds)
    return HttpError(415, f"the Content-Type of the body must be one of: {names}", headers=_CLOSE)


def _too_large(limit: int) -> HttpError:
    return HttpError(413, f"the body is larger than {limit} bytes", headers=_CLOSE)
