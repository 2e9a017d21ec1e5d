"""Nouns of serving: the deployment, a prediction, an outcome, and batches of them as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.table import Table
from flyball.spec.records import Arm, Guardrails

Variant = Arm
Label = str | int | float | bool


@record
class Deployment:
    """What servers of one model answer with. `seq` is the journal's number it follows from.

    `challenger` answers `challenger_share` of the units (0: none); versions in `shadow` score every row and never answer.
    `bundles` maps each version named here, and `previous`, to its bundle digest. `guardrails` guard the challenger, and the champion as
    long as `watched` (it took over lately, and `previous` is kept warm to answer for it). `local`: it was rolled back on this machine,
    and the journal does not know yet. `champion_since`: when the champion became that, by the journal.
    """

    model: str
    seq: int
    champion: int | None
    challenger: int | None
    challenger_share: float
    seed: str
    shadow: tuple[int, ...]
    previous: int | None
    bundles: Mapping[int, str]
    guardrails: Guardrails | None = None
    watched: bool = False
    local: bool = False
    champion_since: datetime | None = None


@record
class Swap:
    """A deployment that workers get ready for before it becomes current.

    `ready` and `failed` (with what hindered them) have answered, `waiting` are alive and have not; `overdue`: they had their time.
    """

    deployment: Deployment
    ready: tuple[str, ...]
    failed: Mapping[str, str]
    waiting: tuple[str, ...]
    overdue: bool

    @property
    def due(self) -> bool:
        """Whether it is to become current. Nobody hinders it for ever, and it never serves where nobody can answer with it."""
        if self.ready:
            return self.overdue or not self.waiting
        return not self.failed and not self.waiting


@record
class Worker:
    """A live worker, and the seq it said it was ready for last, or could not get ready for because of `trouble`."""

    name: str
    ready: int
    trouble: str


def swap_of(deployment: Deployment, alive: Sequence[Worker], *, overdue: bool) -> Swap:
    """How far live workers are with a deployment that is being prepared."""
    answered = [one for one in alive if one.ready == deployment.seq]
    return Swap(
        deployment=deployment,
        ready=tuple(one.name for one in answered if not one.trouble),
        failed={one.name: one.trouble for one in answered if one.trouble},
        waiting=tuple(one.name for one in alive if one.ready != deployment.seq),
        overdue=overdue,
    )


@record
class Trip:
    """A guardrail that acted in a server: from `at` on another version answers for `version` there. `evidence`: what was counted."""

    model: str
    version: int
    arm: Arm
    guardrail: Literal["errors", "nan", "latency", "score_drift"]
    worker: str
    at: datetime
    reason: Reason
    evidence: Mapping[str, float]


@record
class PredictionBatch:
    """Predictions as columns, in the order they were made: the unit of the prediction log (all sequences have one length).

    `at` and `made_at` are microseconds since 1970 UTC: event time and server time. `score` is one number for binary (probability of
    the positive class) and regression, one per class for multiclass. `shadow` rows were scored and not answered: they repeat the
    `prediction_id` of the answered row, and their `features` and `context` are None. `features` holds the values of a row in the
    order of the schema whose digest is `schema_id` (the names are kept beside), missing as None. `propensity`: how likely the variant
    was to be the one that answers this unit; None where nothing was left to chance. An empty list stands for nothing but None.
    """

    model: str
    worker: str
    schema_id: str
    feature_names: list[str]
    prediction_id: list[str]
    version: list[int]
    variant: list[str]
    shadow: list[bool]
    at: list[int]
    made_at: list[int]
    unit: list[str | None]
    entity: list[str | None]
    client_id: list[str | None]
    label: list[Label]
    score: list[float | list[float]]
    features: list[list[Label | None] | None]
    context: list[Mapping[str, Label | None] | None]
    propensity: list[float | None] = field(default_factory=list)


@record
class Prediction:
    """One answered prediction as the log keeps it."""

    prediction_id: str
    model: str
    version: int
    variant: str
    worker: str
    at: datetime
    made_at: datetime
    unit: str | None
    entity: str | None
    client_id: str | None
    label: Label
    score: float | tuple[float, ...]
    features: Mapping[str, Label | None]
    context: Mapping[str, Label | None]
    propensity: float | None = None


@record
class Outcome:
    """What really happened, told by prediction id (the server's or the client's), or by entity (`id`) or unit and time.

    `value`: what it was worth to the business, in whatever unit; larger is better.
    """

    actual: Label
    at: datetime
    prediction_id: str | None = None
    entity: str | None = None
    unit: str | None = None
    value: float | None = None


@record
class Rejected:
    """An outcome that was not taken: `why` is unknown, ambiguous (several predictions fit equally well), twice or malformed."""

    prediction_id: str
    why: Literal["unknown", "ambiguous", "twice", "malformed"]
    error: str


@record
class Accepted:
    """The answer to a list of outcomes."""

    accepted: int
    rejected: tuple[Rejected, ...]


@record
class Maturity:
    """When a prediction enters analysis: at event time + `age`, whether or not its label came, if that is not later than `by`.

    An outcome counts if it was known by then. The age 0 sets no limit: an outcome counts as soon as it is known, up to `by`.
    """

    age: timedelta
    by: datetime


@record
class LoggedRows:
    """Logged predictions of one version with what became of them, as arrays of one length, ordered by event time.

    `actual` is object: the outcome's label, None where none had come in time. `score` as in PredictionBatch. `day` is the block:
    days since 1970 (UTC) of the event time. `features`, and `made_at` (the server's time), are None unless features were asked for,
    as is `bare`: which rows were logged without features, whose values are all missing. `context` has a column for each key that was
    asked for, missing as None (all of it, if no request had the key), and is None if none was. `variant` is who answered (`champion`,
    `challenger`, `holdback`, `pinned`, …; `shadow` for rows that were not answered), `propensity` how likely that was (NaN: nothing
    was left to chance), `value` what the outcome was worth (NaN: not told, or too late); None unless asked for. `version` is that of
    the row where rows of several are read.
    """

    prediction_id: NDArray[np.object_]
    at: NDArray[np.int64]
    day: NDArray[np.int64]
    unit: NDArray[np.object_]
    entity: NDArray[np.object_]
    label: NDArray[np.object_]
    score: NDArray[np.float64]
    actual: NDArray[np.object_]
    outcome_at: NDArray[np.int64]
    features: Table | None
    made_at: NDArray[np.int64] | None = None
    context: Table | None = None
    bare: NDArray[np.bool_] | None = None
    variant: NDArray[np.object_] | None = None
    propensity: NDArray[np.float64] | None = None
    value: NDArray[np.float64] | None = None
    version: NDArray[np.int64] | None = None

    def take(self, rows: NDArray[np.bool_]) -> "LoggedRows":
        """The rows for which this is true."""
        return LoggedRows(
            prediction_id=self.prediction_id[rows],
            at=self.at[rows],
            day=self.day[rows],
            unit=self.unit[rows],
            entity=self.entity[rows],
            label=self.label[rows],
            score=self.score[rows],
            actual=self.actual[rows],
            outcome_at=self.outcome_at[rows],
            features=None if self.features is None else self.features.take(rows),
            made_at=None if self.made_at is None else self.made_at[rows],
            context=None if self.context is None else self.context.take(rows),
            bare=None if self.bare is None else self.bare[rows],
            variant=None if self.variant is None else self.variant[rows],
            propensity=None if self.propensity is None else self.propensity[rows],
            value=None if self.value is None else self.value[rows],
            version=None if self.version is None else self.version[rows],
        )


@record
class Place:
    """How far a prediction log has been read, in order of arrival: numbers of the log's own, which only grow."""

    answered: int = 0
    shadows: int = 0


@record
class Arrived:
    """Rows of one version in the order they arrived, as arrays of one length, answered or shadow.

    `variant` is that of the row, or `shadow`, or `elsewhere` for rows that were answered elsewhere. `known`: whether its features were
    logged; where not, `features` has missing values. `place`: read on from here; `more`: there is something to read on.
    """

    at: NDArray[np.int64]
    label: NDArray[np.object_]
    score: NDArray[np.float64]
    variant: NDArray[np.object_]
    known: NDArray[np.bool_]
    features: Table
    place: Place
    more: bool


@record
class Answers:
    """How many requests for predictions got a status in a minute, which is told by its start. 200: they were answered."""

    minute: datetime
    status: int
    requests: int
