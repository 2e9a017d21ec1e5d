"""Policies judged on the rows whose outcome is known: by month, over all, and against the reference policy with intervals over days."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.window import to_micros
from flyball.data.snapshot import negative_class
from flyball.loop.backtest.records import NEVER, Difference, Plan, Played, Stream
from flyball.spec.records import Spec
from flyball.stats.losses import positions
from flyball.stats.scores import Metric, metric_for

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DRAWS = 500
_DAY = 86_400_000_000


@record
class Truths:
    """The rows that can be judged: their places in the stream, what is true of them, and their day, week and month as numbers."""

    rows: Ints
    actual: NDArray[np.float64] | Ints
    day: Ints
    week: Ints
    month: Ints
    cut: float
    task: str


def truths(stream: Stream, spec: Spec, plan: Plan, classes: Sequence[str | int | float | bool]) -> Truths:
    """What became of the rows by the end of the plan. DataError if nothing did."""
    known = stream.truth_at <= to_micros(plan.end)
    truth = stream.truth.copy()
    if spec.data.no_outcome == "negative" and spec.model.task == "binary":
        ripe = (stream.at + round(spec.data.matures.total_seconds() * 1e6) <= to_micros(plan.end)) & ~known
        if ripe.any():
            truth[ripe] = negative_class(truth[known].tolist(), spec.data.target)
        known |= ripe
    rows = np.flatnonzero(known)
    if not len(rows):
        raise DataError(
            f"no row between {plan.start:%Y-%m-%d} and {plan.end:%Y-%m-%d} has an outcome that was known by then",
            hint="choose a later --end, or look at data.outcome_time",
        )
    if spec.model.task == "regression":
        actual: NDArray[np.float64] | Ints = truth[rows].astype(np.float64)
    else:
        actual = positions(truth[rows], classes)
        rows, actual = rows[actual >= 0], actual[actual >= 0]  # what no version of a policy ever learned cannot be right or wrong
    at = stream.at[rows]
    months = at.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    weeks = (at - to_micros(plan.start)) // (7 * _DAY)
    return Truths(rows=rows, actual=actual, day=at // _DAY, week=weeks, month=months, cut=spec.model.cut, task=spec.model.task)


def require_metric(metric: Metric, truth: Truths) -> None:
    """DataError for a metric that these outcomes do not define."""
    if len(truth.actual) and truth.task != "regression" and len(np.unique(truth.actual)) < 2 and not metric.mean_of:
        raise DataError(
            f"{metric.name} cannot be computed: all {len(truth.actual)} outcomes between start and end are the same",
            hint="choose another span, or rank by a metric that is a mean over rows, such as brier (--metric)",
        )


def by_month(metric: Metric, truth: Truths, score: Floats) -> dict[str, float]:
    """The metric of each month, without those that do not define it."""
    names = {month: str(np.datetime64(int(month), "M")) for month in np.unique(truth.month)}
    return {names[month]: value for month, value in _by(metric, truth, score, truth.month).items()}


def by_week(metric: Metric, truth: Truths, score: Floats, plan: Plan) -> dict[str, float]:
    """The metric of each seven days from the start, by their first day."""
    return {f"{plan.start + timedelta(days=7 * week):%Y-%m-%d}": value for week, value in _by(metric, truth, score, truth.week).items()}


def over_all(metric: Metric, truth: Truths, score: Floats) -> float | None:
    """The metric over every row that was answered."""
    there = _there(score, truth.rows)
    return metric.function(truth.actual[there], score[truth.rows[there]], truth.cut)


def difference(metric: Metric, truth: Truths, score: Floats, against: Floats, seed: int) -> Difference | None:
    """How much better the mean of the months is, on the rows that both answered; 95 % interval by drawing days within each month.

    The same days are drawn for both, so what makes a day hard for both cancels (Efron and Tibshirani 1993, chapter 8, with the day as
    the block). A month of one day says nothing of how much days differ and is left out; None where no other month defines the metric.
    """
    both = _there(score, truth.rows) & _there(against, truth.rows)
    generator = np.random.default_rng(seed)
    gains: list[float] = []
    drawn: list[Floats] = []
    for month in np.unique(truth.month[both]):
        inside = both & (truth.month == month)
        actual, rows = truth.actual[inside], truth.rows[inside]
        ours, theirs = (metric.function(actual, one[rows], truth.cut) for one in (score, against))
        days, group = np.unique(truth.day[inside], return_inverse=True)
        if ours is None or theirs is None or len(days) < 2:
            continue
        gains.append(metric.gain(ours, theirs))
        weights = generator.multinomial(len(days), np.full(len(days), 1 / len(days)), size=_DRAWS).astype(np.float64)
        values = [metric.prepare(actual, one[rows], truth.cut, group, len(days))(weights) for one in (score, against)]
        sign = 1.0 if metric.direction == "higher" else -1.0
        drawn.append(sign * (values[0] - values[1]))
    if not gains:
        return None
    gain = float(np.mean(gains))
    means = np.nanmean(np.stack(drawn), axis=0)
    low, high = np.nanquantile(means, (0.025, 0.975))
    return Difference(gain=gain, lower=float(low), upper=float(high))


def aligned(played: Played, wanted: Sequence[str | int | float | bool]) -> Floats:
    """The scores with a column for each wanted class; a class that the policy's models do not know has probability 0."""
    if played.score.ndim == 1 or tuple(played.classes) == tuple(wanted):
        return played.score
    found = np.zeros((len(played.score), len(wanted)))
    for place, name in enumerate(played.classes):
        if name in wanted:
            found[:, list(wanted).index(name)] = played.score[:, place]
    found[np.isnan(played.score).any(axis=1)] = np.nan
    return found


def known_rows(stream: Stream, plan: Plan) -> int:
    """How many rows have an outcome that came by the end."""
    return int(np.count_nonzero((stream.truth_at != NEVER) & (stream.truth_at <= to_micros(plan.end))))


def metrics_of(names: Sequence[str], spec: Spec) -> tuple[Metric, ...]:
    """The metrics of these names, each once."""
    return tuple(metric_for(name, spec.model.task) for name in dict.fromkeys(names))


def _by(metric: Metric, truth: Truths, score: Floats, part: Ints) -> Mapping[int, float]:
    there = _there(score, truth.rows)
    found = {}
    for number in np.unique(part).tolist():
        inside = there & (part == number)
        value = metric.function(truth.actual[inside], score[truth.rows[inside]], truth.cut)
        if value is not None:
            found[number] = value
    return found


def _there(score: Floats, rows: Ints) -> NDArray[np.bool_]:
    told = np.isfinite(score[rows])
    return told if told.ndim == 1 else np.asarray(told.all(axis=1), dtype=np.bool_)
