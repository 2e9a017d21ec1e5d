"""The record log on its way to the database: segment files that a serving worker appends to and the ingester reads.

Layout of a segment (all numbers little-endian):

    8 bytes   magic `FLYSEG1` and a newline; the digit is the format
    frame*    4 bytes length of the payload · 4 bytes CRC-32 of the payload · the payload

A payload is the MessagePack of one `PredictionBatch` (a map from field name to column). A frame is written by one `os.write`, so
after a crash only the last frame can be incomplete: the torn tail, which no reader ever takes for data.

Names: `<start in microseconds, 16 digits>-<worker>-<number>.seg`; sorted by name they are in order of time. A segment is written by one
process, which holds an exclusive `flock` on it from before it has its name until it is finished. So a segment that nobody has
locked will never grow again: its writer rotated to the next one, stopped, or died. A reader
1. lists with `segments(folder)`,
2. asks `finished(path)` BEFORE reading,
3. reads with `read(path, offset)` from the offset it has committed (0 at first) and commits rows and `offset` together,
4. deletes the file if it was finished and `read` had nothing more: what then remains behind `offset` is the torn tail.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from flyball.core.errors import StoreError
from flyball.core.record import record
from flyball.serving.records import PredictionBatch

MAGIC = b"FLYSEG1\n"
SUFFIX = ".seg"

_HEADER = struct.Struct("<II")
_LARGEST_FRAME = 256 * 1024 * 1024
_decoder = msgspec.msgpack.Decoder(PredictionBatch)
_encoder = msgspec.msgpack.Encoder()


@record
class Chunk:
    """Whole batches read from a segment.

    `offset` is where the next read starts, `rest` counts the bytes behind it, `more` says that there may be whole frames among them.
    """

    batches: tuple[PredictionBatch, ...]
    offset: int
    rest: int
    more: bool


def encode(batch: PredictionBatch) -> bytes:
    """One frame."""
    payload = _encoder.encode(batch)
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def segments(folder: Path) -> list[Path]:
    """The segments in a folder, oldest first; none if there is no folder."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def finished(path: Path) -> bool:
    """True if no process will append to this segment any more (or if it is gone)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def read(path: Path, offset: int = 0, *, limit: int = 16 * 1024 * 1024) -> Chunk:
    """The whole frames from `offset` on, up to about `limit` bytes (`more` says that there was more to read).

    Stops before the first frame that is incomplete or whose checksum is wrong. A file that is not a segment, or one of a newer
    format, is a StoreError; a file that is gone reads as empty.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return Chunk(batches=(), offset=offset, rest=0, more=False)
    with file:
        size = os.fstat(file.fileno()).st_size
        if offset < len(MAGIC):
            magic = file.read(len(MAGIC))
            if len(magic) < len(MAGIC) and MAGIC.startswith(magic):
                return Chunk(batches=(), offset=0, rest=len(magic), more=False)
            if magic != MAGIC:
                raise StoreError(f"{path.name} is not a prediction segment of this version", hint="upgrade flyball, or move the file away")
            offset = len(MAGIC)
        file.seek(offset)
        batches: list[PredictionBatch] = []
        start = offset
        while offset - start < limit:
            batch, length = _next(file.read(_HEADER.size), file)
            if batch is None:
                return Chunk(batches=tuple(batches), offset=offset, rest=max(0, size - offset), more=False)
            batches.append(batch)
            offset += length
        return Chunk(batches=tuple(batches), offset=offset, rest=max(0, size - offset), more=True)


class SegmentWriter:
    """Appends batches of one worker to segments in a folder; a new one begins when the present one is larger than `rotate` bytes.

    Not for several threads at once. `append` and `write` raise OSError when the disk refuses; the segment is then as it was before.
    """

    def __init__(self, folder: Path, worker: str, *, rotate: int = 64 * 1024 * 1024) -> None:
        self.folder = folder
        self.worker = worker
        self.path: Path | None = None
        self._rotate = rotate
        self._handle = -1
        self._size = 0

    def append(self, batches: Sequence[PredictionBatch], *, now: int, durable: bool = False) -> None:
        """Write all batches by one `os.write`; as `write` otherwise."""
        self.write(b"".join(map(encode, batches)), now=now, durable=durable)

    def write(self, frames: bytes, *, now: int, durable: bool = False) -> None:
        """Write whole frames by one `os.write`; with `durable` they are on the disk when this returns.

        `now` (microseconds since 1970) names a new segment, if one has to begin.
        """
        if self._handle >= 0 and self._size >= self._rotate:
            self.close()
        if self._handle < 0:
            self._open(now)
        try:
            written = os.write(self._handle, frames)
            if written < len(frames):
                raise OSError(28, "the disk took only a part of a frame")
            if durable:
                os.fsync(self._handle)
        except OSError:
            self._restore()
            raise
        self._size += len(frames)

    def close(self) -> None:
        """Finish the present segment: its lock is given back and a reader may delete it."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def _open(self, now: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while (path := self.folder / f"{now:016d}-{self.worker}-{number:03d}{SUFFIX}").exists():
            number += 1
        hidden = path.with_suffix(".new")
        handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.write(handle, MAGIC) < len(MAGIC):
                raise OSError(28, "the disk took only a part of a segment's first bytes")
            os.fsync(handle)
            hidden.rename(path)  # the lock belongs to the file, not to its name: no reader ever sees this segment unlocked
        except OSError:
            os.close(handle)
            hidden.unlink(missing_ok=True)
            raise
        self.path, self._handle, self._size = path, handle, len(MAGIC)

    def _restore(self) -> None:
        """Take a half-written frame back; if even that fails, give the segment up: its tail is torn and the next append begins another."""
        try:
            os.ftruncate(self._handle, self._size)
        except OSError:
            self.close()


def _next(header: bytes, file: BinaryIO) -> tuple[PredictionBatch | None, int]:
    """The batch behind a frame's header and the frame's length, or None if there is no whole, sound frame."""
    if len(header) < _HEADER.size:
        return None, 0
    length, checksum = _HEADER.unpack(header)
    if not 0 < length <= _LARGEST_FRAME:
        return None, 0
    payload = file.read(length)
    if len(payload) < length or zlib.crc32(payload) != checksum:
        return None, 0
    try:
        return _decoder.decode(payload), _HEADER.size + length
    except msgspec.DecodeError:
        return None, 0
