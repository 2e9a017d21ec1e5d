"""One answer first: is the model good, should somebody look, or must somebody act, and why."""

from collections.abc import Sequence
from typing import Literal

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.loop.picture import Picture, furthest
from flyball.monitoring.records import MonitorReport, QualityFinding

Call = Literal["good", "look", "act"]
_PERHAPS = frozenset(f"performance.{how}_below_floor{of}" for how in ("perhaps", "nearly") for of in ("", "_units", "_rows"))
# Alerts of these kinds are to be acted on; every other kind says that something moved, which is to be looked at.
_TO_ACT_ON = frozenset({"performance", "quality", "deployment"})


@record
class Answer:
    """`reasons`: why, the most serious first, never none. `step`: what to do next."""

    call: Call
    reasons: tuple[Reason, ...]
    step: Reason


def answer(picture: Picture) -> Answer:
    """The answer of a picture. Performance and quality ask for action, drift alone for a look: it explains, it does not judge."""
    acts, looks = _acts(picture), _looks(picture)
    if acts:
        return Answer(call="act", reasons=tuple(reason for reason, _ in (*acts, *looks)), step=acts[0][1])
    if looks:
        return Answer(call="look", reasons=tuple(reason for reason, _ in looks), step=looks[0][1])
    columns = picture.report.columns
    perhaps = [name for name in furthest(columns) if columns[name].state == "warn"]
    calm = because("report.calm", watched=_watched(picture.report))
    if perhaps:
        warned = because("report.perhaps", count=len(perhaps), column=perhaps[0])
        return Answer(call="good", reasons=(calm, warned), step=because("report.step_wait"))
    return Answer(call="good", reasons=(calm,), step=because("report.step_none"))


def _acts(picture: Picture) -> list[tuple[Reason, Reason]]:
    found = []
    floor = picture.floor
    if floor is not None and floor.verdict is Verdict.FAIL:
        found.append((floor.reason, because("report.step_floor")))
    errors = [one for one in picture.report.quality if one.severity == "error"]
    rows = [one for one in errors if one.subject == "rows"]
    if rows:
        found.append((_findings("errors", rows), because("report.step_quality")))
    found += [(one.reason, because("report.step_requests")) for one in errors if one.subject == "requests"]
    for alert in picture.firing:
        kind = alert.key.partition(":")[0]
        told = (kind == "performance" and bool(found)) or (kind == "quality" and bool(errors))
        if kind in _TO_ACT_ON and not told:
            found.append((alert.reason, because("report.step_alert", key=alert.key)))
    return found


def _looks(picture: Picture) -> list[tuple[Reason, Reason]]:
    report, found = picture.report, []
    columns = report.columns
    if report.rows == 0 and not columns:
        return [*_warned(picture), (because("report.no_rows"), because("report.step_rows"))]
    if not columns:
        return [(because("report.no_reference"), because("report.step_reference"))]
    worst = furthest(columns)
    moved = [name for name in worst if columns[name].state == "drift"]
    if moved:
        features = [name for name in moved if not _said_by_the_model(name)]
        step = because("report.step_drift", column=features[0]) if features else because("report.step_score", column=moved[0])
        count = len(moved) + report.left_out.get("drift", 0)
        found.append((because("report.moved", count=count, watched=_watched(report)), step))
        found.append((columns[moved[0]].reason, step))
    elif all(column.state == "insufficient data" for column in columns.values()):
        found.append((columns[worst[0]].reason, because("report.step_few")))
    floor = picture.floor
    if floor is not None and floor.verdict is Verdict.UNDECIDED and floor.reason.code in _PERHAPS:
        found.append((floor.reason, because("report.step_labels")))
    else:
        found += _beyond(picture)
    warnings = [one for one in report.quality if one.severity == "warning" and one.subject == "rows"]
    if warnings:
        found.append((_findings("warnings", warnings), because("report.step_quality")))
    found += _warned(picture)
    told = {f"drift:{name}" for name in moved}
    for alert in picture.firing:
        if alert.key.partition(":")[0] not in _TO_ACT_ON and alert.key not in told:
            found.append((because("report.still_firing", key=alert.key), because("report.step_alert", key=alert.key)))
    return found


def _watched(report: MonitorReport) -> int:
    """How many columns were looked at, also those that a kept report does not hold."""
    return len(report.columns) + sum(report.left_out.values())


def _beyond(picture: Picture) -> list[tuple[Reason, Reason]]:
    """A value beyond its floor that has no bounds yet: too little to be certain, and no reason to call it good."""
    performance, floors = picture.report.performance, picture.floors
    if performance is None or floors is None or performance.value is None or performance.lower is not None:
        return []
    floor = floors.values.get(performance.version)
    rising = floors.direction == "higher"
    if floor is None or performance.metric != floors.metric or (performance.value >= floor) == rising:
        return []
    reason = because("report.beyond_floor", metric=performance.metric, value=performance.value, floor=floor, rows=performance.labelled)
    return [(reason, because("report.step_labels"))]


def _findings(severity: str, found: Sequence[QualityFinding]) -> Reason:
    column = found[0].column
    if not column:
        return because(f"report.{severity}_rows", count=len(found))
    return because(f"report.{severity}", count=len(found), column=column)


def _said_by_the_model(name: str) -> bool:
    """Whether a column is what the model says and not what it is asked: `score`, `score_b`, `answer`, also behind `model_`."""
    return name.removeprefix("model_").partition("_")[0] in ("score", "answer")


def _warned(picture: Picture) -> list[tuple[Reason, Reason]]:
    """What there is to say of requests that were refused, if not so many that somebody has to act."""
    return [
        (one.reason, because("report.step_requests"))
        for one in picture.report.quality
        if one.severity == "warning" and one.subject == "requests"
    ]
