"""What the sources gave: the prepared rows, which columns are features, and the schema they amount to."""

from collections.abc import Iterable, Sequence

import numpy as np

from flyball.core.errors import DataError
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.schema import Column, Kind, Schema, did_you_mean
from flyball.core.table import Array, Table
from flyball.data.records import PrepareStep, SourceFile
from flyball.spec.records import DataSpec


@record
class Prepared:
    """The rows after the last prepare step: every column, the spec's times as UTC.

    `booleans` names the columns that hold true and false: with missing values among them they stand in the table as 0, 1 and NaN.
    """

    table: Table
    booleans: frozenset[str]
    files: tuple[SourceFile, ...]
    steps: tuple[PrepareStep, ...]
    warnings: tuple[Reason, ...]


def time_columns(data: DataSpec) -> tuple[str, ...]:
    """The columns that hold times."""
    return tuple(name for name in (data.time, data.outcome_time) if name is not None)


def feature_names(table: Table, data: DataSpec) -> tuple[str, ...]:
    """The features in the order of the spec; by default every column that has no other role, in the order of the data."""
    names = data.features or tuple(name for name in table.columns if name not in data.roles)
    require_columns(table, names, "data.features")
    if not names:
        raise DataError("no column is left to be a feature", hint=f"columns present: {', '.join(table.columns)}")
    for name in names:
        if table[name].dtype.kind == "M":
            raise DataError(
                f"feature {name!r} is a time, which no model reads",
                hint="derive numbers from it in a prepare step (hour, weekday, age in days), or list data.features without it",
            )
    return names


def require_columns(table: Table, names: Iterable[str], where: str) -> None:
    """DataError naming the first of these columns that the data does not have."""
    for name in names:
        if name not in table:
            guess = did_you_mean(name, table.columns)
            raise DataError(
                f"{where} names column {name!r}, which the data does not have{guess}", hint=f"columns: {', '.join(table.columns)}"
            )


def infer_schema(table: Table, features: Sequence[str], *, booleans: frozenset[str] = frozenset()) -> Schema:
    """The schema of these columns, as found in the rows: kind, whether values are missing, and the known categories."""
    return Schema(columns=tuple(_column(name, table[name], boolean=name in booleans) for name in features))


def _column(name: str, values: Array, *, boolean: bool) -> Column:
    if values.dtype.kind == "O":
        missing = np.array([value is None for value in values], dtype=np.bool_)
        known = tuple(sorted({str(value) for value in values[~missing]}))
        return Column(name=name, kind="category", nullable=bool(missing.any()), categories=known)
    if values.dtype.kind == "f":
        kind: Kind = "boolean" if boolean else "number"
        return Column(name=name, kind=kind, nullable=bool(np.isnan(values).any()))
    if values.dtype.kind == "b":
        return Column(name=name, kind="boolean", nullable=False)
    if values.dtype.kind in "iu":
        return Column(name=name, kind="integer", nullable=False)
    raise DataError(
        f"feature {name!r} is of type {values.dtype}, which no model reads", hint="make it a number, true/false or text in a prepare step"
    )
