"""What is found about data: a reason, how many rows it concerns, and the ids of some of them."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, Value
from flyball.core.record import record
from flyball.core.table import Array, Table
from flyball.data.category import text_of
from flyball.spec.records import Spec

Severity = Literal["error", "warning"]
Rows = NDArray[np.bool_]

EXAMPLES = 5
_LONGEST = 80


@record
class Finding:
    """Something about the data. An error blocks training. `examples`: ids of rows concerned (row numbers where there is no id column)."""

    severity: Severity
    column: str
    reason: Reason
    rows: int
    examples: tuple[str, ...]


def finding(severity: Severity, column: str, code: str, rows: Rows, table: Table, spec: Spec, **values: Value) -> Finding:
    """A finding about some rows of a table, with the ids of the first of them."""
    first = np.flatnonzero(rows)[:EXAMPLES]
    ids = table[spec.data.id] if spec.data.id is not None and spec.data.id in table else None
    examples = tuple(shown(row if ids is None else ids[row]) for row in first.tolist())
    count = int(np.count_nonzero(rows))
    reason = Reason(code=code, values={"column": column, "rows": count, "of": table.rows, "examples": ", ".join(examples), **values})
    return Finding(severity=severity, column=column, reason=reason, rows=count, examples=examples)


def plain_finding(severity: Severity, column: str, code: str, **values: Value) -> Finding:
    """A finding about a column or the data as a whole, not about some of its rows."""
    return Finding(severity=severity, column=column, reason=Reason(code=code, values={"column": column, **values}), rows=0, examples=())


def missing_rows(values: Array) -> Rows:
    """Which rows have no value. The empty text is none."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype.kind == "O":
        return np.fromiter((text_of(value) is None for value in values.tolist()), dtype=bool, count=len(values))
    return np.zeros(len(values), dtype=bool)


def shown(value: object) -> str:
    """A value of somebody's data as it may stand in a sentence: not longer than a line."""
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
