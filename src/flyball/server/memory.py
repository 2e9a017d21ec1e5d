"""What a worker asks of the C library's allocator. Only glibc has these switches; elsewhere nothing is asked."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of malloc.h
_MEGABYTE = 1 << 20


def be_frugal() -> None:
    """Let the few threads of a worker share two arenas, where glibc gives each its own, and keep little of what was freed.

    To be called before the first thread.
    """
    with suppress(OSError, AttributeError):
        ask = ctypes.CDLL(None).mallopt
        for switch, value in ((_ARENA_MAX, 2), (_TRIM_THRESHOLD, _MEGABYTE), (_MMAP_THRESHOLD, _MEGABYTE)):
            ask(switch, value)


def give_back() -> None:
    """Return what is free to the system: loading a forest leaves about eight times the size of its file in the allocator."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
