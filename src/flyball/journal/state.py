"""What is known of a model: the fold of its journal. Pure: the same entries give the same state."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
    Cause,
    Entry,
    ExternalMove,
    Frozen,
    Promoted,
    Registered,
    RetrainEnded,
    RetrainStarted,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Staged,
    Suppressed,
    Thawed,
    WatchEnded,
)


@record
class Known:
    """A registered version: when it came, what the gate said, and whether its fate is decided (`settled`): it failed, or had its chance."""

    at: datetime
    registered: Registered
    settled: bool


@record
class Running:
    """A training that was started and has not ended."""

    at: datetime
    started: RetrainStarted


@record
class Watch:
    """A new champion under observation against the one before it."""

    version: int
    previous: int
    since: datetime
    until: datetime


@record
class Freeze:
    """The loop stands still until `until` (None: until thawed)."""

    at: datetime
    reason: str
    until: datetime | None


@record
class State:
    """Everything the loop knows of one model. `answered_keys`: the alerts that a training was already started for.

    `first_at`: when the first version came; `last_retrain_at`: when the loop last started a training of its own. What people train in
    between neither puts the loop's trainings off nor replaces them.
    """

    model: str
    seq: int = 0
    versions: Mapping[int, Known]
    champion: int | None = None
    challenger: int | None = None
    challenger_share: float = 0.0
    previous: int | None = None
    champion_since: datetime | None = None
    rollout: RolloutStarted | None = None
    watch: Watch | None = None
    running: Running | None = None
    freeze: Freeze | None = None
    firing: Mapping[str, Reason]
    suppressed: Mapping[Cause, Reason]
    answered_keys: frozenset[str] = frozenset()
    first_at: datetime | None = None
    last_retrain_at: datetime | None = None
    retrains: int = 0

    def frozen(self, now: datetime) -> Freeze | None:
        """The freeze in force at a time, if any."""
        if self.freeze is None or (self.freeze.until is not None and now >= self.freeze.until):
            return None
        return self.freeze

    @property
    def shadow(self) -> tuple[int, ...]:
        """The versions that score every row without answering: the candidate of a rollout, the previous champion of a watch."""
        found = []
        if self.rollout is not None:
            found.append(self.rollout.version)
        if self.watch is not None and self.watch.previous not in found:
            found.append(self.watch.previous)
        return tuple(version for version in found if version != self.champion)


def empty(model: str) -> State:
    """The state before anything happened."""
    return State(model=model, versions={}, firing={}, suppressed={})


def fold(model: str, entries: Iterable[Entry], *, start: State | None = None) -> State:
    """The state after these entries, which follow `start` (default: the beginning)."""
    state = start or empty(model)
    for entry in entries:
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
            return _aliases(state, event, at)
        case Frozen():
            return replace(state, freeze=Freeze(at=at, reason=event.reason, until=event.until))
        case Thawed():
            return replace(state, freeze=None)
        case AlertFired():
            return replace(state, firing={**state.firing, event.key: event.reason})
        case AlertResolved():
            return replace(
                state,
                firing={key: reason for key, reason in state.firing.items() if key != event.key},
                answered_keys=state.answered_keys - {event.key},
            )
        case ExternalMove():
            return state
        case _:
            assert_never(event)


def _training(state: State, event: Registered | RetrainStarted | RetrainEnded | Suppressed, at: datetime) -> State:
    match event:
        case Registered():
            settled = event.gate.verdict is Verdict.FAIL
            known = Known(at=at, registered=event, settled=settled)
            first = state.first_at or at
            return replace(state, versions={**state.versions, event.version: known}, first_at=first)
        case RetrainStarted():
            return replace(
                state,
                running=Running(at=at, started=event),
                last_retrain_at=at,
                retrains=state.retrains + 1,
                answered_keys=state.answered_keys | state.firing.keys(),
                suppressed={},
            )
        case RetrainEnded():
            return replace(state, running=None)
        case Suppressed():
            return replace(state, suppressed={**state.suppressed, event.cause: event.because})
        case _:
            assert_never(event)


def _aliases(state: State, event: RolloutStarted | RolloutEnded | Promoted | Staged | RolledBack | WatchEnded, at: datetime) -> State:
    match event:
        case RolloutStarted():
            return replace(_settle(state, event.version), rollout=event, challenger=event.version, challenger_share=0.0)
        case RolloutEnded():
            return replace(state, rollout=None, challenger=None, challenger_share=0.0)
        case Promoted():
            watch = None
            if event.replaced is not None and event.watch_until is not None:
                watch = Watch(version=event.version, previous=event.replaced, since=at, until=event.watch_until)
            rollout = state.rollout if state.rollout is not None and state.rollout.version != event.version else None
            return replace(
                _settle(state, event.version),
                champion=event.version,
                previous=event.replaced,
                champion_since=at,
                watch=watch,
                rollout=rollout,
                challenger=rollout.version if rollout else None,
                challenger_share=0.0,
                answered_keys=frozenset(),
            )
        case Staged():
            return replace(state, challenger=event.version, challenger_share=event.share)
        case RolledBack():
            return replace(state, champion=event.to, previous=event.version, champion_since=at, watch=None)
        case WatchEnded():
            return replace(state, watch=None)
        case _:
            assert_never(event)


def _settle(state: State, version: int) -> State:
    known = state.versions.get(version)
    if known is None or known.settled:
        return state
    return replace(state, versions={**state.versions, version: replace(known, settled=True)})
