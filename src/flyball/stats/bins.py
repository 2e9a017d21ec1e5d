"""Cells for counting numbers: edges at quantiles, heavy values alone in a cell, and a fast lookup of the cell of each value."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values looked up at a time: the buffers of one block stay in the second-level cache.
_BLOCK = 16_384
# A grid cell with more edges than this is not worth its comparisons.
_MOST_ROUNDS = 6


def quantile_edges(values: Floats, bins: int) -> Floats:
    """Edges e_0 < … < e_K of cells (e_i, e_i+1] over the finite values, each cell with at most 1/`bins` of them.

    A value that alone holds more than that, and every value when there are at most `bins` of them, has a cell of its own: its lower
    edge is the float just below it. Everything below the smallest value is under e_0, everything above the largest is over e_K.
    No finite value gives no edges. There are at most 3 * `bins` + 1 edges.
    """
    distinct, repeats = np.unique(values[np.isfinite(values)], return_counts=True)
    if not len(distinct):
        return np.empty(0)
    distinct = distinct + 0.0  # -0.0 and 0.0 are one value; keep the one that prints plainly
    if len(distinct) <= bins:
        return _with_atoms(distinct, distinct)
    cumulative = np.cumsum(repeats)
    limit = int(cumulative[-1]) / bins
    ends, done = [], 0
    while done < len(distinct):
        start = cumulative[done - 1] if done else 0
        done = max(int(np.searchsorted(cumulative, start + limit, side="right")), done + 1)
        ends.append(done - 1)
    heavy = distinct[repeats > limit]
    with np.errstate(over="ignore"):
        lowest = np.nextafter(distinct[:1], -np.inf)  # "below everything seen" means up to here
    return _with_atoms(np.concatenate([lowest[np.isfinite(lowest)], distinct[ends]]), heavy)


def atoms(edges: Floats) -> NDArray[np.bool_]:
    """Which of the cells below, (e_0, e_1], …, above can hold one value only."""
    alone = np.zeros(len(edges) + 1, dtype=bool)
    if len(edges) > 1:
        alone[1:-1] = np.nextafter(edges[1:], -np.inf) == edges[:-1]
    return alone


class Lookup:
    """How many edges lie below each value, the same as `np.searchsorted(edges, values, side="left")`, several times faster.

    A uniform grid over the edges says how many edges lie below each grid cell; the edges within it (`rounds` at most) are compared one
    by one. It is exact for every float: the grid cell of an edge and that of a value are computed by the same monotone arithmetic.
    Where the edges are too uneven for a grid the tails are searched, or everything is. NaN is below all edges here. Without `grid`
    everything is searched: slower, but it takes no room beside the edges.
    """

    __slots__ = ("_first", "_inverse", "_last", "_low", "_start", "_trimmed", "edges", "rounds")

    def __init__(self, edges: Floats, *, grid: bool = True) -> None:
        self.edges = np.ascontiguousarray(edges, dtype=np.float64)
        self.rounds = 0  # 0: no grid
        self._start: NDArray[np.intp] = np.zeros(1, dtype=np.intp)
        self._low = self._inverse = 0.0
        self._last = 0
        self._trimmed = False
        self._first: Floats = np.append(self.edges, np.inf)
        if grid and len(self.edges) > 2:
            self._choose_grid()

    def index(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """Number of edges strictly below each value, in 0 … len(edges)."""
        found = np.empty(len(values), dtype=np.intp)
        for at in range(0, len(values), _BLOCK):
            block = np.asarray(values[at : at + _BLOCK], dtype=np.float64)
            found[at : at + _BLOCK] = self._block(block)
        return found

    def counts(self, values: NDArray[Any]) -> Ints:
        """How many values fall into each of the len(edges) + 1 cells; NaN counts in the first."""
        total = np.zeros(len(self.edges) + 1, dtype=np.int64)
        for at in range(0, len(values), _BLOCK):
            block = np.asarray(values[at : at + _BLOCK], dtype=np.float64)
            total += np.bincount(self._block(block), minlength=len(total))
        return total

    def _block(self, values: Floats) -> NDArray[np.intp]:
        if not self.rounds:
            return self._search(values)
        cell = self._grid_cell(values)
        found = self._start.take(cell, mode="clip")  # nothing is out of bounds: clipping only spares the check
        for _ in range(self.rounds):
            found += values > self._first.take(found, mode="clip")
        if self._trimmed:
            outside = np.flatnonzero((cell == 0) | (cell == self._last))
            if len(outside):
                found[outside] = self._search(values[outside])
        return found

    def _search(self, values: Floats) -> NDArray[np.intp]:
        found = np.searchsorted(self.edges, values, side="left")
        found[values != values] = 0
        return found

    def _grid_cell(self, values: Floats) -> NDArray[np.intp]:
        with np.errstate(over="ignore"):
            place = values - self._low
            place *= self._inverse
        np.fmax(place, 0.0, out=place)  # fmax and fmin also take NaN out, which has no integer
        np.fmin(place, self._last, out=place)
        return place.astype(np.intp)

    def _choose_grid(self) -> None:
        """The cheapest grid: each round costs about 1.5 ns a value, each value in a tail that was left out is searched in 50 ns."""
        count = len(self.edges)
        tried = []
        for trim in sorted({0, count // 64, count // 16, count // 8}):
            for size in (4 * count, 16 * count, 64 * count):
                if size <= 65_536 and self._try_grid(trim, size):
                    tried.append((1.5 * self.rounds + 50.0 * 2 * trim / count, size, trim))
        if tried:
            _, size, trim = min(tried)
            self._try_grid(trim, size)
        else:
            self.rounds = 0

    def _try_grid(self, trim: int, size: int) -> bool:
        """Set up this grid; say whether it is one to use."""
        low, high = float(self.edges[trim]), float(self.edges[len(self.edges) - 1 - trim])
        with np.errstate(over="ignore", divide="ignore"):
            inverse = float(np.float64(size - 1) / (np.float64(high) - np.float64(low)))
        if not (0.0 < inverse < np.inf):
            return False
        self._low, self._inverse, self._last, self._trimmed = low, inverse, size - 1, trim > 0
        held = np.bincount(self._grid_cell(self.edges), minlength=size)
        self._start = np.concatenate([[0], np.cumsum(held)[:-1]]).astype(np.intp)
        inner = held[1:-1] if trim else held
        self.rounds = int(inner.max())
        return 1 <= self.rounds <= _MOST_ROUNDS


def _with_atoms(edges: Floats, alone: Floats) -> Floats:
    """The edges, and for each value that has a cell of its own both edges of that cell."""
    with np.errstate(over="ignore"):  # below the smallest float there is no edge
        below = np.nextafter(alone, -np.inf)
    return np.unique(np.concatenate([edges, below[np.isfinite(below)], alone])) + 0.0
