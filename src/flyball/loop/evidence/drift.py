"""Drift of one version: the kept counts of its last windows held against its reference, and against those of earlier champions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.core.window import Window
from flyball.data.cells import alone
from flyball.data.profile import ColumnReference, Reference
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.spans import Counted, Wanted, counted
from flyball.loop.world import World
from flyball.monitoring.counts import Counts, Span
from flyball.monitoring.drift import MIN_ROWS, DriftFound, drift_over
from flyball.monitoring.records import ColumnDrift, DatasetDrift
from flyball.monitoring.scales import SCALES, floored, window_start
from flyball.monitoring.yardstick import Yardstick
from flyball.spec.records import MonitorSpec, Spec
from flyball.stats.distances import ks_interval, total_variation

_DAY = timedelta(days=1)


@record
class Look:
    """What one look at a version has before it. `spans`: until now, the shortest first; `history`: disjoint, newest last."""

    yard: Yardstick
    window: Span
    spans: tuple[Span, ...]
    latest: Span | None
    history: tuple[Span, ...]


@record
class Drifted:
    """What a look found. `rows` and `window`: those of the newest `[monitor] window`, as far as counts tell it from the time before."""

    window: Window
    rows: int
    columns: Mapping[str, ColumnDrift]
    dataset: DatasetDrift | None


def window_drift(
    world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime, variant: str | None = None
) -> Drifted | None:
    """How far each column is from the version's reference; nothing in `columns` if nothing was predicted. None without a reference.

    Counts nothing: `count_rows` comes before. With `variant`: of the rows it answered or scored in this role alone.
    """
    length = spec.monitor.window
    found = counted(world, state, version, memory, now=now, back=max(*SCALES, length), beside=length, variant=variant)
    if not found:
        return None
    yard = memory.yardstick(world.bundles, state.versions[version].registered.bundle, spec.monitor.ignore)
    look = _look(found[0], yard, length, now)
    if look.latest is None:
        return Drifted(window=look.window.window, rows=0, columns={}, dataset=None)
    judged = _judged(look, spec.monitor)
    return Drifted(
        window=look.window.window,
        rows=look.window.counts.rows,
        columns=_beside(state, version, judged.columns, look, found[1:], length),
        dataset=judged.dataset,
    )


def window_spans(
    world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime, days: int = 28
) -> tuple[Counts | None, list[Span], Reference]:
    """For pictures: the counts of the newest `[monitor] window`, and those of each of the last `days` days (UTC) that has rows, the newest
    last; None and none if nothing was predicted or there is no reference.
    """
    _, reference = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    found = counted(world, state, version, memory, now=now, back=max(days * _DAY, spec.monitor.window), beside=None)
    if not found:
        return None, [], reference
    midnight = floored(now - timedelta.resolution, _DAY)
    starts = tuple(midnight - number * _DAY for number in range(days))
    made = found[0].make(Wanted(since=(spec.monitor.window,), between=(starts,)))
    newest = made.since[0].counts
    return newest if newest.rows else None, made.between[0], reference


def _look(kept: Counted, yard: Yardstick, length: timedelta, now: datetime) -> Look:
    start = window_start(length, now)
    made = kept.make(Wanted(since=(*SCALES, length), latest=MIN_ROWS, between=(kept.past(),)))
    return Look(
        yard=yard,
        window=next(span for span in made.since if span.window.start == start),
        spans=tuple(made.since),
        latest=made.latest,
        history=tuple(made.between[0]),
    )


def _judged(look: Look, spec: MonitorSpec) -> DriftFound:
    """The one place that calls the judgement of drift."""
    return drift_over(
        look.yard,
        [span for span in look.spans if span.counts.rows],
        latest=look.latest,
        history=look.history,
        margin=spec.margin,
        share_margin=spec.share_margin,
        season=spec.season,
        zone=spec.zone,
    )


def _beside(
    state: State, version: int, columns: Mapping[str, ColumnDrift], look: Look, others: Sequence[Counted], length: timedelta
) -> dict[str, ColumnDrift]:
    """The same with the distances of the newest window to the references of the first champion and of the one before this one."""
    if version != state.champion:
        return dict(columns)
    own = look.yard.reference
    distances: dict[int | None, dict[str, float]] = {version: _distances(own, own, look.window.counts)}
    for kept in others:
        (span,) = kept.make(Wanted(since=(length,))).since
        distances[kept.against] = _distances(own, kept.reference, span.counts)
    first, previous = distances.get(state.first_champion, {}), distances.get(state.previous, {})
    return {name: replace(column, first=first.get(name), previous=previous.get(name)) for name, column in columns.items()}


def _distances(own: Reference, other: Reference, counts: Counts) -> dict[str, float]:
    """How far each column is from a reference; without those that were another kind of thing there."""
    columns = {name: (other.columns[name], cells) for name, cells in counts.columns.items()}
    return {name: _distance(column, cells) for name, (column, cells) in columns.items() if own.columns[name].kind == column.kind}


def _distance(column: ColumnReference, counts: NDArray[np.int64]) -> float:
    """How far the values are from those of the reference, the same way as `ColumnDrift.distance`; 0 if there are none on one side."""
    before, beside = np.array(column.counts, dtype=np.int64), 2 if column.kind == "number" else 1
    if column.kind == "category":
        return total_variation(before[:-beside], counts[:-beside])
    return ks_interval(before[:-beside], counts[:-beside], alone(np.array(column.edges)))[0]
