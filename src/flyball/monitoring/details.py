"""What others report of a column beside its distance: stability index, Jensen-Shannon, Wasserstein, chi-square, G. They decide nothing."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, xlogy

from flyball.monitoring.apart import Apart, Expected
from flyball.monitoring.hours import Flat
from flyball.monitoring.yardstick import Block

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def distances(block: Block, counts: Ints, far: Apart, expected: Expected | None) -> list[Mapping[str, float]]:
    """Further distances per column: of tenths of the reference, of its categories, or of the groups of its season; none without values."""
    now, then = far.now, far.then
    if expected is not None:
        flat = expected.hours.flat
        f, g = far.known * then[flat.owner], far.share * now[flat.owner]
    else:
        flat = block.groups
        f, g = (_grouped(block, one) for one in (block.known, counts))
    found: dict[str, Floats] = {"psi": _psi(flat, f, g), "js": _jensen_shannon(flat, f, g)}
    if not block.number:
        found["largest"] = flat.largest(np.abs(f / _total(flat, f) - g / _total(flat, g)))
    elif expected is None:
        found["wasserstein"] = _wasserstein(block, counts, now)
    answers: list[Mapping[str, float]] = []
    for at, column in enumerate(block.columns):
        there = now[at] > 0 and then[at] > 0
        answers.append(
            {name: float(one[at]) for name, one in found.items() if name != "wasserstein" or column.scale > 0.0} if there else {}
        )
    return answers


def table_tests(block: Block, counts: Ints) -> list[Mapping[str, float]]:
    """Chi-square and G of discrete columns as `stats.significance.table_test` has them; nothing for the others."""
    if not block.discrete.any():
        return [{} for _ in block.names]
    flat, owner = block.flat, block.flat.owner
    f, g = block.known * block.value, counts * block.value
    n, m = np.maximum(flat.sums(f), 1.0), np.maximum(flat.sums(g), 1.0)
    rare = (f + g) * (np.minimum(n, m) / (n + m))[owner] < 5.0
    rows = [np.where(rare, 0.0, one) for one in (f, g)]
    for row, one in zip(rows, (f, g), strict=True):  # the last cell holds no values: the rare ones take its place
        row[block.last] = flat.sums(np.where(rare, one, 0))
    both = rows[0] + rows[1]
    chi2, likelihood = np.zeros(len(n)), np.zeros(len(n))
    for row, of in zip(rows, (n, m), strict=True):
        expected = both * (of / (n + m))[owner]
        held = expected > 0
        chi2 += flat.sums(np.where(held, (row - expected) ** 2 / np.where(held, expected, 1.0), 0.0))
        likelihood += 2.0 * flat.sums(np.where(held, xlogy(row, row / np.where(held, expected, 1.0)), 0.0))
    degrees = flat.sums(both > 0) - 1.0
    usable = block.discrete & (degrees >= 1) & (flat.sums(f) > 0) & (flat.sums(g) > 0)
    likelihood = np.maximum(likelihood, 0.0)
    p_chi2, p_likelihood = (np.where(usable, chdtrc(np.maximum(degrees, 1.0), one), 1.0) for one in (chi2, likelihood))
    names = ("chi2", "chi2_p_value", "g", "g_p_value", "degrees")
    columns = zip(chi2.tolist(), p_chi2.tolist(), likelihood.tolist(), p_likelihood.tolist(), degrees.tolist(), strict=True)
    return [dict(zip(names, one, strict=True)) if good else {} for one, good in zip(columns, usable.tolist(), strict=True)]


def _grouped(block: Block, counts: Ints) -> Floats:
    found: Floats = np.add.reduceat(counts * block.value, block.group_starts).astype(np.float64)
    return found


def _total(flat: Flat, counts: Floats) -> Floats:
    found: Floats = np.maximum(flat.sums(counts), 1e-30)[flat.owner]
    return found


def _psi(flat: Flat, f: Floats, g: Floats) -> Floats:
    """As `stats.distances.psi`, half a row added to each cell."""
    cells = flat.sizes[flat.owner]
    p, q = ((one + 0.5) / (flat.sums(one)[flat.owner] + 0.5 * cells) for one in (f, g))
    return flat.sums((q - p) * np.log(q / p))


def _jensen_shannon(flat: Flat, f: Floats, g: Floats) -> Floats:
    """As `stats.distances.jensen_shannon`."""
    p, q = f / _total(flat, f), g / _total(flat, g)
    middle = np.maximum((p + q) / 2.0, 1e-300)
    divergence = (flat.sums(xlogy(p, p / middle)) + flat.sums(xlogy(q, q / middle))) / (2.0 * np.log(2.0))
    found: Floats = np.sqrt(np.clip(divergence, 0.0, 1.0))
    return found


def _wasserstein(block: Block, counts: Ints, now: Floats) -> Floats:
    """As `stats.distances.wasserstein` between the .5 % and 99.5 % quantiles of the reference, in units of its scale."""
    after = block.flat.cumulated(counts * block.value) / np.maximum(now, 1.0)[block.flat.owner]
    right = block.below - after
    left = np.append(0.0, right[:-1])
    total = np.abs(left) + np.abs(right)
    # A line that crosses zero encloses two triangles.
    crossed = (left**2 + right**2) / np.where(total > 0.0, 2.0 * total, 1.0)
    return block.flat.sums(np.where(left * right >= 0.0, total / 2.0, crossed) * block.width)


def median_edge(edges: Sequence[float], counts: Floats) -> float:
    """The upper end of the cell that holds the median; the first or last edge if it lies outside them."""
    if not len(edges):
        return 0.0
    at = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2.0))
    return float(edges[min(max(at - 1, 0), len(edges) - 1)])
