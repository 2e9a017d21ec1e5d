"""One entry of the journal with its evidence: what it says, its numbers, what led to it, what came of it, and its place in the chain."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from flyball.core.codec import to_plain
from flyball.core.errors import NotFoundError
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.window import format_duration, format_minute
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
    Entry,
    Promoted,
    Registered,
    RetrainEnded,
    RetrainStarted,
    RolloutStarted,
    Suppressed,
)
from flyball.journal.examine import examine
from flyball.journal.explain import Told, about, tell
from flyball.loop.past.history import production_at
from flyball.loop.past.plain import evidence_of
from flyball.loop.past.price import bought_words, comparisons_of, training_of
from flyball.loop.past.stretches import champions
from flyball.monitoring.records import MonitorReport
from flyball.render.report.text import clean
from flyball.words.sentences import catalogue

_AROUND = 15
_FURTHEST = 6
_BEFORE = timedelta(days=27)
Line = tuple[str, str]


@record
class Named:
    """A number and what it is called."""

    name: str
    value: str


def evidence(ask: Ask, entries: Sequence[Entry]) -> Page:
    """The page of one entry. NotFoundError if the journal has no such entry."""
    text = ask.query.get("entry", "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= len(entries):
        raise NotFoundError(ask.t("decisions.no_entry", text=text[:40], newest=len(entries)))
    told = tell(entries[number - 1])
    parts = [
        Part(key="entry", body=_head(ask, entries, told)),
        Part(key="rests", body=_rests(ask, entries, told)),
        Part(key="around", body=_around(ask, entries, told)),
        guarded(ask, "report", lambda: _report(ask, entries, told)),
        guarded(ask, "chain", lambda: _chain(ask, told)),
    ]
    return Page(title=ask.t("decisions.entry_title", seq=number), parts=parts)


def at_that_time(ask: Ask, page: str, then: datetime, **more: object) -> str:
    """The address of another page as it was at a time: the weeks before it."""
    last = then - timedelta(microseconds=1)
    return ask.link(page, **more, **{"from": f"{last - _BEFORE:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"})


def _comparison(entries: Sequence[Entry], told: Told) -> int:
    """The version whose comparison an entry is about, or the newest that had begun by then; 0: none had."""
    begun = [one.event.version for one in entries if isinstance(one.event, RolloutStarted)]
    if told.version in begun:
        return told.version
    return next((one.event.version for one in reversed(entries[: told.entry.seq]) if isinstance(one.event, RolloutStarted)), 0)


def numbers(ask: Ask, told: Told) -> list[Named]:
    """Every number and word that an entry rests on: those its sentence names and those kept beside it."""
    reasons = [told.reason, *([told.entry.event.reason] if isinstance(told.entry.event, Suppressed) else [])]
    kept: dict[str, object] = {name: value for reason in reasons for name, value in reason.values.items()}
    kept |= evidence_of(told)
    if isinstance(told.entry.event, RetrainEnded):
        kept |= told.entry.event.cost
    found = []
    for name, value in kept.items():
        if value is None or value == "":
            continue
        shown = (
            f"{value:,.6g}"
            if isinstance(value, float)
            else f"{value:,}"
            if isinstance(value, int) and not isinstance(value, bool)
            else str(value)
        )
        found.append(Named(name=_label(ask, name), value=clean(shown, 200)))
    return found


def lines(ask: Ask, told: Told) -> list[Line]:
    """What an entry says beside its sentence: the rules of a comparison, the rows of a training, for how long a champion is watched."""
    event = told.entry.event
    match event:
        case Registered():
            return _made(ask, event)
        case RolloutStarted():
            return _rules(ask, event)
        case Promoted():
            watch = format_minute(event.watch_until) if event.watch_until else ""
            forced = ask.t("decisions.forced") if event.forced else ""
            return _said(ask, replaced=f"@{event.replaced}" if event.replaced else "", watch_until=watch, forced=forced)
        case RetrainStarted():
            return _said(ask, cause=ask.t(f"decisions.cause.{event.cause}"), action=event.action)
        case Suppressed():
            return _said(ask, cause=ask.t(f"decisions.cause.{event.cause}"), asked_because=ask.tell(event.reason))
        case AlertFired() | AlertResolved():
            return _said(ask, alert=event.key)
        case _:
            return []


def _made(ask: Ask, event: Registered) -> list[Line]:
    span = ""
    if event.trained_from is not None and event.trained_until is not None:
        span = f"{format_minute(event.trained_from)} - {format_minute(event.trained_until)}"
    spent = sum(event.seconds.values())
    return _said(
        ask,
        cause=ask.t(f"decisions.cause.{event.cause}"),
        rows=f"{event.rows:,}",
        trained_on=span,
        window=ask.tell(event.window) if event.window else "",
        hidden=f"{event.hidden:,}" if event.hidden else "",
        held_back=f"{event.held_back:,}" if event.held_back else "",
        engine=event.engine,
        seconds=f"{spent:.1f} s" if spent else "",
        money=f"{event.money:.2f} {event.currency}" if event.money is not None else "",
        run=event.run_id,
        snapshot=event.snapshot,
        bundle=event.bundle,
    )


def _rules(ask: Ask, event: RolloutStarted) -> list[Line]:
    return _said(
        ask,
        strategy=event.strategy,
        against=f"@{event.champion}",
        metric=event.metric,
        alpha=f"{event.alpha:g}",
        margin=f"{event.margin:g}",
        min_days=f"{event.min_days} d",
        deadline=format_minute(event.deadline_at),
        share=f"{event.share:.0%}" if event.share else "",
        steps=", ".join(f"{step:.0%}" for step in event.steps) + (f" / {format_duration(event.hold)}" if event.steps else ""),
        floor=f"{event.floor:.0%}" if event.floor else "",
        approve=ask.t("decisions.by_hand") if event.approve == "manual" else "",
    )


def _said(ask: Ask, **values: str) -> list[Line]:
    return [(_label(ask, name), clean(value, 400)) for name, value in values.items() if value]


def _label(ask: Ask, name: str) -> str:
    return ask.t(f"decisions.number.{name}") if f"dashboard.decisions.number.{name}" in catalogue() else clean(name.replace("_", " "), 60)


def _head(ask: Ask, entries: Sequence[Entry], told: Told) -> Markup:
    from flyball.dashboard.pages.decisions import did

    seq = told.entry.seq
    turns = {"earlier": seq - 1 if seq > 1 else 0, "later": seq + 1 if seq < len(entries) else 0}
    month = f"{told.entry.at:%Y-%m}"
    return filled("decisions_entry.html", ask, told=told, did=did(ask, told), month=month, **turns)


def _rests(ask: Ask, entries: Sequence[Entry], told: Told) -> Markup:
    event = told.entry.event
    gate = event.gate.checks if isinstance(event, Registered) else ()
    metrics: list[tuple[str, float, float | None, float | None]] = []
    if isinstance(event, Registered):
        metrics = [(name, value, event.lower.get(name), event.upper.get(name)) for name, value in event.metrics.items()]
    return filled(
        "decisions_rests.html",
        ask,
        told=told,
        lines=lines(ask, told),
        numbers=numbers(ask, told),
        gate=[(check.metric, check.verdict.value, ask.tell(check.reason)) for check in gate],
        metrics=metrics,
        firing=_firing(entries, told),
        plain=json.dumps(to_plain(event), ensure_ascii=True, indent=1)[:20_000],
    )


def _firing(entries: Sequence[Entry], told: Told) -> Mapping[str, tuple[Reason, int]]:
    """The alerts that fired when a training or a promotion was decided, with the entry that says so."""
    if isinstance(told.entry.event, AlertFired | AlertResolved):
        return {}
    found: dict[str, tuple[Reason, int]] = {}
    for entry in entries[: told.entry.seq - 1]:
        if isinstance(entry.event, AlertFired):
            found[entry.event.key] = (entry.event.reason, entry.seq)
        elif isinstance(entry.event, AlertResolved):
            found.pop(entry.event.key, None)
    return found


def _around(ask: Ask, entries: Sequence[Entry], told: Told) -> Markup:
    from flyball.dashboard.pages.decisions import did

    seq, version = told.entry.seq, told.version or _version_of(entries, told)
    related = about(entries, version) if version else _same_alert(entries, told)
    before = [(one, did(ask, one)) for one in related if one.entry.seq < seq][-_AROUND:]
    after = [(one, did(ask, one)) for one in related if one.entry.seq > seq][:_AROUND]
    stood = production_at(ask.model, entries[: seq - 1], told.entry.at) if seq > 1 else None
    training = training_of(entries, version) if version else None
    bought = [ask.tell(bought_words(one)) for one in comparisons_of(entries, version)] if version else []
    return filled(
        "decisions_around.html", ask, told=told, version=version, before=before, after=after, stood=stood, training=training, bought=bought
    )


def _same_alert(entries: Sequence[Entry], told: Told) -> list[Told]:
    """Every time an alert fired and was resolved, where an entry is about one."""
    key = getattr(told.entry.event, "key", None)
    return [] if key is None else [tell(entry) for entry in entries if getattr(entry.event, "key", None) == key]


def _version_of(entries: Sequence[Entry], told: Told) -> int:
    """The version that came of a training, where an entry is about one."""
    event = told.entry.event
    if not isinstance(event, RetrainStarted):
        return 0
    ended = (one.event for one in entries[told.entry.seq :] if isinstance(one.event, RetrainEnded) and one.event.action == event.action)
    return next((one.version for one in ended), 0)


def _at_hand(ask: Ask, entries: Sequence[Entry], told: Told) -> MonitorReport | None:
    """The newest report that had been made when the entry was written: what the loop looked at.

    Of two of that very moment, the later one can be that of a version that was champion only from this entry on.
    """
    reports = ask.world.reports
    report = reports.latest(ask.model, by=told.entry.at)
    stretches = champions(entries[: told.entry.seq - 1], told.entry.at)
    if report is None or not stretches or report.version == stretches[-1].version or report.window.end < told.entry.at:
        return report
    before = reports.latest(ask.model, by=report.window.end - timedelta(microseconds=1))
    return before if before is not None and before.version == stretches[-1].version else report


def _report(ask: Ask, entries: Sequence[Entry], told: Told) -> Markup:
    """The report that was at hand, and the way to the pages of that time."""
    at = told.entry.at
    report = _at_hand(ask, entries, told)
    furthest = []
    if report is not None:
        named = getattr(told.entry.event, "key", "").removeprefix("drift:")
        columns = sorted(report.columns.items(), key=lambda pair: (pair[0] != named, -(pair[1].distance / (pair[1].threshold or 1.0))))
        furthest = [
            (name, one, at_that_time(ask, "drift", report.window.end, column=name, at=f"{report.window.end:%Y-%m-%dT%H:%M:%SZ}"))
            for name, one in columns
            if one.state != "insufficient data"
        ][:_FURTHEST]
    where = {name: at_that_time(ask, name, report.window.end if report else at) for name in ("drift", "performance")}
    compared = _comparison(entries, told)
    experiment = ask.link("experiment", of=compared) if compared else ""
    return filled("decisions_report.html", ask, report=report, furthest=furthest, experiment=experiment, **where)


def _chain(ask: Ask, told: Told) -> Markup:
    entry = told.entry
    checked = ask.query.get("verify") == "1"
    found = None
    if checked:
        deployed = ask.world.deployments.current(ask.model)
        served = deployed.seq if deployed is not None and not deployed.local else 0
        found = examine(ask.model, ask.world.journal.links(ask.model), served=served)
    return filled(
        "decisions_chain.html",
        ask,
        entry=entry,
        found=found,
        flaws=[ask.tell(flaw.reason) for flaw in found.flaws[:50]] if found else [],
        address=ask.link("decisions", entry=entry.seq, verify=1) + "#part-chain",
    )
