"""A metric with bounds, and the gain of one score over another with bounds: the block is the unit of evidence."""

import numpy as np
from scipy.special import stdtrit

from flyball.stats.intervals import Interval, block_t, bootstrap_interval, delong, delong_difference, joined, normal_interval, wilson
from flyball.stats.losses import Codes, Floats, Truth
from flyball.stats.ranks import Flags
from flyball.stats.scores import Metric

# Beyond this many blocks they are joined at random: bounds keep their meaning, redrawing keeps its price.
_MOST_BLOCKS = 1000


def value_with_bounds(
    metric: Metric,
    actual: Truth,
    score: Floats,
    cut: float,
    block: Codes,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    draws: int = 200,
) -> Interval | None:
    """The metric over all rows with a bound on each side, one-sided at `alpha`; None where these rows do not define it.

    `block`: numbers without gaps, as `blocks_of` gives them.
    Means of a per-row loss: Student's t over block sums. Rows that are blocks of their own: Wilson for shares, DeLong for a binary AUC.
    Everything else: block bootstrap.
    """
    value = metric.function(actual, score, cut)
    if value is None:
        return None
    blocks = int(block.max()) + 1
    if blocks == len(actual):
        found = _independent(metric, actual, score, cut, alpha)
        if found is not None:
            return _within(metric, found)
    group, groups = joined(block, blocks if metric.mean_of else _MOST_BLOCKS, generator)
    if metric.mean_of and metric.loss is not None:
        found = _mean_interval(metric.mean_of, metric.loss(actual, score, cut), group, groups, alpha)
    else:
        weighted = metric.prepare(actual, score, cut, group, groups)
        found = bootstrap_interval(value, weighted, groups, generator, alpha=alpha, draws=draws)
    return _within(metric, found)


def gain_with_bounds(
    metric: Metric,
    actual: Truth,
    first: Floats,
    second: Floats,
    cut: float,
    block: Codes,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    draws: int = 200,
) -> Interval | None:
    """How much better `first` is than `second` on the same rows (positive is better), with a bound on each side, one-sided at `alpha`.

    Paired: the same blocks are drawn for both, or differences are taken row by row, so what makes a day hard for both cancels.
    """
    one, two = metric.function(actual, first, cut), metric.function(actual, second, cut)
    if one is None or two is None:
        return None
    value = metric.gain(one, two)
    blocks = int(block.max()) + 1
    if metric.name == "roc_auc" and first.ndim == 1 and blocks == len(actual):
        paired = delong_difference(actual == 1, first, second)
        if paired is not None:
            return normal_interval(paired[0], paired[1], alpha=alpha)
    group, groups = joined(block, blocks if metric.mean_of else _MOST_BLOCKS, generator)
    if metric.mean_of and metric.loss is not None:
        return _mean_interval(1, metric.loss(actual, second, cut) - metric.loss(actual, first, cut), group, groups, alpha)
    ours, theirs = metric.prepare(actual, first, cut, group, groups), metric.prepare(actual, second, cut, group, groups)
    sign = 1.0 if metric.direction == "higher" else -1.0
    return bootstrap_interval(value, lambda w: sign * (ours(w) - theirs(w)), groups, generator, alpha=alpha, draws=draws)


def gap_with_bounds(
    metric: Metric,
    actual: Truth,
    score: Floats,
    cut: float,
    block: Codes,
    inside: Flags,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    draws: int = 200,
) -> Interval | None:
    """How much worse the metric is on the rows inside than on the others (positive is worse), with bounds, one-sided at `alpha`.

    Rows inside and outside share their blocks: what makes a day hard for both cancels. None where either side does not define the metric.
    """
    one = metric.function(actual[inside], score[inside], cut)
    other = metric.function(actual[~inside], score[~inside], cut)
    if one is None or other is None:
        return None
    worse = -metric.gain(one, other)
    group, groups = joined(block, int(block.max()) + 1 if metric.mean_of else _MOST_BLOCKS, generator)
    if metric.mean_of and metric.loss is not None:
        return _mean_gap(worse, metric.loss(actual, score, cut), group, groups, inside, alpha)
    ours, theirs = (metric.prepare(actual[part], score[part], cut, group[part], groups) for part in (inside, ~inside))
    sign = -1.0 if metric.direction == "higher" else 1.0
    return bootstrap_interval(worse, lambda w: sign * (ours(w) - theirs(w)), groups, generator, alpha=alpha, draws=draws)


def _mean_gap(worse: float, losses: Floats, group: Codes, groups: int, inside: Flags, alpha: float) -> Interval:
    """Bounds of the difference of two mean losses over the same blocks: the residuals of both ratios, block by block."""
    residual = np.zeros(groups)
    for part, sign in ((inside, 1.0), (~inside, -1.0)):
        rows = np.bincount(group[part], minlength=groups)
        sums = np.bincount(group[part], weights=losses[part], minlength=groups)
        residual += sign * (sums - sums.sum() / rows.sum() * rows) / rows.sum()
    blocks = int(np.count_nonzero(np.bincount(group, minlength=groups)))
    if blocks < 2:
        return Interval(value=worse, lower=None, upper=None)
    half = float(stdtrit(blocks - 1, 1 - alpha)) * float(np.sqrt(blocks / (blocks - 1) * np.square(residual).sum()))
    return Interval(value=worse, lower=worse - half, upper=worse + half)


def _independent(metric: Metric, actual: Truth, score: Floats, cut: float, alpha: float) -> Interval | None:
    """Bounds for independent rows where there is a better way than resampling them."""
    if metric.name in ("accuracy", "error"):
        value = metric.function(actual, score, cut)
        if value is not None:
            lower, upper = wilson(round(value * len(actual)), len(actual), alpha=alpha)
            return Interval(value=value, lower=lower, upper=upper)
    if metric.name == "roc_auc" and score.ndim == 1:
        placed = delong(actual == 1, score)
        if placed is not None:
            return normal_interval(placed[0], placed[1], alpha=alpha)
    return None


def _mean_interval(mean_of: int, losses: Floats, group: Codes, groups: int, alpha: float) -> Interval:
    """Bounds of a mean loss, or of one minus it."""
    rows = np.bincount(group, minlength=groups).astype(np.float64)
    sums = np.bincount(group, weights=losses, minlength=groups).astype(np.float64)
    found = block_t(sums, rows, alpha=alpha)
    assert found is not None, "there are rows"
    if mean_of > 0:
        return found
    lower, upper = found.upper, found.lower
    return Interval(value=1.0 - found.value, lower=None if lower is None else 1.0 - lower, upper=None if upper is None else 1.0 - upper)


def _within(metric: Metric, found: Interval) -> Interval:
    """Bounds cut to what the metric can be."""
    if found.lower is None or found.upper is None:
        return found
    return Interval(value=found.value, lower=max(metric.low, found.lower), upper=min(metric.high, found.upper))
