"""When did daily means last change for good? A maximum of standardised sums, held against the same days in another order."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from flyball.core.record import record
from flyball.stats.losses import Floats
from flyball.stats.ranks import midranks

SEASON = 7
"""Days that stay together: a week, so that neither weekdays nor what a day hands on to the next look like a change."""
LEAST_DAYS = 4 * SEASON


@record
class Change:
    """From `day` on (a position among the days given) series number `series` is another. `p_value`: over all series and all days.

    `before`, `after`: the means of that series over its rows on either side.
    """

    day: int
    series: int
    p_value: float
    before: float
    after: float


def last_change(
    sums: Floats,
    rows: Floats,
    days: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    alpha: float = 0.05,
    effect: float = 0.0,
    draws: int = 499,
) -> Change | None:
    """The newest certain change of daily means, at most one; None if there is none, or fewer than 28 days to tell by.

    `sums`: (series, days), the sum of each series over the rows of each day; `rows`: (days,), how many rows each has, none of them 0;
    `days`: their numbers, ascending. A change counts if the means of its series on both sides differ by at least `effect`, too.

    Each series of daily means is replaced by its normal scores (its ranks, as quantiles of the normal distribution), so that one wild day
    is only the largest. The statistic is the maximum over series and days t of |sum of the first t scores| / sqrt(t (n - t) / n), the
    cumulated sum of Page (1954) as a two-sample test at an unknown place; not nearer to either end than a week. Its distribution if
    nothing changed is that over the same weeks in random order (`draws` of them): exact for days that are independent or depend on each
    other within a week, whatever they are distributed like, and for all series together, however they depend on each other.
    It lies where a step fits the means of that series best (least squares, its wildest days cut off).
    Where a change is certain at level `alpha`, the days after it are looked at in the same way at half the level, and so on (binary
    segmentation, Vostrikova 1981), until there is no more: so white noise is called a change with a probability of at most `alpha`, and
    so is white noise after a true change.
    """
    found: Change | None = None
    start, level = 0, alpha
    while len(days) - start >= LEAST_DAYS:
        step = _first_split(sums[:, start:], rows[start:], days[start:], generator, level, effect, draws)
        if step is None:
            break
        found = Change(day=start + step.day, series=step.series, p_value=step.p_value, before=step.before, after=step.after)
        start, level = found.day, level / 2
    return found


def _first_split(
    sums: Floats, rows: Floats, days: NDArray[np.int64], generator: np.random.Generator, alpha: float, effect: float, draws: int
) -> Change | None:
    """The most certain change among these days that is large enough, if it is certain."""
    count = len(days)
    scores = np.stack([_normal_scores(series) for series in sums / rows])
    weeks = np.split(np.arange(count), np.flatnonzero(np.diff((days - days[0]) // SEASON)) + 1)
    if len(weeks) < LEAST_DAYS // SEASON or not scores.any():
        return None
    at = np.arange(1, count)
    inside = (at >= SEASON) & (count - at >= SEASON)
    scale = np.where(inside, np.sqrt(count / (at * (count - at))), 0.0)
    curve = _curve(scores, scale)
    highest = curve.max(axis=1)
    order = [np.concatenate([weeks[week] for week in generator.permutation(len(weeks))]) for _ in range(draws)]
    by_chance = np.array([_curve(scores[:, one], scale).max() for one in order])
    best: Change | None = None
    for series in np.argsort(-highest, kind="stable").tolist():
        p_value = (1 + int(np.count_nonzero(by_chance >= highest[series] - 1e-12))) / (draws + 1)
        if p_value > alpha:
            break
        day = _place(sums[series] / rows, scale)
        before, after = (float(sums[series, part].sum() / rows[part].sum()) for part in (slice(None, day), slice(day, None)))
        if abs(after - before) >= effect:
            best = Change(day=day, series=series, p_value=p_value, before=before, after=after)
            break
    return best


def _place(means: Floats, scale: Floats) -> int:
    """The day from which on a step fits best."""
    low, high = np.quantile(means, [0.05, 0.95])
    cut = np.clip(means, low, high)
    return int(np.argmax(_curve((cut - cut.mean())[None, :], scale)[0])) + 1


def _curve(scores: Floats, scale: Floats) -> Floats:
    """For each series and each day but the first, how far the days before it are from those from it on: (series, days - 1)."""
    return np.asarray(np.abs(np.cumsum(scores, axis=1)[:, :-1]) * scale)


def _normal_scores(values: Floats) -> Floats:
    """Quantiles of the normal distribution in the order of the values, with mean 0 and variance 1; 0 where all are the same."""
    scores = np.asarray(ndtri((midranks(values) - 0.5) / len(values)), dtype=np.float64)
    scores -= scores.mean()
    spread = float(scores.std())
    return scores / spread if spread > 1e-12 else np.zeros(len(values))
