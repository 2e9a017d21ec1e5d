"""How the rollout stands, and what waits for whom: what `flyball rollout` and `flyball status` say."""

from datetime import datetime

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.window import Window
from flyball.journal.events import RolloutStarted
from flyball.journal.known import State
from flyball.loop.deciding.trial import next_step
from flyball.ports.history import PredictionLog
from flyball.spec.records import Strategy


@record
class RolloutStatus:
    """The rollout that runs. `next_at`: when its next step, or its next weights, may come; None where there are none, or while it stands
    still. `waits_for`: what has to happen for it to go on.
    """

    version: int
    champion: int
    strategy: Strategy
    metric: str
    share: float
    phase_since: datetime
    started_at: datetime
    next_share: float | None
    next_at: datetime | None
    deadline_at: datetime
    paused_since: datetime | None
    waits_for: Reason


@record
class WaitingStatus:
    """A promotion that waits for a person: since when, why it is due, and who asked for it."""

    version: int
    since: datetime
    reason: Reason
    asked_by: str


def rollout_status(state: State, *, now: datetime, answered: int | None = None) -> RolloutStatus | None:
    """How the rollout stands; None if there is none. `answered`: rows the challenger answered in the present phase, if that is known."""
    rollout = state.rollout
    if rollout is None:
        return None
    phase = state.phases[-1] if state.phases else None
    since = rollout.start_at if phase is None else phase.since
    still = state.paused is not None or state.frozen(now) is not None
    step = next_step(rollout, state.challenger_share)
    moves = rollout.strategy == "bandit" or step is not None
    return RolloutStatus(
        version=rollout.version,
        champion=rollout.champion,
        strategy=rollout.strategy,
        metric=rollout.metric,
        share=state.challenger_share,
        phase_since=since,
        started_at=rollout.start_at,
        next_share=None if still else step,
        next_at=since + rollout.hold if moves and not still else None,
        deadline_at=rollout.deadline_at,
        paused_since=None if state.paused is None else state.paused.at,
        waits_for=_waits_for(state, rollout, since, now, answered),
    )


def answered(log: PredictionLog, state: State, *, now: datetime) -> int | None:
    """How many rows the challenger of the rollout answered in the present phase; None without one. What was logged is taken in first."""
    if state.rollout is None or not state.phases:
        return None
    log.ingest()
    since = state.phases[-1].since
    rows = log.rows(state.model, state.rollout.version, Window(start=since, end=max(now, since)), compared=True)
    return 0 if rows.variant is None else int((rows.variant == "challenger").sum())


def waiting_status(state: State) -> WaitingStatus | None:
    """The promotion that waits for a person; None if none does."""
    waiting = state.waiting
    if waiting is None:
        return None
    return WaitingStatus(version=waiting.version, since=waiting.at, reason=waiting.reason, asked_by=waiting.actor)


def rollout_line(state: State, *, now: datetime) -> str | None:
    """The rollout in one line."""
    found = rollout_status(state, now=now)
    if found is None:
        return None
    against = f"version {found.version} against {found.champion} by {found.metric}, until {_minute(found.deadline_at)}"
    if found.paused_since is not None:
        return f"{against}; {found.strategy}, paused since {_minute(found.paused_since)}"
    if found.strategy == "shadow":
        return against
    then = f", {found.next_share:.1%} from {_minute(found.next_at)}" if found.next_share is not None and found.next_at is not None else ""
    return f"{against}; {found.strategy}, {found.share:.1%} of the units since {_minute(found.phase_since)}{then}"


def _waits_for(state: State, rollout: RolloutStarted, since: datetime, now: datetime, answered: int | None) -> Reason:
    freeze = state.frozen(now)
    if freeze is not None:
        return because("waits.frozen", reason=freeze.reason)
    if state.paused is not None:
        return because("waits.paused")
    if state.waiting is not None and state.waiting.version == rollout.version:
        return because("waits.approval", model=state.model, version=rollout.version)
    if f"experiment:{rollout.version}" in state.firing:
        return because("waits.trouble", version=rollout.version)
    held = _minute(since + rollout.hold)
    if rollout.strategy == "canary" and answered == 0 and now >= since + rollout.hold:
        return because("waits.answer", version=rollout.version, share=state.challenger_share, since=_minute(since))
    step = next_step(rollout, state.challenger_share)
    if step is not None:
        return because("waits.step", at=held, share=step)
    if rollout.strategy == "canary" and now < since + rollout.hold:
        return because("waits.held", at=held)
    if rollout.strategy == "bandit":
        return because("waits.weights", at=held)
    return because("waits.proof", bound=-rollout.margin if rollout.margin else 0.0, days=rollout.min_days)


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
