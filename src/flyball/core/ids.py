"""Identifiers that sort by time: 48 bits of milliseconds, then worker, counter and chance (the layout of UUID version 7)."""

import itertools
import os
import threading
from collections.abc import Callable


def id_maker(worker: int = 0) -> Callable[[int], str]:
    """A function from time in microseconds to a new 32-digit hex id; ids of one maker rise strictly while time does not fall.

    Layout: 12 hex digits of milliseconds, `7`, 3 digits of the microseconds within, then 4 digits of the worker and process, and 12
    of a counter that starts at a random place: two makers collide only with equal time, worker, process bits and counter.
    """
    start = int.from_bytes(os.urandom(4), "big") << 12
    counter = itertools.count(start)
    lane = ((worker & 0xFF) << 8) | (int.from_bytes(os.urandom(1), "big"))
    lock = threading.Lock()
    latest = 0

    def make(micros: int) -> str:
        nonlocal latest
        with lock:
            latest = micros = max(micros, latest)
            number = next(counter)
        millis, rest = divmod(micros, 1000)
        return f"{millis & 0xFFFFFFFFFFFF:012x}7{rest:03x}{lane:04x}{number & 0xFFFFFFFFFFFF:012x}"

    return make
