"""Two samples of one column: distance, interval, and the p-values of "no difference" and of "no more than the margin"."""

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from flyball.core.record import record
from flyball.stats.bins import quantile_edges
from flyball.stats.distances import (
    chance_variation,
    group_cells,
    grouped,
    jensen_shannon,
    ks_exact,
    middle,
    psi,
    total_variation,
    wasserstein,
)
from flyball.stats.significance import table_test

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Up to here the p-value of the Kolmogorov-Smirnov distance is computed exactly (rows × rows).
_EXACT = 250_000
# With more than this share of values that repeat, the Kolmogorov-Smirnov p-value is far too large and chi-square takes its place.
_REPEATED = 0.1
_CELLS = 20


@record
class Comparison:
    """`distance` with its interval; `p_value`: chance of so much if nothing differs; `p_margin`: if the true distance is the margin.

    `first` and `second` are the compared shares where a share is compared. `rows` is 0 when one side has no values.
    """

    distance: float
    lower: float
    upper: float
    p_value: float
    p_margin: float
    first_rows: int
    second_rows: int
    distances: Mapping[str, float]
    first: float = 0.0
    second: float = 0.0

    @property
    def rows(self) -> int:
        """Values compared: 0 if either side has none."""
        return min(self.first_rows, self.second_rows) and self.first_rows + self.second_rows


def compare_numbers(first: Floats, second: Floats, margin: float, alpha: float) -> Comparison:
    """Exact Kolmogorov-Smirnov distance of two samples without NaN; infinities are the largest and smallest values.

    The interval is the normal one of the difference of the two distribution functions where it is largest (Raghavachari, 1973).
    """
    n, m = len(first), len(second)
    if not (n and m):
        return _nothing(n, m)
    first, second = np.sort(first), np.sort(second)
    distance, place = ks_exact(first, second)
    pooled = np.sort(np.concatenate([first, second]), kind="stable")  # merges two sorted runs
    if float((pooled[1:] == pooled[:-1]).mean()) > _REPEATED:
        p_value = _cells_p(first, second, pooled)
    elif n * m <= _EXACT:
        with warnings.catch_warnings():  # where the exact sum loses its digits scipy takes the approximation, and says so
            warnings.simplefilter("ignore", RuntimeWarning)
            p_value = float(stats.ks_2samp(first, second, method="exact").pvalue)
    else:
        p_value = float(stats.kstwo.sf(distance, round(n * m / (n + m))))
    error = _error(int((first <= place).sum()), n, int((second <= place).sum()), m)
    return _comparison(distance, distance, error, p_value, margin, alpha, n, m, _number_distances(first, second))


def compare_categories(first: Sequence[str], second: Sequence[str], margin: float, alpha: float) -> Comparison:
    """Total variation distance of two samples of texts, chi-square of their table (rare categories together).

    From the lower end of the interval, what chance alone adds up over the categories is taken off.
    """
    n, m = len(first), len(second)
    if not (n and m):
        return _nothing(n, m)
    before, after = Counter(first), Counter(second)
    names = sorted(before.keys() | after.keys())
    f = np.array([before[name] for name in names], dtype=np.int64)
    g = np.array([after[name] for name in names], dtype=np.int64)
    distance = total_variation(f, g)
    rising = g / m > f / n
    # Shares that are the same everywhere leave nothing that rises: then the largest category says how sure one is.
    top = int((f + g).argmax())
    error = max(_error(int(f[rising].sum()), n, int(g[rising].sum()), m), _error(int(f[top]), n, int(g[top]), m))
    chance = chance_variation(f + g, n, m)
    distances = {"psi": psi(f, g), "js": jensen_shannon(f, g)}
    return _comparison(distance, distance - chance, error, table_test(f, g).chi2_p_value, margin, alpha, n, m, distances)


def compare_missing(first: tuple[int, int], second: tuple[int, int], margin: float, alpha: float) -> Comparison:
    """Two shares, given as (missing, rows): Fisher's exact test where they are small, chi-square otherwise."""
    (a, n), (b, m) = first, second
    if not (n and m):
        return _nothing(n, m)
    distance = abs(a / n - b / m)
    if a == b == 0 or (a == n and b == m):
        p_value = 1.0
    elif min(a + b, n + m - a - b) * min(n, m) / (n + m) < 5:
        p_value = min(1.0, float(stats.fisher_exact(np.array([[a, n - a], [b, m - b]])).pvalue))
    else:
        p_value = table_test(np.array([a, n - a]), np.array([b, m - b])).chi2_p_value
    found = _comparison(distance, distance, _error(a, n, b, m), p_value, margin, alpha, n, m, {})
    return Comparison(
        distance=found.distance,
        lower=found.lower,
        upper=found.upper,
        p_value=found.p_value,
        p_margin=found.p_margin,
        first_rows=n,
        second_rows=m,
        distances={},
        first=a / n,
        second=b / m,
    )


def _comparison(
    distance: float,
    centre: float,
    error: float,
    p_value: float,
    margin: float,
    alpha: float,
    n: int,
    m: int,
    distances: Mapping[str, float],
) -> Comparison:
    width = float(stats.norm.isf(alpha / 2.0)) * error
    return Comparison(
        distance=distance,
        lower=min(distance, max(0.0, centre - width)),
        upper=min(1.0, distance + width),
        p_value=p_value,
        p_margin=float(stats.norm.sf((centre - margin) / error)),
        first_rows=n,
        second_rows=m,
        distances=distances,
    )


def _nothing(n: int, m: int) -> Comparison:
    return Comparison(distance=0.0, lower=0.0, upper=1.0, p_value=1.0, p_margin=1.0, first_rows=n, second_rows=m, distances={})


def _error(a: int, n: int, b: int, m: int) -> float:
    """Standard error of a difference of shares; one success and one failure are added so that it is never 0."""
    p, q = (a + 1.0) / (n + 2.0), (b + 1.0) / (m + 2.0)
    return math.sqrt(p * (1.0 - p) / n + q * (1.0 - q) / m)


def _cells_p(first: Floats, second: Floats, pooled: Floats) -> float:
    """Chi-square over cells that the pooled values alone decide, heavy values each in their own."""
    ends = np.append(-np.inf, quantile_edges(pooled, _CELLS))
    return table_test(_counted(ends, first), _counted(ends, second)).chi2_p_value


def _number_distances(first: Floats, second: Floats) -> dict[str, float]:
    """Stability index and Jensen-Shannon over tenths of the first sample, and the area between them within its middle 99 %."""
    finite = first[np.isfinite(first)]
    if not len(finite):
        return {}
    edges = quantile_edges(finite, 256)
    f, g = _counted(edges, first), _counted(edges, second)
    group = group_cells(f, 10)
    found = {"psi": psi(grouped(f, group), grouped(g, group)), "js": jensen_shannon(grouped(f, group), grouped(g, group))}
    low, high, scale = middle(finite)
    if scale > 0.0:
        inner = np.union1d(edges[(edges > low) & (edges < high)], [low, high])
        found["wasserstein"] = wasserstein(inner, _counted(inner, first), _counted(inner, second), scale)
    return found


def _counted(edges: Floats, ordered: Floats) -> Ints:
    """Rows in each cell of the edges, of values in rising order."""
    return np.diff(np.searchsorted(ordered, edges, side="right"), prepend=0, append=len(ordered)).astype(np.int64)
