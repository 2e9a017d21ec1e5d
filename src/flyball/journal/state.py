"""What is known of a model: the fold of its journal. Pure: the same entries give the same state."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from itertools import groupby
from typing import assert_never

from flyball.alerting.records import Severity
from flyball.alerting.rules import matches, severity_of
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


@record
class Known:
    """A registered version and when it came. `settled`: it failed its gate, had its chance, or a newer one came first.

    `refused`: live rows spoke against it: its comparison was lost, or the loop rolled it back. `replaced`: the bundles it had before the
    one it has, each with the same engine and another reference.
    """

    at: datetime
    registered: Registered
    settled: bool
    refused: bool = False
    replaced: tuple[str, ...] = ()


@record
class Running:
    """A training that was started and has not ended. `answers`: the alerts it is the first to answer; `requests`: those from outside."""

    at: datetime
    started: RetrainStarted
    answers: frozenset[str]
    requests: frozenset[str] = frozenset()


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
class Standing:
    """The last time an alert fired: by entry `seq`, `since` when. `over_at` and `over`: when and why it was over; None while it fires."""

    seq: int
    since: datetime
    reason: Reason
    severity: Severity
    over_at: datetime | None = None
    over: Reason | None = None


@record
class Silence:
    """Nobody is told of the alerts that fit a pattern, until `until`."""

    at: datetime
    until: datetime
    reason: str
    actor: str


@record
class Request:
    """An alert from outside that asks for a training and is not over. `answered`: a training was started since.

    `heard`: when it was written down last that it still fires.
    """

    at: datetime
    reason: Reason
    answered: bool = False
    heard: datetime


@record
class State:
    """Everything the loop knows of one model. `answered_keys`: the alerts that a training was already started for.

    `first_at`: when the first version came; `last_retrain_at`: when the loop last started a training of its own. What people train in
    between neither puts the loop's trainings off nor replaces them. `firing` has the alerts that fire, `standing` all that ever did;
    `silences` are by pattern, `requests` by key.
    """

    model: str
    seq: int = 0
    versions: Mapping[int, Known]
    champion: int | None = None
    challenger: int | None = None
    challenger_share: float = 0.0
    previous: int | None = None
    champions: frozenset[int] = frozenset()
    first_champion: int | None = None
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
    standing: Mapping[str, Standing] = field(default_factory=dict)
    silences: Mapping[str, Silence] = field(default_factory=dict)
    requests: Mapping[str, Request] = field(default_factory=dict)

    def frozen(self, now: datetime) -> Freeze | None:
        """The freeze in force at a time, if any."""
        if self.freeze is None or (self.freeze.until is not None and now >= self.freeze.until):
            return None
        return self.freeze

    def silenced(self, key: str, now: datetime) -> Silence | None:
        """The silence that covers an alert at a time, the one that ends last if there are several."""
        found = [silence for pattern, silence in self.silences.items() if now < silence.until and matches(pattern, key)]
        return max(found, key=lambda silence: silence.until, default=None)

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
            return _aliases(state, event, at)
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
        case ExternalMove():
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


def _aliases(state: State, event: RolloutStarted | RolloutEnded | Promoted | Staged | RolledBack | WatchEnded, at: datetime) -> State:
    match event:
        case RolloutStarted():
            return replace(_settle(state, event.version), rollout=event, challenger=event.version, challenger_share=0.0)
        case RolloutEnded():
            if event.verdict is Verdict.FAIL:
                state = _refused(state, event.version)
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
                champions=state.champions | {event.version},
                first_champion=event.version if state.first_champion is None else state.first_champion,
                champion_since=at,
                watch=watch,
                rollout=rollout,
                challenger=rollout.version if rollout else None,
                challenger_share=0.0,
                answered_keys=frozenset(),
                suppressed={},
            )
        case Staged():
            return replace(state, challenger=event.version, challenger_share=event.share)
        case RolledBack():
            # the version that was given up is nothing to go back to
            staged = state.challenger if state.challenger != event.to else None
            known = _refused(state, event.version) if event.evidence else state  # a person may have other reasons than the model
            return replace(
                known,
                champion=event.to,
                previous=None,
                champion_since=at,
                watch=None,
                challenger=staged,
                challenger_share=state.challenger_share if staged else 0.0,
            )
        case WatchEnded():
            return replace(state, watch=None)
        case _:
            assert_never(event)


def _referenced(state: State, event: Referenced) -> State:
    """The version is the same, in another bundle."""
    known = state.versions.get(event.version)
    if known is None:
        return state
    moved = replace(known, registered=replace(known.registered, bundle=event.bundle), replaced=(*known.replaced, event.replaced))
    return replace(state, versions={**state.versions, event.version: moved})


def _settle(state: State, version: int) -> State:
    """The version had its chance; older ones that still waited for theirs are out of date."""
    versions = {
        number: replace(known, settled=True) if number <= version and not known.settled else known
        for number, known in state.versions.items()
    }
    return replace(state, versions=versions)


def _refused(state: State, version: int) -> State:
    known = state.versions.get(version)
    return state if known is None else replace(state, versions={**state.versions, version: replace(known, refused=True)})
