"""Before a comparison starts: which gain it can see, and how many blocks that takes."""

import math

import numpy as np
from scipy.special import ndtri

from flyball.core.record import record
from flyball.stats.arms import DAY_TUNING, MIN_DAYS, MIN_UNITS, ROWS_OF_ARM, UNIT_TUNING, BlockKind, sequence_factor

POWER = 0.8
# Looked at once after so many blocks at most: what takes longer is not planned.
_LONGEST = 3660


@record
class Traffic:
    """What comes in a day: rows, and the units that are new to the comparison. `share`: of the challenger, 1 in shadow."""

    rows: float
    units: float
    share: float = 1.0


@record
class Noise:
    """How losses vary. `row`: the standard deviation of one row's loss; `day`: of a day's mean difference beyond what its rows explain.

    In shadow `day` is all: the standard deviation of the daily mean difference on the same rows.
    """

    row: float
    day: float = 0.0


@record
class Prospect:
    """What a comparison can see by its deadline. `blocks`: how many it will have; `needed`: how many it must have to say anything.

    `detectable`: the gain that is found with probability `power` by then; None if it can find nothing at all.
    """

    blocks: int
    needed: int
    detectable: float | None
    power: float = POWER


def paired_prospect(noise: Noise, days: int, *, alpha: float, min_days: int = MIN_DAYS, head_start: int = 0) -> Prospect:
    """Shadow: `days` whole matured days before the deadline, `head_start` held-out days to begin with."""
    needed = max(min_days, MIN_DAYS - head_start, 0)
    blocks = days + head_start
    enough = days >= needed and blocks >= MIN_DAYS
    found = detectable(noise.day / math.sqrt(blocks), blocks, alpha=alpha, tuning=DAY_TUNING) if enough else None
    return Prospect(blocks=days, needed=needed, detectable=found)


def arms_prospect(noise: Noise, traffic: Traffic, days: int, block: BlockKind, *, alpha: float, min_days: int = MIN_DAYS) -> Prospect:
    """Two arms, by blocks of days or by units."""
    smaller = min(traffic.share, 1 - traffic.share)
    if block == "unit":
        units = traffic.units * days
        found = None
        if units * smaller >= MIN_UNITS and days >= min_days:
            worth = units * traffic.share * (1 - traffic.share)
            found = detectable(noise.row / math.sqrt(worth), 4 * worth, alpha=alpha, tuning=UNIT_TUNING)
        return Prospect(blocks=int(units), needed=math.ceil(MIN_UNITS / smaller), detectable=found)
    joined = joined_days(traffic)
    blocks = int(days / joined)
    found = None
    if blocks >= MIN_DAYS and days >= min_days:
        error = math.sqrt(noise.day**2 / joined + noise.row**2 / (traffic.rows * joined * traffic.share * (1 - traffic.share)))
        found = detectable(error / math.sqrt(blocks), blocks, alpha=alpha, tuning=DAY_TUNING)
    return Prospect(blocks=blocks, needed=MIN_DAYS, detectable=found)


def joined_days(traffic: Traffic) -> int:
    """How many days make a block, so that each arm has `ROWS_OF_ARM` rows in it."""
    smaller = min(traffic.share, 1 - traffic.share) * traffic.rows
    return max(1, math.ceil(ROWS_OF_ARM / smaller)) if smaller > 0 else _LONGEST


def detectable(error: float, size: float, *, alpha: float, tuning: int, power: float = POWER) -> float:
    """The gain that a bound looked at after `size` blocks lies above zero for with this probability; `error`: the standard error then.

    >>> round(detectable(0.1, 14, alpha=0.05, tuning=14), 3)
    0.417
    """
    freedom = max(size - (1 if tuning == DAY_TUNING else 2), 1.0)
    return error * (float(sequence_factor(size, freedom, alpha=alpha, tuning=tuning)) + float(ndtri(power)))


def days_to_find(gain: float, prospect_of: "Prospects", *, longest: int = 366) -> int | None:
    """The days after which this gain is found with probability `POWER`; None if it takes longer than `longest`."""
    low, high = 1, longest
    if not _found(gain, prospect_of(longest)):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _found(gain, prospect_of(middle)) else (middle + 1, high)
    return low


class Prospects:
    """A comparison as a function of the days it may take."""

    def __init__(
        self, noise: Noise, traffic: Traffic, block: BlockKind | None, *, alpha: float, min_days: int, head_start: int = 0
    ) -> None:
        self._noise, self._traffic, self._block = noise, traffic, block
        self._alpha, self._min_days, self._head_start = alpha, min_days, head_start

    def __call__(self, days: int) -> Prospect:
        """What it can see after so many whole matured days; without a kind of block it is paired."""
        if self._block is None:
            return paired_prospect(self._noise, days, alpha=self._alpha, min_days=self._min_days, head_start=self._head_start)
        return arms_prospect(self._noise, self._traffic, days, self._block, alpha=self._alpha, min_days=self._min_days)


def fixed_rows(gain: float, variances: tuple[float, float], *, alpha: float = 0.05, power: float = POWER, two_sided: bool = True) -> float:
    """Rows of both arms of one size that a test looked at once needs to find a gain (the textbook size).

    Nothing is planned by it, since nothing is decided by one look; the bench puts the sequence beside it.

    >>> round(fixed_rows(0.03, (0.25 * 0.75, 0.22 * 0.78)))
    6263
    """
    z = float(ndtri(1 - (alpha / 2 if two_sided else alpha))) + float(ndtri(power))
    return 2 * z**2 * float(np.sum(variances)) / gain**2


def _found(gain: float, prospect: Prospect) -> bool:
    return prospect.detectable is not None and prospect.detectable <= gain
