"""Live monitoring is counting: counts of a window on the cells of a reference, merged over workers, minutes and days by addition."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.table import Array, Table
from flyball.core.window import Window
from flyball.data.cells import Cells
from flyball.data.profile import Reference, reference_digest

Ints = NDArray[np.int64]


@record
class Counts:
    """How many rows of a window fell into each cell, per column. `reference` is the digest of the reference that set the cells."""

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
    """Counts tables against one reference; holds the prepared lookups, so make it once and use it often."""

    __slots__ = ("_cells", "_digest")

    def __init__(self, reference: Reference) -> None:
        self._digest = reference_digest(reference)
        self._cells: dict[str, Cells] = {name: column.cells() for name, column in reference.columns.items()}

    def count(self, table: Table, scores: Mapping[str, Array]) -> Counts:
        """The counts of these rows. A column of the reference that is in neither counts as missing in every row."""
        rows = table.rows or max((len(values) for values in scores.values()), default=0)
        columns = {}
        for name, cells in self._cells.items():
            values = scores[name] if name in scores else table.columns.get(name)
            columns[name] = cells.count(np.full(rows, np.nan) if values is None else values)
        return Counts(reference=self._digest, rows=rows, columns=columns)


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


def counts_to_bytes(counts: Counts) -> bytes:
    """Counts as bytes for storage."""
    columns = {name: values.tolist() for name, values in counts.columns.items()}
    return msgspec.msgpack.encode(_Stored(version=1, reference=counts.reference, rows=counts.rows, columns=columns))


def counts_from_bytes(content: bytes) -> Counts:
    """The counts that `counts_to_bytes` wrote; DataError for other bytes."""
    try:
        stored = msgspec.msgpack.decode(content, type=_Stored)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"these are no stored counts: {error}", hint="rebuild them from the prediction log") from error
    columns = {name: np.array(values, dtype=np.int64) for name, values in stored.columns.items()}
    return Counts(reference=stored.reference, rows=stored.rows, columns=columns)


@record
class _Stored:
    """The form on disk; `version` says which."""

    version: Literal[1]
    reference: str
    rows: int
    columns: dict[str, list[int]]
