"""Nouns of a backtest: what is replayed, what a policy did with it, and how policies compare."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.table import Table
from flyball.journal.events import Entry
from flyball.spec.records import Spec

NEVER = int(np.iinfo(np.int64).max)
"""The time of an outcome that never came."""

Unjudged = Literal["", "no_never", "no_floor"]
"""Why alarms could not be judged: without labelled changes it takes the policy `never` and a floor."""


@record
class ByHand:
    """A person trains at a simulated time, on the last `window` of rows (None: the spec's). What follows is the loop's affair."""

    at: datetime
    actor: str
    window: timedelta | None = None


@record
class Plan:
    """What is replayed: the times `start` <= t < `end`, with a look of the loop at the end of each `step`.

    `train_until`: the first champion learns from what was known before then. `changes`: when the data is known to have changed; an alarm
    belongs to a change or a loss if it fires at most `within` after it. `metric` is what policies are ranked by.
    """

    start: datetime
    end: datetime
    step: timedelta
    train_until: datetime
    seed: int
    metric: str
    metrics: tuple[str, ...]
    changes: tuple[datetime, ...] | None = None
    within: timedelta = timedelta(days=14)
    by_hand: tuple[ByHand, ...] = ()


@record
class Policy:
    """One policy: the name it was asked for by, and the spec the loop goes by. `at`: when it trains, if it does so at fixed times."""

    name: str
    spec: Spec
    at: tuple[datetime, ...] = ()
    fixed: bool = False


@record
class Stream:
    """The rows that ask for a prediction during a replay, in order of time, as arrays of one length.

    `at`: microseconds since 1970. `actual` and `outcome_at` (NEVER: none came) are the outcome as a server would have taken it; `truth`
    and `truth_at` what became of the row. `value`: what that outcome was worth (NaN: nobody said). `features` are typed as a prediction log
    types them.
    """

    ids: NDArray[np.object_]
    entity: NDArray[np.object_]
    unit: NDArray[np.object_]
    at: NDArray[np.int64]
    actual: NDArray[np.object_]
    outcome_at: NDArray[np.int64]
    truth: NDArray[np.object_]
    truth_at: NDArray[np.int64]
    value: NDArray[np.float64]
    features: Table

    def __len__(self) -> int:
        return len(self.at)


@record
class Looked:
    """What one look of the loop found: the champion, whether it was certainly below its floor, and how many columns drifted."""

    at: datetime
    champion: int
    below: bool
    drifting: int


@record
class Trained:
    """One training: rows learned from, seconds on the clock, and seconds of the processor it took."""

    at: datetime
    rows: int
    seconds: float
    cpu_seconds: float


@record
class Played:
    """What one policy did with the stream. `score`: what was answered to each row (NaN: nothing), `version`: by which version (0: none).

    `classes`: what the columns of `score` stand for.
    """

    name: str
    entries: tuple[Entry, ...]
    score: NDArray[np.float64]
    version: NDArray[np.int64]
    classes: tuple[str | int | float | bool, ...]
    looks: tuple[Looked, ...]
    trainings: tuple[Trained, ...]
    trouble: tuple[str, ...]
    unanswered: int
    cpu_seconds: float


@record
class Made:
    """One decision. `checks`: what the gate said where it did not pass; `actor`: who decided."""

    at: datetime
    action: str
    version: int | None
    verdict: str
    reason: Reason
    actor: str
    checks: tuple[Reason, ...] = ()


@record
class Alarmed:
    """An alarm: every alert of drift or performance that began at one look. `false` None: it cannot be judged."""

    at: datetime
    keys: tuple[str, ...]
    reason: Reason
    false: bool | None = None


@record
class Loss:
    """Looks one after the other at which the first model, left alone, was certainly below its floor: from the first of them to the last."""

    start: datetime
    end: datetime


@record
class Request:
    """What is asked of a backtest. What is None follows from the history and the spec; no `policies` are the five usual ones."""

    policies: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    train_until: datetime | None = None
    step: timedelta = timedelta(days=1)
    seed: int | None = None
    metric: str | None = None
    changes: tuple[datetime, ...] | None = None
    within: timedelta = timedelta(days=14)
    by_hand: tuple[ByHand, ...] = ()


@record
class Cost:
    """What the trainings of a policy took beside the first: how many there were, seconds on the clock and of the processor, and rows."""

    trainings: int
    seconds: float
    cpu_seconds: float
    rows: int


@record
class Difference:
    """How much better a policy is than the one it is compared with (positive: better), with a 95 % interval over days."""

    gain: float
    lower: float
    upper: float


@record
class Scored:
    """One policy judged. `months`: metric → month → value, `weeks`: metric → first day → value; `mean`: the mean of the months; `whole`:
    over all rows.

    `under_floor`: looks at which its champion was certainly below its floor, in days. `missed`, like `Alarmed.false`, is None where it
    cannot be judged.
    """

    name: str
    rows: int
    mean: Mapping[str, float]
    whole: Mapping[str, float]
    months: Mapping[str, Mapping[str, float]]
    weeks: Mapping[str, Mapping[str, float]]
    against: Mapping[str, Difference]
    retrains: int
    cost: Cost
    promotions: int
    refused: int
    rollbacks: int
    failed: int
    alarms: tuple[Alarmed, ...]
    false_alarms: int | None
    missed: int | None
    under_floor: float
    champion: int
    decisions: tuple[Made, ...]
    marks: tuple[datetime, ...]
    unanswered: int
    trouble: tuple[str, ...]


@record
class BacktestReport:
    """Everything a backtest found. `policies` are ranked by `metric`, the best first; differences are against `reference`."""

    model: str
    start: datetime
    end: datetime
    step: timedelta
    seed: int
    rows: int
    labelled: int
    metric: str
    metrics: tuple[str, ...]
    reference: str
    policies: tuple[Scored, ...]
    warnings: tuple[Reason, ...]
    seconds: float
    cpu_seconds: float
    unjudged: Unjudged = ""
    losses: tuple[Loss, ...] = ()
    changes: tuple[datetime, ...] = ()
    within: timedelta = timedelta(days=14)
