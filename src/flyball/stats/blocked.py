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
    weight: Floats | None = None,
) -> Interval | None:
    """The metric over all rows with a bound on each side, one-sided at `alpha`; None where these rows do not define it.

    `block`: numbers without gaps, as `blocks_of` gives them.
    Means of a per-row loss: Student's t over block sums. Rows that are blocks of their own: Wilson for shares, DeLong for a binary AUC.
    Everything else: block bootstrap. `weight`: how much each row counts; values are then weighted means and ratios (Hajek's estimator),
    whose bounds come from how their weighted sums vary over blocks.
    """
    value = metric.function(actual, score, cut, weight)
    if value is None:
        return None
    blocks = int(block.max()) + 1
    if blocks == len(actual) and weight is None:
        found = _independent(metric, actual, score, cut, alpha)
        if found is not None:
            return _within(metric, found)
    group, groups = joined(block, blocks if metric.mean_of else _MOST_BLOCKS, generator)
    if metric.mean_of and metric.loss is not None:
        found = _mean_interval(metric.mean_of, metric.loss(actual, score, cut), group, groups, alpha, weight)
    else:
        weighted = metric.prepare(actual, score, cut, group, groups, weight)
        found = bootstrap_interval(value, weighted, groups, generator, alpha=alpha, draws=draws)
    return _within(metric, found)


def value_with_neighbours(
    metric: Metric,
    actual: Truth,
    score: Floats,
    cut: float,
    block: Codes,
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    lags: int = 2,
) -> Interval | None:
    """The same with blocks in order of time, each of which may resemble those just before it (Bartlett weights, Newey and West 1987).

    What each block does to the metric is its residual where it is a mean, else what leaving it out changes (jackknife). Likeness of
    neighbours widens the bounds, its opposite never narrows them.
    """
    blocks = int(block.max(initial=-1)) + 1
    if blocks < 2 or blocks > _MOST_BLOCKS:
        return None if blocks < 1 else value_with_bounds(metric, actual, score, cut, block, generator, alpha=alpha)
    value = metric.function(actual, score, cut)
    if value is None:
        return None
    if metric.mean_of and metric.loss is not None:
        losses = metric.loss(actual, score, cut)
        sums, rows = np.bincount(block, weights=losses, minlength=blocks), np.bincount(block, minlength=blocks)
        part = (sums - sums.sum() / rows.sum() * rows) / rows.sum()
    else:
        without = metric.prepare(actual, score, cut, block, blocks)(1.0 - np.eye(blocks))
        if not np.isfinite(without).all():
            return Interval(value=value, lower=None, upper=None)
        part = (blocks - 1) / blocks * (without.mean() - without)
    spread = own = float(np.square(part).sum())
    for lag in range(1, min(lags, blocks - 1) + 1):
        spread += 2 * (1 - lag / (lags + 1)) * float(part[lag:] @ part[:-lag])
    half = float(stdtrit(blocks - 1, 1 - alpha)) * float(np.sqrt(blocks / (blocks - 1) * max(own, spread)))
    return _within(metric, Interval(value=value, lower=value - half, upper=value + half))


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
    weight: Floats | None = None,
) -> Interval | None:
    """How much better `first` is than `second` on the same rows (positive is better), with a bound on each side, one-sided at `alpha`.

    Paired: the same blocks are drawn for both, or differences are taken row by row, so what makes a day hard for both cancels.
    `weight` as for one value.
    """
    one, two = metric.function(actual, first, cut, weight), metric.function(actual, second, cut, weight)
    if one is None or two is None:
        return None
    value = metric.gain(one, two)
    blocks = int(block.max()) + 1
    if metric.name == "roc_auc" and first.ndim == 1 and weight is None and blocks == len(actual):
        paired = delong_difference(actual == 1, first, second)
        if paired is not None:
            return normal_interval(paired[0], paired[1], alpha=alpha)
    group, groups = joined(block, blocks if metric.mean_of else _MOST_BLOCKS, generator)
    if metric.mean_of and metric.loss is not None:
        return _mean_interval(1, metric.loss(actual, second, cut) - metric.loss(actual, first, cut), group, groups, alpha, weight)
    ours, theirs = (metric.prepare(actual, each, cut, group, groups, weight) for each in (first, second))
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
    if metric.mean_of and metric.loss is not None:
        sums, rows = sums_by_block(metric.loss(actual, score, cut), block, inside.astype(np.int64), 2)
        return mean_gap(sums[1], rows[1], sums[0], rows[0], alpha=alpha)
    one = metric.function(actual[inside], score[inside], cut)
    other = metric.function(actual[~inside], score[~inside], cut)
    if one is None or other is None:
        return None
    group, groups = joined(block, _MOST_BLOCKS, generator)
    ours, theirs = (metric.prepare(actual[part], score[part], cut, group[part], groups) for part in (inside, ~inside))
    sign = -1.0 if metric.direction == "higher" else 1.0
    worse = sign * (one - other)
    known = min(len(np.unique(group[part])) for part in (inside, ~inside))
    return bootstrap_interval(worse, lambda w: sign * (ours(w) - theirs(w)), groups, generator, alpha=alpha, draws=draws, known=known)


def sums_by_block(losses: Floats, block: Codes, code: Codes, codes: int) -> tuple[Floats, Floats]:
    """The sums of losses and the numbers of rows with each code in each block: arrays (codes, blocks)."""
    blocks = int(block.max(initial=-1)) + 1
    place = code * blocks + block
    sums = np.bincount(place, weights=losses, minlength=codes * blocks).reshape(codes, blocks).astype(np.float64)
    return sums, np.bincount(place, minlength=codes * blocks).reshape(codes, blocks).astype(np.float64)


def mean_with_bounds(metric: Metric, sums: Floats, rows: Floats, *, alpha: float = 0.05) -> Interval | None:
    """A metric that is a mean loss, from the sums of its losses over blocks; None without rows. Blocks without rows are none."""
    held = rows > 0
    found = block_t(sums[held], rows[held], alpha=alpha)
    return None if found is None else _within(metric, _complement(found) if metric.mean_of < 0 else found)


def mean_gap(ours: Floats, our_rows: Floats, theirs: Floats, their_rows: Floats, *, alpha: float = 0.05) -> Interval | None:
    """How much larger one mean loss is than another over the same blocks, from their sums: the residuals of both ratios, block by block."""
    if not our_rows.sum() or not their_rows.sum():
        return None
    one, other = ours.sum() / our_rows.sum(), theirs.sum() / their_rows.sum()
    residual = (ours - one * our_rows) / our_rows.sum() - (theirs - other * their_rows) / their_rows.sum()
    # the rarer side is what is known least: on five of sixty days it is five blocks that say how it varies
    blocks = int(min(np.count_nonzero(our_rows), np.count_nonzero(their_rows)))
    gap = float(one - other)
    if blocks < 2:
        return Interval(value=gap, lower=None, upper=None)
    half = float(stdtrit(blocks - 1, 1 - alpha)) * float(np.sqrt(blocks / (blocks - 1) * np.square(residual).sum()))
    return Interval(value=gap, lower=gap - half, upper=gap + half)


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


def _mean_interval(mean_of: int, losses: Floats, group: Codes, groups: int, alpha: float, weight: Floats | None = None) -> Interval:
    """Bounds of a mean loss, or of one minus it."""
    rows = np.bincount(group, weights=weight, minlength=groups).astype(np.float64)
    sums = np.bincount(group, weights=losses if weight is None else losses * weight, minlength=groups).astype(np.float64)
    found = block_t(sums, rows, alpha=alpha)
    assert found is not None, "there are rows"
    return found if mean_of > 0 else _complement(found)


def _complement(found: Interval) -> Interval:
    """One minus it."""
    lower, upper = found.upper, found.lower
    return Interval(value=1.0 - found.value, lower=None if lower is None else 1.0 - lower, upper=None if upper is None else 1.0 - upper)


def _within(metric: Metric, found: Interval) -> Interval:
    """Bounds cut to what the metric can be."""
    if found.lower is None or found.upper is None:
        return found
    return Interval(value=found.value, lower=max(metric.low, found.lower), upper=min(metric.high, found.upper))
