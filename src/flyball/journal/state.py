"""What is known of a model: the fold of its journal. Pure: the same entries give the same state."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import assert_never

from flyball.alerting.rules import severity_of
from flyball.core.reason import Reason
from flyball.core.verdict import Verdict
from flyball.journal.events import (
    Admitted,
    AlertFired,
    AlertResolved,
    Cause,
    Entry,
    ExternalMove,
    Frozen,
    Promoted,
    Referenced,
    Registered,
    RequestClosed,
    RetrainEnded,
    RetrainRequested,
    RetrainStarted,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Silenced,
    SilenceEnded,
    Staged,
    Suppressed,
    Thawed,
    Undelivered,
    WatchEnded,
)
from flyball.journal.known import Freeze, Known, Request, Running, Silence, Standing, State
from flyball.journal.moves import (
    ApprovalAsked,
    Approved,
    Declined,
    GuardrailTripped,
    RolloutPaused,
    RolloutResumed,
    ShareMoved,
    Verified,
)
from flyball.journal.rollouts import of_aliases

_WEEK = timedelta(days=7)


def empty(model: str) -> State:
    """The state before anything happened."""
    return State(model=model, versions={}, firing={}, suppressed={})


def fold(model: str, entries: Iterable[Entry], *, start: State | None = None) -> State:
    """The state after these entries, which follow `start` (default: the beginning)."""
    state = start or empty(model)
    for alerts, run in groupby(entries, key=lambda entry: isinstance(entry.event, AlertFired | AlertResolved)):
        if alerts:
            state = _alerts(state, run)
        else:
            for entry in run:
                state = apply(state, entry)
    return state


def apply(state: State, entry: Entry) -> State:
    """The state after one more entry."""
    state = replace(state, seq=entry.seq)
    event, at = entry.event, entry.at
    match event:
        case Registered() | RetrainStarted() | RetrainEnded() | Suppressed():
            return _training(state, event, at)
        case RolloutStarted() | RolloutEnded() | Promoted() | Staged() | RolledBack() | WatchEnded():
            return of_aliases(state, event, at, entry.actor)
        case (
            ShareMoved() | RolloutPaused() | RolloutResumed() | GuardrailTripped() | ApprovalAsked() | Approved() | Declined() | Verified()
        ):
            return of_aliases(state, event, at, entry.actor)
        case Frozen():
            return replace(state, freeze=Freeze(at=at, reason=event.reason, until=event.until))
        case Thawed():
            return replace(state, freeze=None)
        case AlertFired() | AlertResolved():
            return _alerts(state, [entry])
        case Silenced():
            silence = Silence(at=at, until=event.until, reason=event.reason, actor=entry.actor)
            return replace(state, silences={**state.silences, event.pattern: silence})
        case SilenceEnded():
            return replace(state, silences={pattern: kept for pattern, kept in state.silences.items() if pattern != event.pattern})
        case RetrainRequested():
            known = state.requests.get(event.key)
            request = Request(at=at, reason=event.reason, heard=at) if known is None else replace(known, heard=at)
            return replace(state, requests={**state.requests, event.key: request})
        case RequestClosed():
            requests = {key: request for key, request in state.requests.items() if key != event.key}
            return replace(state, requests=requests, suppressed=_still_asked(state.suppressed, state.firing, requests))
        case Undelivered():
            return state
        case ExternalMove() | Admitted():
            return state
        case Referenced():
            return _referenced(state, event)
        case _:
            assert_never(event)


def _alerts(state: State, entries: Iterable[Entry]) -> State:
    """The state after some entries about alerts, one after the other: thousands of columns may drift at one look."""
    firing, standing, answered, suppressed = dict(state.firing), dict(state.standing), set(state.answered_keys), state.suppressed
    seq = state.seq
    for entry in entries:
        event, seq = entry.event, entry.seq
        if isinstance(event, AlertFired):
            severity = event.severity or severity_of(event.key)
            firing[event.key] = event.reason
            standing[event.key] = Standing(seq=entry.seq, since=entry.at, reason=event.reason, severity=severity)
        elif isinstance(event, AlertResolved):
            firing.pop(event.key, None)
            answered.discard(event.key)
            if event.key in standing:
                standing[event.key] = replace(standing[event.key], over_at=entry.at, over=event.reason)
            if suppressed:
                suppressed = _still_asked(suppressed, firing, state.requests)
    return replace(state, seq=seq, firing=firing, standing=standing, answered_keys=frozenset(answered), suppressed=suppressed)


def _still_asked(
    suppressed: Mapping[Cause, Reason], firing: Mapping[str, Reason], requests: Mapping[str, Request]
) -> Mapping[Cause, Reason]:
    """What no longer asks for a training no longer waits for one."""
    asking = {"schedule", *(key.partition(":")[0] for key in firing), *(["alert"] if requests else [])}
    return {cause: why for cause, why in suppressed.items() if cause in asking}


def _training(state: State, event: Registered | RetrainStarted | RetrainEnded | Suppressed, at: datetime) -> State:
    match event:
        case Registered():
            settled = event.gate.verdict is Verdict.FAIL
            known = Known(at=at, registered=event, settled=settled)
            first = state.first_at or at
            return replace(state, versions={**state.versions, event.version: known}, first_at=first)
        case RetrainStarted():
            asking = frozenset(key for key, request in state.requests.items() if not request.answered)
            return replace(
                state,
                running=Running(at=at, started=event, answers=frozenset(state.firing) - state.answered_keys, requests=asking),
                last_retrain_at=at,
                trainings=(*(began for began in state.trainings if began > at - _WEEK), at),
                answered_keys=state.answered_keys | state.firing.keys(),
                requests={key: replace(request, answered=True) for key, request in state.requests.items()},
                suppressed={},
            )
        case RetrainEnded():
            # a training that came to nothing has answered nothing
            if state.running is None or event.outcome not in ("failed", "lost"):
                return replace(state, running=None)
            again = state.running.requests
            return replace(
                state,
                running=None,
                answered_keys=state.answered_keys - state.running.answers,
                requests={key: replace(one, answered=one.answered and key not in again) for key, one in state.requests.items()},
            )
        case Suppressed():
            return replace(state, suppressed={**state.suppressed, event.cause: event.because})
        case _:
            assert_never(event)


def _referenced(state: State, event: Referenced) -> State:
    """The version is the same, in another bundle."""
    known = state.versions.get(event.version)
    if known is None:
        return state
    moved = replace(known, registered=replace(known.registered, bundle=event.bundle), replaced=(*known.replaced, event.replaced))
    return replace(state, versions={**state.versions, event.version: moved})
