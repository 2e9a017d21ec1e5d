"""Everything a report shows of one model at one time, gathered from the ports: what is measured, how it came, what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.window import Window
from flyball.data.profile import Reference
from flyball.journal.events import Entry, Registered
from flyball.journal.explain import Told, tell
from flyball.journal.known import Freeze, State
from flyball.loop.evidence.drift import window_spans
from flyball.loop.evidence.performance import floor_of, floored
from flyball.loop.memory import Memory
from flyball.loop.records import Floored
from flyball.loop.world import World
from flyball.monitoring.counts import Counts
from flyball.monitoring.multivariate import MultivariateFound
from flyball.monitoring.records import RANK, ColumnDrift, MonitorReport
from flyball.ports.watching import Reports
from flyball.registry.records import Lineage
from flyball.spec.records import Spec
from flyball.stats.scores import METRICS

PERIOD = timedelta(days=28)
# Points of the past that are drawn: four a day. More would be read from the store, and seen by nobody.
POINTS = 112
# Of how many columns the past is kept: the furthest. Reports of ten thousand columns would fill the memory.
DRAWN = 24
_INSTANT = timedelta(microseconds=1)


@record
class Firing:
    """An alert that is firing, since when, and until when nobody is told of it."""

    key: str
    reason: Reason
    since: datetime
    silent_until: datetime | None = None


@record
class Floors:
    """The floor of `metric`: what each version may certainly not be worse than. `direction`: which side of it is good."""

    metric: str
    direction: str
    values: Mapping[int, float]


@record
class Source:
    """Where a version came from."""

    registered: Registered
    at: datetime
    lineage: Lineage


@record
class Picture:
    """One report with what stands around it. `history`: earlier reports and this one, in order of time, thinned to some points a day.

    `counts` of the report's window stand on the cells of `reference`; both are None where there is nothing to draw. `decisions`: what
    happened in `period`. `multivariate`: only if it was asked for. `watched` is False if the version is not the one that answers, so
    that floor and alerts are not about it.
    """

    model: str
    at: datetime
    period: Window
    report: MonitorReport
    champion: int | None
    watched: bool
    firing: tuple[Firing, ...]
    floor: Floored | None
    floors: Floors | None
    history: tuple[MonitorReport, ...]
    decisions: tuple[Told, ...]
    reference: Reference | None
    counts: Counts | None
    source: Source | None
    freeze: Freeze | None
    multivariate: MultivariateFound | None = None


def take_picture(
    world: World,
    spec: Spec,
    state: State,
    entries: Sequence[Entry],
    memory: Memory,
    report: MonitorReport,
    *,
    now: datetime,
    past: bool = True,
) -> Picture:
    """The picture around a report that `monitor` made at `now`. Without `past` nothing is read that is only drawn."""
    period = Window(start=now - max(PERIOD, report.window.length), end=now)
    counts, reference = _counted(world, spec, state, memory, report) if past else (None, None)
    watched = report.version == state.champion
    return Picture(
        model=state.model,
        at=now,
        period=period,
        report=report,
        champion=state.champion,
        watched=watched,
        firing=_firing(state, now) if watched else (),
        floor=floored(spec, state, report.performance),
        floors=_floors(spec, state),
        history=past_reports(world.reports, state.model, report, period) if past else (report,),
        decisions=tuple(tell(entry) for entry in entries if period.start <= entry.at <= now),
        reference=reference,
        counts=counts,
        source=_source(world, state, memory, report.version) if past else None,
        freeze=state.frozen(now),
    )


def plain_picture(model: str, report: MonitorReport, reference: Reference | None, counts: Counts | None, *, now: datetime) -> Picture:
    """The picture of rows that were never logged, such as a frame in a notebook: no past, no decisions."""
    return Picture(
        model=model,
        at=now,
        period=Window(start=now, end=now),
        report=report,
        champion=report.version,
        watched=False,
        firing=(),
        floor=None,
        floors=None,
        history=(),
        decisions=(),
        reference=reference,
        counts=counts,
        source=None,
        freeze=None,
    )


def past_reports(reports: Reports, model: str, newest: MonitorReport, period: Window, *, points: int = POINTS) -> tuple[MonitorReport, ...]:
    """The last kept report of each of `points` parts of a period, and the newest itself.

    The end of each part is asked for first: where a loop looks often that is one report to read instead of all of them, and a report
    of ten thousand columns is megabytes. Only the past of the columns that are furthest now is kept.
    """
    part, found, names = period.length / points, [], furthest(newest.columns)[:DRAWN]
    for number in range(points) if part else ():
        start = period.start + part * number + _INSTANT
        end = min(start + part, newest.window.end)
        for begin in (end - part / 6, start):
            kept = reports.between(model, Window(start=begin, end=end)) if begin < end else []
            if kept:
                found.append(_slim(kept[-1], names))
                break
    return (*found, newest)


def furthest(columns: Mapping[str, ColumnDrift]) -> list[str]:
    """Names of columns, the worst first: by state, then by how far each is beside what it may be."""
    return sorted(columns, key=lambda name: (-RANK[columns[name].state], -_beside(columns[name]), name))


def _beside(column: ColumnDrift) -> float:
    return column.distance / column.threshold if column.threshold else column.distance


def _slim(report: MonitorReport, names: Sequence[str]) -> MonitorReport:
    """A report with these columns alone, and without what is drawn of the newest report only."""
    details = replace(report.details, slices=(), calibration=(), metrics=()) if report.details else None
    return replace(report, columns={name: report.columns[name] for name in names if name in report.columns}, details=details, quality=())


def _counted(world: World, spec: Spec, state: State, memory: Memory, report: MonitorReport) -> tuple[Counts | None, Reference | None]:
    """The counts of the report's window, and the reference they stand on."""
    counts, _, reference = window_spans(world, spec, state, report.version, memory, now=report.window.end, days=0)
    return counts, reference


def _floors(spec: Spec, state: State) -> Floors | None:
    floor = spec.monitor.floor
    if floor is None:
        return None
    values = {version: value for version in state.versions if (value := floor_of(spec, state, version)) is not None}
    return Floors(metric=floor.metric, direction=METRICS[floor.metric].direction, values=values)


def _firing(state: State, now: datetime) -> tuple[Firing, ...]:
    """The alerts that fire; a look into the past leaves out what began later."""
    found = []
    for key, reason in sorted(state.firing.items()):
        since = state.standing[key].since
        if since <= now:
            silence = state.silenced(key, now)
            found.append(Firing(key=key, reason=reason, since=since, silent_until=silence.until if silence else None))
    return tuple(found)


def _source(world: World, state: State, memory: Memory, version: int) -> Source:
    known = state.versions[version]
    manifest, _ = memory.bundle(world.bundles, known.registered.bundle)
    return Source(registered=known.registered, at=known.at, lineage=manifest.lineage)
