"""The contiguous windows of a table, found once for all of its columns: which rows lie in which window of which length."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.data.season import SLOTS, Season, hours_of, slots_of

Ints = NDArray[np.int64]
Codes = NDArray[np.intp]

# Lengths of windows tried, in minutes. A length is used when at least FEWEST_WINDOWS windows fit; of many, MOST_WINDOWS are looked at.
MINUTES = (5, 15, 30, 60, 120, 240, 720)
DAYS = (1, 2, 4, 7, 14, 28)
FEWEST_WINDOWS = 8
MOST_WINDOWS = 400
# Windows of less than a day mean something only with so many rows: a night without traffic is no restless window.
FEWEST_ROWS = 100

# There are so many of them a day at least, or the times say nothing of parts of a day.
_SPREAD = 1.5

_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_GOLDEN = 0.6180339887498949


@record
class Windows:
    """The windows of one length. `place`: the window of each row, rows in the order of time. `used`: those that count, of which `chosen`
    are compared with the rest cell by cell. Windows without rows are left out; `first` is the first row of each.
    """

    days: float
    place: Codes
    rows: Ints
    first: Codes
    used: Codes
    chosen: Codes


@record
class Timeline:
    """Rows in the order of time. `hours`: their hours of the day (UTC); `slots`: their slots in the season, None without one."""

    order: Codes
    hours: Codes
    slots: Codes | None
    season: Season
    lengths: tuple[Windows, ...]


def timeline(times: Ints, season: Season, zone: str) -> Timeline:
    """The windows of rows at these times (microseconds since 1970), shortest first; none where there is too little."""
    order = np.argsort(times, kind="stable").astype(np.intp)
    ordered = times[order]
    lengths = [minutes / 1440 for minutes in MINUTES] + [float(days) for days in DAYS]
    found = [_windows(ordered, days) for days in lengths] if len(ordered) else []
    slots = slots_of(hours_of(ordered), season, zone) if SLOTS[season] else None
    hours = (ordered // _HOUR % 24).astype(np.intp)
    return Timeline(order=order, hours=hours, slots=slots, season=season, lengths=tuple(one for one in found if one is not None))


def _windows(ordered: Ints, days: float) -> Windows | None:
    length = round(days * _DAY)
    start = int(ordered[0]) // _DAY * _DAY
    # Of whole days the calendar counts, of less what there is.
    end = (int(ordered[-1]) // _DAY + 1) * _DAY if days >= 1 else int(ordered[-1]) + 1
    windows = (end - start) // length
    if windows < FEWEST_WINDOWS:
        return None
    # What remains at the end joins the last window: a stump would look restless only because it is short.
    place = np.minimum((ordered - start) // length, windows - 1).astype(np.intp)
    first = np.flatnonzero(np.diff(place, prepend=-1)).astype(np.intp)
    rows = np.diff(np.append(first, len(place))).astype(np.int64)
    used = np.arange(len(rows)) if days >= 1 else np.flatnonzero(rows >= FEWEST_ROWS)
    if len(used) < FEWEST_WINDOWS or rows[used].sum() < 0.5 * len(ordered):
        return None
    if days < 1 and len(used) < _SPREAD * len(np.unique(ordered // _DAY)):
        return None  # dates without a time of day: what looks like minutes are days
    # From here on a window is known by its number among those that have rows.
    number = np.repeat(np.arange(len(rows)), rows)
    return Windows(days=days, place=number, rows=rows, first=first, used=used, chosen=used[_spread(len(used))])


def _spread(count: int) -> Codes:
    """Which of many windows are looked at: one from each of MOST_WINDOWS parts, never at the same place of its part, so that no season
    falls into step with them.
    """
    if count <= MOST_WINDOWS:
        return np.arange(count)
    part = np.arange(MOST_WINDOWS)
    return np.floor((part + part * _GOLDEN % 1.0) * count / MOST_WINDOWS).astype(np.intp)


def rows_of(windows: Windows, which: Sequence[int] | Codes) -> tuple[Codes, Codes]:
    """The rows (in the order of time) of some windows, and for each row the position of its window in `which`."""
    position = np.full(len(windows.rows), -1, dtype=np.intp)
    position[which] = np.arange(len(which))
    place = position[windows.place]
    rows = np.flatnonzero(place >= 0)
    return rows.astype(np.intp), place[rows]
