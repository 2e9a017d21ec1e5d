"""Data quality before training: what would make the training fail or mean nothing (errors), and what a person should know (warnings)."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.core.table import Array, Table
from flyball.data.cells import NumberCells, text_of
from flyball.spec.records import Spec

EXAMPLES = 5
# More distinct targets than this, most of them fractions, are numbers to predict and not classes.
MOST_CLASSES = 1000


@record
class Finding:
    """Something about the data. An error blocks training. `examples`: ids of rows concerned (row numbers where there is no id column)."""

    severity: Literal["error", "warning"]
    column: str
    reason: Reason
    rows: int
    examples: tuple[str, ...]


def check(table: Table, spec: Spec) -> list[Finding]:
    """Everything found, errors first. No error means that the table can be trained on as the spec says."""
    absent = list(_absent(table, spec))
    if table.rows == 0:
        empty = Finding(severity="error", column="", reason=because("data.empty", source=spec.data.source), rows=0, examples=())
        return [empty, *absent]
    found = [*absent, *_target(table, spec), *_features(table, spec), *_times(table, spec), *_ids(table, spec)]
    return sorted(found, key=lambda finding: finding.severity != "error")


def _absent(table: Table, spec: Spec) -> Iterator[Finding]:
    """Columns the spec names and the data does not have."""
    for name in dict.fromkeys((*spec.data.roles, *(spec.data.features or ()), *spec.evaluate.slices)):
        if name not in table:
            near = did_you_mean(name, table.columns)
            values: dict[str, Value] = {"column": name, "near": near, "present": ", ".join(table.columns) or "-"}
            yield Finding(severity="error", column=name, reason=Reason(code="data.column_absent", values=values), rows=0, examples=())
    if spec.data.features is None and not _feature_names(table, spec):
        reason = because("data.no_features", present=", ".join(table.columns) or "-")
        yield Finding(severity="error", column="", reason=reason, rows=0, examples=())


def _target(table: Table, spec: Spec) -> Iterator[Finding]:
    name = spec.data.target
    if name not in table:
        return
    values = table[name]
    there = ~_missing(values)
    if not there.any():
        yield _finding("error", name, "data.target_all_missing", ~there, table, spec)
        return
    if spec.model.task == "regression":
        numbers, failed = NumberCells.as_numbers(values)
        if failed is not None and failed.any():
            yield _finding("error", name, "data.target_not_number", failed, table, spec, found=str(values[failed][0]))
        elif np.isinf(numbers).any():
            yield _finding("error", name, "data.infinite", np.isinf(numbers), table, spec)
        elif float(numbers[there].min()) == float(numbers[there].max()):
            yield _finding("error", name, "data.target_constant", there, table, spec, found=str(values[there][0]))
        return
    counts = Counter(text_of(value) for value in values[there].tolist())
    shown = ", ".join(sorted(map(str, counts))[:6]) + (", …" if len(counts) > 6 else "")
    if len(counts) == 1:
        yield _finding("error", name, "data.target_constant", there, table, spec, found=shown)
    elif spec.model.task == "binary" and len(counts) > 2:
        yield _finding("error", name, "data.target_not_binary", there, table, spec, classes=len(counts), found=shown)
    elif len(counts) > MOST_CLASSES or _fractions(values[there]):
        yield _finding("error", name, "data.target_not_classes", there, table, spec, classes=len(counts), found=shown)
    else:
        few = min(counts.values())
        if few < 10:
            rarest = str(min(counts, key=lambda label: counts[label]))
            yield _finding("warning", name, "data.rare_class", _equal(values, rarest), table, spec, found=rarest)


def _features(table: Table, spec: Spec) -> Iterator[Finding]:
    for name in _feature_names(table, spec):
        if name not in table:
            continue
        values = table[name]
        missing = _missing(values)
        if missing.all():
            yield _finding("error", name, "data.all_missing", missing, table, spec)
            continue
        if values.dtype.kind == "f" and np.isinf(values).any():
            yield _finding("error", name, "data.infinite", np.isinf(values), table, spec)
        if values.dtype.kind in "mM":
            yield _finding("error", name, "data.time_as_feature", ~missing, table, spec)
        elif _constant(values[~missing]) and not missing.any():
            yield _finding("warning", name, "data.constant", ~missing, table, spec, found=str(values[0]))
        elif values.dtype.kind == "O":
            yield from _mixed(name, values, missing, table, spec)


def _mixed(name: str, values: Array, missing: NDArray[np.bool_], table: Table, spec: Spec) -> Iterator[Finding]:
    """Text and numbers in one column: a model would take them for different categories."""
    is_text = np.fromiter((isinstance(value, str) for value in values.tolist()), dtype=bool, count=len(values))
    odd = ~is_text & ~missing
    if is_text.any() and odd.any():
        fewer = odd if odd.sum() <= is_text.sum() else is_text
        yield _finding("warning", name, "data.mixed_types", fewer, table, spec, found=str(values[fewer][0]))


def _times(table: Table, spec: Spec) -> Iterator[Finding]:
    at = {}
    for name, needed in ((spec.data.time, True), (spec.data.outcome_time, False)):
        if name is None or name not in table:
            continue
        values = table[name]
        missing = _missing(values)
        if needed and missing.any():
            yield _finding("error", name, "data.time_missing", missing, table, spec)
        if values.dtype.kind == "M":
            at[name] = values
        else:
            yield from _read_times(name, values, missing, table, spec)
    if spec.data.time in at and spec.data.outcome_time in at:
        early = at[spec.data.outcome_time] < at[spec.data.time]
        if early.any():
            yield _finding("warning", spec.data.outcome_time, "data.outcome_before_time", early, table, spec, time=spec.data.time)


def _read_times(name: str, values: Array, missing: NDArray[np.bool_], table: Table, spec: Spec) -> Iterator[Finding]:
    """Times that did not arrive as times: which of them cannot be read, and which have no zone."""
    unreadable, naive = missing.copy(), missing.copy()
    unreadable[:] = naive[:] = False
    for row in np.flatnonzero(~missing):
        value = values[row]
        try:
            time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except (TypeError, ValueError):
            unreadable[row] = True
        else:
            naive[row] = time.tzinfo is None
    if unreadable.any():
        yield _finding("error", name, "data.time_unreadable", unreadable, table, spec, found=str(values[unreadable][0]))
    if naive.any():
        yield _finding("error", name, "data.time_naive", naive, table, spec, found=str(values[naive][0]))


def _ids(table: Table, spec: Spec) -> Iterator[Finding]:
    for name, code in ((spec.data.id, "id"), (spec.data.unit, "unit")):
        if name is None or name not in table:
            continue
        missing = _missing(table[name])
        if missing.any():
            yield _finding("warning", name, f"data.{code}_missing", missing, table, spec)
    if spec.data.id is not None and spec.data.id in table:
        counts = Counter(table[spec.data.id].tolist())
        twice = np.fromiter((counts[value] > 1 for value in table[spec.data.id].tolist()), dtype=bool, count=table.rows)
        twice &= ~_missing(table[spec.data.id])
        if twice.any():
            yield _finding("warning", spec.data.id, "data.id_twice", twice, table, spec)


def _finding(
    severity: Literal["error", "warning"], column: str, code: str, rows: NDArray[np.bool_], table: Table, spec: Spec, **values: Value
) -> Finding:
    """A finding about some rows, with the ids of the first of them."""
    first = np.flatnonzero(rows)[:EXAMPLES]
    ids = table[spec.data.id] if spec.data.id is not None and spec.data.id in table else None
    examples = tuple(str(row if ids is None else ids[row]) for row in first.tolist())
    count = int(rows.sum())
    reason = Reason(code=code, values={"column": column, "rows": count, "examples": ", ".join(examples), **values})
    return Finding(severity=severity, column=column, reason=reason, rows=count, examples=examples)


def _feature_names(table: Table, spec: Spec) -> tuple[str, ...]:
    if spec.data.features is not None:
        return spec.data.features
    return tuple(name for name in table.columns if name not in spec.data.roles)


def _missing(values: Array) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype.kind == "O":
        return np.fromiter((text_of(value) is None for value in values.tolist()), dtype=bool, count=len(values))
    return np.zeros(len(values), dtype=bool)


def _constant(values: Array) -> bool:
    if values.dtype.kind == "O":
        return len(set(map(str, values.tolist()))) <= 1
    return bool((values == values[0]).all()) if len(values) else True


def _fractions(values: Array) -> bool:
    """More than 20 distinct numbers that are not whole: nobody's classes."""
    if values.dtype.kind != "f":
        return False
    return len(np.unique(values[values != np.floor(values)])) > 20


def _equal(values: Array, text: str) -> NDArray[np.bool_]:
    return np.fromiter((text_of(value) == text for value in values.tolist()), dtype=bool, count=len(values))
