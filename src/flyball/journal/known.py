"""Nouns of what is known of a model: its versions, its rollout, its alerts, and all of it together as the state."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from flyball.alerting.records import Severity
from flyball.alerting.rules import matches
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.journal.events import Cause, Registered, RetrainStarted, RolloutStarted


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
class Phase:
    """A stretch of a rollout in which the challenger answered one share of the units: what is analysed together."""

    since: datetime
    share: float


@record
class Pause:
    """A rollout that stands still, since when and why; `until`: then it goes on by itself."""

    at: datetime
    reason: Reason
    until: datetime | None = None


@record
class Waiting:
    """A promotion that waits for a person: what it rests on, and who asked for it."""

    at: datetime
    version: int
    reason: Reason
    evidence: Mapping[str, float]
    actor: str


@record
class State:
    """Everything the loop knows of one model. `answered_keys`: the alerts that a training was already started for.

    `first_at`: when the first version came; `last_retrain_at`: when the loop last started a training of its own. What people train in
    between neither puts the loop's trainings off nor replaces them. `firing` has the alerts that fire, `standing` all that ever did;
    `silences` are by pattern, `requests` by key. `phases` are those of the rollout, or of a staged challenger; `paused` while the rollout
    stands still, `waiting` a promotion that a person has to approve; `trainings`: when the loop started trainings of its own in the seven
    days before the last of them.
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
    phases: tuple[Phase, ...] = ()
    paused: Pause | None = None
    waiting: Waiting | None = None
    trainings: tuple[datetime, ...] = ()

    def frozen(self, now: datetime) -> Freeze | None:
        """The freeze in force at a time, if any."""
        if self.freeze is None or (self.freeze.until is not None and now >= self.freeze.until):
            return None
        return self.freeze

    def made(self, action: str) -> list[int]:
        """The versions that came of a training."""
        return [number for number, known in self.versions.items() if known.registered.action == action]

    def silenced(self, key: str, now: datetime) -> Silence | None:
        """The silence that covers an alert at a time, the one that ends last if there are several."""
        found = [silence for pattern, silence in self.silences.items() if now < silence.until and matches(pattern, key)]
        return max(found, key=lambda silence: silence.until, default=None)

    @property
    def shadow(self) -> tuple[int, ...]:
        """The versions that score every row without answering: the candidate of a shadow rollout, the previous champion of a watch."""
        found = []
        if self.rollout is not None and self.rollout.strategy == "shadow":
            found.append(self.rollout.version)
        if self.watch is not None and self.watch.previous not in found:
            found.append(self.watch.previous)
        return tuple(version for version in found if version != self.champion)
