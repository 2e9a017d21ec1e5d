"""One tick: ingest what happened, fold what is known, measure, decide, act, and write down what was done and why.

A tick never trains: it starts a training and a later tick sees its end. It may be run by anybody at any time, also twice at once: every
append is a compare-and-set on the journal, and whoever comes second looks again. Where several machines share a store, the one that leads
runs it (`leading.py`).
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from flyball.core.errors import ConflictError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import first_midnight
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
    Entry,
    Event,
    RetrainEnded,
    RetrainStarted,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Staged,
    Suppressed,
    WatchEnded,
)
from flyball.journal.known import State
from flyball.journal.moves import ApprovalAsked, Declined, RolloutResumed, ShareMoved
from flyball.journal.state import fold
from flyball.loop.deciding.chances import first_share, next_candidate
from flyball.loop.deploy import external_moves, project_aliases, publish
from flyball.loop.evidence.measure import Look, look, measure
from flyball.loop.going_back import rolled_back
from flyball.loop.local import settle_local
from flyball.loop.memory import Memory
from flyball.loop.policy import decide
from flyball.loop.promoted import promoted
from flyball.loop.records import (
    Action,
    AskApproval,
    CloseTraining,
    EndRollout,
    EndWatch,
    Evidence,
    Finished,
    MoveShare,
    Notify,
    Promote,
    Resolve,
    Resume,
    Retrain,
    RollBack,
    StartRollout,
    Suppress,
    TickReport,
    Unstage,
    Withdraw,
    WriteTrip,
    Written,
)
from flyball.loop.telling.inbound import close_silent
from flyball.loop.telling.notify import Notified, notify
from flyball.loop.unwritten import tripped
from flyball.loop.world import World
from flyball.loop.yearly import pinned_alpha
from flyball.ports.training import Job
from flyball.spec.records import Spec

ACTOR = "loop"
# Each round of one tick appends at least one event that removes its own cause; more rounds than this would be a fault of the policy.
_ROUNDS = 8


def tick(
    world: World, spec: Spec, memory: Memory, *, now: datetime, actor: str = ACTOR, check: Callable[[], None] = lambda: None
) -> TickReport:
    """Look once, and do what follows. Returns what was seen and the entries that were appended.

    `check` is asked before something is done that the journal does not guard, and raises if this machine is no longer to do it.
    """
    model = spec.model.name
    ingested = world.predictions.ingest()
    appended: list[Entry] = []
    state = fold(model, world.journal.read(model))
    if state.running is not None and not state.made(state.running.started.action):
        # whoever wrote it down may have died before starting it; the same action never starts twice
        world.executor.submit(training_job(state.running.started, spec.folder, state.running.at))
    with suppress(ConflictError):  # else the next tick ends them
        appended += close_silent(world.journal, state, actor=actor, now=now)
        state = fold(model, appended, start=state)
    state, appended = settle_local(world, spec, state, appended)
    evidence: Evidence | None = None
    looked: Look | None = None
    for _ in range(_ROUNDS):
        if state.champion is not None and (looked is None or looked.champion != state.champion):
            looked = look(world, spec, state, state.champion, memory, now=now)
        evidence = measure(world, spec, state, memory, looked, now=now)
        actions = decide(state, evidence, spec, now=now)
        if not actions:
            break
        try:
            entries = act(world, spec, state, actions, now=now, actor=actor)
        except ConflictError:
            state = fold(model, world.journal.read(model))
            continue
        appended += entries
        state = fold(model, entries, start=state)
    publish(world, state, spec=spec, now=now)
    check()
    moves = external_moves(world, state)
    trouble = [evidence.trouble] if evidence is not None and evidence.trouble else []
    try:
        if moves:  # written down before it is undone
            appended += world.journal.append(model, moves, expected=state.seq, actor=actor, at=now)
        trouble += [told for told in (project_aliases(world, state),) if told]
    except ConflictError:
        pass  # somebody acted meanwhile; the alias still stands as it was found, and the next tick looks again
    world.looks.looked(model, now)
    check()
    # last, so that whoever listens badly keeps nothing else waiting
    notified = Notified() if world.post is None else notify(world.post, world.journal, spec, state, now=now, actor=actor)
    return TickReport(
        model=model,
        at=now,
        ingested=ingested,
        evidence=evidence,
        entries=(*appended, *notified.entries),
        trouble="; ".join(trouble),
        told=notified.told,
        untold=notified.untold,
    )


def follow_up(world: World, spec: Spec, *, now: datetime, actor: str) -> Written:
    """Give a version that a person has just trained its chance, as the next tick would: first champion, promotion by gate, or a rollout."""
    model = spec.model.name
    for _ in range(_ROUNDS):
        state = fold(model, world.journal.read(model))
        actions = [] if state.frozen(now) is not None else next_candidate(state, spec)
        if not actions:
            publish(world, state, spec=spec, now=now)
            return Written(entries=(), trouble="")
        try:
            entries = act(world, spec, state, actions, now=now, actor=actor)
        except ConflictError:
            continue
        after = fold(model, entries, start=state)
        publish(world, after, spec=spec, now=now)
        return Written(entries=tuple(entries), trouble=project_aliases(world, after))
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="try again")


def act(world: World, spec: Spec, state: State, actions: list[Action], *, now: datetime, actor: str) -> list[Entry]:
    """Append the events of the actions, all or none; then start what they ask to be started."""
    events: list[Event] = []
    jobs: list[Job] = []
    for action in actions:
        if isinstance(action, Retrain):
            # told apart by its time too, so that a restored database does not meet the jobs of its former future
            name = f"retrain-{state.seq + len(events) + 1}-{now:%Y%m%d%H%M%S}"
            started = RetrainStarted(action=name, cause=action.cause, reason=action.reason)
            events.append(started)
            jobs.append(training_job(started, spec.folder, now))
        else:
            events += _events(action, spec, state, now)
    entries = world.journal.append(state.model, events, expected=state.seq, actor=actor, at=now)
    for job in jobs:
        world.executor.submit(job)
    return entries


def training_job(started: RetrainStarted, folder: Path, now: datetime) -> Job:
    """The `flyball train` that a started training runs. Its data end at `now`, whenever it gets to run."""
    verb = ("train", "--json", "--action", started.action, "--cause", started.cause, "--now", now.isoformat())
    return Job(action=started.action, verb=verb, folder=folder)


def training_ended(done: Finished) -> RetrainEnded:
    """How a training ended, as the journal has it."""
    return RetrainEnded(
        action=done.action, outcome=done.outcome, version=done.version, reason=done.reason, cost=done.cost, currency=done.currency
    )


def _events(action: Action, spec: Spec, state: State, now: datetime) -> list[Event]:
    match action:
        case Retrain():
            return []
        case Suppress():
            return [Suppressed(cause=action.cause, reason=action.reason, because=action.because)]
        case CloseTraining():
            return [training_ended(action.finished)]
        case Promote():
            return _promotion(action, spec, state, now)
        case RollBack():
            back = RolledBack(version=action.version, to=action.to, reason=action.reason, evidence=action.evidence)
            return rolled_back(state, back)
        case EndWatch():
            return [WatchEnded(version=action.version, reason=action.reason, evidence=action.evidence)]
        case Notify():
            return [AlertFired(key=action.alert.key, reason=action.alert.reason, severity=action.alert.severity)]
        case Resolve():
            return [AlertResolved(key=action.alert.key, reason=action.alert.reason)]
        case StartRollout() | EndRollout() | MoveShare() | Resume() | WriteTrip() | Unstage() | AskApproval() | Withdraw():
            return [_move(action, spec, state, now)]
        case _:
            assert_never(action)


_Move = StartRollout | EndRollout | MoveShare | Resume | WriteTrip | Unstage | AskApproval | Withdraw


def _move(action: _Move, spec: Spec, state: State, now: datetime) -> Event:
    match action:
        case StartRollout():
            return _rollout(action, spec, state, now)
        case EndRollout():
            return RolloutEnded(version=action.version, verdict=action.verdict, reason=action.reason, evidence=action.evidence)
        case MoveShare():
            return ShareMoved(version=action.version, share=action.share, reason=action.reason, evidence=action.evidence)
        case Resume():
            return RolloutResumed(version=action.version, reason=action.reason)
        case WriteTrip():
            return tripped(action.trip)
        case Unstage():
            return Staged(version=None, share=0.0, reason=action.reason)
        case AskApproval():
            return ApprovalAsked(version=action.version, reason=action.reason, evidence=action.evidence)
        case Withdraw():
            return Declined(version=action.version, reason=action.reason)
        case _:
            assert_never(action)


def _rollout(action: StartRollout, spec: Spec, state: State, now: datetime) -> RolloutStarted:
    """The start of a comparison, with every rule it will be decided by.

    Where units are assigned, the seed is the rollout's own: the units that answered for one challenger are spread anew for the next.
    """
    assert state.champion is not None  # the policy starts a rollout only against a champion
    rules, strategy = spec.rollout, action.strategy
    return RolloutStarted(
        version=action.version,
        champion=state.champion,
        strategy=strategy,
        metric=rules.metric,
        spec_digest=spec.digest,
        start_at=now,
        # a shadow counts whole days, and has as many of them wherever in a day it begins
        deadline_at=(first_midnight(now) if strategy == "shadow" else now) + rules.deadline,
        reason=action.reason,
        alpha=pinned_alpha(spec),
        margin=rules.margin,
        min_days=rules.min_days,
        share=first_share(spec, strategy),
        steps=rules.steps if strategy == "canary" else (),
        hold=rules.hold if strategy in ("canary", "bandit") else timedelta(0),
        floor=rules.floor if strategy == "bandit" else 0.0,
        block=rules.block if strategy != "shadow" else "day",
        guardrails=rules.guardrails,
        approve=rules.approve,
        seed="" if strategy == "shadow" else f"{state.model}:{state.seq + 1}",
    )


def _promotion(action: Promote, spec: Spec, state: State, now: datetime) -> list[Event]:
    events: list[Event] = []
    if state.waiting is not None and state.waiting.version != action.version:
        superseded = because("approval.superseded", version=state.waiting.version, by=action.version)
        events.append(Declined(version=state.waiting.version, reason=superseded))
    if state.rollout is not None and state.rollout.version == action.version:
        events.append(RolloutEnded(version=action.version, verdict=Verdict.PASS, reason=action.reason, evidence=action.evidence))
    return [*events, promoted(state, spec, action.version, action.reason, now=now)]
