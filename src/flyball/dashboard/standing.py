"""How a model stands, in the fewest words: what the loop page begins with and the list of models says in a row."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from flyball.core.record import record
from flyball.core.window import format_minute
from flyball.dashboard.records import Ask, Health
from flyball.journal.events import Entry
from flyball.journal.explain import Told, decisions
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.picture import take_picture
from flyball.loop.rollout import rollout_status, waiting_status
from flyball.loop.stages import coming
from flyball.monitoring.records import MonitorReport
from flyball.render.report.answer import answer
from flyball.spec.records import Spec


@record
class Standing:
    """Health and why; the last decision; who or what is waited for; what comes next, and when. Texts are in the reader's language.

    `person`: whether it is a person who is waited for.
    """

    health: Health
    why: str
    step: str
    last: str
    last_at: datetime | None
    waits: str
    person: bool
    due: str
    due_at: datetime | None


def seen(state: State) -> str:
    """What a button that changes the model was shown under: champion, way back, challenger, comparison, what waits. Sent with the order."""
    rollout, waiting = state.rollout, state.waiting
    parts = (state.champion, state.previous, state.challenger, rollout and rollout.version, waiting and waiting.version)
    return ".".join(str(one or 0) for one in parts)


@record
class Facts:
    """What a page reads first: every entry, what follows from them, the newest report, and the time that all of it is about.

    `looks` are the last times the loop looked. `at` is the newest of them or the end of the newest report: what people do later, and a
    clock that went on after a replay of the past, do not move it. Before the loop ever looked it is the time of the newest entry.
    """

    entries: list[Entry]
    state: State
    report: MonitorReport | None
    looks: Sequence[datetime]
    at: datetime

    @property
    def measured_at(self) -> datetime:
        """When was measured last: what people wrote into the journal since is later, and moves nothing that was measured."""
        return self.at if self.report is None else min(self.report.window.end, self.at)


def facts(ask: Ask) -> Facts:
    """What is known of the model now."""
    entries = ask.world.journal.read(ask.model)
    report, looks = ask.world.reports.latest(ask.model), ask.world.looks.looks(ask.model)
    seen = [*looks[-1:], *([report.window.end] if report is not None else [])] or [entry.at for entry in entries[-1:]]
    at = min(max(seen, default=ask.now), ask.now)
    state = ask.project.folded.state(ask.model, entries)
    if state.freeze is not None and state.frozen(ask.now) is None:  # it has ended since, whatever time all else is about
        state = replace(state, freeze=None)
    return Facts(entries=entries, state=state, report=report, looks=looks, at=at)


def standing(ask: Ask, known: Facts | None = None, spec: Spec | None = None) -> Standing:
    """The standing of a model now."""
    known = facts(ask) if known is None else known
    spec = ask.project.spec() if spec is None else spec
    last = next(iter(newest(known.entries, 1)), None)
    health, why, step = _health(ask, known, spec)
    waits, person = _waits(ask, known.state, known.at)
    due, due_at = _due(ask, spec, known)
    return Standing(
        health=health,
        why=why,
        step=step,
        last="" if last is None else said(ask, last),
        last_at=None if last is None else last.entry.at,
        waits=waits,
        person=person,
        due=due,
        due_at=due_at,
    )


def newest(entries: Sequence[Entry], count: int) -> list[Told]:
    """The last decisions, the newest first. That a training ended in a version is told by that version."""
    found: list[Told] = []
    for entry in reversed(entries):
        if len(found) >= count:
            break
        found += [one for one in decisions([entry]) if one.action != "retrain registered"]
    return found


def did(ask: Ask, told: Told) -> str:
    """What was done, in a few words."""
    return ask.t(f"did.{told.action.replace(' ', '_').replace(':', '')}", version=told.version)


def said(ask: Ask, told: Told) -> str:
    """What was done, and why."""
    return ask.t("standing.said", did=did(ask, told), why=ask.tell(told.reason))


def _health(ask: Ask, known: Facts, spec: Spec) -> tuple[Health, str, str]:
    if known.state.champion is None or known.report is None:
        code = "no_champion" if known.state.champion is None else "no_report"
        return "unknown", ask.t(f"standing.{code}"), ask.t(f"standing.{code}_step")
    picture = take_picture(ask.world, spec, known.state, known.entries, Memory(), known.report, now=known.at, past=False)
    found = answer(picture)
    return found.call, ask.tell(found.reasons[0]), ask.tell(found.step)


def _waits(ask: Ask, state: State, now: datetime) -> tuple[str, bool]:
    freeze, waiting, rollout = state.frozen(ask.now), waiting_status(state), rollout_status(state, now=now)
    if freeze is not None:
        return ask.t("standing.frozen", reason=freeze.reason), True
    if waiting is not None:
        return ask.t("standing.approval", version=waiting.version), True
    if state.running is not None:
        return ask.t("standing.training", since=format_minute(state.running.at)), False
    if rollout is not None:
        return ask.tell(rollout.waits_for), rollout.waits_for.code == "waits.trouble"
    return (ask.t("standing.first"), True) if state.champion is None else ("", False)


def _due(ask: Ask, spec: Spec, known: Facts) -> tuple[str, datetime | None]:
    found = coming(known.state, spec, looks=known.looks, now=ask.now)
    if found:
        return ask.tell(found[0].reason), found[0].at
    if known.state.champion is None:
        return "", None
    causes = [ask.t(f"cause.{cause}") for cause in spec.retrain.on]
    return ask.t("standing.when", causes=", ".join(causes) or "-"), None
