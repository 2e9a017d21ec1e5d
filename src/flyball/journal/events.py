"""Nouns of the journal: everything that can happen to a model, one record each, and the envelope it is kept in."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Literal

from flyball.alerting.records import Severity
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Decision
from flyball.journal.moves import MOVES, Move
from flyball.registry.records import EngineName
from flyball.spec.records import Guardrails, Strategy

Cause = Literal["manual", "performance", "drift", "schedule", "alert"]


@record
class DayGain:
    """One day of a paired comparison: the mean gain of a version over another, and how many rows it is the mean of. `day`: since 1970."""

    day: int
    rows: int
    gain: float


@record
class Registered:
    """A version exists, with the gate's decision about it. `action` is the retraining that made it, empty if a person did.

    `head_start`: the held-out days neither it nor champion `compared_with` had seen, by `head_start_metric`: the first blocks of a live
    comparison between the two. `source` is where an adopted version was taken from, empty for one that was trained here; `borrowed`: the
    registry that it came from is never written to. `hidden`: rows that could not be learnt from because the model's own answer hid their
    label; `held_back`: rows of the holdback among those learnt from, weighted up for them. `window`: why its rows begin where they begin,
    if that was looked for. `same_as`: the champion whose scores it gave on every row held out from both, 0 for none. `money`: what it
    cost in `currency`, by the price of then; None where the spec names none.
    """

    version: int
    run_id: str
    bundle: str
    snapshot: str
    identity: str
    engine: EngineName
    metrics: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]
    gate: Decision
    cause: Cause
    action: str
    rows: int
    trained_from: datetime | None
    trained_until: datetime | None
    seconds: Mapping[str, float]
    compared_with: int | None = None
    head_start: tuple[DayGain, ...] = ()
    head_start_metric: str = ""
    source: str = ""
    borrowed: bool = False
    hidden: int = 0
    held_back: int = 0
    window: Reason | None = None
    same_as: int = 0
    money: float | None = None
    currency: str = ""


@record
class RetrainStarted:
    """A training was asked for, and why."""

    action: str
    cause: Cause
    reason: Reason


@record
class RetrainEnded:
    """A training ended: `version` is what came out of it, 0 if nothing did. `cost`: what it took (`cpu_seconds`, `seconds`, and
    `money` in `currency` where the spec names a price).
    """

    action: str
    outcome: Literal["registered", "unchanged", "failed", "lost"]
    version: int
    reason: Reason
    cost: Mapping[str, float] = field(default_factory=dict)
    currency: str = ""


@record
class Suppressed:
    """Something called for a training and it was not started, and why not. Appended when that changes, not at every tick."""

    cause: Cause
    reason: Reason
    because: Reason


@record
class RolloutStarted:
    """A version is compared with the champion on live rows from `start_at` until decided or `deadline_at`.

    The rules it is decided by are pinned here: a spec that changes meanwhile changes them for the next rollout. `share`: what the
    challenger answers at first; `steps`, `hold` of a canary; `floor` of a bandit; `seed` of the assignment (empty: the model's).
    """

    version: int
    champion: int
    strategy: Strategy
    metric: str
    spec_digest: str
    start_at: datetime
    deadline_at: datetime
    reason: Reason
    alpha: float = 0.05
    margin: float = 0.0
    min_days: int = 7
    share: float = 0.0
    steps: tuple[float, ...] = ()
    hold: timedelta = timedelta(0)
    floor: float = 0.0
    block: Literal["day", "unit"] = "day"
    guardrails: Guardrails | None = None
    approve: Literal["auto", "manual"] = "auto"
    seed: str = ""


@record
class RolloutEnded:
    """The live comparison was decided, or not by its deadline. `evidence` holds the numbers it was decided on."""

    version: int
    verdict: Verdict
    reason: Reason
    evidence: Mapping[str, float]


@record
class Promoted:
    """A version became champion; the one before it, if any, became `previous`. `watch_until`: until then it is compared with `previous`."""

    version: int
    replaced: int | None
    reason: Reason
    forced: bool
    watch_until: datetime | None


@record
class Staged:
    """A person made a version the challenger, answering `share` of the units (0: none); version None ends it."""

    version: int | None
    share: float
    reason: Reason


@record
class RolledBack:
    """The champion gave way to the version before it."""

    version: int
    to: int
    reason: Reason
    evidence: Mapping[str, float]


@record
class WatchEnded:
    """The new champion was compared with the previous one for its watch time and stays."""

    version: int
    reason: Reason
    evidence: Mapping[str, float]


@record
class Frozen:
    """Nothing is promoted, rolled back or retrained until `until` (None: until thawed)."""

    reason: str
    until: datetime | None


@record
class Thawed:
    """The loop may act again."""

    reason: str


@record
class AlertFired:
    """An alert began. `severity` None: as its kind has it."""

    key: str
    reason: Reason
    severity: Severity | None = None


@record
class AlertResolved:
    """An alert is over."""

    key: str
    reason: Reason


@record
class Silenced:
    """Nobody is told of alerts whose key fits `pattern` until `until`. They fire and resolve all the same."""

    pattern: str
    reason: str
    until: datetime


@record
class SilenceEnded:
    """A silence ended before its time."""

    pattern: str
    reason: str


@record
class Undelivered:
    """A receiver could not be told of these alerts for a day, and it was given up."""

    receiver: str
    keys: tuple[str, ...]
    reason: Reason


@record
class RetrainRequested:
    """An alert from outside asks for a training. `key` stays the same while that alert fires, however often it is repeated."""

    key: str
    reason: Reason


@record
class RequestClosed:
    """The alert from outside is over; if it comes again, it asks again."""

    key: str


@record
class ExternalMove:
    """The champion alias in MLflow was moved by somebody else; the journal's word was put back."""

    alias: str
    found: int | None
    restored: int | None


@record
class Referenced:
    """A version is compared with other rows than before: the same files with another reference, in `bundle` instead of `replaced`.

    `reference` is the digest that live counts are marked with, `source` the name of the file that `rows` rows were read from.
    """

    version: int
    bundle: str
    replaced: str
    reference: str
    rows: int
    source: str


@record
class Admitted:
    """Who may act on this model in shared stores: `tokens` are digests that tell nothing of them. The newest of these entries holds."""

    tokens: tuple[str, ...]
    reason: Reason


Event = (
    Registered
    | RetrainStarted
    | RetrainEnded
    | Suppressed
    | RolloutStarted
    | RolloutEnded
    | Promoted
    | Staged
    | RolledBack
    | WatchEnded
    | Frozen
    | Thawed
    | AlertFired
    | AlertResolved
    | Silenced
    | SilenceEnded
    | Undelivered
    | RetrainRequested
    | RequestClosed
    | ExternalMove
    | Referenced
    | Admitted
    | Move
)

# The name each event is stored under; a name once written is kept for ever.
EVENTS: dict[str, type[Event]] = {
    "registered": Registered,
    "retrain started": RetrainStarted,
    "retrain ended": RetrainEnded,
    "suppressed": Suppressed,
    "rollout started": RolloutStarted,
    "rollout ended": RolloutEnded,
    "promoted": Promoted,
    "staged": Staged,
    "rolled back": RolledBack,
    "watch ended": WatchEnded,
    "frozen": Frozen,
    "thawed": Thawed,
    "alert fired": AlertFired,
    "alert resolved": AlertResolved,
    "silenced": Silenced,
    "silence ended": SilenceEnded,
    "undelivered": Undelivered,
    "retrain requested": RetrainRequested,
    "request closed": RequestClosed,
    "external move": ExternalMove,
    "referenced": Referenced,
    "admitted": Admitted,
    **MOVES,
}
KINDS: Mapping[type[Event], str] = {kind: name for name, kind in EVENTS.items()}


@record
class Entry:
    """One event in the stream of one model. `hash` covers everything else, `prev_hash` chains it to the entry before."""

    model: str
    seq: int
    at: datetime
    actor: str
    event: Event
    prev_hash: str
    hash: str
