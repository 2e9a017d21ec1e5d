"""Whether the requests of late bring what a candidate reads: a version that cannot answer them is no candidate yet."""

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import because
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check


def needed_columns(champion: Schema, candidate: Schema) -> list[str]:
    """The columns a candidate cannot do without and that the champion's requests need not have brought."""
    nullable = {column.name: column.nullable for column in champion.columns}
    return [column.name for column in candidate.columns if not column.nullable and nullable.get(column.name, True)]


def lacking(features: Table, candidate: Schema) -> dict[str, NDArray[np.bool_]]:
    """The columns a candidate cannot do without that some of these requests lack, with the rows that do."""
    found = {
        column.name: absent(features[column.name]) if column.name in features else np.ones(features.rows, dtype=np.bool_)
        for column in candidate.columns
        if not column.nullable
    }
    return {name: rows for name, rows in found.items() if rows.any()}


def requested(features: Table, champion: Schema, candidate: Schema) -> list[Check]:
    """Undecided where requests that the champion answered lately lack a column the candidate cannot do without; else nothing."""
    missing = lacking(features, candidate)
    columns = [name for name in needed_columns(champion, candidate) if name in missing]
    if not columns:
        return []
    rows = int(np.logical_or.reduce([missing[name] for name in columns]).sum())
    reason = because("gate.column_absent", columns=", ".join(columns), absent=rows, rows=features.rows)
    return [Check(metric="", verdict=Verdict.UNDECIDED, reason=reason)]


def absent(values: Array) -> NDArray[np.bool_]:
    """Which values of a column are missing."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.fromiter((value is None for value in values.tolist()), dtype=np.bool_, count=len(values))
    return np.zeros(len(values), dtype=np.bool_)
