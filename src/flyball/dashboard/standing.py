"""How a model stands, in the fewest words: what the loop page begins with and the list of models says in a row."""

from datetime import datetime

from flyball.core.record import record
from flyball.core.window import format_duration, format_minute
from flyball.dashboard.records import Ask, Health
from flyball.journal.events import Entry
from flyball.journal.explain import Told, decisions
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.memory import Memory
from flyball.loop.picture import take_picture
from flyball.loop.rollout import rollout_status, waiting_status
from flyball.monitoring.records import MonitorReport
from flyball.render.report.answer import answer


@record
class Standing:
    """Health and why; the last decision; who or what is waited for; what comes next. Texts are in the reader's language."""

    health: Health
    why: str
    step: str
    last: str
    last_at: datetime | None
    waits: str
    due: str


@record
class Facts:
    """What a page reads first: every entry, what follows from them, the newest report, and the time that all of it is about.

    `at` is the time of the newest report or entry where that lies further back than a look of the loop can: a replay of the past, or
    a loop that stands still.
    """

    entries: list[Entry]
    state: State
    report: MonitorReport | None
    at: datetime

    @property
    def measured_at(self) -> datetime:
        """When was measured last: what people wrote into the journal since is later, and moves nothing that was measured."""
        return self.at if self.report is None else min(self.report.window.end, self.at)


def facts(ask: Ask) -> Facts:
    """What is known of the model now."""
    entries = ask.world.journal.read(ask.model)
    report = ask.world.reports.latest(ask.model)
    newest = max([entry.at for entry in entries[-1:]] + ([report.window.end] if report is not None else []), default=ask.now)
    return Facts(entries=entries, state=fold(ask.model, entries), report=report, at=min(newest, ask.now))


def standing(ask: Ask, known: Facts | None = None) -> Standing:
    """The standing of a model now."""
    known = facts(ask) if known is None else known
    state, made = known.state, [tell for tell in decisions(known.entries)]
    last: Told | None = made[-1] if made else None
    health, why, step = _health(ask, known)
    return Standing(
        health=health,
        why=why,
        step=step,
        last="" if last is None else _said(ask, last),
        last_at=None if last is None else last.entry.at,
        waits=_waits(ask, state, known.at),
        due=_due(ask, state),
    )


def _health(ask: Ask, known: Facts) -> tuple[Health, str, str]:
    if known.state.champion is None or known.report is None:
        code = "no_champion" if known.state.champion is None else "no_report"
        return "unknown", ask.t(f"standing.{code}"), ask.t(f"standing.{code}_step")
    picture = take_picture(ask.world, ask.project.spec(), known.state, known.entries, Memory(), known.report, now=known.at, past=False)
    found = answer(picture)
    return found.call, ask.tell(found.reasons[0]), ask.tell(found.step)


def _said(ask: Ask, told: Told) -> str:
    version = f" {ask.model}@{told.version}" if told.version else ""
    return f"{told.action}{version}: {ask.tell(told.reason)}"


def _waits(ask: Ask, state: State, now: datetime) -> str:
    freeze, waiting, rollout = state.frozen(now), waiting_status(state), rollout_status(state, now=now)
    if freeze is not None:
        return ask.t("standing.frozen", reason=freeze.reason)
    if waiting is not None:
        return ask.t("standing.approval", version=waiting.version)
    if state.running is not None:
        return ask.t("standing.training", since=format_minute(state.running.at))
    return "" if rollout is None else ask.tell(rollout.waits_for)


def _due(ask: Ask, state: State) -> str:
    spec = ask.project.spec()
    since = state.last_retrain_at or state.first_at
    if "schedule" in spec.retrain.on and spec.retrain.every is not None and since is not None:
        return ask.t("standing.due", at=format_minute(since + spec.retrain.every), every=format_duration(spec.retrain.every))
    return ask.t("standing.when", causes=", ".join(spec.retrain.on) or "-")
