"""Cells for counting numbers: edges at quantiles, heavy values alone in a cell, and a fast lookup of the cell of each value."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from flyball.stats._bins import Grid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values looked up at a time: the buffers of one block stay in the second-level cache.
_BLOCK = 16_384
# A grid cell with more edges than this is not worth its comparisons.
_MOST_ROUNDS = 6
# What the compiled part reads as it lies in memory: the C types of numbers.
_PLAIN = frozenset("?bBhHiIlLqQfd")


def compiled() -> "Callable[[Floats, float, float, int, bool], Grid] | None":
    """The compiled lookup, or None where it was not built: numpy then answers the same, three times slower."""
    try:
        from flyball.stats._bins import Grid
    except ImportError:
        return None
    return Grid


_COMPILED = compiled()


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
    """How many edges lie below each value, the same as `np.searchsorted(edges, values, side="left")`, many times faster.

    A uniform grid over the edges says how many edges lie below each grid cell; the edges within it (`rounds` at most) are compared one
    by one. It is exact for every float: the grid cell of an edge and that of a value are computed by the same monotone arithmetic.
    Where the edges are too uneven for a grid the tails are searched, or everything is. NaN is below all edges here. Without `grid`
    everything is searched: slower, but it takes no room beside the edges.

    `make` is what looks up in C, if it was built; with None numpy does everything.
    """

    __slots__ = ("_compiled", "_first", "_inverse", "_last", "_low", "_start", "_trimmed", "edges", "rounds")

    def __init__(
        self, edges: Floats, *, grid: bool = True, make: "Callable[[Floats, float, float, int, bool], Grid] | None" = _COMPILED
    ) -> None:
        self.edges = np.ascontiguousarray(edges, dtype=np.float64)
        self.rounds = 0  # 0: no grid
        self._start: NDArray[np.intp] = np.zeros(1, dtype=np.intp)
        self._low = self._inverse = 0.0
        self._last = 0
        self._trimmed = False
        self._first: Floats = np.append(self.edges, np.inf)
        if grid and len(self.edges) > 2:
            self._choose_grid()
        self._compiled = self._in_c(make) if make else None

    def index(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """Number of edges strictly below each value, in 0 … len(edges)."""
        if self._compiled is not None:
            cell = self.cell(values)
            cell[cell == len(self.edges) + 3] = 1  # NaN
            return np.clip(cell - 1, 0, len(self.edges))
        found = np.empty(len(values), dtype=np.intp)
        for at, block in _blocks(values):
            found[at : at + len(block)] = self._block(block)
        return found

    def cell(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """The number of each value's cell among -inf · below · (e_0, e_1] … · above · +inf · NaN."""
        found = np.empty(len(values), dtype=np.intp)
        for at, block in self._readable(values):
            part = found[at : at + len(block)]
            if self._compiled is not None:
                self._compiled.find(block, part)
            else:
                part[:] = self._block(block) + 1
                part[block == -np.inf] = 0
                part[block == np.inf] = len(self.edges) + 2
                part[np.isnan(block)] = len(self.edges) + 3
        return found

    def tally(self, values: NDArray[Any]) -> Ints:
        """How many values fall into each of the cells that `cell` numbers: len(edges) + 4 counts."""
        total = np.zeros(len(self.edges) + 4, dtype=np.int64)
        part = np.empty_like(total)
        for _, block in self._readable(values):
            if self._compiled is not None:
                self._compiled.count(block, part)
            else:
                self._tally_block(block, part)
            total += part
        return total

    def counts(self, values: NDArray[Any]) -> Ints:
        """How many values fall into each of the len(edges) + 1 cells below, between and above the edges; NaN counts in the first."""
        every = self.tally(values)
        found = every[1:-2].copy()
        found[0] += every[0] + every[-1]
        found[-1] += every[-2]
        return found

    def _readable(self, values: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
        """The values and where they begin: all at once as they lie, if C can read them, else in blocks of float64."""
        as_it_lies = values.dtype.char in _PLAIN and values.dtype.isnative
        if self._compiled is not None and as_it_lies and values.flags.aligned:
            yield 0, values
            return
        yield from _blocks(values)

    def _tally_block(self, block: Floats, into: Ints) -> None:
        into[1:-2] = np.bincount(self._block(block), minlength=len(into) - 3)
        missing = int(np.count_nonzero(block != block))
        # NaN and the infinities were counted at the ends: look for them only if something is there.
        low = int(np.count_nonzero(block == -np.inf)) if into[1] > missing else 0
        into[1] -= missing + low  # before the other end, which is the same cell where there is no edge
        high = int(np.count_nonzero(block == np.inf)) if into[-3] else 0
        into[-3] -= high
        into[0], into[-2], into[-1] = low, high, missing

    def _in_c(self, make: "Callable[[Floats, float, float, int, bool], Grid]") -> "Grid | None":
        """The same grid compiled; it looks for -inf and the largest float too, which get a place of their own at each end."""
        low, inverse, places, trimmed = self._low, self._inverse, self._last + 1 if self.rounds else 0, self._trimmed
        if not self.rounds and 0 < len(self.edges) <= 2:
            low, places, trimmed = float(self.edges[0]), len(self.edges), False
            with np.errstate(over="ignore", divide="ignore"):
                inverse = float(np.float64(1.0) / (self.edges[-1] - self.edges[0]))
            if not 0.0 < inverse < np.inf:
                inverse = 0.0
        with np.errstate(over="ignore"):
            start = float(low - np.float64(1.5) / inverse) if inverse else low
        try:
            return make(self.edges, start if np.isfinite(start) else low, inverse, places + 3 if places else 0, trimmed)
        except ValueError:  # edges that do not rise, or more than it takes: nothing that `quantile_edges` makes
            return None

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


def _blocks(values: NDArray[Any]) -> Iterator[tuple[int, Floats]]:
    for at in range(0, len(values), _BLOCK):
        yield at, np.require(values[at : at + _BLOCK], dtype=np.float64, requirements="A")


def _with_atoms(edges: Floats, alone: Floats) -> Floats:
    """The edges, and for each value that has a cell of its own both edges of that cell."""
    with np.errstate(over="ignore"):  # below the smallest float there is no edge
        below = np.nextafter(alone, -np.inf)
    return np.unique(np.concatenate([edges, below[np.isfinite(below)], alone])) + 0.0
