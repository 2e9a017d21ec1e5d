"""A reference made ready for looking at often: its columns side by side in flat arrays, so that a look is a few passes over all of them."""

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.data.calibration import Calibration
from flyball.data.cells import alone
from flyball.data.profile import ColumnReference, Reference, reference_digest
from flyball.data.season import SLOTS, Season
from flyball.monitoring.counts import Counts
from flyball.monitoring.hours import Flat, Hours
from flyball.stats.distances import group_cells

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

# So many columns lie side by side: their cells fit into the second-level cache, and memory does not grow with the columns.
_TOGETHER = 256
# Categories under this share of the reference are also looked at as one, which makes the bound tight where there are many.
_COARSE = 0.05
# A window may be a little shorter than the calibrated ones: it begins where a slot begins.
_ABOUT = 1.1


@record
class Calm:
    """What windows of one length did in training, per column. `blind`: shorter than anything that was calibrated there."""

    distance: Floats
    missing: Floats
    out_of_range: Floats
    new_categories: Floats
    blind: NDArray[np.bool_]


class Block:
    """Columns of one kind, side by side."""

    def __init__(self, names: list[str], columns: list[ColumnReference], shortest: tuple[float, float]) -> None:
        self.names, self.columns, self._shortest = names, columns, shortest
        self.number = columns[0].kind == "number"
        spare = 2 if self.number else 1
        self.flat = Flat(np.array([len(column.counts) for column in columns], dtype=np.intp))
        self.known = np.concatenate([np.array(column.counts, dtype=np.int64) for column in columns])
        self.rows = self.flat.sums(self.known)
        ends = self.flat.starts + self.flat.sizes
        self.missing_at = ends - spare
        self.last = ends - 1
        self.value = np.ones(self.flat.total, dtype=bool)
        for back in range(1, spare + 1):
            self.value[ends - back] = False
        self.held = self.flat.sums(self.known * self.value)
        self.missing = self.known[self.missing_at].astype(np.float64)
        self.share = self.known * self.value / np.maximum(self.held, 1.0)[self.flat.owner]
        self.once = np.array([column.once for column in columns], dtype=np.float64)
        self._calm: dict[tuple[float, bool], Calm] = {}
        self._hours: Hours | None = None
        self._kept: dict[tuple[str, float], Floats] = {}
        self._prepare_numbers() if self.number else self._prepare_categories()

    def _prepare_numbers(self) -> None:
        self.below = self.flat.cumulated(self.known * self.value) / np.maximum(self.held, 1.0)[self.flat.owner]
        self.inside = np.zeros(self.flat.total, dtype=bool)
        self.width = np.zeros(self.flat.total)
        self.discrete = np.zeros(len(self.columns), dtype=bool)
        tenths = []
        for at, column in enumerate(self.columns):
            start, edges = int(self.flat.starts[at]), np.array(column.edges)
            cells = slice(start, start + len(edges) + 3)
            apart = alone(edges)
            self.inside[cells] = ~apart
            counts = self.known[cells]
            self.discrete[at] = len(edges) > 1 and not counts[~apart].any()
            if column.scale > 0.0 and self.held[at]:
                below = self.below[start + 1 : start + 1 + len(edges)]  # the distribution function at each edge
                first = max(int(np.searchsorted(below, 0.005, side="right")) - 1, 0)
                last = min(int(np.searchsorted(below, 0.995, side="left")), len(edges) - 1)
                self.width[start + 2 + first : start + 2 + last] = np.diff(edges[first : last + 1]) / column.scale
            group = group_cells(counts, 10)
            tenths.append(start + np.flatnonzero(np.diff(group, prepend=-1)))
        self.groups = Flat(np.array([len(one) for one in tenths], dtype=np.intp))
        self.group_starts = np.concatenate(tenths)

    def _prepare_categories(self) -> None:
        self.discrete = np.ones(len(self.columns), dtype=bool)
        self.groups = Flat(self.flat.sizes - 1)
        self.group_starts = np.flatnonzero(self.value)
        rare = self.share < _COARSE
        # Rare cells share the place of the last cell of their column, which holds no values.
        self.coarse = np.where(rare & self.value, self.last[self.flat.owner], np.arange(self.flat.total))

    def gathered(self, counts: Counts) -> Ints:
        """The counts of a window in the order of this block; DataError if they are for other cells."""
        parts = [counts.columns[name] for name in self.names]
        for name, part, size in zip(self.names, parts, self.flat.sizes.tolist(), strict=True):
            if len(part) != size:
                raise DataError(f"column {name!r} has counts for other cells than its reference", hint="count the rows again")
        return np.concatenate(parts).astype(np.int64, copy=False)

    def calm(self, length: timedelta, seasonal: bool) -> Calm:
        """What windows of this length did in training: the longest calibrated length that is not longer."""
        days = length / timedelta(days=1)
        key = (days, seasonal)
        if key not in self._calm:
            shortest = self._shortest[seasonal]
            found = [_calibrated(column.seasonal if seasonal else column.calibration, days, shortest) for column in self.columns]
            self._calm[key] = Calm(
                distance=np.array([one.distance if one else 0.0 for one, _ in found]),
                missing=np.array([one.missing if one else 0.0 for one, _ in found]),
                out_of_range=np.array([one.out_of_range if one else 0.0 for one, _ in found]),
                new_categories=np.array([one.new_categories if one else 0.0 for one, _ in found]),
                blind=np.array([blind for _, blind in found]),
            )
        return self._calm[key]

    def kept(self, key: tuple[str, float], make: Callable[[], Floats]) -> Floats:
        """A fact about the reference that does not change from look to look."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def hours(self, slots: int) -> Hours | None:
        """What each hour of the season should look like; None for columns that were not counted by the hour."""
        seasons = [column.season for column in self.columns if column.season is not None]
        if self._hours is None and seasons:
            self._hours = Hours(seasons, self.flat, self.value, slots)
        return self._hours


class Yardstick:
    """A reference prepared for `drift_over`: make it once per reference, it costs more than a look."""

    def __init__(self, reference: Reference, ignore: Collection[str] = ()) -> None:
        self.reference = reference
        self.digest = reference_digest(reference)
        self.names = tuple(name for name in reference.columns if name not in set(ignore))
        self.blocks = tuple(self._blocks())

    def seasonal(self, season: Season, zone: str) -> bool:
        """Whether it can be compared by the hour as asked: only if it was made for this season and zone."""
        return bool(SLOTS[season]) and (self.reference.season, self.reference.zone) == (season, zone)

    def _blocks(self) -> Iterator[Block]:
        every = self.reference.columns.values()
        shortest = (
            min((one.days for column in every for one in column.calibration if not one.pooled), default=0.0),
            min((one.days for column in every for one in column.seasonal if not one.pooled), default=0.0),
        )
        for kind in ("number", "category"):
            for timed in (True, False):
                known = {name: self.reference.columns[name] for name in self.names}
                names = [name for name, one in known.items() if one.kind == kind and (one.season is not None) == timed]
                for at in range(0, len(names), _TOGETHER):
                    some = names[at : at + _TOGETHER]
                    yield Block(some, [known[name] for name in some], shortest)


def _calibrated(known: tuple[Calibration, ...], days: float, shortest: float) -> tuple[Calibration | None, bool]:
    """The longest calibrated length that is not longer, and whether there is none although the reference is calibrated."""
    fitting = [one for one in known if one.days <= days * _ABOUT]
    if fitting:
        return fitting[-1], False
    return (known[0], True) if known else (None, shortest > days * _ABOUT)
