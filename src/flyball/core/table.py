"""Data inside Flyball: column name → numpy array, all of one length."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError

Array = NDArray[Any]


class Table:
    """Columns of equal length: float64 (missing is NaN), int64, bool, object (text; missing is None), datetime64[us] (UTC)."""

    __slots__ = ("columns", "rows")

    def __init__(self, columns: Mapping[str, Array]) -> None:
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"columns differ in length: {lengths}")
        self.columns: dict[str, Array] = dict(columns)
        self.rows = next(iter(lengths.values()), 0)

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, name: str) -> Array:
        try:
            return self.columns[name]
        except KeyError:
            raise DataError(f"there is no column {name!r}", hint=f"columns present: {', '.join(self.columns)}") from None

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def select(self, names: Iterable[str]) -> "Table":
        """These columns, in this order."""
        return Table({name: self[name] for name in names})

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Table":
        """These rows."""
        return Table({name: values[rows] for name, values in self.columns.items()})

    def with_columns(self, columns: Mapping[str, Array]) -> "Table":
        """The same table with these columns added or replaced."""
        return Table({**self.columns, **columns})


def concat(tables: list[Table]) -> Table:
    """The rows of all tables, one after the other; they must have the same columns."""
    if not tables:
        return Table({})
    names = list(tables[0].columns)
    for table in tables[1:]:
        if set(table.columns) != set(names):
            raise DataError(f"tables differ in columns: {sorted(set(table.columns) ^ set(names))}")
    return Table({name: np.concatenate([table[name] for table in tables]) for name in names})
