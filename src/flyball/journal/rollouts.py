"""The part of the fold that says who answers and who is compared: promotions, rollouts, rollbacks."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from flyball.core.verdict import Verdict
from flyball.journal.events import Promoted, RolledBack, RolloutEnded, RolloutStarted, Staged, WatchEnded
from flyball.journal.known import Pause, Phase, State, Waiting, Watch
from flyball.journal.moves import (
    ApprovalAsked,
    Approved,
    Declined,
    GuardrailTripped,
    Move,
    RolloutPaused,
    RolloutResumed,
    ShareMoved,
    Verified,
)

OfAliases = RolloutStarted | RolloutEnded | Promoted | Staged | RolledBack | WatchEnded | Move


def of_aliases(state: State, event: OfAliases, at: datetime, actor: str) -> State:
    """The state after an event that changes who answers, or who is compared."""
    match event:
        case RolloutStarted():
            return replace(
                _settle(state, event.version),
                rollout=event,
                challenger=event.version,
                challenger_share=event.share,
                phases=(Phase(since=at, share=event.share),),
                paused=None,
            )
        case RolloutEnded():
            if event.verdict is Verdict.FAIL:
                state = _refused(state, event.version)
            state = _settled(state, event.version)
            if state.rollout is None or state.rollout.version != event.version:
                return state  # it was never begun: there was nothing to find out
            waiting = state.waiting if state.waiting is not None and state.waiting.version != event.version else None
            return replace(state, rollout=None, challenger=None, challenger_share=0.0, phases=(), paused=None, waiting=waiting)
        case Promoted():
            return _promoted(state, event, at)
        case Staged():
            phases = () if event.version is None else (Phase(since=at, share=event.share),)
            return replace(state, challenger=event.version, challenger_share=event.share, phases=phases)
        case RolledBack():
            return _rolled_back(state, event, at)
        case WatchEnded():
            return replace(state, watch=None)
        case (
            ShareMoved() | RolloutPaused() | RolloutResumed() | GuardrailTripped() | ApprovalAsked() | Approved() | Declined() | Verified()
        ):
            return _moved(state, event, at, actor)
        case _:
            assert_never(event)


def _promoted(state: State, event: Promoted, at: datetime) -> State:
    watch = None
    if event.replaced is not None and event.watch_until is not None:
        watch = Watch(version=event.version, previous=event.replaced, since=at, until=event.watch_until)
    return replace(
        _settle(state, event.version),
        champion=event.version,
        previous=event.replaced,
        champions=state.champions | {event.version},
        first_champion=event.version if state.first_champion is None else state.first_champion,
        champion_since=at,
        watch=watch,
        rollout=None,  # it was held against another champion
        challenger=None,
        challenger_share=0.0,
        phases=(),
        paused=None,
        waiting=None,
        answered_keys=frozenset(),
        suppressed={},
    )


def _rolled_back(state: State, event: RolledBack, at: datetime) -> State:
    """What was held against the champion that is given up is worth nothing now: nobody is answered by a rollout, no promotion waits.

    A challenger that a person staged stays; the version that was given up is nothing to go back to.
    """
    known = _refused(state, event.version) if event.evidence else state  # a person may have other reasons than the model
    staged = state.challenger if state.challenger != event.to else None
    answers = staged is not None and state.rollout is None
    return replace(
        known,
        champion=event.to,
        previous=None,
        champion_since=at,
        watch=None,
        challenger=staged,
        challenger_share=state.challenger_share if answers else 0.0,
        phases=state.phases if staged is not None else (),
        waiting=None,
    )


def _moved(state: State, event: Move, at: datetime, actor: str) -> State:
    match event:
        case ShareMoved():
            return replace(state, challenger_share=event.share, phases=(*state.phases, Phase(since=at, share=event.share)))
        case RolloutPaused():
            pause = Pause(at=at, reason=event.reason)
            return replace(state, paused=pause, challenger_share=0.0, phases=(*state.phases, Phase(since=at, share=0.0)))
        case RolloutResumed():
            return _resumed(state, at)
        case GuardrailTripped():
            off = replace(state, challenger_share=0.0) if event.version == state.challenger else state
            return _settled(_refused(off, event.version), event.version)
        case ApprovalAsked():
            waiting = Waiting(at=at, version=event.version, reason=event.reason, evidence=event.evidence, actor=actor)
            return replace(_settle(state, event.version), waiting=waiting)
        case Approved() | Declined():
            return replace(state, waiting=None)
        case Verified():
            return state
        case _:
            assert_never(event)


def _resumed(state: State, at: datetime) -> State:
    if state.rollout is None or state.paused is None:
        return replace(state, paused=None)
    share = next((phase.share for phase in reversed(state.phases) if phase.share > 0.0), state.rollout.share)
    return replace(
        state,
        rollout=replace(state.rollout, deadline_at=state.rollout.deadline_at + (at - state.paused.at)),
        paused=None,
        challenger_share=share,
        phases=(*state.phases, Phase(since=at, share=share)),
    )


def _settle(state: State, version: int) -> State:
    """The version had its chance; older ones that still waited for theirs are out of date."""
    versions = {
        number: replace(known, settled=True) if number <= version and not known.settled else known
        for number, known in state.versions.items()
    }
    return replace(state, versions=versions)


def _settled(state: State, version: int) -> State:
    """This version had its chance; whatever waits beside it goes on waiting."""
    known = state.versions.get(version)
    return state if known is None else replace(state, versions={**state.versions, version: replace(known, settled=True)})


def _refused(state: State, version: int) -> State:
    known = state.versions.get(version)
    return state if known is None else replace(state, versions={**state.versions, version: replace(known, refused=True)})
