"""Signals of one column: each is an estimate, a bound that chance does not reach, and the threshold the bound has to pass."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.data.calibration import Calibration
from flyball.data.cells import alone
from flyball.data.profile import ColumnReference
from flyball.stats.bounds import ks_radius, share_lower, share_upper, tv_radius, unseen_share
from flyball.stats.distances import chance_variation, ks_interval, shares, total_variation

Ints = NDArray[np.int64]
SignalName = Literal["unparsable", "missing", "present", "infinite", "moved", "out_of_range", "new_categories"]

# Signals per column that share its error budget: a number has all of `SignalName` but the last.
SIGNALS = 6
# Categories under this share of the reference are also looked at as one, which makes the bound tight where there are many.
_COARSE = 0.05


@record
class Limits:
    """What one look at one column is held to. `alpha` is for one signal, `reference_alpha` for one fact about the reference."""

    margin: float
    share_margin: float
    alpha: float
    reference_alpha: float
    days: float


@record
class Signal:
    """Drift if `lower > threshold`; a warning if the estimate is over the threshold and `lower` is over what chance explains (`floor`)."""

    name: SignalName
    estimate: float
    lower: float
    threshold: float
    floor: float

    @property
    def certain(self) -> bool:
        """Beyond its threshold, whatever chance did."""
        return self.lower > self.threshold

    @property
    def likely(self) -> bool:
        """Something changed for certain, and more than the threshold as far as one can see."""
        return self.estimate > self.threshold and self.lower > self.floor


@record
class Distance:
    """The distance of the values that are there, with its bounds and what chance alone would make of it on average."""

    value: float
    lower: float
    upper: float
    threshold: float
    chance: float


def column_distance(column: ColumnReference, counts: Ints, limits: Limits) -> Distance:
    """Kolmogorov-Smirnov for numbers, total variation for categories, of the rows that have a value."""
    before, now = values_of(column, np.array(column.counts, dtype=np.int64)), values_of(column, counts)
    m, n = int(before.sum()), int(now.sum())
    threshold = max(limits.margin, calibration(column, limits.days).distance)
    if not (n and m):
        return Distance(value=0.0, lower=0.0, upper=0.0, threshold=threshold, chance=0.0)
    if column.kind == "number":
        least, most = ks_interval(before, now, alone(np.array(column.edges)))
        radius = ks_radius(n, m, limits.alpha)
        lower, chance = least - radius, 0.8687 * math.sqrt(1.0 / n + 1.0 / m)
    else:
        least = most = total_variation(before, now)
        radius = tv_radius(_roomy(before + now), n, m, limits.alpha / 2.0)
        rare = shares(before) < _COARSE
        coarse_before, coarse_now = _together(before, rare), _together(now, rare)
        coarse = total_variation(coarse_before, coarse_now) - tv_radius(_roomy(coarse_before + coarse_now), n, m, limits.alpha / 2.0)
        lower = max(least - radius, coarse)
        chance = chance_variation(before + now, n, m)
    return Distance(value=least, lower=min(max(0.0, lower), least), upper=min(1.0, most + radius), threshold=threshold, chance=chance)


def signals(column: ColumnReference, counts: Ints, distance: Distance, limits: Limits) -> tuple[Signal, ...]:
    """Everything that may have happened to a column, the worst kind first: unreadable, not there, moved, never seen."""
    rows = int(counts.sum())
    moved = Signal(name="moved", estimate=distance.value, lower=distance.lower, threshold=distance.threshold, floor=0.0)
    if not rows:
        return (moved,)
    known = np.array(column.counts, dtype=np.int64)
    calm = calibration(column, limits.days)
    found = []
    if column.kind == "number":
        found.append(_more("unparsable", int(known[-1]), column.rows, int(counts[-1]), rows, 0.0, limits))
    found += _missing(column, counts, calm, limits)
    if column.kind == "number":
        found.append(_more("infinite", infinite(known), column.rows, infinite(counts), rows, 0.0, limits))
        found.append(moved)
        if int(values_of(column, known).sum()):
            unseen = min(1.0, 2.0 * math.log(1.0 / limits.reference_alpha) / int(values_of(column, known).sum()))
            found.append(_unseen("out_of_range", outside(counts), rows, unseen, calm.out_of_range, limits))
    else:
        found.append(moved)
        found.append(_new_categories(column, counts, calm, limits))
    return tuple(found)


def calibration(column: ColumnReference, days: float) -> Calibration:
    """What windows of about this length did in training: the longest calibrated length that is not longer, else the shortest."""
    fitting = [known for known in column.calibration if known.days <= days] or list(column.calibration[:1])
    if not fitting:
        return Calibration(days=0, windows=0, distance=0.0, missing=0.0, out_of_range=0.0, new_categories=0.0)
    return fitting[-1]


def values_of(column: ColumnReference, counts: Ints) -> Ints:
    """The cells that hold values: without missing and unparsable."""
    return counts[:-2] if column.kind == "number" else counts[:-1]


def infinite(counts: Ints) -> int:
    """Infinities among the counts of a number."""
    return int(counts[0] + counts[-3])


def outside(counts: Ints) -> int:
    """Finite values below or above everything the reference has, among the counts of a number."""
    inner = counts[1:-3]
    return int(inner[0] + inner[-1]) if len(inner) > 1 else 0


def _missing(column: ColumnReference, counts: Ints, calm: Calibration, limits: Limits) -> list[Signal]:
    """More missing than in training, or fewer: both change what the model sees, but values that came back have to be many."""
    rows, at = int(counts.sum()), -2 if column.kind == "number" else -1
    more = _more("missing", column.missing, column.rows, int(counts[at]), rows, calm.missing, limits)
    there = column.rows - column.missing, column.rows, rows - int(counts[at]), rows
    fewer = _more("present", *there, max(calm.missing, limits.margin), limits)
    return [more, fewer]


def _more(name: SignalName, before: int, of: int, now: int, rows: int, calm: float, limits: Limits) -> Signal:
    """A share that had some value in training and may have grown. The reference's own uncertainty is on its side."""
    usual = before / of if of else 0.0
    floor = share_upper(before, of, limits.reference_alpha) if before else 0.0
    threshold = max(usual + max(limits.share_margin, calm), floor)
    return Signal(name=name, estimate=now / rows, lower=share_lower(now, rows, limits.alpha), threshold=threshold, floor=floor)


def _unseen(name: SignalName, now: int, rows: int, chance: float, calm: float, limits: Limits) -> Signal:
    """The share of values that training did not have at all; `chance` is how many of them one has to expect."""
    threshold = max(limits.share_margin, calm, chance)
    return Signal(name=name, estimate=now / rows, lower=share_lower(now, rows, limits.alpha), threshold=threshold, floor=chance)


def _new_categories(column: ColumnReference, counts: Ints, calm: Calibration, limits: Limits) -> Signal:
    rows, before, now = int(counts.sum()), column.counts[-2], int(counts[-2])
    if before:  # more categories than are kept by name: what is not kept is compared as a whole
        return _more("new_categories", before, column.rows, now, rows, calm.new_categories, limits)
    chance = unseen_share(column.once, column.rows - column.missing, limits.reference_alpha)
    return _unseen("new_categories", now, rows, chance, calm.new_categories, limits)


def _roomy(counts: Ints) -> NDArray[np.float64]:
    """Shares with half a row added to each cell: an empty cell may be rare, not impossible."""
    roomy: NDArray[np.float64] = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return roomy


def _together(counts: Ints, rare: NDArray[np.bool_]) -> Ints:
    """The counts with all rare cells as one."""
    return np.append(counts[~rare], counts[rare].sum())
