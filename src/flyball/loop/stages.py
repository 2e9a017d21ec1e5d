"""The six stages of the loop as a person sees them: how each stands and why, when it ran, and what comes next. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration, format_minute
from flyball.journal.events import Entry, Registered, RetrainEnded
from flyball.journal.known import State
from flyball.loop.rollout import RolloutStatus, rollout_status
from flyball.spec.records import Spec

StageName = Literal["prepare", "train", "evaluate", "deploy", "monitor", "retrain"]
StageState = Literal["done", "work", "waits", "failed", "stopped", "idle"]
# After so many of its own intervals without a look the loop is said to stand still; further back than `PAST` it is a replay of the past.
_MISSED = 10
_LEAST = timedelta(minutes=5)
PAST = timedelta(days=90)


@record
class Stage:
    """One stage. `reasons` say how it comes to its state, never none; `next_at`: when it is due, where that is known."""

    name: StageName
    state: StageState
    reasons: tuple[Reason, ...]
    last_at: datetime | None = None
    next_at: datetime | None = None


@record
class Coming:
    """Something that will happen at a time, unless something else happens first."""

    at: datetime
    reason: Reason


@record
class _Known:
    """What the stages are told from. `made`: the newest version that was trained here; `failed`: a later training that came to nothing."""

    state: State
    made: Entry | None
    event: Registered | None
    failed: Entry | None
    status: RolloutStatus | None
    due: datetime | None
    looks: Sequence[datetime]
    now: datetime


def stages(state: State, spec: Spec, entries: Sequence[Entry], *, looks: Sequence[datetime], now: datetime) -> tuple[Stage, ...]:
    """The six stages, in the order of the loop. `looks`: when the loop looked last; `now`: what the clock says."""
    made = next((one for one in reversed(entries) if isinstance(one.event, Registered) and not one.event.source), None)
    ended = next((one for one in reversed(entries) if isinstance(one.event, RetrainEnded)), None)
    failed = None
    if ended is not None and isinstance(ended.event, RetrainEnded) and ended.event.outcome in ("failed", "lost"):
        failed = ended if made is None or ended.seq > made.seq else None
    known = _Known(
        state=state,
        made=made,
        event=made.event if made is not None and isinstance(made.event, Registered) else None,
        failed=failed,
        status=rollout_status(state, now=looks[-1] if looks else now),
        due=scheduled(state, spec),
        looks=looks,
        now=now,
    )
    return _prepare(known), _train(known), _evaluate(known), _deploy(known), _monitor(known), _retrain(known)


def scheduled(state: State, spec: Spec) -> datetime | None:
    """When the schedule asks for the next training; None if it never does."""
    since = state.last_retrain_at or state.first_at
    if "schedule" not in spec.retrain.on or spec.retrain.every is None or since is None or state.champion is None:
        return None
    return since + spec.retrain.every


def coming(state: State, spec: Spec, *, looks: Sequence[datetime] = (), now: datetime) -> list[Coming]:
    """What is due, the soonest first."""
    found: list[tuple[datetime | None, Reason]] = []
    status = rollout_status(state, now=looks[-1] if looks else now)
    if status is not None:
        if status.next_at is not None and status.next_share is not None:
            found.append((status.next_at, because("coming.step", version=status.version, share=status.next_share)))
        elif status.next_at is not None:
            found.append((status.next_at, because("coming.weights", version=status.version)))
        found.append((status.paused_until, because("coming.resume" if status.resumes else "coming.given_up", version=status.version)))
        found.append((status.deadline_at, because("coming.deadline", version=status.version, champion=status.champion)))
    if state.watch is not None:
        found.append((state.watch.until, because("coming.watch", version=state.watch.version, previous=state.watch.previous)))
    freeze, every = state.frozen(now), spec.retrain.every
    if freeze is not None:
        found.append((freeze.until, because("coming.thaw")))
    if every is not None:
        found.append((scheduled(state, spec), because("coming.training", every=format_duration(every))))
    return sorted((Coming(at=at, reason=reason) for at, reason in found if at is not None), key=lambda one: one.at)


def pace(looks: Sequence[datetime]) -> timedelta | None:
    """How far apart the looks of the loop are; None of fewer than two."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(looks)]
    return timedelta(seconds=median(gaps)) if gaps else None


def stands_still(looks: Sequence[datetime], now: datetime) -> bool:
    """Whether the loop should have looked since it looked last, many times over. A replay of the past has a time of its own."""
    if not looks:
        return False
    gap = now - looks[-1]
    return max(_MISSED * (pace(looks) or timedelta(0)), _LEAST) < gap < PAST


def _prepare(known: _Known) -> Stage:
    state, event = known.state, known.event
    last_at = None if known.made is None else known.made.at
    faulty = sorted(key.partition(":")[2] for key in state.firing if key.startswith("quality:"))
    if state.running is not None:
        return _in_training("prepare", known)
    if faulty:
        reason = because("stage.faults", count=len(faulty), column=faulty[0])
        return Stage(name="prepare", state="failed", reasons=(reason,), last_at=last_at)
    if event is None:
        return _never("prepare", known)
    until = None if event.trained_until is None else format_minute(event.trained_until)
    reason = because("stage.prepared" if until else "stage.prepared_rows", version=event.version, rows=event.rows, until=until)
    return Stage(name="prepare", state="done", reasons=(reason,), last_at=last_at, next_at=known.due)


def _train(known: _Known) -> Stage:
    if known.state.running is not None:
        return _in_training("train", known)
    if known.failed is not None and isinstance(known.failed.event, RetrainEnded):
        return Stage(name="train", state="failed", reasons=(known.failed.event.reason,), last_at=known.failed.at, next_at=known.due)
    if known.made is None or known.event is None:
        return _never("train", known)
    reason = because("stage.trained", version=known.event.version, cause=known.event.cause)
    return Stage(name="train", state="done", reasons=(reason,), last_at=known.made.at, next_at=known.due)


def _evaluate(known: _Known) -> Stage:
    if known.state.running is not None:
        return _in_training("evaluate", known)
    if known.made is None or known.event is None:
        return _never("evaluate", known)
    verdict = known.event.gate.verdict
    reason = because(f"stage.gate_{verdict.value}", version=known.event.version)
    state: StageState = "failed" if verdict is Verdict.FAIL else "done"
    return Stage(name="evaluate", state=state, reasons=(reason,), last_at=known.made.at, next_at=known.due)


def _deploy(known: _Known) -> Stage:
    state, status, freeze = known.state, known.status, known.state.frozen(known.now)
    last_at = state.champion_since
    if state.champion is None:
        return Stage(name="deploy", state="waits" if state.versions else "idle", reasons=(because("stage.no_champion"),))
    answers = because("stage.answers", version=state.champion)
    if freeze is not None:
        return Stage(name="deploy", state="stopped", reasons=(answers, because("stage.stopped", reason=freeze.reason)), last_at=last_at)
    if state.waiting is not None:
        asked = because("stage.approval", version=state.waiting.version)
        return Stage(name="deploy", state="waits", reasons=(answers, asked), last_at=last_at)
    if status is not None:
        compared = because("stage.compared", version=status.version, champion=status.champion, metric=status.metric)
        still = status.paused_since is not None
        return Stage(
            name="deploy",
            state="waits" if still else "work",
            reasons=(compared, because("stage.waits_for"), status.waits_for) if still else (compared,),
            last_at=last_at,
            next_at=status.paused_until if still else status.next_at or status.deadline_at,
        )
    if state.watch is not None:
        watched = because("stage.watched", version=state.watch.version, previous=state.watch.previous)
        return Stage(name="deploy", state="done", reasons=(watched,), last_at=last_at, next_at=state.watch.until)
    return Stage(name="deploy", state="done", reasons=(answers,), last_at=last_at)


def _monitor(known: _Known) -> Stage:
    looks, firing = known.looks, len(known.state.firing)
    if known.state.champion is None:
        return Stage(name="monitor", state="idle", reasons=(because("stage.nothing_to_watch"),))
    if not looks:
        return Stage(name="monitor", state="waits", reasons=(because("stage.no_look"),))
    told = because("stage.alerts", count=firing) if firing else because("stage.calm")
    if stands_still(looks, known.now):
        return Stage(name="monitor", state="waits", reasons=(because("stage.stands_still"), told), last_at=looks[-1])
    gap = known.now - looks[-1]
    over = gap >= PAST and known.state.frozen(known.now) is not None  # a replay that has ended
    every = pace(looks)
    return Stage(
        name="monitor",
        state="done" if over else "work",
        reasons=(told,),
        last_at=looks[-1],
        next_at=None if over or every is None else looks[-1] + every,
    )


def _retrain(known: _Known) -> Stage:
    state, freeze = known.state, known.state.frozen(known.now)
    last_at = state.last_retrain_at
    if state.champion is None:
        return Stage(name="retrain", state="idle", reasons=(because("stage.by_hand_first"),))
    if freeze is not None:
        return Stage(name="retrain", state="stopped", reasons=(because("stage.stopped", reason=freeze.reason),), last_at=last_at)
    if state.running is not None:
        asked = because("stage.asked", cause=state.running.started.cause)
        return Stage(name="retrain", state="work", reasons=(asked, state.running.started.reason), last_at=state.running.at)
    if state.suppressed:
        cause, why = next(iter(state.suppressed.items()))
        return Stage(
            name="retrain", state="waits", reasons=(because("stage.put_off", cause=cause), why), last_at=last_at, next_at=known.due
        )
    return Stage(
        name="retrain", state="done" if last_at else "idle", reasons=(because("stage.no_cause"),), last_at=last_at, next_at=known.due
    )


def _in_training(name: StageName, known: _Known) -> Stage:
    running = known.state.running
    assert running is not None
    reason = because("stage.in_training", cause=running.started.cause)
    return Stage(name=name, state="work", reasons=(reason,), last_at=running.at)


def _never(name: StageName, known: _Known) -> Stage:
    adopted = bool(known.state.versions)
    return Stage(name=name, state="idle", reasons=(because("stage.adopted" if adopted else "stage.never"),), next_at=known.due)
