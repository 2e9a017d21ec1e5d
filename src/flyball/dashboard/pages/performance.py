"""Performance: realised and estimated over time, how much is known, where it is worst, and how answers are wrong."""

from datetime import datetime, timedelta

from markupsafe import Markup

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.dashboard.figures import bounds, number
from flyball.dashboard.pages.performance_choice import Choice, champions, choice
from flyball.dashboard.pages.performance_parts import coverage_told, mistakes_told, slices_told
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.standing import Facts, facts
from flyball.journal.known import State
from flyball.loop.course import Alarm, Course, Look, alarms, course
from flyball.loop.evidence.performance import estimated_floored, floored
from flyball.render.report.course import Legend, performance_course
from flyball.stats.scores import METRICS

# Looks that are listed as numbers, the newest first.
_LISTED = 60


def page(ask: Ask) -> Page:
    """The page."""
    known = facts(ask)
    chosen = choice(ask, known)
    if known.state.champion is None or known.report is None:
        empty = "no_report" if known.state.versions else "no_version"
        return Page(title=ask.t("performance.title"), parts=[Part(key="main", body=filled("performance_empty.html", ask, why=empty))])
    return Page(
        title=ask.t("performance.title"),
        parts=[guarded(ask, "main", lambda: _main(ask, known, chosen), every=60)],
    )


def _main(ask: Ask, known: Facts, chosen: Choice) -> Markup:
    during = [one for one in champions(ask, known) if one.version == chosen.version]
    found = course(ask.world.reports, ask.model, chosen.span, metric=chosen.metric, version=chosen.version, during=during)
    return filled(
        "performance.html",
        ask,
        chosen=chosen,
        course=found,
        now=_now(ask, known, found),
        charts=_charts(ask, known, chosen, found),
        looks=list(reversed(found.looks))[:_LISTED],
        coverage=coverage_told(ask, found),
        slices=slices_told(ask, found),
        mistakes=mistakes_told(ask, found),
        direction=better(found.metric),
        number=number,
        bounds=bounds,
    )


@record
class Now:
    """What the newest look of the span says: values, the floor, and sentences, the most serious first."""

    at: datetime
    version: int
    look: Look
    floor: float | None
    verdict: str
    sentences: tuple[str, ...]
    firing: tuple[Alarm, ...]


def _now(ask: Ask, known: Facts, found: Course) -> Now | None:
    if not found.looks or found.report is None:
        return None
    look, report = found.looks[-1], found.report
    firing = [alarm for alarm in alarms(known.entries, "performance") if alarm.since <= look.at and (alarm.until or look.at) >= look.at]
    verdict, told = _judged(ask, known.state, found)
    return Now(
        at=look.at,
        version=report.version,
        look=look,
        floor=look.realised.floor if look.realised else None,
        verdict="act" if firing else verdict,
        sentences=tuple(dict.fromkeys(ask.tell(reason) for reason in told)),
        firing=tuple(firing),
    )


def _judged(ask: Ask, state: State, found: Course) -> tuple[str, list[Reason]]:
    """What the floor says of the newest look where the metric is that of the floor, else what the figures say; as a call."""
    report, look = found.report, found.looks[-1]
    reasons = [one.reason for one in (look.realised, look.newest) if one is not None]
    if report is None or found.metric != found.main or report.version not in state.versions:
        return "", reasons
    spec = ask.project.spec()
    real, guess = floored(spec, state, report.performance), estimated_floored(spec, state, report)
    told = [one for one in (real, guess) if one is not None]
    if not told:
        return "", reasons
    doubted = guess is not None and guess.reason.code == "estimated.perhaps_below_floor"
    well = real is not None and real.verdict is Verdict.PASS and not doubted
    call = "act" if Verdict.FAIL in {one.verdict for one in told} else "good" if well else "look"
    return call, [one.reason for one in told]


@record
class Charts:
    """The course as it is drawn for wide and for narrow screens; None if there is nothing to draw. What it has beside the lines."""

    wide: Markup
    narrow: Markup
    floor: bool
    held_out: bool
    alarms: bool
    same: bool
    newest: bool


def _charts(ask: Ask, known: Facts, chosen: Choice, found: Course) -> Charts | None:
    versions = known.state.versions
    held = {number: one.registered.metrics[found.metric] for number, one in versions.items() if found.metric in one.registered.metrics}
    fired = [one for one in alarms(known.entries, "performance") if one.since <= chosen.span.end]
    legend = Legend(
        title=ask.t("performance.chart", metric=found.metric),
        about=ask.t("performance.chart_about", metric=found.metric, looks=len(found.looks), first=_first(found), last=_last(found)),
        realised=ask.t("performance.realised"),
        same=ask.t("performance.same"),
        newest=ask.t("performance.newest"),
        alarm=ask.t("performance.alarm"),
    )
    wide = performance_course(found, fired, held, legend, "course")
    narrow = performance_course(found, fired, held, legend, "course-narrow", width=400)
    if wide is None or narrow is None:
        return None
    shown = Window(start=found.looks[0].at, end=found.looks[-1].at + timedelta(microseconds=1))
    return Charts(
        wide=wide,
        narrow=narrow,
        floor=any(one.realised is not None and one.realised.floor is not None for one in found.looks),
        held_out=any(one.version in held for one in found.looks),
        alarms=any(one.since < shown.end and (one.until is None or one.until >= shown.start) for one in fired),
        same=any(one.same is not None and one.same.value is not None for one in found.looks),
        newest=any(one.newest is not None and one.newest.value is not None for one in found.looks),
    )


def _first(found: Course) -> str:
    return next((number(one.realised.value) for one in found.looks if one.realised is not None), "-")


def _last(found: Course) -> str:
    return next((number(one.realised.value) for one in reversed(found.looks) if one.realised is not None), "-")


def better(metric: str) -> str:
    """Which direction of a metric is better."""
    return METRICS[metric].direction if metric in METRICS else "lower"
