"""Rows made to find where a compiled model could differ: real rows, each with one value moved to where a decision changes."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table

_ROWS = 600
_PLAIN = 20  # rows left as they are: pandas gives a column of nothing but missing texts another type than it had in training
_CUTS = 12  # for each column
_UNSEEN = "a category nobody saw"
_LARGE = 3e38  # near the largest float32; larger numbers never reach a model


def edge_rows(schema: Schema, test: Table, cuts: Mapping[str, NDArray[np.float64]]) -> dict[str, Table]:
    """Rows by kind: "ties" (values on a cut and beside it, whole numbers), "large", "missing", "infinite", "unseen" (categories).

    `cuts`: for each number column the values at which the model decides, as far as they are known; else quantiles of the data serve.
    Only what the schema allows is made, so each kind may be empty. Deterministic.
    """
    rng = np.random.default_rng(20)
    kinds: dict[str, list[tuple[int, str, Any]]] = {"ties": [], "large": [], "missing": [], "infinite": [], "unseen": []}
    for column in schema.columns:
        for kind, value in _values(column, test[column.name], cuts.get(column.name, np.empty(0)), rng):
            kinds[kind].append((int(rng.integers(test.rows)), column.name, value))
    found = {}
    for kind, changes in kinds.items():
        if changes:
            some = [changes[at] for at in np.sort(rng.permutation(len(changes))[:_ROWS]).tolist()]
            found[kind] = _changed(schema, test, some)
    return found


def _values(column: Column, values: Array, cuts: NDArray[np.float64], rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    if column.kind == "category":
        yield "unseen", _UNSEEN
        for category in column.categories[:_CUTS]:
            yield "ties", category
        if column.nullable:
            yield "missing", None
        return
    if column.kind == "boolean":
        yield from (("ties", 0.0), ("ties", 1.0))
    else:
        numbers = values.astype(np.float64)
        cuts = cuts[np.isfinite(cuts) & (np.abs(cuts) <= _LARGE)]
        if not len(cuts) and np.isfinite(numbers).any():
            cuts = np.quantile(numbers[np.isfinite(numbers)], np.linspace(0, 1, _CUTS))
        for cut in rng.permutation(cuts)[:_CUTS].tolist():
            if column.kind == "integer":
                yield from (("ties", float(np.floor(cut))), ("ties", float(np.floor(cut) + 1)))
                continue
            narrow = np.float32(cut)
            beside = (np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf), np.round(cut))
            around = (np.nextafter(narrow, np.float32(-np.inf)), narrow, np.nextafter(narrow, np.float32(np.inf)))
            for value in (cut, *beside, *around):
                yield "ties", float(value)
        if column.kind == "number":
            yield from (("large", _LARGE), ("large", -_LARGE), ("infinite", np.inf), ("infinite", -np.inf))
    if column.nullable:
        yield "missing", np.nan


def _changed(schema: Schema, test: Table, changes: list[tuple[int, str, Any]]) -> Table:
    plain = range(min(_PLAIN, test.rows))
    rows = test.select(schema.names).take(np.array([*(row for row, _, _ in changes), *plain]))
    columns = {name: values.copy() for name, values in rows.columns.items()}
    for at, (_, name, value) in enumerate(changes):
        values = columns[name]
        if values.dtype.kind in "iub" and not (isinstance(value, float) and value.is_integer() and abs(value) < 2**53):
            columns[name] = values = values.astype(np.float64)
        values[at] = value
    return Table(columns)
