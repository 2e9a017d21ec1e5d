"""Live monitoring is counting: counts of a window on the cells of a reference, merged over workers, minutes and days by addition."""

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.table import Array, Table
from flyball.core.window import Window
from flyball.data.cells import Cells, NumberCells
from flyball.data.profile import Reference, reference_digest
from flyball.monitoring.tally import Tally, tally_of

Ints = NDArray[np.int64]

# From so many columns on their lookups are searched: the grids that make it several times faster would take gigabytes.
_WIDE = 1000


@record
class Counts:
    """How many rows of a window fell into each cell, per column. `reference` is the digest of the reference that set the cells.

    A row of which only the score was logged is counted among the scores alone: the cells of a feature may hold fewer rows.
    """

    reference: str
    rows: int
    columns: Mapping[str, Ints]


@record
class Span:
    """The counts of one window. `hours`: rows per hour (hours since 1970, UTC) of their event time, by which a season is weighted."""

    window: Window
    counts: Counts
    hours: Mapping[int, int]


class Counter:
    """Counts tables against one reference; holds the prepared lookups, so make it once and use it often.

    `columns`: count only these of the reference's columns. `size`: how many cells they have together.
    """

    __slots__ = ("_cells", "_ends", "reference", "size")

    def __init__(self, reference: Reference, *, columns: Collection[str] | None = None) -> None:
        self.reference = reference_digest(reference)
        kept = {name: column for name, column in reference.columns.items() if columns is None or name in columns}
        self._cells: dict[str, Cells] = {}
        for name, column in kept.items():
            wide = column.kind == "number" and len(kept) > _WIDE
            self._cells[name] = NumberCells(np.array(column.edges), grid=False) if wide else column.cells()
        self._ends = np.cumsum([0, *(cells.size for cells in self._cells.values())])
        self.size = int(self._ends[-1])

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are counted."""
        return tuple(self._cells)

    def count(self, table: Table, scores: Mapping[str, Array]) -> Counts:
        """The counts of these rows. A column of the reference that is in neither counts as missing in every row."""
        rows = table.rows or max((len(values) for values in scores.values()), default=0)
        columns = {}
        for name, cells in self._cells.items():
            values = scores[name] if name in scores else table.columns.get(name)
            columns[name] = cells.count(_missing(rows) if values is None else _known(cells, values))
        return Counts(reference=self.reference, rows=rows, columns=columns)

    def places(self, table: Table, scores: Mapping[str, Array], rows: int) -> NDArray[np.int64]:
        """The cell of each value as a matrix of rows × columns: cells are numbered through, column after column."""
        found = np.empty((rows, len(self._cells)), dtype=np.int64)
        for at, (name, cells) in enumerate(self._cells.items()):
            values = scores[name] if name in scores else table.columns.get(name)
            found[:, at] = cells.codes(_missing(rows) if values is None else _known(cells, values))
            found[:, at] += self._ends[at]
        return found

    def tallies(self, places: NDArray[np.int64], said: NDArray[np.bool_] | None, groups: NDArray[np.intp], at: Ints) -> list[Tally]:
        """One tally for each group of rows (numbered from 0). `said`, a matrix like `places`: which values are known at all (None: all)."""
        order = np.argsort(groups, kind="stable")
        ends = np.searchsorted(groups[order], np.arange(int(groups.max(initial=-1)) + 2))
        found = []
        for first, last in pairwise(ends.tolist()):
            rows = order[first:last]
            cells = places[rows]
            found.append(tally_of(cells.ravel() if said is None else cells[said[rows]], at[rows], self.size))
        return found

    def counts(self, tally: Tally) -> Counts:
        """A tally of this counter column by column."""
        cells = np.zeros(self.size, dtype=np.int64)
        tally.add_to(cells)
        return self.split(cells, tally.rows)

    def split(self, cells: Ints, rows: int) -> Counts:
        """All cells of all columns as counts: the columns are views of it."""
        columns = {name: cells[first:last] for name, (first, last) in zip(self._cells, pairwise(self._ends.tolist()), strict=True)}
        return Counts(reference=self.reference, rows=rows, columns=columns)


def count(reference: Reference, table: Table, scores: Mapping[str, Array]) -> Counts:
    """The counts of these rows on the reference's cells."""
    return Counter(reference).count(table, scores)


def merge(parts: Iterable[Counts]) -> Counts:
    """The counts of all rows together. DataError if they were made against different references, or if there is none."""
    kept = list(parts)
    if not kept:
        raise DataError("there are no counts to add")
    first = kept[0]
    if any(part.reference != first.reference for part in kept):
        raise DataError("counts of different references cannot be added", hint="count the rows again on one reference")
    columns = {name: np.array([part.columns[name] for part in kept], dtype=np.int64).sum(axis=0) for name in first.columns}
    return Counts(reference=first.reference, rows=sum(part.rows for part in kept), columns=columns)


def _missing(rows: int) -> Array:
    return np.full(rows, np.nan)


def _known(cells: Cells, values: Array) -> Array:
    """The values as they are counted. A number where a category was known is the same one however it was written (1, 1.0, true), and
    with whatever else it arrived: the log gives numbers alone as floats, and beside texts as they came.
    """
    if isinstance(cells, NumberCells) or (values.dtype.kind == "O" and set(map(type, values.tolist())) <= {str, type(None)}):
        return values
    if values.dtype.kind not in "Ofiub":
        return values
    known = frozenset(cells.categories)
    texts = np.empty(len(values), dtype=object)
    texts[:] = [_as_text(value, known) if isinstance(value, int | float | np.number | np.bool_) else value for value in values.tolist()]
    return texts


def _as_text(value: float | np.number[Any] | np.bool_, known: frozenset[str]) -> str | None:
    try:
        number = float(value)
    except OverflowError:  # an integer beyond all floats
        return str(value)
    if number != number:
        return None
    written = [str(number)]
    if number.is_integer():
        written = [str(int(number)), *written, *(["True"] if number == 1.0 else ["False"] if number == 0.0 else [])]
    return next((text for text in written if text in known), written[0])
