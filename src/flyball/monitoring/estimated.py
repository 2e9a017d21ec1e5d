"""Performance before labels come: estimated from scores alone, how sure that is, and whether it is certainly below the floor."""

from collections.abc import Mapping
from dataclasses import field, replace

import numpy as np
from scipy.special import ndtri, stdtrit

from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.monitoring.estimation import LEAST_DAYS, MOST_GROUPS, Estimation, Method
from flyball.monitoring.floor import alarm_level, beyond, floor_value, rising
from flyball.monitoring.records import Estimated, Performance
from flyball.spec.records import Task
from flyball.stats.estimation import expected, label_variance, probabilities, strided
from flyball.stats.losses import Codes, Floats
from flyball.stats.scores import METRICS, Metric

MIN_ROWS = 100
_ALPHA = 0.05
_ROWS_FOR_MAPS = 1000

# The forecast loss a metric of a regression is the mean of.
_FORECAST = {
    "mse": "squared_error",
    "squared_error": "squared_error",
    "rmse": "squared_error",
    "mae": "absolute_error",
    "absolute_error": "absolute_error",
}


@record
class Unlabelled:
    """Rows as an estimate sees them: scores, days, and for a regression the forecast of each loss."""

    score: Floats
    day: Codes
    forecasts: Mapping[str, Floats] = field(default_factory=dict)


def method_for(task: Task) -> Method:
    """Classes are estimated by their probabilities, values by their forecast losses."""
    return "dle" if task == "regression" else "cbpe"


def estimated(
    estimation: Estimation | None, rows: Unlabelled, metric: str, task: Task, threshold: float, window: Window, *, seed: int = 0
) -> Estimated:
    """What the metric of these rows is estimated to be, with a bound on each side, one-sided at 95 %.

    The bounds hold the chance of the labels, how well the maps (or the forecasts) are known, and how much held-out days missed their
    estimate beyond that. They do not hold what cannot be seen without labels: that the same inputs have come to mean something else.
    Without what the bundle has to keep for it, or with fewer than 100 rows, there is no value and the reason says why.
    """
    finite = np.isfinite(rows.score if rows.score.ndim == 1 else rows.score.sum(axis=1))
    for forecast in rows.forecasts.values():
        finite &= np.isfinite(forecast)
    kept = Unlabelled(
        score=rows.score[finite], day=rows.day[finite], forecasts={name: each[finite] for name, each in rows.forecasts.items()}
    )
    counts: dict[str, Value] = {"metric": metric, "rows": len(kept.score), "broken": int(len(finite) - finite.sum())}

    def nothing(code: str, **more: Value) -> Estimated:
        return _estimated(metric, task, window, len(kept.score), None, None, Reason(code=code, values={**counts, **more}))

    if estimation is None:
        return nothing("estimated.not_available")
    if task == "regression" and metric not in _FORECAST:
        return nothing("estimated.no_method")
    if len(kept.score) < MIN_ROWS:
        return nothing("estimated.too_little", needed=MIN_ROWS)
    generator = np.random.default_rng(seed)
    known = METRICS[metric]
    by_class = task != "regression"
    found = _by_confidence(estimation, kept, known, threshold, generator) if by_class else _forecast(estimation, kept, metric)
    if found is None:
        return nothing("estimated.no_value")
    value, variance = found
    counts |= {"value": value, "held_out": estimation.rows}
    if variance is None:
        reason = because("estimated.no_bounds", **counts, blocks=estimation.blocks, needed=LEAST_DAYS)
        return _estimated(metric, task, window, len(kept.score), value, None, reason)
    error = float(np.sqrt(variance))
    half = _quantile(estimation, _ALPHA) * error
    # no estimate is moved by what few days showed, but the side that they spoke for is held wider
    bias = estimation.bias.get(metric, 0.0) if by_class else 0.0
    low, high = min(0.0, bias), max(0.0, bias)
    lower, upper = max(known.low, value - half + low), min(known.high, value + half + high)
    level = alarm_level(len(np.unique(kept.day)) if estimation.by_day else None)
    far = _quantile(estimation, level) * error
    code = "estimated.value" if by_class else "estimated.forecast"
    reason = Reason(code=code, values={**counts, "lower": lower, "upper": upper})
    told = _estimated(metric, task, window, len(kept.score), value, (lower, upper), reason)
    return replace(told, alarm_bound=value + far + high if rising(metric) else value - far + low, alarm_level=level)


def estimated_below_floor(
    newest: Estimated, reference_bound: float, drop: float, *, past: Estimated | None, realised: Performance | None, covered: bool
) -> tuple[Verdict, Reason]:
    """Whether the newest rows are estimated to be certainly below the floor, where labels that are known do not contradict the estimate.

    `past` and `realised` are the estimate and the truth of the same matured rows: an estimate that was certainly too gloomy there is not
    believed here. `covered`: the realised rows hold the newest ones too, so that a realised value within the floor settles it.
    """
    value, lower, upper = newest.value, newest.lower, newest.upper
    if value is None or lower is None or upper is None:
        return Verdict.UNDECIDED, newest.reason
    metric, floor = newest.metric, floor_value(reference_bound, drop, newest.metric)
    told: dict[str, Value] = {"metric": metric, "value": value, "lower": lower, "upper": upper, "floor": floor, "rows": newest.rows}
    told |= {"bound": newest.alarm_bound, "level": newest.alarm_level}
    if newest.alarm_bound is None or not beyond(newest.alarm_bound, floor, metric):
        worse = beyond(value, floor, metric)
        verdict = Verdict.UNDECIDED if worse else Verdict.PASS
        return verdict, Reason(code="estimated.perhaps_below_floor" if worse else "estimated.above_floor", values=told)
    if realised is not None and realised.value is not None:
        real = realised.value
        hopeful = None if past is None else past.upper if rising(metric) else past.lower
        gloomy = hopeful is not None and beyond(hopeful, real, metric)
        if gloomy or (covered and not beyond(real, floor, metric)):
            return Verdict.UNDECIDED, because("estimated.contradicted", **told, realised=real, labelled=realised.labelled)
    return Verdict.FAIL, because("estimated.surely_below_floor", **told)


def _by_confidence(
    estimation: Estimation, rows: Unlabelled, metric: Metric, cut: float, generator: np.random.Generator
) -> tuple[float, float | None] | None:
    """The expected metric and the variance of how far labels may come to differ from it; None where that is not defined."""
    score = rows.score
    if score.ndim == 2 and score.shape[1] != len(estimation.maps):
        return None
    probability = probabilities(estimation.maps, score)
    value = expected(metric, probability, score, cut)
    if value is None:
        return None
    chance = label_variance(metric, probability, score, cut, generator)
    spread = _spread_of_days(estimation, metric.name, rows.day)
    if chance is None or spread is None or len(estimation.redraws) < 2:
        return value, None
    few = score[strided(len(score), _ROWS_FOR_MAPS)]
    redrawn = [expected(metric, probabilities(maps, few), few, cut) for maps in estimation.redraws]
    known = np.array([each for each in redrawn if each is not None])
    if len(known) < 2:
        return value, None
    groups = min(estimation.blocks, MOST_GROUPS)  # redrawing few blocks shows too little of what other blocks would do
    return value, chance + float(known.var(ddof=1)) * groups / max(1, groups - 1) + spread


def _forecast(estimation: Estimation, rows: Unlabelled, metric: str) -> tuple[float, float | None] | None:
    loss = _FORECAST[metric]
    forecast = rows.forecasts.get(loss)
    if forecast is None or loss not in estimation.noise:
        return None
    value = float(forecast.mean())
    spread = _spread_of_days(estimation, loss, rows.day)
    variance = None
    if spread is not None:
        chance = estimation.noise[loss] * float(np.square(forecast).sum()) / len(forecast) ** 2
        variance = chance + estimation.bias[loss] ** 2 + spread
    if metric == "rmse":
        root = float(np.sqrt(value))
        return root, None if variance is None else variance / (4 * max(value, np.finfo(np.float64).tiny))
    return value, variance


def _spread_of_days(estimation: Estimation, name: str, day: Codes) -> float | None:
    """The variance that days share beyond the chance of their labels; None where the held-out days were too few to know."""
    if not estimation.by_day:
        return 0.0
    if estimation.scatter is None or name not in estimation.scatter:
        return None
    return estimation.scatter[name] ** 2 / max(1, len(np.unique(day)))


def _quantile(estimation: Estimation, alpha: float) -> float:
    if not estimation.by_day:
        return float(ndtri(1 - alpha))
    return float(stdtrit(max(1, estimation.blocks - 1), 1 - alpha))


def _estimated(
    metric: str, task: Task, window: Window, rows: int, value: float | None, bounds: tuple[float, float] | None, reason: Reason
) -> Estimated:
    return Estimated(
        metric=metric,
        method=method_for(task),
        window=window,
        rows=rows,
        value=value,
        lower=None if bounds is None else bounds[0],
        upper=None if bounds is None else bounds[1],
        reason=reason,
    )
