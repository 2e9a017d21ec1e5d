"""What a column does by itself: distances of contiguous windows of the training data to the rest of it, for several window lengths."""

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.core.table import Array
from flyball.data.cells import CategoryCells, Cells, NumberCells
from flyball.stats.bounds import prediction_limit

# Lengths of windows tried, in days. A length is used when at least this many windows fit.
LENGTHS = (1, 2, 4, 7, 14, 28)
FEWEST_WINDOWS = 8
MOST_WINDOWS = 400

# The mean of the Kolmogorov-Smirnov distance of two samples of one distribution is .8687 / sqrt(effective rows).
_CHANCE = 0.8687

# One window in a thousand like those of the training may be over its threshold.
_LEVEL = 0.999

# Shares are nothing most days and much on one: the largest seen says little about the next, so it counts twice. However restless a
# training was, nine tenths are the most a share may hide: a column that goes missing altogether is drift.
_TWICE = 2.0
_MOST_SHARE = 0.9


@record
class Calibration:
    """What windows of `days` days of the training data did, each left out of the rest: the values to exceed before it is news."""

    days: int
    windows: int
    distance: float
    missing: float
    out_of_range: float
    new_categories: float


def calibrate(cells: Cells, codes: NDArray[np.intp], values: Array, days: NDArray[np.int64]) -> tuple[Calibration, ...]:
    """The calibration per window length, shortest first; empty when there are too few days.

    The threshold of the distance is the largest of any window, or the upper prediction limit of the next window if that is more. What
    chance alone contributes is taken off first, because a live distance is judged by its lower bound.
    """
    if not len(days):
        return ()
    start = int(days.min())
    span = int(days.max()) - start + 1
    found = []
    for length in LENGTHS:
        windows = span // length
        if not FEWEST_WINDOWS <= windows <= MOST_WINDOWS:
            continue
        # What remains at the end joins the last window: a stump would look restless only because it is short.
        place = np.minimum((days - start) // length, windows - 1).astype(np.intp)
        table = np.bincount(place * cells.size + codes, minlength=windows * cells.size).reshape(windows, cells.size)
        table = table[table.any(axis=1)]
        if len(table) >= FEWEST_WINDOWS:
            found.append(_calibration(cells, table, codes, values, place, length))
    return tuple(found)


def _calibration(
    cells: Cells, table: NDArray[np.int64], codes: NDArray[np.intp], values: Array, place: NDArray[np.intp], length: int
) -> Calibration:
    whole = table.sum(axis=0)
    rest = whole - table
    if isinstance(cells, NumberCells):
        present, missing = slice(0, cells.size - 2), table[:, cells.size - 2 :].sum(axis=1)
        distance = _ks(table[:, present], rest[:, present])
        strange, fresh = _beyond(cells, values, place), 0.0
    else:
        present, missing = slice(0, cells.size - 1), table[:, -1]
        distance = _tv(table[:, present], rest[:, present])
        strange, fresh = 0.0, _new(cells, table)
    rows = table.sum(axis=1)
    moved = np.abs(missing / rows - (missing.sum() - missing) / np.maximum(rows.sum() - rows, 1))
    moved -= np.sqrt(missing.sum() / rows.sum() / rows)  # about one standard deviation of chance
    return Calibration(
        days=length,
        windows=len(table),
        distance=min(1.0, max(float(distance.max()), prediction_limit(distance, _LEVEL))),
        missing=min(_TWICE * max(0.0, float(moved.max())), _MOST_SHARE * float(1.0 - missing.sum() / rows.sum())),
        out_of_range=min(_TWICE * strange, _MOST_SHARE),
        new_categories=min(_TWICE * fresh, _MOST_SHARE),
    )


def _ks(table: NDArray[np.int64], rest: NDArray[np.int64]) -> NDArray[np.float64]:
    n, m = table.sum(axis=1), rest.sum(axis=1)
    gap = table.cumsum(axis=1) / np.maximum(n, 1)[:, None] - rest.cumsum(axis=1) / np.maximum(m, 1)[:, None]
    distance = np.abs(gap).max(axis=1) - _CHANCE * np.sqrt(1.0 / np.maximum(n, 1) + 1.0 / np.maximum(m, 1))
    return np.where((n > 0) & (m > 0), np.maximum(distance, 0.0), 0.0)


def _tv(table: NDArray[np.int64], rest: NDArray[np.int64]) -> NDArray[np.float64]:
    n, m = np.maximum(table.sum(axis=1), 1)[:, None], np.maximum(rest.sum(axis=1), 1)[:, None]
    distance = 0.5 * np.abs(table / n - rest / m).sum(axis=1)
    pooled = (table + rest) / (table + rest).sum(axis=1, keepdims=True).clip(1)
    # The mean of |difference of shares| by chance is sqrt(2 / pi) of its standard deviation.
    chance = 0.5 * np.sqrt(2.0 / np.pi * pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sum(axis=1)
    empty = (table.sum(axis=1) == 0) | (rest.sum(axis=1) == 0)
    return np.where(empty, 0.0, np.maximum(distance - chance, 0.0))


def _beyond(cells: NumberCells, values: Array, place: NDArray[np.intp]) -> float:
    """The largest share of one window outside the range of all others: only those with the smallest or largest value can have one."""
    numbers = cells.as_numbers(values)[0]
    held = np.flatnonzero(np.isfinite(numbers))
    if not len(held):
        return 0.0
    numbers, place = numbers[held], place[held]
    worst = 0.0
    for extreme in (numbers.argmin(), numbers.argmax()):
        inside = place == place[extreme]
        others = numbers[~inside]
        if len(others):
            mine = numbers[inside]
            worst = max(worst, float(((mine < others.min()) | (mine > others.max())).mean()))
    return worst


def _new(cells: CategoryCells, table: NDArray[np.int64]) -> float:
    """The largest share of one window in categories that no other window has."""
    known = table[:, : len(cells.categories)]
    own = np.where(known == known.sum(axis=0), known, 0).sum(axis=1)
    return float((own / np.maximum(table[:, :-1].sum(axis=1), 1)).max())
