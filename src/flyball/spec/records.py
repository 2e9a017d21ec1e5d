"""Nouns of the spec: what `flyball.toml` says, section by section, with the defaults of what it leaves out."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Literal

from flyball.core.record import record
from flyball.core.slug import slug
from flyball.spec.delivery import DeliverSpec, Price, Resources, StoresSpec, TrackSpec

Task = Literal["binary", "multiclass", "regression"]
Param = str | int | float | bool | None
Trigger = Literal["performance", "drift", "schedule", "alert"]
Strategy = Literal["immediate", "shadow", "canary", "experiment", "bandit"]
Arm = Literal["champion", "challenger"]
FETCHED = "warehouse"
"""The folder of what queries gave, in the project's folder."""
VALUE = "value"  # the metric of a rollout that is told with each outcome, in whatever it is worth; larger is better


@record
class Costs:
    """What each kind of mistake costs; the threshold follows from the ratio."""

    false_positive: float
    false_negative: float


@record
class ModelSpec:
    """`[model]`."""

    name: str
    task: Task
    threshold: float = 0.5
    costs: Costs | None = None
    influences_outcome: bool = False

    @property
    def cut(self) -> float:
        """The probability from which a binary answer is positive: the threshold, or fp / (fp + fn) from the costs."""
        if self.costs is None:
            return self.threshold
        return self.costs.false_positive / (self.costs.false_positive + self.costs.false_negative)


@record
class DataSpec:
    """`[data]`. Columns that are None do not exist in this project.

    `connection`: where the query in the file `source` is asked, as `env:NAME`; empty: `source` holds the rows itself. Where rows are
    fetched from says nothing of what they mean, so it is no part of any digest.
    """

    source: str
    target: str
    prepare: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    id: str | None = None
    unit: str | None = None
    time: str | None = None
    outcome_time: str | None = None
    matures: timedelta = timedelta(0)
    no_outcome: Literal["exclude", "negative", "unknown"] = "exclude"
    connection: str = ""

    @property
    def place(self) -> str:
        """Where the rows lie in the project's folder: the source, or what its query gave when it was asked last."""
        return f"{FETCHED}/{slug(PurePath(self.source).stem)}" if self.connection else self.source

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns that are never features: target, id, unit and times."""
        return tuple(c for c in (self.id, self.unit, self.time, self.outcome_time, self.target) if c is not None)


@record
class External:
    """`[train] external`: another system that trains. It is asked by `kind` at `url`, and the version it registers is waited for.

    `webhook`: a POST of JSON; `repository_dispatch`: GitHub's event of that name. `token`: `env:NAME`, read where it is sent from.
    """

    kind: Literal["webhook", "repository_dispatch"]
    url: str
    token: str = ""


@record
class TrainSpec:
    """`[train]`: `run` is `module:function` in the project's folder.

    Instead of it, `command`: the words of a command in the user's own environment, or `external`. `python`: the interpreter that runs
    `run`, if it is not this one; relative paths are in the project's folder.
    """

    run: str
    params: Mapping[str, Param]
    timeout: timedelta = timedelta(hours=6)
    command: tuple[str, ...] = ()
    python: str = ""
    external: External | None = None


@record
class Range:
    """Numbers from `low` to `high`, both included: `whole` ones, every `step` (None: any), or evenly by their logarithm."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False


Searched = Range | tuple[Param, ...]
"""Among which values of a parameter one is looked for: a range, or these."""


@record
class SplitSpec:
    """`[evaluate] split`: by `time` (newest rows), `unit` (whole units) or `rows` (seeded).

    `test` is a share of the rows; by time it may be a span instead (`test_span`), so that a growing history does not hold out ever
    older rows.
    """

    by: Literal["time", "unit", "rows"]
    test: float = 0.2
    test_span: timedelta | None = None
    seed: int = 0


@record
class GateCheck:
    """One line of the gate. Exactly one of the three kinds is set.

    `at_least` is a bound (for a loss: `at_most`); `better`: lower bound of the gain over `champion` > margin; `not_worse`: > -margin.
    `slices`: a comparison is made in every slice instead of over all rows: by the values of `slice`, or of every column of `slices`
    under `[evaluate]`.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    better: Literal["champion"] | None = None
    not_worse: Literal["champion"] | None = None
    margin: float = 0.0
    slice: str | None = None
    slices: bool = False


@record
class ReplaySpec:
    """`[evaluate] replay`: how many logged requests a candidate has to answer before it may get any (0: none).

    `disagree`: the largest share of labels in which it may differ from the champion before a gate leaves it undecided; `latency`: how
    many times the champion's median time a row may take. None: no limit.
    """

    rows: int = 2000
    disagree: float | None = None
    latency: float | None = None


@record
class EvaluateSpec:
    """`[evaluate]`. `untouched`: the share of rows, chosen by a hash, that no training ever learns from."""

    metrics: tuple[str, ...]
    split: SplitSpec
    slices: tuple[str, ...] = ()
    gate: tuple[GateCheck, ...] = ()
    replay: ReplaySpec = ReplaySpec()
    untouched: float = 0.02


@record
class ServeSpec:
    """`[serve]`. `backend`: the address of a model on another server, which answers in the place of one that was made here; empty: none."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    log: Literal["available", "required"] = "available"
    unseen: Literal["count", "refuse"] = "count"
    backend: str = ""


@record
class Guardrails:
    """`[rollout] guardrails`: what ends a rollout at once, checked in the server for each arm. Each is one-sided at `alpha`, however often
    it is looked at.

    `errors`: by how much the share of requests that an arm fails may exceed the champion's; `nan`: the same of scores that are no finite
    number; `latency`: how many times the champion's 99th percentile an arm's may be; `score_drift`: how far (Kolmogorov-Smirnov) its
    scores may be from the champion's. None: not guarded. Before `min_requests` of an arm nothing but a row of failures counts.
    """

    errors: float | None = 0.01
    nan: float | None = 0.001
    latency: float | None = 5.0
    score_drift: float | None = None
    alpha: float = 0.001
    min_requests: int = 50


@record
class RolloutSpec:
    """`[rollout]`: how a version becomes champion, and how long it is watched afterwards.

    `margin`: a candidate is promoted when its gain is certainly above -margin (0: certainly better). `min_days`: live days before any
    promotion. `share`: the part of the units that the challenger of an experiment answers, and the most it gets in a canary.
    `steps`: the shares of a canary one after the other, each for `hold`; of a bandit the first is its start. `floor`: the least share
    each arm of a bandit keeps. `block`: what evidence is counted in. `approve`: `manual` parks every promotion until a person approves;
    `four_eyes`: another person than the one who asked. `overrides`: units that are always answered by an arm, for testers; they are
    part of no analysis. `holdback`: the share of units that are answered as if nothing was to be done, so that labels stay honest.
    `yearly`: how many false promotions a year may have on average; it lowers `alpha` where there are many comparisons. None: no budget.
    """

    strategy: Strategy = "shadow"
    metric: str = "brier"
    deadline: timedelta = timedelta(days=14)
    alpha: float = 0.05
    yearly: float | None = None
    margin: float = 0.0
    min_days: int = 7
    watch: timedelta = timedelta(days=30)
    share: float = 0.5
    steps: tuple[float, ...] = (0.01, 0.05, 0.2, 0.5)
    hold: timedelta = timedelta(days=1)
    floor: float = 0.1
    block: Literal["day", "unit"] = "day"
    guardrails: Guardrails = Guardrails()
    approve: Literal["auto", "manual"] = "auto"
    four_eyes: bool = False
    overrides: Mapping[str, Arm] = field(default_factory=dict)
    holdback: float = 0.0


@record
class Floor:
    """`[monitor] floor`: alarm when the metric is certainly worse than the champion's held-out bound by more than `drop`."""

    metric: str
    drop: float


@record
class MonitorSpec:
    """`[monitor]`.

    `season`: with what part of the training data a row is compared: all of it, that of the same hour (`day`), or that of the same hour
    and weekday (`week`), in the local time of `zone`. `ignore`: columns that are not watched. `slices`: columns or keys of the
    requests' `context` by whose values performance is repeated. `embeddings`: name -> pattern of the columns that together are one vector.
    """

    window: timedelta = timedelta(days=1)
    margin: float = 0.05
    share_margin: float = 0.002
    floor: Floor | None = None
    performance_window: timedelta = timedelta(days=14)
    season: Literal["none", "day", "week"] = "none"
    zone: str = "UTC"
    ignore: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    embeddings: Mapping[str, str] = field(default_factory=dict)


@record
class Expectation:
    """`[quality] expect`: what the values of one column must be. `missing`: the largest share that may be missing."""

    min: float | None = None
    max: float | None = None
    missing: float | None = None
    values: tuple[str | int | float | bool, ...] | None = None
    unique: bool = False


@record
class QualitySpec:
    """`[quality]`: what the data must be like, in training and live. `fresh`: how old the newest row of a training may be."""

    expect: Mapping[str, Expectation] = field(default_factory=dict)
    schema: str | None = None
    fresh: timedelta | None = None


@record
class Receiver:
    """One line of `[alerts] to`: where notifications go. What a kind does not use is empty. `env:NAME` is read where it is sent from."""

    kind: Literal["log", "webhook", "slack", "email", "alertmanager"]
    url: str = ""
    file: str = ""
    server: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    user: str = ""
    password: str = ""
    tls: Literal["starttls", "tls", "none"] = "starttls"


@record
class AlertsSpec:
    """`[alerts]`: who is told. `repeat`: how long after which one that still fires is told again (None: once); `link`: put into each."""

    to: tuple[Receiver, ...] = ()
    repeat: timedelta | None = None
    link: str = ""


@record
class RetrainSpec:
    """`[retrain]`. `every` and `window` None mean: no schedule, all rows; `since_change` (`window = "since_change"`): the rows
    since the data last changed for good.

    `budget`: how many trainings of its own the loop may start in any seven days.
    """

    on: tuple[Trigger, ...] = ("performance", "drift")
    source: Literal["source", "log", "source+log"] = "source"
    window: timedelta | None = None
    since_change: bool = False
    every: timedelta | None = None
    cooldown: timedelta = timedelta(days=7)
    min_outcomes: int = 1000
    budget: int = 7


@record
class Spec:
    """The whole file, the folder it stands in and the digest of its meaning (not of its layout).

    What says where things run and are kept (`resources` to `deliver`), and among which parameters the best are looked for (`search`), is
    not part of that meaning. `environment`: the one whose
    `[env.NAME]` was laid over the rest; empty: none.
    """

    model: ModelSpec
    data: DataSpec
    train: TrainSpec
    evaluate: EvaluateSpec
    serve: ServeSpec
    rollout: RolloutSpec
    monitor: MonitorSpec
    retrain: RetrainSpec
    folder: Path
    digest: str
    quality: QualitySpec = QualitySpec()
    alerts: AlertsSpec = AlertsSpec()
    resources: Resources = Resources()
    price: Price = Price()
    stores: StoresSpec = StoresSpec()
    track: TrackSpec = TrackSpec()
    deliver: DeliverSpec = DeliverSpec()
    search: Mapping[str, Searched] = field(default_factory=dict)
    environment: str = ""

    @property
    def row_metric(self) -> str:
        """The loss that rows are compared by: the rollout's metric, or, where that is a value told with outcomes, the task's usual one."""
        if self.rollout.metric != VALUE:
            return self.rollout.metric
        return "squared_error" if self.model.task == "regression" else "brier"
