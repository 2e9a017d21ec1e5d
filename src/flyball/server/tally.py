"""How many rows a worker has taken and how many of them are written, in a file that outlives it: what a kill lost can be counted."""

import mmap
import os
import struct
from pathlib import Path

_TWO = struct.Struct("=QQ")


class Tally:
    """Two numbers in a mapped file, so that a killed process leaves them as they were at its last instruction.

    `lost` is what a predecessor of the same name had taken and not written when it died.
    """

    def __init__(self, path: Path) -> None:
        self._map = _mapped(path)
        taken, written = _TWO.unpack_from(self._map)
        self._numbers = memoryview(self._map).cast("Q")
        self.lost = max(0, taken - written)
        self._taken = self._written = 0
        self._note()

    def take(self, rows: int) -> None:
        """Rows are in the buffer."""
        self._taken += rows
        self._numbers[0] = self._taken

    def settle(self, rows: int) -> None:
        """Rows are written, or counted as lost."""
        self._written += rows
        self._note()

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.release()
        self._map.close()

    def _note(self) -> None:
        self._numbers[0], self._numbers[1] = self._taken, self._written


def _mapped(path: Path) -> mmap.mmap:
    """The file in memory, or memory alone if the disk has no room for it: then a kill loses uncounted, and answering goes on."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return mmap.mmap(-1, _TWO.size)
    try:
        if os.fstat(handle).st_size != _TWO.size:
            os.ftruncate(handle, 0)
            os.pwrite(handle, bytes(_TWO.size), 0)  # written, not only lengthened: touching a page without a block behind it kills
        return mmap.mmap(handle, _TWO.size)
    except (OSError, ValueError):
        return mmap.mmap(-1, _TWO.size)
    finally:
        os.close(handle)
