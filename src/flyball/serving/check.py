"""A table held against the contract of a deployment: the same promises as for a request, column by column instead of row by row."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.schema import Column, did_you_mean
from flyball.core.table import Array, Table
from flyball.serving.contract import LARGEST_INTEGER, LARGEST_NUMBER, LONGEST_TEXT, Contract, shown


@record
class Problem:
    """What is wrong with a row, and in which column (empty: with the row as a whole)."""

    column: str
    error: str


@record
class Checked:
    """`problems`: the first one of each bad row, by its position in the table. `unseen`: rows with a category that was not in training."""

    problems: Mapping[int, Problem]
    unseen: Mapping[str, int]


def require_columns(contract: Contract, present: Iterable[str], where: str, *, hint: str = "") -> None:
    """DataError naming the first column that `where` does not have and the deployment cannot do without."""
    names = list(present)
    for name in contract.names[: contract.required]:
        if name not in names:
            raise DataError(
                f"{where} has no column {name!r}, which the model reads{did_you_mean(name, names)}",
                hint=hint or f"columns present: {', '.join(map(str, names[:40]))}",
            )


def check_table(contract: Contract, table: Table, *, refuse_unseen: bool = False) -> Checked:
    """Hold every value of the contract's columns against what a request may hold. The table must have the required columns."""
    problems: dict[int, Problem] = {}
    unseen: dict[str, int] = {}
    for position, column in enumerate(contract.columns):
        if column.name not in table:
            continue
        values = table[column.name]
        there = _present(values)
        if not column.nullable and position < contract.required and not there.all():
            _note(problems, ~there, column.name, "is empty, but it was never missing in training")
        if column.kind == "category":
            _texts(problems, unseen, column, values, refuse=refuse_unseen)
        elif values.dtype.kind in "fiu":
            _numbers(problems, column, values, there)
    return Checked(problems=problems, unseen=unseen)


def _texts(problems: dict[int, Problem], unseen: dict[str, int], column: Column, values: Array, *, refuse: bool) -> None:
    found = Counter(values.tolist())
    known = frozenset(column.categories)
    for text, rows in found.items():
        if text is None:
            continue
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            _note(problems, values == text, column.name, f"must be a text of at most {LONGEST_TEXT} characters")
        elif known and text not in known:
            unseen[column.name] = unseen.get(column.name, 0) + rows
            if refuse:
                _note(problems, values == text, column.name, f"has the category {shown(text)}, which did not occur in training")


def _numbers(problems: dict[int, Problem], column: Column, values: Array, there: NDArray[np.bool_]) -> None:
    numbers = values if values.dtype.kind == "f" else values.astype(np.float64)
    limit = LARGEST_NUMBER if column.kind == "number" else LARGEST_INTEGER
    # one pass each for the usual case: nothing is too large (NaN compares as false and is looked at only where it may be wrong)
    large = np.abs(numbers) > limit
    if large.any():
        for row in np.flatnonzero(large).tolist():
            _one(problems, row, column.name, f"is too large: {shown(numbers[row].item())}")
    if column.kind == "integer" and values.dtype.kind == "f":
        broken = there & (np.trunc(numbers) != numbers) & ~large
        for row in np.flatnonzero(broken).tolist():
            _one(problems, row, column.name, f"must be an integer, not {shown(numbers[row].item())}")


def _present(values: Array) -> NDArray[np.bool_]:
    if values.dtype.kind == "O":
        return np.asarray(values != None, dtype=np.bool_)  # noqa: E711 - elementwise
    if values.dtype.kind == "f":
        return ~np.isnan(values)
    return np.ones(len(values), dtype=np.bool_)


def _note(problems: dict[int, Problem], rows: Array, column: str, error: str) -> None:
    for row in np.flatnonzero(rows).tolist():
        _one(problems, row, column, error)


def _one(problems: dict[int, Problem], row: int, column: str, error: str) -> None:
    problems.setdefault(row, Problem(column=column, error=error))
