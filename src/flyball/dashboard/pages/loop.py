"""The loop: is the model good, what changed and why, what comes next, what waits for a person, and the button that stops it."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.dashboard.figures import bounds, number
from flyball.dashboard.paper import filled, guarded, section
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.standing import Facts, did, facts, newest, seen, standing
from flyball.journal.events import AlertFired, AlertResolved, Entry
from flyball.journal.explain import tell
from flyball.journal.known import State
from flyball.loop.rollout import rollout_status
from flyball.loop.stages import Stage, coming, stages
from flyball.loop.telling.alerts import firing_now
from flyball.monitoring.records import Estimated, MonitorReport
from flyball.render.report.circle import Station, circle
from flyball.render.report.svg import joined
from flyball.render.report.text import clean
from flyball.spec.records import Spec

_DECISIONS = 5
_LOOKED_AT = 50  # decisions among which the last that was not about stopping is looked for
_ALERTS = 4
_COMING = 5


@record
class Shown:
    """A stage as it is shown: its words, and the page that says more."""

    name: str
    state: str
    said: str
    told: str
    last_at: datetime | None
    next_at: datetime | None
    address: str


# Where each stage is told of at length.
_MORE = {
    "prepare": "drift",
    "train": "model",
    "evaluate": "model",
    "deploy": "experiment",
    "monitor": "performance",
    "retrain": "decisions",
}


def page(ask: Ask) -> Page:
    """The page."""
    known, spec = facts(ask), ask.project.spec()
    made = [
        guarded(ask, "answer", lambda: _answer(ask, known, spec)),
        guarded(ask, "stages", lambda: _stages(ask, known, spec)),
        guarded(ask, "serving", lambda: filled("loop_serving.html", ask, rows=_answering(ask, known.state, known.at))),
        guarded(ask, "decisions", lambda: _decided(ask, known)),
        guarded(ask, "coming", lambda: _next(ask, known, spec)),
    ]
    # all of it is fetched again at once: each part for itself would make the page anew
    return Page(title=ask.t("loop.title"), parts=[Part(key="loop", body=joined(section(one) for one in made), every=2)])


def _answer(ask: Ask, known: Facts, spec: Spec) -> Markup:
    state = known.state
    freeze = state.frozen(ask.now)
    alerts = [clean(one.key, 60) for one in firing_now(state, ask.now)]
    changed = _changed(known.entries)
    told = next((one for one in newest(known.entries, _LOOKED_AT) if one.action not in ("freeze", "thaw")), None)
    return filled(
        "loop.html",
        ask,
        standing=standing(ask, known, spec),
        at_time=known.at,
        freeze=freeze,
        waiting=state.waiting,
        seen=seen(state),
        good=None if known.report is None else known.report.performance,
        estimated=_estimated(known.report),
        number=number,
        bounds=bounds,
        alerts=_alerts(ask, alerts),
        champion=state.champion,
        running=state.running,
        changed=[(entry.at, _sentence(ask, tell(entry).reason), entry.seq) for entry in changed[:1]],
        with_it=len(changed) - 1,
        told=None if told is None else (told.entry.at, did(ask, told), _sentence(ask, told.reason), told.entry.seq),
    )


def _estimated(report: MonitorReport | None) -> Estimated | None:
    """What the newest rows are estimated at, by the metric that is realised."""
    if report is None or report.performance is None or report.details is None:
        return None
    told = [one for one in report.details.estimated if one.metric == report.performance.metric and one.value is not None]
    return max(told, key=lambda one: one.window.end, default=None)


def _changed(entries: Sequence[Entry]) -> list[Entry]:
    """The alerts that began or were over at the last look that changed any, as they were written down."""
    found: list[Entry] = []
    for entry in reversed(entries):
        if found and entry.at != found[0].at:
            break
        if isinstance(entry.event, AlertFired | AlertResolved):
            found.append(entry)
    return found[::-1]


def _alerts(ask: Ask, keys: Sequence[str]) -> str:
    if not keys:
        return ""
    more = ", …" if len(keys) > _ALERTS else ""
    return ask.t("loop.alerts", count=len(keys), keys=", ".join(keys[:_ALERTS]) + more)


def _stages(ask: Ask, known: Facts, spec: Spec) -> Markup:
    found = stages(known.state, spec, known.entries, looks=known.looks, now=ask.now)
    shown = [_shown(ask, one) for one in found]
    stations = [Station(name=one.name, state=stage.state, said=one.said, at=one.last_at) for one, stage in zip(shown, found, strict=True)]
    champion = known.state.champion
    middle = [clean(ask.model, 24), ask.t("loop.answers", version=ask.t("loop.version", version=champion)) if champion else ""]
    about = ". ".join(ask.t("loop.stage_line", name=one.name, state=one.said) for one in shown)
    drawn = circle(stations, [line for line in middle if line], title=ask.t("loop.circle"), about=about, key="circle")
    return filled("loop_stages.html", ask, drawn=drawn, stages=shown)


def _shown(ask: Ask, stage: Stage) -> Shown:
    return Shown(
        name=ask.t(f"stage.{stage.name}"),
        state=stage.state,
        said=ask.t(f"state.{stage.state}"),
        told=("; " if ask.language == "en" else "；").join(_sentence(ask, one) for one in stage.reasons),
        last_at=stage.last_at,
        next_at=stage.next_at,
        address=ask.link(_MORE[stage.name]),
    )


def _sentence(ask: Ask, reason: Reason) -> str:
    """A reason, with the cause of a training in the reader's words."""
    cause = reason.values.get("cause")
    if cause is not None:
        reason = because(reason.code, **{**reason.values, "cause": ask.t(f"cause.{cause}")})
    return ask.tell(reason)


def _answering(ask: Ask, state: State, at: datetime) -> list[tuple[str, int, str, datetime | None]]:
    """Who answers: role, version, with what share, since when."""
    if state.champion is None:
        return []
    status = rollout_status(state, now=at)
    share = state.challenger_share if state.challenger is not None else 0.0
    found = [(ask.t("loop.champion"), state.champion, ask.t("loop.share", share=1.0 - share), state.champion_since)]
    if state.challenger is not None and share > 0.0:
        since = status.phase_since if status is not None else state.phases[-1].since if state.phases else None
        found.append((ask.t("loop.challenger"), state.challenger, ask.t("loop.share", share=share), since))
    for version in state.shadow:
        if share == 0.0 or version != state.challenger:
            begun = status.started_at if status is not None and version == status.version else state.watch.since if state.watch else None
            found.append((ask.t("loop.shadow"), version, ask.t("loop.scores"), begun))
    return found


def _decided(ask: Ask, known: Facts) -> Markup:
    rows = [(one, did(ask, one), _sentence(ask, one.reason)) for one in newest(known.entries, _DECISIONS)]
    return filled("loop_decisions.html", ask, rows=rows)


def _next(ask: Ask, known: Facts, spec: Spec) -> Markup:
    found = coming(known.state, spec, looks=known.looks, now=ask.now)
    rows = [(one.at, ask.tell(one.reason)) for one in found[:_COMING]]
    causes = ", ".join(ask.t(f"cause.{cause}") for cause in spec.retrain.on if cause != "schedule")
    frozen = known.state.frozen(ask.now) is not None
    return filled("loop_coming.html", ask, rows=rows, causes=causes, frozen=frozen)
