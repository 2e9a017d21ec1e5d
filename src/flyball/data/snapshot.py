"""The exact rows of a training: which source and logged rows belong to it, and in which order. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.table import Array, Table, concat
from flyball.core.window import from_micros, to_micros
from flyball.data.source import Prepared, feature_names, require_columns
from flyball.spec.records import DataSpec, Task

Mode = Literal["source", "log", "source+log"]
# The column of a snapshot that says how many rows like it each stands for, if not all stand for one. No column of anybody's data.
WEIGHT = "flyball weight"


@record
class Rows:
    """The rows of a snapshot, every one with its target, sorted by time and id. `logged` of them came from the prediction log."""

    table: Table
    features: tuple[str, ...]
    booleans: frozenset[str]
    logged: int


def assemble(
    prepared: Prepared,
    logged: Table | None,
    data: DataSpec,
    *,
    task: Task,
    slices: Sequence[str] = (),
    mode: Mode = "source",
    window: timedelta | None = None,
    now: datetime,
) -> Rows:
    """The rows whose outcome was known before `now`, of the last `window` of time (None: all), from the source, the log or both.

    `logged` has the features by name and the spec's id, unit, time, outcome_time and target; its values take the types the source has.
    A row of the log replaces the source's rows of the same id. While the log has no row, `mode = "log"` means the source.
    With `no_outcome = "negative"` a matured row without a target counts as the negative class; one of the log only where nothing else
    tells what became of its id. Where `logged` has the column `WEIGHT`, so have the rows, unless all weigh 1; the source's weigh 1.
    """
    source = prepared.table
    require_columns(source, data.roles, "flyball.toml")
    features = feature_names(source, data)
    require_columns(source, slices, "evaluate.slices")
    if not source.rows:
        raise DataError("the data has no rows", hint=f"look at {data.source} and at what the prepare steps leave of it")
    names = list(dict.fromkeys([*data.roles[:-1], *features, *slices, data.target]))
    chosen = _as_text(_labelled(source.select(names), data, task, now), data)
    if logged is not None and WEIGHT in logged:
        chosen = chosen.with_columns({WEIGHT: np.ones(chosen.rows)})
        names.append(WEIGHT)
    types = {name: chosen[name].dtype for name in names}
    given = 0
    if logged is not None and logged.rows and mode != "source":
        told, silent = _told_and_silent(_as_text(_typed(logged, types, features, data), data), data)
        recent = _learnable(_last_of_each_id(told, data), data, window, now)
        rest = _without_ids(chosen, recent, data)
        silent = _learnable(_last_of_each_id(_negatives(silent, chosen, recent, data, mode), data), data, window, now)
        given = recent.rows + silent.rows
        chosen = concat([recent, silent]) if mode == "log" and given else concat([rest, recent, silent])
    chosen = _learnable(chosen, data, window, now)
    if not chosen.rows:
        raise DataError(
            f"none of the {source.rows} rows has an outcome that was known before {now:%Y-%m-%d %H:%M} UTC",
            hint="look at data.target, data.outcome_time, data.matures and retrain.window",
        )
    ordered = chosen.take(_order(chosen, data))
    ordered = ordered.with_columns({data.target: _tidy_target(ordered[data.target], task)})
    if WEIGHT in ordered and (ordered[WEIGHT] == 1).all():
        ordered = ordered.select([name for name in names if name != WEIGHT])
    booleans = frozenset(name for name in names if name in prepared.booleans or (name in ordered and ordered[name].dtype.kind == "b"))
    return Rows(table=ordered, features=features, booleans=booleans, logged=given)


def known_at(table: Table, data: DataSpec) -> NDArray[np.int64] | None:
    """When each row may be learned from, in microseconds since 1970: at `outcome_time`, but not before `time` + `matures`.

    Outcomes that come early are a biased sample (a customer who leaves is known at once, one who stays only at the end), so a row
    counts from a fixed age on, like a prediction in the monitoring. None without times.
    """
    if data.time is None and data.outcome_time is None:
        return None
    found = np.full(table.rows, np.iinfo(np.int64).min, dtype=np.int64)
    if data.time is not None:
        found = micros(table[data.time]) + round(data.matures.total_seconds() * 1e6)
    if data.outcome_time is not None:
        told = table[data.outcome_time]
        found = np.where(np.isnat(told), found, np.maximum(found, micros(told)))
    return found


def micros(times: Array) -> NDArray[np.int64]:
    """Microseconds since 1970 of a column of times."""
    return times.astype("datetime64[us]").astype(np.int64)


def present(values: Array) -> NDArray[np.bool_]:
    """Which values are not missing."""
    if values.dtype.kind == "O":
        return np.array([value is not None for value in values], dtype=np.bool_)
    if values.dtype.kind == "f":
        return ~np.isnan(values)
    if values.dtype.kind == "M":
        return ~np.isnat(values)
    return np.ones(len(values), dtype=np.bool_)


def _labelled(table: Table, data: DataSpec, task: Task, now: datetime) -> Table:
    """Rows with a target. With `no_outcome = "negative"` a matured row without one counts as the first class."""
    there = present(table[data.target])
    if there.all() or data.no_outcome != "negative" or task != "binary" or data.time is None:
        return table.take(there) if not there.all() else table
    ripe = micros(table[data.time]) + round(data.matures.total_seconds() * 1e6) < to_micros(now)
    target = table[data.target].copy()
    if (~there & ripe).any():
        target[~there & ripe] = negative_class(target[there].tolist(), data.target)
    return table.with_columns({data.target: target}).take(there | ripe)


def negative_class(told: Sequence[object], target: str) -> object:
    """What a row without outcome counts as: the first class. Where every outcome that was told is the same, 0 or false if it is not that.

    DataError where that is a text: it does not say what its opposite is called.
    """
    classes = set(told)
    if len(classes) > 1:
        return min(classes)  # type: ignore[type-var]  # classes of one column can be ordered
    if not classes:
        return 0
    (only,) = classes
    if isinstance(only, str):
        raise DataError(
            f"every outcome in {target!r} is {only!r}: what a row without outcome counts as is not known",
            hint='write 1 and leave the rest empty, or give some rows of the other class, or set data.no_outcome = "exclude"',
        )
    return False if isinstance(only, bool) else 0


def _told_and_silent(logged: Table, data: DataSpec) -> tuple[Table, Table]:
    """The logged rows with an outcome and, where they count, those without: the log gave only matured ones of them."""
    there = present(logged[data.target])
    silent = ~there if data.no_outcome == "negative" else np.zeros(logged.rows, dtype=np.bool_)
    return logged.take(there), logged.take(silent)


def _negatives(silent: Table, source: Table, told: Table, data: DataSpec, mode: Mode) -> Table:
    """The logged rows without outcome, as the negative class; not those whose id an outcome was told of."""
    for other in (told,) if mode == "log" else (source, told):
        silent = _without_ids(silent, other, data)
    if not silent.rows:
        return silent
    known = [*source[data.target].tolist(), *told[data.target].tolist()]
    target = silent[data.target].copy()
    target[:] = negative_class(known, data.target)
    return silent.with_columns({data.target: target})


def _learnable(table: Table, data: DataSpec, window: timedelta | None, now: datetime) -> Table:
    """Rows whose outcome was known before `now` and whose time lies in the window."""
    keep = np.ones(table.rows, dtype=np.bool_)
    known = known_at(table, data)
    if known is not None:
        keep &= known < to_micros(now)
    if data.time is not None:
        times = table[data.time]
        if np.isnat(times).any():
            raise DataError(
                f"{int(np.isnat(times).sum())} rows have no {data.time}", hint="drop them in a prepare step, or leave out data.time"
            )
        if window is not None:
            keep &= micros(times) >= to_micros(now) - round(window.total_seconds() * 1e6)
    return table if keep.all() else table.take(keep)


def _as_text(table: Table, data: DataSpec) -> Table:
    """Ids and units as text, which is what a prediction's log keeps of them."""
    return table.with_columns({name: as_text(table[name]) for name in (data.id, data.unit) if name is not None})


def as_text(values: Array) -> Array:
    """Ids as text: whole numbers without a point, also where missing ones made them floats; None where there is none."""
    if values.dtype.kind == "f" and np.array_equal(values[~np.isnan(values)], np.trunc(values[~np.isnan(values)])):
        return np.array([None if value != value else str(int(value)) for value in values.tolist()], dtype=object)
    return np.array([None if value is None or value != value else str(value) for value in values.tolist()], dtype=object)


def _typed(logged: Table, types: Mapping[str, np.dtype[np.generic]], features: Sequence[str], data: DataSpec) -> Table:
    """The log's rows with the source's columns and types. What the log never has (a column only slices use) is missing there."""
    columns: dict[str, Array] = {}
    for name, wanted in types.items():
        if name in logged:
            columns[name] = _cast(name, logged[name], wanted)
        elif name in features or name == data.target:
            raise DataError(
                f"the prediction log has no feature {name!r}, which the spec now asks for", hint='set retrain.from = "source" until it has'
            )
        else:
            nothing = np.full(logged.rows, None, dtype=object)
            columns[name] = nothing if wanted.kind == "O" else nothing.astype("datetime64[us]" if wanted.kind == "M" else np.float64)
    return Table(columns)


def _cast(name: str, values: Array, wanted: np.dtype[np.generic]) -> Array:
    """Logged values in the type of the source's column; numbers with missing values stay floats."""
    try:
        if wanted.kind == "O":
            return np.array([None if v is None or v != v else v if isinstance(v, str) else str(v) for v in values.tolist()], dtype=object)
        if wanted.kind == "M":
            return values.astype("datetime64[us]")
        there = present(values)
        if wanted.kind in "iub" and there.all():
            return values.astype(np.float64).astype(wanted) if values.dtype.kind == "O" else values.astype(wanted)
        return np.array([np.nan if v is None else float(v) for v in values.tolist()], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} of the prediction log does not fit the source's type {wanted}: {error}") from error


def _last_of_each_id(table: Table, data: DataSpec) -> Table:
    if data.id is None:
        return table
    last = {value: row for row, value in enumerate(table[data.id].tolist()) if value is not None}
    keep = np.array([value is None or last[value] == row for row, value in enumerate(table[data.id].tolist())], dtype=np.bool_)
    return table.take(keep)


def _without_ids(source: Table, logged: Table, data: DataSpec) -> Table:
    if data.id is None:
        return source
    told = set(logged[data.id].tolist()) - {None}
    return source.take(np.array([value not in told for value in source[data.id].tolist()], dtype=np.bool_))


def _order(table: Table, data: DataSpec) -> NDArray[np.int64]:
    """By time, then id, then where the row stood."""
    keys: list[Array] = []
    if data.id is not None:
        keys.append(np.unique(np.array([value or "" for value in table[data.id].tolist()], dtype=str), return_inverse=True)[1])
    if data.time is not None:
        keys.append(micros(table[data.time]))
    return np.lexsort(keys).astype(np.int64) if keys else np.arange(table.rows, dtype=np.int64)


def _tidy_target(values: Array, task: Task) -> Array:
    """Classes that became floats only because labels were missing elsewhere are whole numbers again; regression targets are floats."""
    if task == "regression":
        if values.dtype.kind not in "fiub":
            raise DataError(
                "the target of a regression must be a number", hint='set model.task = "binary" or "multiclass" for text targets'
            )
        return values.astype(np.float64)
    if values.dtype.kind == "f" and np.array_equal(values, np.trunc(values)):
        return values.astype(np.int64)
    return values


def span(table: Table, data: DataSpec) -> tuple[datetime | None, datetime | None]:
    """First and last time of the rows."""
    if data.time is None or not table.rows:
        return None, None
    times = table[data.time]
    return _moment(times.min()), _moment(times.max())


def _moment(value: np.datetime64) -> datetime:
    return from_micros(int(value.astype("datetime64[us]").astype(np.int64)))
