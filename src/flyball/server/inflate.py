"""Compressed bodies, unpacked as they arrive and never further than they may grow."""

import zlib

from flyball.server.answers import HttpError

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's window bits, which also say the wrapping
_MOST_MEMBERS = 64  # a gzip body may be several joined ones; each costs a new decompressor
_CLOSE = [(b"connection", b"close")]


class Inflater:
    """Unpacks one body. What comes out never exceeds `limit` by more than one byte, which is how its reader sees that it is too large."""

    def __init__(self, encoding: bytes, limit: int) -> None:
        self._left = limit + 1
        self._members = 0
        self._first = b""  # of a deflate body, until it shows its wrapping
        self._stream = zlib.decompressobj(_GZIP) if encoding == b"gzip" else None
        self._joins = encoding == b"gzip"

    def feed(self, part: bytes) -> bytes:
        """What a further part unpacks to; HttpError 400 if that is no compressed data."""
        if self._stream is None:
            self._first += part
            if len(self._first) < 2:
                return b""
            part, self._first = self._first, b""
            self._stream = zlib.decompressobj(_ZLIB if _wrapped(part) else _RAW)
        found = self._unpack(self._stream, part)
        while self._stream.eof and self._stream.unused_data and self._left > 0:
            rest = self._stream.unused_data
            self._members += 1
            if not self._joins or self._members >= _MOST_MEMBERS:
                raise HttpError(400, "the compressed body goes on after its end", headers=_CLOSE)
            self._stream = zlib.decompressobj(_GZIP)
            found += self._unpack(self._stream, rest)
        return found

    def end(self) -> None:
        """HttpError 400 if the body is not complete."""
        if self._stream is None or not self._stream.eof:
            raise HttpError(400, "the compressed body ends before its end", headers=_CLOSE)

    def _unpack(self, stream: "zlib._Decompress", part: bytes) -> bytes:
        if self._left <= 0:
            return b""
        try:
            found = stream.decompress(part, self._left)
        except zlib.error:
            raise HttpError(400, "the body is not compressed as its Content-Encoding says", headers=_CLOSE) from None
        self._left -= len(found)
        return found


def _wrapped(part: bytes) -> bool:
    """Deflate should come in zlib's wrapping, and some clients send it bare."""
    return part[0] & 0x0F == 8 and (part[0] << 8 | part[1]) % 31 == 0
