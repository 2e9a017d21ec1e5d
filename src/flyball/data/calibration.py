"""What a column does by itself: distances of contiguous windows of the training data to the rest of it, for several window lengths."""

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.core.table import Array
from flyball.data.cells import CategoryCells, Cells, NumberCells
from flyball.data.season import Hourly, grouped_codes, hourly
from flyball.data.timeline import FEWEST_ROWS, Timeline, Windows, rows_of
from flyball.stats.bounds import KS_CHANCE, prediction_limit, square_tail

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

# One window in a thousand like those of the training may be over its threshold; of windows of less than a day, which are many and of
# which many are known, one in a hundred thousand.
_LEVEL = 0.999
_RARE = 1e-5
_ENOUGH = 50

# Shares are nothing most days and much on one: the largest seen says little about the next, so it counts twice. However restless a
# training was, nine tenths are the most a share may hide: a column that goes missing altogether is drift.
_TWICE = 2.0
# The length of the shortest window, in days: what shorter ones do, hours tell.
_SHORTEST = 5 / 1440
_MOST_SHARE = 0.9


@record
class Calibration:
    """What windows of `days` days of the training data did, each left out of the rest: the values to exceed before it is news.

    `pooled`: not such windows, which had too few rows, but what hours of all days together say of shorter ones.
    """

    days: float
    windows: int
    distance: float
    missing: float
    out_of_range: float
    new_categories: float
    pooled: bool = False


def calibrate(cells: Cells, codes: Codes, values: Array, time: Timeline, starts: Codes | None) -> tuple[Calibration, ...]:
    """The calibration per window length, shortest first; empty when there are too few windows.

    The threshold of the distance is the largest of any window, or the upper limit of the next window if that is more. What chance
    alone contributes is taken off first, because a live distance is judged by its lower bound. With `starts` (the groups of cells of a
    season) a window is compared with the rest of its own hours.

    Where rows are too few for windows of minutes, hours stand in for them: what the rows of one hour of the day, of all days together, are
    from the rest, and what the shortest windows did besides. A window is no further from everything than its hour is, and than it is from
    its hour; so this holds for a burst of any length, also where nights are unlike days.
    """
    column = _Column(cells, codes[time.order], values, time, starts)
    found = tuple(_calibration(column, windows) for windows in time.lengths)
    if found and found[0].days > _SHORTEST:
        return _shorter(column, found[0], time.hours), *found
    return found


class _Column:
    """One column in the order of time, and what its windows are held against."""

    def __init__(self, cells: Cells, codes: Codes, values: Array, time: Timeline, starts: Codes | None) -> None:
        self.cells, self.codes, self.starts = cells, codes, starts
        self.counts = np.bincount(codes, minlength=cells.size).astype(np.int64)
        self.values = cells.size - 2 if isinstance(cells, NumberCells) else cells.size - 1
        self.slots = time.slots
        self.numbers: Floats | None = None
        self.ends: tuple[Codes, Codes] | None = None
        if isinstance(cells, NumberCells):
            self.numbers = cells.as_numbers(values)[0][time.order]
        else:
            every = np.arange(len(codes), dtype=np.intp)
            first, last = np.zeros(cells.size, dtype=np.intp), np.zeros(cells.size, dtype=np.intp)
            first[codes[::-1]], last[codes] = every[::-1], every  # of several rows the one written last stays
            self.ends = first, last
        self.table = np.empty((0, 0), dtype=np.int64)
        if starts is not None and time.slots is not None:
            self.group = np.append(np.repeat(np.arange(len(starts)), np.diff(np.append(starts, self.values))), np.full(2, len(starts)))
            self.table = grouped_codes(codes, self.values, starts, time.slots, 24 if time.season == "day" else 168)


def _calibration(column: _Column, windows: Windows) -> Calibration:
    absent = column.codes >= column.values
    missing = np.bincount(windows.place[absent], minlength=len(windows.rows))[windows.used]
    rows = windows.rows[windows.used]
    moved = np.abs(missing / rows - (missing.sum() - missing) / np.maximum(rows.sum() - rows, 1))
    moved -= np.sqrt(missing.sum() / rows.sum() / rows)  # about one standard deviation of chance
    return Calibration(
        days=windows.days,
        windows=len(windows.used),
        distance=round(_limit(*_distances(column, windows), windows.days), 6),
        missing=round(min(_TWICE * max(0.0, float(moved.max())), _MOST_SHARE * float(1.0 - missing.sum() / rows.sum())), 6),
        out_of_range=round(min(_TWICE * _beyond(column, windows), _MOST_SHARE), 6),
        new_categories=round(min(_TWICE * _new(column, windows), _MOST_SHARE), 6),
    )


def _shorter(column: _Column, shortest: Calibration, hours: Codes) -> Calibration:
    """What a window shorter than the shortest that could be calibrated is allowed."""
    size = column.cells.size
    table = np.bincount(hours * size + column.codes, minlength=24 * size).reshape(24, size)
    table = table[table.sum(axis=1) >= FEWEST_ROWS]
    apart = absent = 0.0
    if len(table) > 1:
        values, whole = table[:, : column.values], table.sum(axis=0)
        if column.starts is None:  # a season compares each hour with itself
            distance, chance = (_ks if isinstance(column.cells, NumberCells) else _tv)(values, whole[: column.values] - values)
            apart = float(np.maximum(distance - chance, 0.0).max())
        rows = table.sum(axis=1)
        missing = rows - values.sum(axis=1)
        beside = (missing.sum() - missing) / np.maximum(rows.sum() - rows, 1)
        absent = max(0.0, float((np.abs(missing / rows - beside) - np.sqrt(missing.sum() / rows.sum() / rows)).max()))
    return Calibration(
        days=_SHORTEST,
        windows=max(1, len(table)),
        distance=round(min(1.0, shortest.distance + apart), 6),
        missing=round(min(_MOST_SHARE, shortest.missing + absent), 6),
        out_of_range=shortest.out_of_range,
        new_categories=shortest.new_categories,
        pooled=True,
    )


def _limit(distance: Floats, chance: Floats, days: float) -> float:
    beyond = np.maximum(distance - chance, 0.0)
    worst = float(beyond.max())
    if days >= 1 or len(distance) < _ENOUGH:
        return min(1.0, max(worst, prediction_limit(beyond, _LEVEL)))
    return min(1.0, max(worst, square_tail(distance, _RARE) - float(np.median(chance))))


def _distances(column: _Column, windows: Windows) -> tuple[Floats, Floats]:
    """The distance of each chosen window to the rest, and what chance alone would make of it on average."""
    rows, place = rows_of(windows, windows.chosen)
    if column.starts is not None:
        return _seasonal(column, rows, place, len(windows.chosen))
    size = column.cells.size
    table = np.bincount(place * size + column.codes[rows], minlength=len(windows.chosen) * size).reshape(-1, size)[:, : column.values]
    rest = column.counts[: column.values] - table
    return _ks(table, rest) if isinstance(column.cells, NumberCells) else _tv(table, rest)


def _ks(table: Ints, rest: Ints) -> tuple[Floats, Floats]:
    n, m = table.sum(axis=1), rest.sum(axis=1)
    gap = table.cumsum(axis=1) / np.maximum(n, 1)[:, None] - rest.cumsum(axis=1) / np.maximum(m, 1)[:, None]
    distance = np.abs(gap).max(axis=1)
    chance = KS_CHANCE * np.sqrt(1.0 / np.maximum(n, 1) + 1.0 / np.maximum(m, 1))
    return np.where((n > 0) & (m > 0), distance, 0.0), chance


def _tv(table: Ints, rest: Ints) -> tuple[Floats, Floats]:
    n, m = np.maximum(table.sum(axis=1), 1)[:, None], np.maximum(rest.sum(axis=1), 1)[:, None]
    distance = 0.5 * np.abs(table / n - rest / m).sum(axis=1)
    pooled = (table + rest) / (table + rest).sum(axis=1, keepdims=True).clip(1)
    # The mean of |difference of shares| by chance is sqrt(2 / pi) of its standard deviation.
    chance = 0.5 * np.sqrt(2.0 / np.pi * pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sum(axis=1)
    empty = (table.sum(axis=1) == 0) | (rest.sum(axis=1) == 0)
    return np.where(empty, 0.0, distance), chance


def _seasonal(column: _Column, rows: Codes, place: Codes, count: int) -> tuple[Floats, Floats]:
    """As `_ks` or `_tv`, each window against the rest of the hours it has rows in."""
    assert column.slots is not None
    bounds = np.searchsorted(place, np.arange(count + 1))
    ordered = isinstance(column.cells, NumberCells)
    width = column.table.shape[1]
    group, slots = column.group[column.codes[rows]], column.slots[rows]
    distance, chance = np.zeros(count), np.zeros(count)
    for at in range(count):
        here = slice(bounds[at], bounds[at + 1])
        touched, slot = np.unique(slots[here], return_inverse=True)
        own = np.bincount(slot * width + group[here], minlength=len(touched) * width).reshape(-1, width)
        rest, mine = column.table[touched] - own, own.sum(axis=0)[:-1]
        weights = own.sum(axis=1) / max(int(own.sum()), 1)
        if (rest.sum(axis=1) < FEWEST_ROWS).any():
            every = column.table.copy()
            every[touched] = rest
            full = np.zeros(len(every))
            full[touched] = weights
            expected, effective = hourly(every).mixture(full)
        else:
            plain = Hourly(
                rate=rest / rest.sum(axis=1)[:, None],
                values=(rest.sum(axis=1) - rest[:, -1]).astype(np.float64),
                level=np.zeros(len(rest), dtype=np.intp),
            )
            expected, effective = plain.mixture(weights)
        n, theirs = int(mine.sum()), expected[:-1]
        if not n or effective <= 0.0:
            continue
        gap, spread = mine / n - theirs / theirs.sum(), 1.0 / n + 1.0 / effective
        distance[at] = np.abs(np.cumsum(gap)).max() if ordered else 0.5 * np.abs(gap).sum()
        share = theirs / theirs.sum()
        some = float(np.sqrt(2.0 / np.pi * share * (1.0 - share) * spread).sum())
        chance[at] = KS_CHANCE * np.sqrt(spread) if ordered else 0.5 * some
    return distance, chance


def _beyond(column: _Column, windows: Windows) -> float:
    """The largest share of one window outside the range of all others: only those with the smallest or largest value can have one."""
    if column.numbers is None or not len(column.numbers):
        return 0.0
    finite = np.isfinite(column.numbers)
    lows = np.minimum.reduceat(np.where(finite, column.numbers, np.inf), windows.first)
    highs = np.maximum.reduceat(np.where(finite, column.numbers, -np.inf), windows.first)
    if not (np.isfinite(lows).sum() > 1):
        return 0.0
    worst = 0.0
    for extreme in (int(lows.argmin()), int(highs.argmax())):
        start = int(windows.first[extreme])
        inside = slice(start, start + int(windows.rows[extreme]))
        mine = column.numbers[inside][finite[inside]]
        low, high = np.delete(lows, extreme).min(), np.delete(highs, extreme).max()
        worst = max(worst, float(((mine < low) | (mine > high)).mean()))
    return worst


def _new(column: _Column, windows: Windows) -> float:
    """The largest share of one window in categories that no other window has."""
    if column.ends is None or not isinstance(column.cells, CategoryCells):
        return 0.0
    known = len(column.cells.categories)
    first, last = (windows.place[end[:known]] for end in column.ends)
    lone = (first == last) & (column.counts[:known] > 0)
    own = np.bincount(first[lone], weights=column.counts[:known][lone], minlength=len(windows.rows))
    present = windows.rows - np.bincount(windows.place[column.codes >= column.values], minlength=len(windows.rows))
    return float((own / np.maximum(present, 1))[windows.used].max())
