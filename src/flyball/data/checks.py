"""Data quality before training: what would make the training fail or mean nothing (errors), and what a person should know (warnings)."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from flyball.core.reason import Reason, Value, because
from flyball.core.schema import did_you_mean
from flyball.core.table import Array, Table
from flyball.core.window import format_duration, from_micros, to_micros
from flyball.data.category import text_of
from flyball.data.cells import NumberCells
from flyball.data.expectations import expected
from flyball.data.findings import Finding, Rows, finding, missing_rows, plain_finding, shown
from flyball.data.past import Past, reads_as_number, since_then
from flyball.data.repeats import repeated_rows
from flyball.data.snapshot import micros
from flyball.spec.records import Spec

# More distinct targets than this, most of them fractions, are numbers to predict and not classes.
MOST_CLASSES = 1000
# A column of text of which all but this part reads as numbers was meant to be one of numbers.
_FEW_WORDS = 0.1
_SAMPLE = 1000
_NEVER = np.iinfo(np.int64).min


def check(
    table: Table, spec: Spec, *, prepared: Table | None = None, past: Past | None = None, now: datetime | None = None
) -> list[Finding]:
    """Everything found, errors first. No error means that the table can be trained on as the spec says.

    `prepared`: the rows before any were left out, in which rules may name further columns and whose newest row tells how fresh the data
    is at `now`. `past`: what the data was when the champion was trained.
    """
    absent = list(_absent(table, spec))
    if table.rows == 0:
        empty = Finding(severity="error", column="", reason=because("data.empty", source=spec.data.source), rows=0, examples=())
        return [empty, *absent]
    whole = table if prepared is None else prepared
    found = [*absent, *_target(table, spec), *_features(table, spec), *_times(table, spec), *_ids(table, spec), *_copies(table, spec)]
    found += expected(table, whole, spec)
    if now is not None:
        found += _fresh(table, whole, spec, now)
    if past is not None:
        found += since_then(table, _feature_names(table, spec), past, spec)
    return sorted(found, key=lambda one: one.severity != "error")


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
    there = ~missing_rows(values)
    if not there.any():
        yield finding("error", name, "data.target_all_missing", ~there, table, spec)
        return
    if spec.model.task == "regression":
        numbers, failed = NumberCells.as_numbers(values)
        if failed is not None and failed.any():
            yield finding("error", name, "data.target_not_number", failed, table, spec, found=shown(values[failed][0]))
        elif np.isinf(numbers).any():
            yield finding("error", name, "data.infinite", np.isinf(numbers), table, spec)
        elif float(numbers[there].min()) == float(numbers[there].max()):
            yield finding("error", name, "data.target_constant", there, table, spec, found=shown(values[there][0]))
        return
    counts = Counter(text_of(value) for value in values[there].tolist())
    some = ", ".join(sorted(map(str, counts))[:6]) + (", …" if len(counts) > 6 else "")
    if len(counts) == 1:
        yield finding("error", name, "data.target_constant", there, table, spec, found=some)
    elif spec.model.task == "binary" and len(counts) > 2:
        yield finding("error", name, "data.target_not_binary", there, table, spec, classes=len(counts), found=some)
    elif len(counts) > MOST_CLASSES or _fractions(values[there]):
        yield finding("error", name, "data.target_not_classes", there, table, spec, classes=len(counts), found=some)
    else:
        few = min(counts.values())
        if few < 10:
            rarest = str(min(counts, key=lambda label: counts[label]))
            yield finding("warning", name, "data.rare_class", _equal(values, rarest), table, spec, found=rarest)


def _features(table: Table, spec: Spec) -> Iterator[Finding]:
    for name in _feature_names(table, spec):
        if name not in table:
            continue
        values = table[name]
        missing = missing_rows(values)
        if missing.all():
            yield finding("error", name, "data.all_missing", missing, table, spec)
            continue
        if values.dtype.kind == "f" and np.isinf(values).any():
            yield finding("error", name, "data.infinite", np.isinf(values), table, spec)
        if values.dtype.kind in "mM":
            yield finding("error", name, "data.time_as_feature", ~missing, table, spec)
        elif _constant(values[~missing]) and not missing.any():
            yield finding("warning", name, "data.constant", ~missing, table, spec, found=shown(values[0]))
        elif values.dtype.kind == "O":
            yield from _mixed(name, values, missing, table, spec)


def _mixed(name: str, values: Array, missing: Rows, table: Table, spec: Spec) -> Iterator[Finding]:
    """Text and numbers in one column: a model would take them for different categories. So it does where a few texts made text of all."""
    is_text = np.fromiter((isinstance(value, str) for value in values.tolist()), dtype=bool, count=len(values))
    odd = ~is_text & ~missing
    if is_text.any() and odd.any():
        fewer = odd if odd.sum() <= is_text.sum() else is_text
        yield finding("warning", name, "data.mixed_types", fewer, table, spec, found=shown(values[fewer][0]))
        return
    some = values[~missing][:: max(1, int(np.count_nonzero(~missing)) // _SAMPLE)].tolist()
    if sum(not reads_as_number(value) for value in some) > 5 * _FEW_WORDS * len(some):
        return  # words, as most text is: no need to look at all of them
    words = np.fromiter((not reads_as_number(value) for value in values.tolist()), dtype=bool, count=len(values)) & ~missing
    if 0 < words.sum() < _FEW_WORDS * np.count_nonzero(~missing):
        yield finding("warning", name, "data.mostly_numbers", words, table, spec, found=shown(values[words][0]))


def _times(table: Table, spec: Spec) -> Iterator[Finding]:
    at = {}
    for name, needed in ((spec.data.time, True), (spec.data.outcome_time, False)):
        if name is None or name not in table:
            continue
        values = table[name]
        missing = missing_rows(values)
        if needed and missing.any():
            yield finding("error", name, "data.time_missing", missing, table, spec)
        if values.dtype.kind == "M":
            at[name] = values
        else:
            yield from _read_times(name, values, missing, table, spec)
    if spec.data.time in at and spec.data.outcome_time in at:
        early = at[spec.data.outcome_time] < at[spec.data.time]
        if early.any():
            yield finding("warning", spec.data.outcome_time, "data.outcome_before_time", early, table, spec, time=spec.data.time)


def _read_times(name: str, values: Array, missing: Rows, table: Table, spec: Spec) -> Iterator[Finding]:
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
        yield finding("error", name, "data.time_unreadable", unreadable, table, spec, found=shown(values[unreadable][0]))
    if naive.any():
        yield finding("error", name, "data.time_naive", naive, table, spec, found=shown(values[naive][0]))


def _ids(table: Table, spec: Spec) -> Iterator[Finding]:
    for name, code in ((spec.data.id, "id"), (spec.data.unit, "unit")):
        if name is None or name not in table:
            continue
        missing = missing_rows(table[name])
        if missing.any():
            yield finding("warning", name, f"data.{code}_missing", missing, table, spec)
    if spec.data.id is not None and spec.data.id in table:
        counts = Counter(table[spec.data.id].tolist())
        twice = np.fromiter((counts[value] > 1 for value in table[spec.data.id].tolist()), dtype=bool, count=table.rows)
        twice &= ~missing_rows(table[spec.data.id])
        if twice.any():
            yield finding("warning", spec.data.id, "data.id_twice", twice, table, spec)


def _fresh(table: Table, whole: Table, spec: Spec, now: datetime) -> Iterator[Finding]:
    """Whether the newest row is too old: whatever writes the source may have stopped. Rows that lie after `now` tell nothing."""
    name, fresh = spec.data.time, spec.quality.fresh
    if fresh is None or name is None:
        return
    known = [micros(rows[name][~np.isnat(rows[name])]) for rows in (table, whole) if name in rows and rows[name].dtype.kind == "M"]
    past = [int(times[times <= to_micros(now)].max(initial=_NEVER)) for times in known]
    newest = max(past, default=_NEVER)
    if newest == _NEVER:
        return
    at = from_micros(newest)
    if now - at > fresh:
        days = (now - at).total_seconds() / 86400
        yield plain_finding("error", name, "data.stale", newest=f"{at:%Y-%m-%d %H:%M}", days=days, fresh=format_duration(fresh))


def _copies(table: Table, spec: Spec) -> Iterator[Finding]:
    """Rows that are exact copies of an earlier one. Where nothing tells events apart, equal rows may be different cases."""
    if spec.data.id is None and spec.data.time is None:
        return
    copies = repeated_rows(table.columns.values(), table.rows)
    if copies.any():
        yield finding("warning", "", "data.row_twice", copies, table, spec)


def _feature_names(table: Table, spec: Spec) -> tuple[str, ...]:
    if spec.data.features is not None:
        return spec.data.features
    return tuple(name for name in table.columns if name not in spec.data.roles)


def _constant(values: Array) -> bool:
    if values.dtype.kind == "O":
        return len(set(map(str, values.tolist()))) <= 1
    return bool((values == values[0]).all()) if len(values) else True


def _fractions(values: Array) -> bool:
    """More than 20 distinct numbers that are not whole: nobody's classes."""
    if values.dtype.kind != "f":
        return False
    return len(np.unique(values[values != np.floor(values)])) > 20


def _equal(values: Array, text: str) -> Rows:
    return np.fromiter((text_of(value) == text for value in values.tolist()), dtype=bool, count=len(values))
