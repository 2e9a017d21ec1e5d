"""Nouns of the journal: what happens to a rollout between its start and its end, and to a promotion that waits for a person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from flyball.core.reason import Reason
from flyball.core.record import record

Guardrail = Literal["errors", "nan", "latency", "score_drift"]


@record
class ShareMoved:
    """The challenger answers another share of the units from now on: a step of a canary, or a bandit's weights. It begins a phase."""

    version: int
    share: float
    reason: Reason
    evidence: Mapping[str, float]


@record
class RolloutPaused:
    """The challenger answers nobody until it is resumed, and nothing is decided; the deadline moves by as long.

    `until`: then it goes on by itself; None: until somebody resumes it, or for as long as the rollout would have lasted.
    """

    version: int
    reason: Reason
    until: datetime | None = None


@record
class RolloutResumed:
    """The rollout goes on with the share it had."""

    version: int
    reason: Reason


@record
class GuardrailTripped:
    """A server took an arm out by itself: from `tripped_at` on another version answers for it. `worker`: which saw it first."""

    version: int
    guardrail: Guardrail
    worker: str
    tripped_at: datetime
    reason: Reason
    evidence: Mapping[str, float]


@record
class ApprovalAsked:
    """A promotion is due and waits for a person. `evidence`: what it would rest on; `reason`: why it is due."""

    version: int
    reason: Reason
    evidence: Mapping[str, float]


@record
class Approved:
    """A person let a promotion that waited go through; the promotion follows."""

    version: int
    reason: Reason


@record
class Declined:
    """A person refused a promotion that waited: the champion stays."""

    version: int
    reason: Reason


@record
class Verified:
    """Somebody trained a version again from what is recorded. `identical`: the model has the same bytes; else `reason` says where not."""

    version: int
    identical: bool
    reason: Reason


Move = ShareMoved | RolloutPaused | RolloutResumed | GuardrailTripped | ApprovalAsked | Approved | Declined | Verified

# The name each is stored under; a name once written is kept for ever.
MOVES: dict[str, type[Move]] = {
    "share moved": ShareMoved,
    "rollout paused": RolloutPaused,
    "rollout resumed": RolloutResumed,
    "guardrail tripped": GuardrailTripped,
    "approval asked": ApprovalAsked,
    "approved": Approved,
    "declined": Declined,
    "verified": Verified,
}
