"""Identifiers that sort by time: 48 bits of milliseconds, then worker, counter and chance (the layout of UUID version 7)."""

import os
import threading
from collections.abc import Callable

_DIGITS = tuple(f"{number:03x}" for number in range(4096))


def id_maker(worker: int = 0) -> Callable[[int], str]:
    """A function from time in microseconds to a new 32-digit hex id; ids of one maker rise strictly while time does not fall.

    Layout: 12 hex digits of milliseconds, `7`, 3 digits of the microseconds within, then 4 digits of the worker and process, and 12
    of a counter that starts at a random place: two makers collide only with equal time, worker, process bits and counter.
    """
    make = loop_id_maker(worker)
    lock = threading.Lock()

    def make_locked(micros: int) -> str:
        with lock:
            return make(micros)

    return make_locked


def loop_id_maker(worker: int = 0) -> Callable[[int], str]:
    """`id_maker` for one thread only, at half the cost: the parts of an id that seldom change are kept as text."""
    number = int.from_bytes(os.urandom(4), "big") << 12
    lane = f"{worker & 0xFF:02x}{int.from_bytes(os.urandom(1), 'big'):02x}"
    latest = 0
    millis = block = -1
    start = middle = ""

    def make(micros: int) -> str:
        nonlocal latest, number, millis, block, start, middle
        if micros > latest:
            latest = micros
        now, rest = divmod(latest, 1000)
        if now != millis:
            millis, start = now, f"{now & 0xFFFFFFFFFFFF:012x}7"
        if number >> 12 != block:
            block = number >> 12
            middle = f"{lane}{block & 0xFFFFFFFFF:09x}"
        found = start + _DIGITS[rest] + middle + _DIGITS[number & 0xFFF]
        number += 1
        return found

    return make
