"""Rows with a column changed, as a test asks for, checked as a server checks requests; and how far their scores moved."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import RequestError, SpecError
from flyball.core.reason import Value
from flyball.core.schema import Column, Schema, did_you_mean
from flyball.core.table import Array, Table
from flyball.registry.records import Manifest
from flyball.serving.contract import Contract, Row
from flyball.spec.behaviour import Change
from flyball.spec.load_behaviour import FILE
from flyball.spec.records import Param

Matrix = NDArray[np.float64]


def column_of(schema: Schema, name: str, test: str) -> Column:
    """The column of the model that a test names; SpecError if there is none."""
    for column in schema.columns:
        if column.name == name:
            return column
    hint = f"columns: {', '.join(schema.names[:30])}"
    raise SpecError(
        f"{FILE}: the test {test[:60]!r} names {name!r}, which the model does not read{did_you_mean(name, schema.names)}", hint=hint
    )


def changed(rows: Table, schema: Schema, change: Change, test: str) -> Iterator[tuple[str, Table, NDArray[np.int64]]]:
    """Each variant of the rows: what was done, the changed rows, and which of the rows they are (those that it changes)."""
    for name in change.columns:
        column = column_of(schema, name, test)
        values = rows[name]
        if change.add is not None or change.times is not None:
            yield _moved(rows, column, values, change, test)
            continue
        wanted: Sequence[Param] = (None,) if change.missing else change.to or _known(column, test)
        for value in wanted:
            _refuse(schema, column, value, test)
            new = _filled(column, values, value)
            which = np.array([not _same(old, value) for old in values.tolist()], dtype=np.bool_)
            at = np.flatnonzero(which)
            said = f"{name} = {'missing' if value is None else value}"
            yield said, rows.with_columns({name: new}).take(at), at


def as_matrix(scores: NDArray[np.float64]) -> Matrix:
    """One line for each row."""
    return scores.reshape(len(scores), -1)


def score_of(scores: NDArray[np.float64], manifest: Manifest, of: Param, test: str) -> NDArray[np.float64]:
    """The score of a class or an output, by default of what the model is about."""
    names: Sequence[object] = manifest.classes or manifest.outputs
    if of is not None and of not in names:
        said = ", ".join(map(repr, names)) or "one number, without a name"
        raise SpecError(f"{FILE}: the test {test[:60]!r} asks for the score of {of!r}", hint=f"the model gives scores of: {said}")
    if manifest.task == "binary":
        return 1.0 - scores if of is not None and names.index(of) == 0 else scores
    matrix = as_matrix(scores)
    return np.asarray(matrix[:, 0 if of is None else names.index(of)])


def usual_row(rows: Table, schema: Schema) -> Mapping[str, Value]:
    """The usual value of each column: the median of numbers, the commonest of everything else; None where nothing is known."""
    found: dict[str, Value] = {}
    for column in schema.columns:
        values = [value for value in (rows[column.name].tolist() if column.name in rows else []) if value is not None and value == value]
        if not values:
            found[column.name] = column.categories[0] if column.categories else None
        elif column.kind in ("category", "boolean"):
            common = max(sorted(set(values)), key=values.count) if len(set(values)) < 50 else values[0]
            found[column.name] = bool(common) if column.kind == "boolean" else str(common)
        else:
            middle = float(np.median(np.asarray(values, dtype=np.float64)))
            found[column.name] = round(middle) if column.kind == "integer" else middle
    return found


def values_of(rows: Table, schema: Schema) -> list[Row]:
    """The rows as a request brings them: values in the schema's order, missing as None, each of its column's kind."""
    lines = []
    for column in schema.columns:
        values = rows[column.name].tolist()
        lines.append([_plain(column, value) for value in values])
    return [list(row) for row in zip(*lines, strict=True)]


def table_of(rows: Sequence[Row], schema: Schema) -> Table:
    """Rows of values as columns."""
    columns: dict[str, Array] = {}
    for at, column in enumerate(schema.columns):
        values = [row[at] for row in rows]
        columns[column.name] = _array(column, values)
    return Table(columns)


def _moved(rows: Table, column: Column, values: Array, change: Change, test: str) -> tuple[str, Table, NDArray[np.int64]]:
    if column.kind not in ("number", "integer"):
        raise SpecError(f"{FILE}: the test {test[:60]!r} adds to {column.name!r}, which is a {column.kind}", hint="write to = [ ... ]")
    numbers = values.astype(np.float64)
    moved = numbers + change.add if change.add is not None else numbers * (change.times if change.times is not None else 1.0)
    if column.kind == "integer":
        moved = np.rint(moved)
    at = np.flatnonzero(np.isfinite(moved) & (moved != numbers))
    new: Array = moved if column.kind == "number" or not np.isfinite(moved).all() else moved.astype(np.int64)
    said = f"{column.name} {change.add:+g}" if change.add is not None else f"{column.name} × {change.times:g}"
    return said, rows.with_columns({column.name: new}).take(at), at


def _known(column: Column, test: str) -> Sequence[Param]:
    if column.kind == "boolean":
        return (False, True)
    if column.categories:
        return column.categories
    raise SpecError(
        f"{FILE}: the test {test[:60]!r} does not say how {column.name!r} is changed", hint="add = 1, times = 1.1 or to = [ ... ]"
    )


def _refuse(schema: Schema, column: Column, value: Param, test: str) -> None:
    """SpecError for a value that no request could bring."""
    try:
        Contract([Schema(columns=(column,))]).row([value])
    except RequestError as error:
        raise SpecError(f"{FILE}: the test {test[:60]!r}: {error.message}", hint="write a value that a request may hold") from None


def _filled(column: Column, values: Array, value: Param) -> Array:
    return _array(column, [value] * len(values))


def _array(column: Column, values: Sequence[Param]) -> Array:
    if column.kind == "category":
        found = np.empty(len(values), dtype=object)
        found[:] = list(values)
        return found
    if any(value is None for value in values):
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    dtype = {"number": np.float64, "integer": np.int64, "boolean": np.bool_}[column.kind]
    return np.asarray([dtype(value) for value in values], dtype=dtype)


def _plain(column: Column, value: object) -> Value:
    if value is None or value != value:
        return None
    if column.kind == "category":
        return str(value)
    if column.kind == "boolean":
        return bool(value)
    if column.kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value  # type: ignore[return-value]  # a number of the column


def _same(old: object, value: Param) -> bool:
    return (old is None or old != old) if value is None else bool(old == value)
