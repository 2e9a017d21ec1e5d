"""Two randomised arms: the difference of their means by blocks of days or units, over phases of different shares, at any time."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr, stdtrit

from flyball.core.record import record
from flyball.stats.losses import Floats

BlockKind = Literal["day", "unit"]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Rows each arm needs in a block of days: the mean of fewer is skewed where losses are, and days are joined until there are so many.
ROWS_OF_ARM = 20
# Blocks of different days, and units of the smaller arm, before which there are no bounds.
MIN_DAYS = 7
LEAST_WORTH = 5.0  # equal blocks that the days are worth: seven days of uneven traffic are fine, one day and six crumbs are not
MIN_UNITS = 50
# Where the sequence is narrowest: blocks of days as in a paired comparison; units of both arms, if these are of one size.
DAY_TUNING = 14
UNIT_TUNING = 5000


@record
class Arms:
    """The rows of both arms as arrays of one length, in any order.

    `loss`: what is compared, smaller is better. `challenger`: which arm. `phase`, `day`, `unit`: whole numbers; rows of one phase were
    split by one share.
    """

    loss: Floats
    challenger: Flags
    phase: Whole
    day: Whole
    unit: Whole


@record
class Spread:
    """A difference and what is known of its error. `error`: its standard error, by `freedom` degrees of freedom; None if nobody can say.

    `size`: how many blocks (days) or how many units of arms of one size it is worth. `blocks`: how many there are. `rows`, `days`: those
    that count. `phases`: phase → its own difference. `enough`: whether bounds may be given.
    """

    gain: float
    error: float | None
    freedom: float
    size: float
    blocks: int
    rows: int
    days: int
    phases: dict[int, float]
    enough: bool
    tuning: int

    def bounds(self, alpha: float) -> tuple[float | None, float | None]:
        """The always-valid bounds of the gain, each one-sided at alpha; None while there is too little."""
        if not self.enough or self.error is None:
            return None, None
        half = float(sequence_factor(self.size, self.freedom, alpha=alpha, tuning=self.tuning)) * self.error
        return self.gain - half, self.gain + half

    def fixed(self, alpha: float) -> tuple[float, float, float] | None:
        """The bounds as if one looked once (Welch), each one-sided at alpha, and the two-sided p-value."""
        if self.error is None or self.error <= 0.0:
            return None
        half = float(stdtrit(self.freedom, 1 - alpha)) * self.error
        return self.gain - half, self.gain + half, float(2 * stdtr(self.freedom, -abs(self.gain) / self.error))


def sequence_factor(size: ArrayLike, freedom: ArrayLike, *, alpha: float, tuning: int) -> Floats:
    """How many standard errors an always-valid one-sided bound is away after `size` blocks or units; arrays are taken one by one.

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (arXiv 2103.06476, equation 161), narrowest near `tuning`, with the Student quantile of
    the same tail in place of the normal one, for where the spread is known from few blocks (as in `sequential.block_sequence`).

    >>> [round(float(factor), 3) for factor in sequence_factor([200, 1000, 5000], [198, 998, 4998], alpha=0.05, tuning=1000)]
    [3.132, 2.784, 2.912]
    """
    threshold = -2.0 * np.log(min(2 * alpha, 0.5))
    q = np.asarray(size, dtype=np.float64) / tuning * (threshold + np.log(threshold) + 1)
    normal = np.sqrt(2 * (q + 1) / q * np.log1p(np.sqrt(q + 1) / (2 * alpha)))
    return np.asarray(-stdtrit(np.asarray(freedom, dtype=np.float64), ndtr(-normal)))


def spread_of(arms: Arms, block: BlockKind) -> Spread:
    """The difference of the arms, the champion's mean less the challenger's, and its error."""
    return by_day(arms) if block == "day" else by_unit(arms)


def by_day(arms: Arms) -> Spread:
    """The difference by blocks of days.

    A block is a day, whatever shares it had: days are joined to the next until each arm has `ROWS_OF_ARM` rows; what is left at the end
    waits. Within a block each phase is compared by itself, the difference of the arms' means, so that what a day does to both arms is no
    difference. The differences are weighted by n₁n₂/(n₁+n₂), the rows an even split would need to be as precise (Mantel and Haenszel): a
    day on which an arm had 1 % of the traffic says hardly anything, and with equal weights four such days of a canary would drown what
    comes after. The weights depend on who was asked, never on what came out. They make a busy day count more than in a paired comparison,
    where each day counts the same: there both versions see the same rows, and the day's own luck is nearly all of the spread.

    The error is that of the weighted blocks as they differ, with the worth of the weights in equal blocks (Kish) as their number, so that
    a few heavy days are not taken for many. Twelve steps of two hours are one block: they share the weather of their day. It is never
    less than units that know nothing of each other from one block to the next would have, and where units come back, what they add is
    added, less what both count (two-way clusters of Cameron, Gelbach and Miller): a unit stays in its arm, and its ways are the same
    every day.
    """
    phases, stretch = np.unique(arms.phase, return_inverse=True)
    block, blocks = _day_blocks(arms, stretch.reshape(-1), len(phases))
    kept = block >= 0
    if blocks == 0:
        return _nothing(DAY_TUNING)
    cell = (block * len(phases) + stretch.reshape(-1))[kept]
    loss, side, unit = arms.loss[kept], arms.challenger[kept], arms.unit[kept]
    groups = _Groups.of(cell, side, blocks * len(phases), loss)
    gain, difference, weight, total = groups.gain()
    heavy = weight.reshape(blocks, len(phases)).sum(axis=1)
    worth = total**2 / float(np.square(heavy).sum())
    influence = groups.influence(cell, side, loss, weight / total)
    codes = np.unique(unit, return_inverse=True)[1].reshape(-1)
    units = min(_distinct(codes[side]), _distinct(codes[~side]))
    pairs = np.unique(block[kept] * (int(codes.max()) + 1) + codes, return_inverse=True)[1].reshape(-1)
    within = _squares(pairs, influence)
    by_rows = max(float(np.square(influence).sum()), within, groups.spread(loss, cell, side) / total)
    back = _distinct(pairs) > _distinct(codes)
    added = max(_squares(codes, influence) - within, 0.0) * (units / (units - 1) if units > 1 else 1.0) if back else 0.0
    error, freedom = None, max(worth - 1, 1.0)
    if blocks > 1 and worth > 1:
        apart = (weight * (difference - gain)).reshape(blocks, len(phases)).sum(axis=1)
        days = max(float(np.square(apart).sum()) / total**2 * worth / (worth - 1), by_rows)
        error = float(np.sqrt(days + added))
        if error > 0 and added > 0 and units > 1:
            freedom = (days + added) ** 2 / (days**2 / (worth - 1) + added**2 / (units - 1))
    return Spread(
        gain=gain,
        error=error,
        freedom=freedom,
        size=worth,
        blocks=blocks,
        rows=len(loss),
        days=_distinct(arms.day[kept]),
        phases=_by_phase(phases, difference.reshape(blocks, -1), weight.reshape(blocks, -1)),
        enough=blocks >= MIN_DAYS and worth >= LEAST_WORTH and error is not None,
        tuning=DAY_TUNING,
    )


def by_unit(arms: Arms) -> Spread:
    """The difference by units: in each phase the mean of the units' means of each arm, weighted over phases like the blocks of days.

    A unit is one block however many rows it has, over all its phases: its influence on the difference is added up before it is squared.
    So units that were in one arm in one phase and in the other in the next count in both, as often as they were asked there, and are
    not taken for two that know nothing of each other. The error is never less than that of arms with one common variance, so that an arm
    of few units without a loss among them is not taken for certain. No bounds before each arm has `MIN_UNITS` units.
    """
    if not len(arms.loss):
        return _nothing(UNIT_TUNING)
    names, code = np.unique(arms.unit, return_inverse=True)
    key, place = np.unique((2 * arms.phase + arms.challenger) * len(names) + code.reshape(-1), return_inverse=True)
    place = place.reshape(-1)
    mean = np.bincount(place, weights=arms.loss) / np.bincount(place)
    stretch, side = key // len(names) // 2, (key // len(names) % 2).astype(bool)
    phases, cell = np.unique(stretch, return_inverse=True)
    cell = cell.reshape(-1).astype(np.int64)
    groups = _Groups.of(cell, side, len(phases), mean)
    whole = np.asarray((groups.rows > 0).all(axis=0), dtype=np.bool_)
    kept = whole[cell]
    if not kept.any():
        return _nothing(UNIT_TUNING)
    gain, difference, weight, total = groups.gain()
    influence = groups.influence(cell, side, mean, weight / total)[kept]
    unit, side, cell, mean = (key % len(names))[kept], side[kept], cell[kept], mean[kept]
    codes = np.unique(unit, return_inverse=True)[1].reshape(-1)
    units = [_distinct(codes[~side]), _distinct(codes[side])]
    parts = [float(np.square(np.bincount(codes[of], weights=influence[of])).sum()) for of in (~side, side)]
    steps = [n / (n - 1) if n > 1 else 1.0 for n in units]
    clustered = float(np.square(np.bincount(codes, weights=influence)).sum()) * max(steps) if min(units) > 1 else 0.0
    variance = max(clustered, groups.spread(mean, cell, side) / total)
    within = sum((part * step) ** 2 / (n - 1) for part, step, n in zip(parts, steps, units, strict=True) if n > 1)
    enough = min(units) >= MIN_UNITS
    rows = np.isin(place, np.flatnonzero(kept))
    return Spread(
        gain=gain,
        error=float(np.sqrt(variance)) if min(units) > 1 else None,
        freedom=max(min(variance**2 / within, float(sum(units) - 2)), 1.0) if within > 0 else float(max(sum(units) - 2, 1)),
        size=4 * total,
        blocks=_distinct(codes),
        rows=int(rows.sum()),
        days=_distinct(arms.day[rows]),
        phases={int(phases[one]): float(difference[one]) for one in np.flatnonzero(whole)},
        enough=enough,
        tuning=UNIT_TUNING,
    )


@record
class _Groups:
    """Counts and means of both arms (first axis: champion, challenger) in each cell."""

    rows: Floats
    mean: Floats

    @classmethod
    def of(cls, cell: Whole, side: Flags, cells: int, values: Floats) -> "_Groups":
        place = side.astype(np.int64) * cells + cell
        rows = np.bincount(place, minlength=2 * cells).reshape(2, cells).astype(np.float64)
        sums = np.bincount(place, weights=values, minlength=2 * cells).reshape(2, cells)
        return cls(rows=rows, mean=sums / np.maximum(rows, 1.0))

    def gain(self) -> tuple[float, Floats, Floats, float]:
        """The weighted difference, that of each cell, the weights and their sum; cells without one of the arms weigh nothing."""
        difference = self.mean[0] - self.mean[1]
        weight = self.rows[0] * self.rows[1] / np.maximum(self.rows.sum(axis=0), 1.0)
        total = float(weight.sum())
        return float(weight @ difference) / total, difference, weight, total

    def influence(self, cell: Whole, side: Flags, values: Floats, part: Floats) -> Floats:
        """How far each value moves the weighted difference."""
        arm = side.astype(np.int64)
        sign = np.where(side, -1.0, 1.0)
        return np.asarray(sign * part[cell] * (values - self.mean[arm, cell]) / self.rows[arm, cell])

    def spread(self, values: Floats, cell: Whole, side: Flags) -> float:
        """The variance of values about the mean of their cell and arm, of both arms together."""
        rest = values - self.mean[side.astype(np.int64), cell]
        return float(np.square(rest).sum()) / max(len(values) - int((self.rows > 0).sum()), 1)


def _day_blocks(arms: Arms, stretch: Whole, phases: int) -> tuple[Whole, int]:
    """The block of each row, -1 for those that wait or have nothing to be compared with, and how many blocks there are.

    A block has so many rows of each arm in phases in which it has both arms.
    """
    days, place = np.unique(arms.day, return_inverse=True)
    place = place.reshape(-1)
    cell = (place * phases + stretch) * 2 + arms.challenger
    rows = np.bincount(cell, minlength=len(days) * phases * 2).reshape(len(days), phases, 2)
    block, both = np.full(len(days), -1, dtype=np.int64), np.zeros((len(days), phases), dtype=np.bool_)
    blocks, begun, have = 0, 0, np.zeros((phases, 2), dtype=np.int64)
    for at in range(len(days)):
        have = have + rows[at]
        whole = (have > 0).all(axis=1)
        if have[whole].sum(axis=0).min() >= ROWS_OF_ARM:
            block[begun : at + 1], both[begun : at + 1] = blocks, whole
            blocks, begun, have = blocks + 1, at + 1, np.zeros((phases, 2), dtype=np.int64)
    return np.where(both[place, stretch], block[place], -1), blocks


def _by_phase(phases: Whole, difference: Floats, weight: Floats) -> dict[int, float]:
    """The difference of each phase alone; both arrays by block and phase."""
    total = weight.sum(axis=0)
    return {int(phases[one]): float(weight[:, one] @ difference[:, one] / total[one]) for one in np.flatnonzero(total > 0)}


def _squares(codes: Whole, influence: Floats) -> float:
    """The sum of the squares of what each cluster adds up to."""
    return float(np.square(np.bincount(codes, weights=influence)).sum())


def _distinct(codes: Whole) -> int:
    return len(np.unique(codes))


def _nothing(tuning: int) -> Spread:
    return Spread(gain=0.0, error=None, freedom=1.0, size=0.0, blocks=0, rows=0, days=0, phases={}, enough=False, tuning=tuning)
