"""Tests for a sample size fixed in advance: Welch with absolute or relative effect, and the chi-square view of a sample-ratio mismatch."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, stdtr, stdtrit, xlogy

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.stats.losses import Floats

Difference = Literal["absolute", "relative"]
Sides = Literal["two", "greater", "lesser"]


@record
class Sample:
    """Mean, variance (n - 1 in the denominator) and size of one arm."""

    mean: float
    variance: float
    rows: int

    def joined(self, other: "Sample") -> "Sample":
        """The sample of both together, without the cancellation that sums of squares suffer (Chan, Golub, LeVeque 1979)."""
        rows = self.rows + other.rows
        if rows < 2:
            return self if self.rows else other
        step = other.mean - self.mean
        squares = self.variance * max(self.rows - 1, 0) + other.variance * max(other.rows - 1, 0) + step**2 * self.rows * other.rows / rows
        return Sample(mean=self.mean + step * other.rows / rows, variance=squares / (rows - 1), rows=rows)


def sample(values: Floats) -> Sample:
    """The sample of some values, computed about their mean."""
    rows = len(values)
    if rows == 0:
        return Sample(mean=0.0, variance=0.0, rows=0)
    near = float(values.mean())
    rest = values - near
    mean = near + float(rest.mean())
    variance = (float(np.square(rest).sum()) - rows * (mean - near) ** 2) / (rows - 1) if rows > 1 else 0.0
    return Sample(mean=mean, variance=max(variance, 0.0), rows=rows)


@record
class Effect:
    """How far arm b is from arm a, its standard error, the interval (None: open on that side) and the p-value."""

    effect: float
    error: float
    lower: float | None
    upper: float | None
    p_value: float


def effect_of(a: Sample, b: Sample, difference: Difference) -> tuple[float, float]:
    """b - a, or (b - a) / a by the delta method, and its variance; DataError if a relative effect has no base."""
    va, vb = a.variance / a.rows, b.variance / b.rows
    if difference == "absolute":
        return b.mean - a.mean, va + vb
    if a.mean == 0:
        raise DataError("a relative effect needs a control whose mean is not zero", hint="ask for the absolute effect")
    return (b.mean - a.mean) / a.mean, vb / a.mean**2 + va * b.mean**2 / a.mean**4


def welch(a: Sample, b: Sample, *, difference: Difference = "absolute", sides: Sides = "two", alpha: float = 0.05) -> Effect:
    """Welch's t test of b against a, Welch-Satterthwaite degrees of freedom; valid for one look at a size chosen beforehand."""
    effect, variance = effect_of(a, b, difference)
    error = math.sqrt(variance)
    if error == 0:
        raise DataError("both arms are constant: there is no spread to compare their difference with")
    va, vb = a.variance / a.rows, b.variance / b.rows
    freedom = (va + vb) ** 2 / (va**2 / (a.rows - 1) + vb**2 / (b.rows - 1))
    t = effect / error
    half = float(stdtrit(freedom, 1 - (alpha / 2 if sides == "two" else alpha))) * error
    p_value = {"two": 2 * stdtr(freedom, -abs(t)), "greater": stdtr(freedom, -t), "lesser": stdtr(freedom, t)}[sides]
    return Effect(
        effect=effect,
        error=error,
        lower=None if sides == "lesser" else effect - half,
        upper=None if sides == "greater" else effect + half,
        p_value=float(p_value),
    )


def ratio_mismatch(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Chi-square p-value that units were split as the weights say; arms of weight 0 are left out first, fewer than two arms give 1.

    A view for a size fixed beforehand: looked at again and again it rings falsely; `sequential.ratio_evidence` does not.
    """
    arms = [(count, weight) for count, weight in zip(counts, weights, strict=False) if weight > 0]
    total, shares = sum(count for count, _ in arms), sum(weight for _, weight in arms)
    if len(arms) < 2 or total == 0:
        return 1.0
    expected = [total * weight / shares for _, weight in arms]
    distance = sum((count - e) ** 2 / e for (count, _), e in zip(arms, expected, strict=True))
    return float(chdtrc(len(arms) - 1, distance))


@record
class TableTest:
    """Chi-square and likelihood-ratio (G) test of two rows of counts, rare cells together; for a size fixed beforehand."""

    chi2: float
    chi2_p_value: float
    g: float
    g_p_value: float
    degrees: int


def table_test(first: NDArray[np.int64], second: NDArray[np.int64]) -> TableTest:
    """Whether two rows of counts may come from one distribution. Cells with fewer than 5 expected rows on either side are taken together.

    No difference that can be tested (one cell, or nothing on one side) gives 0 and a p-value of 1.

    >>> found = table_test(np.array([30, 70]), np.array([50, 50]))
    >>> round(found.chi2, 3), round(found.g, 3), found.degrees
    (8.333, 8.402, 1)
    """
    n, m = float(first.sum()), float(second.sum())
    if not (n and m):
        return TableTest(chi2=0.0, chi2_p_value=1.0, g=0.0, g_p_value=1.0, degrees=0)
    rare = (first + second) * (min(n, m) / (n + m)) < 5.0
    f, g = (np.append(row[~rare], row[rare].sum()).astype(np.float64) for row in (first, second))
    held = (f + g) > 0
    table = np.stack([f[held], g[held]])
    degrees = table.shape[1] - 1
    if degrees < 1:
        return TableTest(chi2=0.0, chi2_p_value=1.0, g=0.0, g_p_value=1.0, degrees=0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / (n + m)
    chi2 = float(((table - expected) ** 2 / expected).sum())
    likelihood = max(0.0, 2.0 * float(xlogy(table, table / expected).sum()))
    return TableTest(
        chi2=chi2,
        chi2_p_value=float(chdtrc(degrees, chi2)),
        g=likelihood,
        g_p_value=float(chdtrc(degrees, likelihood)),
        degrees=degrees,
    )
