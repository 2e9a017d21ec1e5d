"""Logged requests as rows that versions can be asked again: the newest of all versions, each once, in the columns both read."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.core.window import Window, to_micros
from flyball.evaluation.replay_records import Requests
from flyball.loop.making.requested import lacking
from flyball.ports.history import PredictionLog
from flyball.registry.records import Manifest
from flyball.spec.records import DataSpec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@record
class Logged:
    """Answered requests in order of event time. `bare`: how many of those that were looked at had no features and are not here."""

    ids: NDArray[np.object_]
    at: NDArray[np.int64]
    actual: NDArray[np.object_]
    features: Table
    bare: int


def logged_requests(log: PredictionLog, model: str, window: Window, newest: int) -> Logged:
    """The newest answered requests of a model in a window, whichever version answered them; what shadows said is no request."""
    parts = [log.rows(model, version, window, features=True, newest=newest) for version in sorted(log.count(model, window))]
    parts = [part for part in parts if len(part.at) and part.features is not None]
    if not parts:
        nothing = np.empty(0, dtype=object)
        return Logged(ids=nothing, at=np.empty(0, dtype=np.int64), actual=nothing, features=Table({}), bare=0)
    ids, at, actual = (np.concatenate([getattr(part, name) for part in parts]) for name in ("prediction_id", "at", "actual"))
    bare = np.concatenate([np.zeros(len(part.at), dtype=np.bool_) if part.bare is None else part.bare for part in parts])
    features = stacked([part.features for part in parts if part.features is not None])
    order = np.argsort(at, kind="stable")
    once = {ids[place]: place for place in order.tolist()}  # a shadow repeats the id of the row it heard
    chosen = np.array(list(once.values())[-newest:], dtype=np.int64)
    held = chosen[~bare[chosen]]
    return Logged(ids=ids[held], at=at[held], actual=actual[held], features=features.take(held), bare=len(chosen) - len(held))


def stacked(tables: Sequence[Table]) -> Table:
    """The rows of tables one after the other; a column that a table does not have is missing there."""
    if len(tables) == 1:
        return tables[0]
    names = dict.fromkeys(name for table in tables for name in table.columns)
    return Table({name: _column([table.columns.get(name) for table in tables], [table.rows for table in tables]) for name in names})


def answerable(
    logged: Logged, champion: Manifest, candidate: Manifest, data: DataSpec, *, now: datetime
) -> tuple[Requests, tuple[Reason, ...]]:
    """The requests that bring every column the candidate needs, and why the others are left out.

    An outcome counts when its row has matured, and only where the row is later than what either version learned from.
    """
    left_out = [because("replay.no_features", rows=logged.bare)] if logged.bare else []
    missing = lacking(logged.features, candidate.schema) if len(logged.ids) else {}
    keep = ~np.logical_or.reduce([*missing.values(), np.zeros(len(logged.ids), dtype=np.bool_)])
    if missing:
        names = ", ".join(missing)
        left_out.append(because("replay.column_missing", rows=int(np.count_nonzero(~keep)), columns=names))
    at, actual = logged.at[keep], logged.actual[keep].copy()
    ripe = at + round(data.matures.total_seconds() * 1e6) <= to_micros(now)
    if data.no_outcome == "negative" and candidate.task == "binary":
        silent = np.array([value is None for value in actual.tolist()], dtype=np.bool_)
        actual[silent & ripe] = candidate.classes[0]
    actual[~ripe] = None
    ends = [to_micros(end) for end in (champion.trained_until, candidate.trained_until) if end is not None]
    fresh = at > max(ends) if len(ends) == 2 else np.zeros(len(at), dtype=np.bool_)
    day = at // 86_400_000_000
    return Requests(ids=logged.ids[keep], day=day, features=logged.features.take(keep), actual=actual, fresh=fresh), tuple(left_out)


def readable(features: Table, schema: Schema) -> Table:
    """The columns of a schema in its order; those that nobody sent, and numbers nobody knew, are missing numbers or texts."""
    columns: dict[str, Array] = {}
    for column in schema.columns:
        values = features.columns.get(column.name)
        if values is None or (values.dtype.kind == "O" and column.kind != "category" and all(value is None for value in values.tolist())):
            empty: Array = np.full(features.rows, None, dtype=object)
            values = empty if column.kind == "category" else np.full(features.rows, np.nan)
        columns[column.name] = values
    return Table(columns)


def _column(parts: Sequence[Array | None], sizes: Sequence[int]) -> Array:
    """One column: numbers stay numbers with NaN where there are none, anything with text is object."""
    there = [part for part in parts if part is not None]
    if all(part.dtype.kind in "fiub" for part in there):
        if len(there) == len(parts) and len({part.dtype for part in there}) == 1:
            return np.concatenate(there)
        return np.concatenate(
            [np.full(size, np.nan) if part is None else part.astype(np.float64) for part, size in zip(parts, sizes, strict=True)]
        )
    return np.concatenate(
        [np.full(size, None, dtype=object) if part is None else _objects(part) for part, size in zip(parts, sizes, strict=True)]
    )


def _objects(values: Array) -> Array:
    if values.dtype.kind == "O":
        return values
    found = np.empty(len(values), dtype=object)
    found[:] = [None if value != value else value for value in values.tolist()]
    return found
