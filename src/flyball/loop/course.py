"""The course of performance: what the kept reports say of it over time, thinned to what can be drawn, and who answered when."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from flyball.core.record import record
from flyball.core.window import Window
from flyball.journal.events import AlertFired, AlertResolved, Entry
from flyball.loop.past.reigns import Reign
from flyball.monitoring.records import Coverage, Estimated, MonitorReport, Performance
from flyball.ports.watching import Reports

# Looks that are read and drawn at most: each is a report of some hundred kilobytes where there are many columns.
LOOKS = 60
_INSTANT = timedelta(microseconds=1)


@record
class Look:
    """What one kept report says of one metric. `known`: the end of the rows that were old enough to be judged.

    `same` is the estimate over these rows, `newest` the one over the rows after them, which have no outcomes yet.
    """

    at: datetime
    version: int
    known: datetime
    realised: Performance | None
    same: Estimated | None
    newest: Estimated | None
    coverage: Coverage | None


@record
class Course:
    """The looks of a span, and the newest whole report among them. `metrics`: all that some report tells of, `main` first, which is that
    of the floor, and of the slices. `kept`: of how many times in the span there are reports; of them `read` were read.
    """

    metric: str
    main: str
    metrics: tuple[str, ...]
    looks: tuple[Look, ...]
    report: MonitorReport | None
    kept: int
    read: int


@record
class Alarm:
    """A time in which an alert fired; `until` None: it still does."""

    key: str
    since: datetime
    until: datetime | None


def course(
    reports: Reports,
    model: str,
    span: Window,
    *,
    metric: str = "",
    version: int | None = None,
    during: Sequence[Reign] = (),
    looks: int = LOOKS,
) -> Course:
    """What reports of a span say of a metric (none, or one that no report has: the main one), of one version or of whichever answered.

    `during`: the times in which that version was champion; looks outside them are not read, so that more of those inside are.
    """
    ends = list(dict.fromkeys(end for end in reports.ends(model) if span.start <= end <= span.end))
    if during:
        ends = [end for end in ends if any(one.since <= end and (one.until is None or end <= one.until) for one in during)]
    found = _read(reports, model, thinned(ends, looks), version)
    main = next((one.performance.metric for one in reversed(found) if one.performance is not None), "")
    metrics = dict.fromkeys([main] if main else [])
    for one in reversed(found):
        metrics |= dict.fromkeys(told.metric for told in (one.details.metrics if one.details else ()))
    chosen = metric if metric in metrics else next(iter(metrics), "")
    return Course(
        metric=chosen,
        main=main,
        metrics=tuple(metrics),
        looks=tuple(_look(report, chosen) for report in found),
        report=found[-1] if found else None,
        kept=len(ends),
        read=len(found),
    )


def thinned(ends: Sequence[datetime], most: int) -> list[datetime]:
    """The last of each of `most` equal parts of the time that these times span, so the very last is among them."""
    if len(ends) <= most or most < 1:
        return list(ends)
    start, length = ends[0], (ends[-1] - ends[0]) / most
    last = {min(int((end - start) / length), most - 1) if length else 0: end for end in ends}
    return list(last.values())


def alarms(entries: Iterable[Entry], kind: str) -> list[Alarm]:
    """When alerts of a kind (`performance`: its keys are `performance:…`) fired, in order of their beginning."""
    found: list[Alarm] = []
    open_at: dict[str, int] = {}
    for entry in entries:
        event = entry.event
        if not isinstance(event, AlertFired | AlertResolved) or event.key.partition(":")[0] != kind:
            continue
        at = open_at.pop(event.key, None)
        if isinstance(event, AlertResolved):
            if at is not None:
                found[at] = Alarm(key=event.key, since=found[at].since, until=entry.at)
        elif at is None:
            open_at[event.key] = len(found)
            found.append(Alarm(key=event.key, since=entry.at, until=None))
        else:
            open_at[event.key] = at
    return found


def _read(reports: Reports, model: str, ends: Sequence[datetime], version: int | None) -> list[MonitorReport]:
    """The reports that end at these times, the last of those that end at the same one; only the newest is whole."""
    found: dict[datetime, MonitorReport] = {}
    for end in ends:
        for report in reports.between(model, Window(start=end, end=end + _INSTANT)):
            if version is None or report.version == version:
                found[end] = report
        if end in found and end != ends[-1]:
            found[end] = _slim(found[end])
    newest = max(found, default=None)
    if newest is not None and newest != ends[-1]:  # the last ones are of other versions
        whole = reports.between(model, Window(start=newest, end=newest + _INSTANT))
        found[newest] = next((one for one in reversed(whole) if one.version == found[newest].version), found[newest])
    return list(found.values())


def _slim(report: MonitorReport) -> MonitorReport:
    details = replace(report.details, slices=(), calibration=(), notes=()) if report.details else None
    return replace(report, columns={}, quality=(), details=details)


def _look(report: MonitorReport, metric: str) -> Look:
    details = report.details
    among = (report.performance, *(details.metrics if details else ()))
    realised = next((one for one in among if one is not None and one.metric == metric), None)
    guesses = sorted((one for one in (details.estimated if details else ()) if one.metric == metric), key=lambda one: one.window.end)
    same = guesses[0] if len(guesses) > 1 else None
    return Look(
        at=report.window.end,
        version=report.version,
        known=same.window.end if same is not None else report.window.end,
        realised=realised,
        same=same,
        newest=guesses[-1] if guesses else None,
        coverage=details.coverage if details else None,
    )
