"""Distances between two distributions given as counts over the same cells, and between two samples. All are finite for any counts."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Laplace's pseudo-count: an empty cell is rare, not impossible, so that no logarithm is infinite.
_PSEUDO = 0.5


def shares(counts: Ints) -> Floats:
    """Counts divided by their sum; zeros if there is nothing."""
    total = int(counts.sum())
    return counts / total if total else np.zeros(len(counts))


def ks_interval(reference: Ints, current: Ints, alone: NDArray[np.bool_]) -> tuple[float, float]:
    """Certified bounds of the exact two-sample Kolmogorov-Smirnov distance of the rows behind the counts of ordered cells.

    At the edges both distribution functions are known, which gives the lower bound. Inside a cell the difference can grow by at most
    the share of one sample in it, so `upper - lower` is at most the largest min(f_i, g_i) over the cells that are not `alone` (cells
    that hold one value only). (0, 0) if one side has no rows.
    """
    if not (reference.any() and current.any()):
        return 0.0, 0.0
    f, g = _cumulated(reference), _cumulated(current)
    lower = float(np.abs(f - g).max())
    f_before, g_before = np.append(0.0, f[:-1]), np.append(0.0, g[:-1])
    inside = np.where(alone, 0.0, np.maximum(f - g_before, g - f_before))
    return lower, max(lower, float(inside.max()))


def ks_exact(first: Floats, second: Floats) -> tuple[float, float]:
    """The exact two-sample Kolmogorov-Smirnov distance and the value where it is reached; (0, 0) if a sample is empty.

    Two equal samples reach it everywhere: then it is the median. NaN is not allowed.
    """
    if not (len(first) and len(second)):
        return 0.0, 0.0
    x, y = np.sort(first), np.sort(second)
    best, place = 0.0, float(x[len(x) // 2])
    for at in (x, y):
        difference = np.abs(np.searchsorted(x, at, side="right") / len(x) - np.searchsorted(y, at, side="right") / len(y))
        top = int(difference.argmax())
        if difference[top] > best:
            best, place = float(difference[top]), float(at[top])
    return best, place


def total_variation(reference: Ints, current: Ints) -> float:
    """Half the sum of the absolute differences of shares, in [0, 1]; 0 if one side has no rows."""
    if not (reference.any() and current.any()):
        return 0.0
    return min(1.0, 0.5 * float(np.abs(shares(reference) - shares(current)).sum()))


def chance_variation(pooled: Ints, n: int, m: int) -> float:
    """The total variation distance that two samples of n and m rows of one distribution have on average.

    The mean of a normal |difference| is sqrt(2 / pi) of its deviation; where few rows are expected it comes near the deviation itself.
    """
    share = shares(pooled)
    deviation = np.sqrt(share * (1.0 - share) * (1.0 / n + 1.0 / m))
    few = pooled * (min(n, m) / (n + m)) < 5.0
    return min(1.0, 0.5 * float(np.where(few, deviation, math.sqrt(2.0 / math.pi) * deviation).sum()))


def largest_difference(reference: Ints, current: Ints) -> float:
    """The largest absolute difference of shares of one cell; 0 if one side has no rows."""
    if not (reference.any() and current.any()):
        return 0.0
    return float(np.abs(shares(reference) - shares(current)).max())


def psi(reference: Ints, current: Ints) -> float:
    """Population stability index: sum of (g - f) ln(g / f) over the cells, in [0, inf); half a row is added to each cell."""
    f, g = _smoothed(reference), _smoothed(current)
    return float(((g - f) * np.log(g / f)).sum())


def jensen_shannon(reference: Ints, current: Ints) -> float:
    """Jensen-Shannon distance, base 2, in [0, 1]: the root of the divergence; 0 if one side has no rows."""
    if not (reference.any() and current.any()):
        return 0.0
    f, g = shares(reference), shares(current)
    middle = (f + g) / 2.0
    return math.sqrt(min(1.0, max(0.0, (_entropy_to(f, middle) + _entropy_to(g, middle)) / 2.0)))


def wasserstein(edges: Floats, reference: Ints, current: Ints, scale: float) -> float:
    """Area between the distribution functions from the first edge to the last, in units of `scale`.

    Rows outside the edges count as lying on them, so that one huge value does not decide; inside a cell rows are spread evenly.
    `reference` and `current` have one cell below and one above the edges.
    """
    if scale <= 0.0 or len(edges) < 2 or not (reference.any() and current.any()):
        return 0.0
    gap = (_cumulated(reference) - _cumulated(current))[:-1]
    left, right = gap[:-1], gap[1:]
    same = left * right >= 0.0
    total = np.abs(left) + np.abs(right)
    # A line that crosses zero encloses two triangles.
    crossed = (left**2 + right**2) / np.where(total > 0.0, 2.0 * total, 1.0)
    return float((np.where(same, total / 2.0, crossed) * (np.diff(edges) / scale)).sum())


def middle(finite: Floats) -> tuple[float, float, float]:
    """The .5 % and 99.5 % quantiles of finite values and the standard deviation when the rest lies on them (0 if it has none).

    A scale that neither one outlier nor a change of unit can spoil.
    """
    low, high = np.quantile(finite, [0.005, 0.995], method="inverted_cdf")
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(np.clip(finite, low, high).std()) if low < high else 0.0
    return float(low), float(high), scale if 0.0 < scale < np.inf else 0.0


def group_cells(reference: Ints, groups: int) -> NDArray[np.intp]:
    """For each of the ordered cells the number of its group, so that groups hold about equal shares of the reference."""
    total = int(reference.sum())
    if not total:
        return np.zeros(len(reference), dtype=np.intp)
    middle = np.cumsum(reference) - reference / 2.0
    rough = np.minimum((middle * groups / total).astype(np.intp), groups - 1)
    return np.unique(rough, return_inverse=True)[1].astype(np.intp)


def grouped(counts: Ints, group: NDArray[np.intp]) -> Ints:
    """Counts added up by group."""
    return np.bincount(group, weights=counts).astype(np.int64)


def _cumulated(counts: Ints) -> Floats:
    """Distribution function at the upper end of each cell: integers until the division, so equal to that of the rows themselves."""
    summed: Ints = np.cumsum(counts)
    share: Floats = summed / summed[-1]
    return share


def _smoothed(counts: Ints) -> Floats:
    smooth: Floats = (counts + _PSEUDO) / (counts.sum() + _PSEUDO * len(counts))
    return smooth


def _entropy_to(p: Floats, middle: Floats) -> float:
    held = p > 0.0
    return float((p[held] * np.log2(p[held] / middle[held])).sum())
