"""Rows that no training learns from, whoever trains and however often: what a version says of them cannot have been taught by anybody.

They are chosen by a hash of what names a row, so that they are the same in every training, and labels that arrived before a champion
was made speak for what was true then, however labels are told today.
"""

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Table
from flyball.data.records import Split
from flyball.data.snapshot import as_text, micros
from flyball.data.split import held_out
from flyball.spec.records import DataSpec, EvaluateSpec
from flyball.stats.assignment import in_shares

# A smaller table cannot spare rows, and what it could spare would tell nothing.
LEAST_ROWS = 1000
_SEED = "untouched"


def untouched_rule(evaluate: EvaluateSpec, data: DataSpec, rows: int) -> str:
    """The name of the rule that keeps rows out of every training of a table of so many rows; empty if none does.

    Where the held-out rows are chosen by a hash themselves, they are these rows. Two versions made under one name learned from none of
    the rows it chooses.
    """
    by_hash = held_out(evaluate.split, data)
    if by_hash:
        return by_hash
    key = _key(data)
    if not evaluate.untouched or evaluate.split.by != "time" or rows < LEAST_ROWS or not key:
        return ""
    return f"{key} untouched {evaluate.untouched:g}"


def untouched_rows(table: Table, data: DataSpec, evaluate: EvaluateSpec) -> NDArray[np.bool_]:
    """Which rows the share `untouched` chooses: by the id, else by unit and time, else by time."""
    if data.id is not None:
        keys = as_text(table[data.id])
    elif data.time is not None:
        times = micros(table[data.time]).astype(str).astype(object)
        keys = (
            times
            if data.unit is None
            else np.array([f"{unit}@{at}" for unit, at in zip(table[data.unit], times, strict=True)], dtype=object)
        )
    else:
        return np.zeros(table.rows, dtype=np.bool_)
    named = np.array([key is not None for key in keys.tolist()], dtype=np.bool_)
    return in_shares([key or "" for key in keys.tolist()], _SEED, evaluate.untouched) & named


def spare(split: Split, table: Table, data: DataSpec, evaluate: EvaluateSpec) -> Split:
    """The split, its training without the untouched rows. Rows held out stay held out."""
    if not untouched_rule(evaluate, data, table.rows) or evaluate.split.by != "time":
        return split
    kept = ~untouched_rows(table, data, evaluate)
    return Split(train=split.train[kept[split.train]], test=split.test, cut_at=split.cut_at)


def _key(data: DataSpec) -> str:
    if data.id is not None:
        return data.id
    return " ".join(name for name in (data.unit, data.time) if name is not None) if data.time is not None else ""
