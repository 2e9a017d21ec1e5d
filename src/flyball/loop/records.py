"""Nouns of the loop: what a tick knows (evidence), what it does about it (actions), and what it says afterwards."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal

from flyball.alerting.records import Alert
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.journal.events import Cause, Entry
from flyball.monitoring.records import ArmsEvidence, ColumnDrift, PairedEvidence, Performance, QualityFinding
from flyball.serving.records import Trip
from flyball.spec.records import Strategy

Outcome = Literal["registered", "unchanged", "failed", "lost"]


@record
class Floored:
    """Performance, realised or estimated, held against its floor. `fail` means: certainly below."""

    verdict: Verdict
    reason: Reason


@record
class Finished:
    """The training that was running has ended, and how. `version` is 0 if none came out of it. `cost`: what it took, where known."""

    action: str
    outcome: Outcome
    version: int
    reason: Reason
    cost: Mapping[str, float] = field(default_factory=dict)


@record
class Evidence:
    """Everything a decision may look at. Absent parts could not be measured at this tick, and decide nothing.

    `calm`: alert keys that may resolve, and why.
    `new_outcomes`: labels that became known since the last training began. `refused`: what servers said that could not take over a version.
    `quality`: what is wrong with the rows of the window. `trouble`: what could not be measured, and why. `estimated_floor`: what scores
    alone say of the newest rows; it is measured whenever a report is kept.
    `trips`: what guardrails did in servers since the rollout, or the watch, began; None if that cannot be read, which is not none.
    """

    drift: Mapping[str, ColumnDrift]
    calm: Mapping[str, Reason]
    performance: Performance | None
    floor: Floored | None
    rollout: PairedEvidence | ArmsEvidence | None
    watch: PairedEvidence | None
    new_outcomes: int
    finished: Finished | None
    refused: tuple[str, ...] = ()
    trouble: str = ""
    quality: tuple[QualityFinding, ...] = ()
    estimated_floor: Floored | None = None
    trips: tuple[Trip, ...] | None = ()


@record
class Retrain:
    """Start a training."""

    cause: Cause
    reason: Reason


@record
class Suppress:
    """A training was called for and must wait."""

    cause: Cause
    reason: Reason
    because: Reason


@record
class CloseTraining:
    """Write down that a training ended."""

    finished: Finished


@record
class StartRollout:
    """Compare a version with the champion on live rows, by a strategy that may do so for this model."""

    version: int
    strategy: Strategy
    reason: Reason


@record
class EndRollout:
    """The candidate does not become champion: refuted (fail) or not proven by the deadline (undecided)."""

    version: int
    verdict: Verdict
    reason: Reason
    evidence: Mapping[str, float]


@record
class Promote:
    """Make a version champion."""

    version: int
    reason: Reason
    evidence: Mapping[str, float]


@record
class RollBack:
    """Give the champion's place back to the version before it."""

    version: int
    to: int
    reason: Reason
    evidence: Mapping[str, float]


@record
class EndWatch:
    """The new champion stays."""

    version: int
    reason: Reason
    evidence: Mapping[str, float]


@record
class Notify:
    """Tell people that an alert began."""

    alert: Alert


@record
class Resolve:
    """Tell people that an alert is over."""

    alert: Alert


@record
class MoveShare:
    """Let the challenger answer another share of the units."""

    version: int
    share: float
    reason: Reason
    evidence: Mapping[str, float]


@record
class Resume:
    """Let a rollout go on whose pause is over."""

    version: int
    reason: Reason


@record
class WriteTrip:
    """Write down what a guardrail did in a server."""

    trip: Trip


@record
class Unstage:
    """Take a challenger away that a person had staged."""

    version: int
    reason: Reason


@record
class AskApproval:
    """A promotion is due, and a person has to approve it."""

    version: int
    reason: Reason
    evidence: Mapping[str, float]


@record
class Withdraw:
    """A promotion that waited for a person is due no longer."""

    version: int
    reason: Reason


Action = (
    Retrain
    | Suppress
    | CloseTraining
    | StartRollout
    | EndRollout
    | MoveShare
    | Resume
    | WriteTrip
    | Unstage
    | Promote
    | AskApproval
    | Withdraw
    | RollBack
    | EndWatch
    | Notify
    | Resolve
)


@record
class TickReport:
    """What one tick saw and did. `trouble`: what could not be brought up to date, such as a registry that does not answer.

    `told`: which receivers took which notifications; `untold`: which did not, and why. `stands_by`: why nothing was decided here, because
    another machine acts.
    """

    model: str
    at: datetime
    ingested: int
    evidence: Evidence | None
    entries: tuple[Entry, ...]
    trouble: str = ""
    told: tuple[Reason, ...] = ()
    untold: tuple[Reason, ...] = ()
    stands_by: Reason | None = None


@record
class Written:
    """What was written down for a person, and what could not be brought up to date at once."""

    entries: tuple[Entry, ...]
    trouble: str
