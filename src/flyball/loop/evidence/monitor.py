"""One look at one version: drift of the window that ends now, performance of the matured past, and quality of what was asked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from flyball.core.errors import FlyballError
from flyball.core.window import Window
from flyball.journal.known import State
from flyball.loop.counting import count_rows
from flyball.loop.evidence.details import performance_details
from flyball.loop.evidence.drift import window_drift
from flyball.loop.evidence.performance import floor_of, past_performance
from flyball.loop.evidence.quality import window_quality
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.drift import RELEASE_WINDOWS
from flyball.monitoring.records import RANK, ColumnDrift, MonitorReport
from flyball.spec.records import Spec

# Of more columns than these the furthest are kept, so that a report and the gauges made of it stay small whatever the data.
MOST_COLUMNS = 100
# Reports that hysteresis may still ask for are all kept; of older ones one a window, after a week one a day at most, for so long.
_KEPT, _WEEK, _DAY = timedelta(days=400), timedelta(days=7), timedelta(days=1)
# So many windows back it is looked whether there is still something to thin out: a loop may have been away.
_BACK = 30

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


T = TypeVar("T")


def monitor(
    world: World,
    spec: Spec,
    state: State,
    version: int,
    memory: Memory,
    *,
    now: datetime,
    detailed: bool = True,
    trouble: list[str] | None = None,
    variant: str | None = None,
    clocks: bool = True,
) -> MonitorReport:
    """What there is to say of a version now, with what arrived until now counted; the details of its performance only if they are wanted.

    No report is saved. Details and quality that cannot be measured are left out where `trouble` is given, which is then told why; else,
    and for drift and performance always, the error is raised. With `variant`, drift is that of the rows in this role alone.
    Without `clocks` nothing is said of clocks that run ahead: `now` is not the present, so event times cannot be held against it.
    """
    count_rows(world, state, memory, now=now, version=version)
    window = Window(start=now - spec.monitor.window, end=now)
    found = window_drift(world, spec, state, version, memory, now=now, variant=variant)
    columns = {} if found is None else found.columns
    performance = past_performance(world, spec, state, version, memory, now=now)
    if performance is not None:
        performance = replace(performance, floor=floor_of(spec, state, version))
    return MonitorReport(
        window=window,
        version=version,
        rows=world.predictions.count(spec.model.name, window).get(version, 0),
        columns=columns,
        dataset=None if found is None else found.dataset,
        performance=performance,
        details=_told(lambda: performance_details(world, spec, state, version, memory, performance, now=now), trouble)
        if detailed
        else None,
        quality=_told(lambda: window_quality(world, spec, state, version, memory, columns, window=window, clocks=clocks), trouble) or (),
    )


def _told(measurement: Callable[[], T], trouble: list[str] | None) -> T | None:
    try:
        return measurement()
    except FlyballError as error:
        if trouble is None:
            raise
        trouble.append(error.message)
        return None


def keep(world: World, state: State, report: MonitorReport, window: timedelta) -> None:
    """Save a report for gauges and hysteresis, at most 24 in a window, so that ticking often does not fill the store.

    Of many columns those are kept for which an alert fires, and the furthest; `left_out` says how many are not, by state.
    """
    if due(world, state.model, report.version, window, now=report.window.end):
        world.reports.save(state.model, shortened(report, {key.removeprefix("drift:") for key in state.firing}))
        _retain(world, state.model, report.window.end, window)


def due(world: World, model: str, version: int, window: timedelta, *, now: datetime) -> bool:
    """Whether a report of now will be kept."""
    latest = world.reports.latest(model, by=now)  # a clock that ran ahead once leaves reports of the future
    return latest is None or latest.version != version or now - latest.window.end >= window / 24


def shortened(report: MonitorReport, firing: set[str]) -> MonitorReport:
    """A report of at most `MOST_COLUMNS` columns and those for which an alert fires."""
    if len(report.columns) <= MOST_COLUMNS:
        return report
    furthest = sorted(report.columns, key=lambda name: _far(report.columns[name]), reverse=True)
    kept = {*furthest[:MOST_COLUMNS], *(firing & report.columns.keys())}
    left_out: dict[str, int] = {}
    for name, column in report.columns.items():
        if name not in kept:
            left_out[column.state] = left_out.get(column.state, 0) + 1
    return replace(report, columns={name: column for name, column in report.columns.items() if name in kept}, left_out=left_out)


def _far(column: ColumnDrift) -> tuple[int, float, float]:
    return RANK[column.state], column.lower - column.threshold, column.distance


def _retain(world: World, model: str, end: datetime, window: timedelta) -> None:
    """Keep one report a window of what hysteresis no longer asks for, one a day of what is older than a week, and none after `_KEPT`.

    A clock that runs far ahead condemns nothing: what is older than `_KEPT` goes only where as much time is covered by newer reports.
    """
    recent, every = end - (RELEASE_WINDOWS + 1) * window, max(window, _DAY)
    world.reports.thin(model, Window(start=recent - _BACK * window, end=recent), every=window)
    if every > window:
        world.reports.thin(model, Window(start=_EARLIEST, end=min(recent, end - _WEEK)), every=every)
    parts = sorted({(one - _EARLIEST) // every for one in world.reports.ends(model)})
    needed = max(1, _KEPT // every)
    if len(parts) > needed:
        oldest = _EARLIEST + parts[-needed] * every
        world.reports.thin(model, Window(start=_EARLIEST, end=min(oldest, end - _KEPT)), every=None)
