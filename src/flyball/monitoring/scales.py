"""How long the windows are that monitoring looks at together, and how finely counts are kept for them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.core.window import to_micros

# Every look judges the newest rows of each of these lengths: a large change shows in minutes, a small one takes weeks to be certain.
SCALES = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 120, 240, 720, 1440, 4 * 1440, 7 * 1440, 14 * 1440, 28 * 1440))


@record
class Grain:
    """Rows younger than `age` are counted in slots of `slot`."""

    age: timedelta
    slot: timedelta


# A window starts where a slot starts: the older its start, the less a part of a slot matters. Each slot is whole in the next.
GRAINS = (
    Grain(age=timedelta(hours=3), slot=timedelta(minutes=1)),
    Grain(age=timedelta(days=2), slot=timedelta(minutes=15)),
    Grain(age=timedelta(days=8), slot=timedelta(hours=1)),
    Grain(age=timedelta.max, slot=timedelta(days=1)),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def slots_of(at: NDArray[np.int64], now: datetime) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and length (microseconds) of the slot of each event time, as seen from `now`.

    A row goes into a coarser slot once the whole of that slot is old enough. So the slots of one `now` never overlap, and those of a
    later `now` hold whole ones of an earlier: adding some together is all it takes to get from one to the other.
    """
    length = np.full(len(at), GRAINS[0].slot // _MICROSECOND, dtype=np.int64)
    for slot, before in coarser(now):
        length[at < to_micros(before)] = slot // _MICROSECOND
    return at // length * length, length


def coarser(now: datetime) -> list[tuple[timedelta, datetime]]:
    """The lengths of slots but the finest, shortest first, and before what time rows are kept in slots of at least that length."""
    return [(grain.slot, floored(now - younger.age, grain.slot)) for younger, grain in pairwise(GRAINS)]


def window_start(length: timedelta, now: datetime) -> datetime:
    """Where a window of about this length that ends `now` starts: at the start of a slot, at most one slot too early."""
    start, slot = now - length, GRAINS[0].slot
    for longer, before in coarser(now):
        if start < before:
            slot = longer
    return floored(start, slot)


def window_end(now: datetime) -> datetime:
    """The end of the finest slot that `now` lies in: counts cannot tell what is younger. `now` itself if a slot ends there."""
    slot = GRAINS[0].slot
    return now + (_EPOCH - now) % slot


def floored(at: datetime, slot: timedelta) -> datetime:
    """The latest time that is not after `at` and a whole number of slots after 1970 (UTC)."""
    return at - (at - _EPOCH) % slot
