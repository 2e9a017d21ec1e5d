"""From prepared history to a replay: what was known at a time, and which rows ask for a prediction when."""

from bisect import bisect_right
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError, SpecError
from flyball.core.table import Array, Table
from flyball.core.window import from_micros, to_micros
from flyball.data.snapshot import as_text, micros, present
from flyball.data.source import Prepared, feature_names, require_columns
from flyball.loop.backtest.records import NEVER, Plan, Stream
from flyball.spec.records import VALUE, DataSpec, Spec, Task

_DAY = timedelta(days=1)
# What share of the history the first champion learns from, where nobody says when the replay is to start.
_FIRST_SHARE = 0.2


def require_times(data: DataSpec) -> None:
    """SpecError if the spec does not say when rows happened and when their outcomes became known."""
    if data.time is None:
        raise SpecError(
            "a backtest replays rows in the order they happened, and the spec names no column of times",
            hint='add it to flyball.toml: [data] time = "..."',
        )
    if data.outcome_time is None:
        raise SpecError(
            "a backtest must know when each outcome became known, or it would learn from the future",
            hint='add it to flyball.toml: [data] outcome_time = "..." (a column; make it in a prepare step if it follows from others)',
        )


def span_of(prepared: Prepared, data: DataSpec) -> tuple[datetime, datetime]:
    """The first and the last time of the history; DataError without rows or with rows that have no time."""
    require_times(data)
    require_columns(prepared.table, data.roles, "flyball.toml")
    times = prepared.table[data.time or ""]
    if not len(times):
        raise DataError("the history has no rows", hint=f"look at {data.source}")
    if np.isnat(times).any():
        raise DataError(f"{int(np.isnat(times).sum())} rows of the history have no {data.time}", hint="drop them in a prepare step")
    known = micros(times)
    return from_micros(int(known.min())), from_micros(int(known.max()))


def default_start(first: datetime, last: datetime) -> datetime:
    """The midnight after a fifth of the history."""
    return midnight(first + (last - first) * _FIRST_SHARE) + _DAY


def default_end(last: datetime) -> datetime:
    """The midnight after the last row."""
    return midnight(last) + _DAY


def midnight(at: datetime) -> datetime:
    """The midnight (UTC) at or before a time."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def known_by(prepared: Prepared, data: DataSpec, now: datetime) -> Prepared:
    """The history as it stood at a time: no row of later, and no outcome that became known at that time or later."""
    table, until = prepared.table, to_micros(now)
    table = table.take(micros(table[data.time or ""]) < until)
    told = table[data.outcome_time or ""].astype("datetime64[us]").copy()
    hidden = np.isnat(told) | (micros(told) >= until)
    told[hidden] = np.datetime64("NaT")
    masked = table.with_columns({data.outcome_time or "": told, data.target: _without(table[data.target], hidden)})
    return Prepared(table=masked, booleans=prepared.booleans, files=prepared.files, steps=prepared.steps, warnings=prepared.warnings)


def make_stream(prepared: Prepared, spec: Spec, plan: Plan) -> Stream:
    """The rows with start <= time < end, in order of time and then as they stood; DataError if there are none."""
    data = spec.data
    times = micros(prepared.table[data.time or ""])
    inside = np.flatnonzero((times >= to_micros(plan.start)) & (times < to_micros(plan.end)))
    if not len(inside):
        first, last = span_of(prepared, data)
        raise DataError(
            f"no row of the history lies between {plan.start:%Y-%m-%d} and {plan.end:%Y-%m-%d}",
            hint=f"the history is from {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        )
    inside = inside[np.argsort(times[inside], kind="stable")]
    table = prepared.table.take(inside)
    at = times[inside]
    truth = _labels(table[data.target], spec.model.task, boolean=data.target in prepared.booleans)
    told = table[data.outcome_time or ""].astype("datetime64[us]")
    there = np.array([label is not None for label in truth], dtype=np.bool_) & ~np.isnat(told)
    truth_at = np.where(there, micros(told), NEVER)
    truth[~there] = None
    entity, unit = (_texts(table, name, len(at)) for name in (data.id, data.unit))
    came = _joined(at, entity, truth_at, data)
    features = feature_names(prepared.table, data)
    return Stream(
        ids=np.array([f"b{number:09d}" for number in range(len(at))], dtype=object),
        entity=entity,
        unit=unit,
        at=at,
        actual=_where(came, truth, None),
        outcome_at=_where(came, truth_at, NEVER),
        truth=truth,
        truth_at=truth_at,
        value=_where(came, _values(table, (*features, *data.roles)), np.nan),
        features=Table({name: _logged(table[name]) for name in features}),
    )


def _joined(at: NDArray[np.int64], entity: NDArray[np.object_], truth_at: NDArray[np.int64], data: DataSpec) -> NDArray[np.int64]:
    """The row whose outcome a server takes for each row's (-1: none): told by prediction, or, where the spec has ids, joined by id within
    `matures`. One that lies before its prediction is refused by every server.
    """
    rows = np.arange(len(at), dtype=np.int64)
    there = (truth_at != NEVER) & (truth_at >= at)
    if data.id is None:
        return np.where(there, rows, -1)
    within = round(data.matures.total_seconds() * 1e6) or NEVER
    if len(set(entity.tolist())) == len(entity):
        return np.where(there & (truth_at - at <= within), rows, -1)
    came = np.full(len(at), -1, dtype=np.int64)
    same: dict[object, list[int]] = {}
    for row, name in enumerate(entity.tolist()):
        same.setdefault(name, []).append(row)
    for row in np.argsort(truth_at, kind="stable").tolist():
        when = int(truth_at[row])
        if when == NEVER:
            break
        theirs = same[entity[row]]
        place = bisect_right(theirs, when, key=lambda number: int(at[number])) - 1
        found = theirs[place] if place >= 0 else -1
        ambiguous = place > 0 and at[theirs[place - 1]] == at[found]
        if found >= 0 and not ambiguous and when - int(at[found]) <= within and came[found] < 0:
            came[found] = row
    return came


def _where(came: NDArray[np.int64], values: Array, nothing: object) -> Array:
    """The values of these rows, and `nothing` where there is none."""
    found = values[came].copy()
    found[came < 0] = nothing
    return found


def _values(table: Table, others: tuple[str, ...]) -> NDArray[np.float64]:
    """What outcomes were worth: the column `value`, as in files of outcomes, if it is there and nothing else."""
    if VALUE not in table or VALUE in others or table[VALUE].dtype.kind not in "fiub":
        return np.full(table.rows, np.nan)
    return np.asarray(table[VALUE], dtype=np.float64)


def _texts(table: Table, name: str | None, rows: int) -> NDArray[np.object_]:
    if name is None:
        return np.full(rows, None, dtype=object)
    found: NDArray[np.object_] = as_text(table[name])
    return found


def _labels(values: Array, task: Task, *, boolean: bool) -> NDArray[np.object_]:
    """Outcomes as labels: whole numbers where only missing ones made them floats, None where there is none."""
    there = present(values)
    if task == "regression":
        plain = values.astype(np.float64)
    elif boolean and values.dtype.kind == "f":
        plain = np.nan_to_num(values) != 0
    elif values.dtype.kind == "f" and np.array_equal(values[there], np.trunc(values[there])):
        plain = np.nan_to_num(values).astype(np.int64)
    else:
        plain = values
    found = np.empty(len(values), dtype=object)
    found[:] = plain.tolist()
    found[~there] = None
    return found


def _logged(values: Array) -> Array:
    """A feature as a prediction log keeps it: numbers as float64, true and false and text as they are."""
    return values.astype(np.float64) if values.dtype.kind in "iu" else values


def _without(values: Array, hidden: NDArray[np.bool_]) -> Array:
    """The values with these missing."""
    if not hidden.any():
        return values
    masked = values.copy() if values.dtype.kind in "fO" else values.astype(np.float64)
    masked[hidden] = None if masked.dtype.kind == "O" else np.nan
    return masked
