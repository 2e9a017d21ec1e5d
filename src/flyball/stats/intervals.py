"""How sure a value is: Wilson, DeLong, Student's t over blocks, block bootstrap. Each bound is one-sided at `alpha`."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from flyball.core.record import record
from flyball.stats.ranks import Codes, Flags, Floats, Weighted, midranks


@record
class Interval:
    """A value with a lower and an upper bound; the bounds are None where too little is known to give any."""

    value: float
    lower: float | None
    upper: float | None


def wilson(successes: float, trials: float, *, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's score bounds of a share, each one-sided at `alpha` (halve it for a two-sided interval).

    >>> [round(bound, 4) for bound in wilson(7, 10, alpha=0.025)]
    [0.3968, 0.8922]
    """
    if trials <= 0:
        return 0.0, 1.0
    z2 = float(ndtri(1 - alpha)) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return (0.0 if successes <= 0 else max(0.0, middle - half)), (1.0 if successes >= trials else min(1.0, middle + half))


def delong(positive: Flags, score: Floats) -> tuple[float, float] | None:
    """Area under the ROC curve and its variance, rows independent; None unless both classes have two rows.

    DeLong, DeLong and Clarke-Pearson 1988, by the midranks of Sun and Xu 2014.
    """
    placed = _placements(positive, score)
    if placed is None:
        return None
    value, of_positives, of_negatives = placed
    return value, _spread(of_positives) + _spread(of_negatives)


def delong_difference(positive: Flags, first: Floats, second: Floats) -> tuple[float, float] | None:
    """AUC of `first` minus AUC of `second` on the same independent rows, and the variance of that difference."""
    one, two = _placements(positive, first), _placements(positive, second)
    if one is None or two is None:
        return None
    return one[0] - two[0], _spread(one[1] - two[1]) + _spread(one[2] - two[2])


def normal_interval(value: float, variance: float, *, alpha: float = 0.05) -> Interval:
    """Value ± normal quantile × standard error."""
    half = float(ndtri(1 - alpha)) * math.sqrt(max(variance, 0.0))
    return Interval(value=value, lower=value - half, upper=value + half)


def block_t(sums: Floats, rows: Floats, *, alpha: float = 0.05) -> Interval | None:
    """The mean over rows given each block's sum and number of rows, with bounds that count blocks, not rows, as the evidence.

    The ratio estimator of cluster sampling: value = sum of sums / sum of rows, residual of a block = sum - value × rows, Student's t
    with (blocks - 1) degrees of freedom. None without rows; no bounds from fewer than two blocks.
    """
    total = float(rows.sum())
    if total <= 0:
        return None
    value = float(sums.sum()) / total
    blocks = int(np.count_nonzero(rows))
    if blocks < 2:
        return Interval(value=value, lower=None, upper=None)
    residual = float(np.square(sums - value * rows).sum())
    half = float(stdtrit(blocks - 1, 1 - alpha)) * math.sqrt(blocks / (blocks - 1) * residual) / total
    return Interval(value=value, lower=value - half, upper=value + half)


def bootstrap_draws(groups: int, draws: int, generator: np.random.Generator) -> Floats:
    """How often each group is drawn, with replacement, in each of `draws` samples of `groups` groups."""
    return generator.multinomial(groups, np.full(groups, 1.0 / groups), size=draws).astype(np.float64)


def bootstrap_interval(
    value: float,
    weighted: Weighted,
    groups: int,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    draws: int = 200,
    known: int | None = None,
) -> Interval:
    """Bounds from redrawing whole groups: value ± Student's t × the standard deviation over the draws.

    The standard deviation of 200 draws is known to 5 %, where their 5 % quantile would rest on ten of them; t with (groups - 1)
    degrees of freedom and the factor groups / (groups - 1) pay for few groups. No bounds if a tenth of the draws has no value
    (such as an AUC of one class). `known`: in how many groups what varies most has rows, if not in all: so many count.
    """
    count = groups if known is None else known
    if count < 2:
        return Interval(value=value, lower=None, upper=None)
    found = weighted(bootstrap_draws(groups, draws, generator))
    found = found[np.isfinite(found)]
    if len(found) < 0.9 * draws:
        return Interval(value=value, lower=None, upper=None)
    half = float(stdtrit(count - 1, 1 - alpha)) * float(found.std(ddof=1)) * math.sqrt(count / (count - 1))
    return Interval(value=value, lower=value - half, upper=value + half)


def blocks_of(block: NDArray[Any]) -> Codes:
    """Each row's block as a number from 0 without gaps, in sorted order; texts in order of appearance, missing ones all one block."""
    if block.dtype != object:
        return np.unique(block, return_inverse=True)[1].reshape(-1).astype(np.int64)
    place: dict[object, int] = {}
    names = (None if name != name else name for name in block.tolist())
    return np.fromiter((place.setdefault(name, len(place)) for name in names), dtype=np.int64, count=len(block))


def joined(codes: Codes, most: int, generator: np.random.Generator) -> tuple[Codes, int]:
    """At most `most` groups of blocks, thrown together at random, and how many groups there are.

    Independent blocks stay independent when joined, so bounds over the groups remain right and redrawing stays cheap.
    """
    count = int(codes.max()) + 1 if len(codes) else 0
    if count <= most:
        return codes, count
    return (generator.permutation(count) % most).astype(np.int64)[codes], most


def _placements(positive: Flags, score: Floats) -> tuple[float, Floats, Floats] | None:
    """The AUC, for each positive the share of negatives below it, and for each negative the share of positives above it."""
    up, down = score[positive], score[~positive]
    if len(up) < 2 or len(down) < 2:
        return None
    ranks = midranks(np.concatenate((up, down)))
    of_positives = (ranks[: len(up)] - midranks(up)) / len(down)
    of_negatives = 1.0 - (ranks[len(up) :] - midranks(down)) / len(up)
    return float(of_positives.mean()), of_positives, of_negatives


def _spread(values: Floats) -> float:
    return float(values.var(ddof=1)) / len(values)
