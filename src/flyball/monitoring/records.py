"""Nouns of monitoring: how far each column moved, how good the answers were, and both together as a report."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.window import Window

State = Literal["insufficient data", "ok", "warn", "drift"]
# The higher, the worse.
RANK: Mapping[State, int] = {"insufficient data": 0, "ok": 1, "warn": 2, "drift": 3}


@record
class ColumnDrift:
    """How far one column of the window is from its reference. `lower <= exact distance <= upper`; drift means `lower > threshold`.

    `distance`: Kolmogorov-Smirnov for numbers, total variation for categories, both in [0, 1]. `distances` holds further ones
    (`psi`, `js`, `wasserstein`, …). `missing`, `out_of_range`, `new_categories`, `infinite`, `unparsable` are shares of the window's
    rows; one of them certainly above its own margin is drift too, and the reason says which. `chance` is what the distance would be
    on average if nothing had changed, `windows` how many windows were taken together. NaN never stands here: 0 rows give 0.

    `since`: when a drift that is told of began, as far as the counts show. `tests` holds what a test of the field says of a discrete
    column (`chi2`, `chi2_p_value`, `g`, `g_p_value`, `degrees`), for those who compare: it decides nothing. `first`, `previous`:
    distances of the window to the reference of the first version that was promoted and of the champion before, None without one.
    `span`: the window these numbers are of, one of several lengths that were looked at.
    """

    state: State
    distance: float
    lower: float
    upper: float
    threshold: float
    rows: int
    missing: float
    out_of_range: float
    new_categories: float
    distances: Mapping[str, float]
    reason: Reason
    infinite: float = 0.0
    unparsable: float = 0.0
    chance: float = 0.0
    windows: int = 1
    since: datetime | None = None
    tests: Mapping[str, float] = field(default_factory=dict)
    first: float | None = None
    previous: float | None = None
    span: Window | None = None


@record
class Performance:
    """Realised performance of one version over the matured predictions of a window, with a one-sided 95 % bound on each side, by block.

    `matured` predictions were old enough, `labelled` of them had an outcome in time. `value`, `lower`, `upper` are None without evidence.
    `floor`: how bad it may certainly get before it alarms, None for a metric without a floor. `alarm_bound`: the better bound at
    `alarm_level`, the level of one look of many, which the alarm is about.
    """

    metric: str
    version: int
    window: Window
    matured: int
    labelled: int
    blocks: int
    value: float | None
    lower: float | None
    upper: float | None
    reason: Reason
    floor: float | None = None
    alarm_bound: float | None = None
    alarm_level: float | None = None


@record
class DatasetDrift:
    """The columns of a window taken together. `discoveries`: those that moved beyond their threshold for certain, with the rate of false
    ones among them held at `rate` under any dependence (e-BH); `share`: their part of the columns that had enough data.
    """

    discoveries: tuple[str, ...]
    watched: int
    share: float
    rate: float
    reason: Reason


@record
class SlicePerformance:
    """Performance of the rows in which a column or a key of the context has one value.

    The bounds hold together for all slices of a report. `worse`: certainly worse than the other rows, of however many slices it is one.
    """

    column: str
    value: str
    performance: Performance
    worse: bool = False


@record
class CalibrationBin:
    """Rows whose score lies in one range: the mean score, and the share of positives among them with bounds (one-sided 95 % each).

    With more than two classes, the score is that of the answered class, and a row is positive where that class was the true one.
    """

    score: float
    actual: float
    lower: float
    upper: float
    rows: int


@record
class Confusion:
    """What was answered (columns) where a class was true (rows), in rows of the log, by `classes`.

    Of many classes the most frequent ones are named and all others are one. `threshold`: from which score on a binary answer is the
    second class; None where the most probable class is answered.
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    threshold: float | None


@record
class ErrorBin:
    """Rows whose answers lie in one range: the mean answer, and the mean of answer minus truth with bounds (one-sided 95 % each)."""

    answer: float
    error: float
    lower: float | None
    upper: float | None
    rows: int


@record
class Residuals:
    """How far the answers of a regression were off: answer minus truth, so that more than 0 is too high.

    `quantiles` are those of 5, 25, 50, 75 and 95 %. `bins` have about equally many rows each, the answers rising.
    """

    rows: int
    mean: float
    lower: float | None
    upper: float | None
    quantiles: tuple[float, float, float, float, float]
    bins: tuple[ErrorBin, ...]


@record
class Coverage:
    """How much of what was predicted is known. `lag_median`, `lag_90`: seconds from a prediction to its outcome, None without outcomes."""

    predicted: int
    matured: int
    labelled: int
    lag_median: float | None
    lag_90: float | None


@record
class Estimated:
    """Performance as it is estimated from scores alone, before any label. `method`: `cbpe` or `dle`. Bounds as in `Performance`."""

    metric: str
    method: Literal["cbpe", "dle"]
    window: Window
    rows: int
    value: float | None
    lower: float | None
    upper: float | None
    reason: Reason
    alarm_bound: float | None = None
    alarm_level: float | None = None


@record
class PerformanceDetails:
    """Everything there is to say about performance beside the metric of the floor.

    `estimated` has each metric twice where it can be estimated: over the rows of `metrics`, to see how well estimates do, and over the
    newest rows, whose labels are not all known. `notes` say what else there is to know: how far scores are from being probabilities,
    slices that nothing has. `calibration_error`: the mean distance of score and share over the bins of `calibration`, weighted by rows.
    `confusion` is of classifiers and `residuals` of regressions; None without judged rows, and in reports of before they were kept.
    """

    metrics: tuple[Performance, ...]
    slices: tuple[SlicePerformance, ...]
    calibration: tuple[CalibrationBin, ...]
    coverage: Coverage
    estimated: tuple[Estimated, ...]
    calibration_error: float | None = None
    notes: tuple[Reason, ...] = ()
    confusion: Confusion | None = None
    residuals: Residuals | None = None


@record
class QualityFinding:
    """Something wrong with what was asked in a window. `examples`: prediction ids. An error about rows blocks retraining; one about
    requests does not, since what was refused is not learned from.

    `share`: the part of the rows looked at that it concerns; `limit`: the part from which on, for certain, it is an error. Both are 0
    where it is no matter of shares. A `column` that is empty means the rows as a whole.
    """

    severity: Literal["error", "warning"]
    column: str
    reason: Reason
    rows: int
    examples: tuple[str, ...]
    share: float = 0.0
    limit: float = 0.0
    subject: Literal["rows", "requests"] = "rows"

    @property
    def key(self) -> str:
        """The key of its alert."""
        return f"quality:{self.column or ('*' if self.subject == 'rows' else 'requests')}"


@record
class MonitorReport:
    """What `flyball monitor` says: drift of every feature, of the score (`score`) and of the answer, performance, and data quality.

    `left_out`: columns by state that a kept report does not hold, because there are very many and they moved least.
    """

    window: Window
    version: int
    rows: int
    columns: Mapping[str, ColumnDrift]
    performance: Performance | None
    dataset: DatasetDrift | None = None
    details: PerformanceDetails | None = None
    quality: tuple[QualityFinding, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


@record
class PairedEvidence:
    """A live paired comparison, blocked by day: `gain` > 0 means `version` had the smaller loss than `against` on the same rows.

    `lower`, `upper`: always-valid bounds at level `alpha`; they may be looked at after every block. None while there are too few blocks.
    `blocks` counts the held-out days the comparison began with; `live_blocks` only the days since it runs. `missed`: rows of `against`
    that could be judged and that `version` did not score, because they lack a column it reads, it failed on them, or its score was no
    finite number. `identical`: how many live rows there were, if both gave every one of them the very same score; else 0.
    """

    version: int
    against: int
    metric: str
    gain: float
    lower: float | None
    upper: float | None
    alpha: float
    rows: int
    blocks: int
    live_blocks: int = 0
    missed: int = 0
    identical: int = 0


@record
class ArmFigures:
    """One arm of a rollout with traffic: how many rows and units were assigned, how many of them matured, have an outcome, and what of it.

    `mean`: the mean loss, or value, of the labelled rows; None without any. `lag_median`: seconds from prediction to outcome.
    """

    rows: int
    units: int
    matured: int
    labelled: int
    labelled_units: int
    mean: float | None
    lag_median: float | None


@record
class FixedHorizon:
    """The same difference as if it was looked at once (Welch over blocks): to compare with, it decides nothing."""

    lower: float
    upper: float
    p_value: float


@record
class ArmsEvidence:
    """Two arms of a randomised rollout: how much better `version` did on its units than `against` on its own.

    `gain` > 0: better (a smaller loss, or a larger value). `lower`, `upper`: one-sided at `alpha` each, over all looks together, None
    before there are enough blocks. `blocks` are days or units; `live_blocks` counts days in any case. `ratio_p`, `ratio_p_labelled`:
    always-valid p-values that units were split as the shares say, of the assigned and of those matured and labelled. `trouble`: why
    nothing may be decided (sample ratio mismatch, arms that matured unlike), None if nothing speaks against it. `preferred`: how
    probable it is that the challenger is the better one, for a bandit. `phases`: gain by phase in their order, None where too little.
    `answered`: rows that the challenger answered in the present phase, matured or not.
    """

    version: int
    against: int
    metric: str
    gain: float
    lower: float | None
    upper: float | None
    alpha: float
    rows: int
    blocks: int
    live_blocks: int
    block: Literal["day", "unit"]
    champion: ArmFigures
    challenger: ArmFigures
    ratio_p: float
    ratio_p_labelled: float
    trouble: Reason | None = None
    fixed: FixedHorizon | None = None
    preferred: float | None = None
    phases: tuple[float | None, ...] = ()
    answered: int = 0
