"""All columns at once: can anything tell the training rows from the recent ones, and how far have vectors moved as vectors.

Columns can each look as before while what belongs together no longer does. Both looks here need the rows themselves, so they are made when
somebody asks. Days are the unit of evidence: rows of one day share what that day was like.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.window import Window
from flyball.stats.blocked import value_with_bounds
from flyball.stats.intervals import joined
from flyball.stats.scores import METRICS

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Told = Literal["insufficient data", "ok", "warn", "drift"]

# A classifier that is certainly better than this tells the rows apart: two normals .18 standard deviations apart give an area of .55.
MARGIN = 0.55
# Of the distance between a row then and a row now, this part must come from the move itself. Half a standard deviation in one of one
# columns is .06, in one of ten .006.
MOVED = 0.02
# Texts of one subject are hardly nearer to each other than to others: a third of all being about something new is .01.
TEXTS_MOVED = 0.005
LEAST_DAYS = 5
LEAST_ROWS = 200
# What one look may cost: rows of each side.
MOST_ROWS = 20_000
_MOST_PAIRS = 1_500
# A vector moved for certain if at most this part of all runs of days is as far from the rest as the recent ones; perhaps, if at most that.
_LEVEL, _PERHAPS = 0.01, 0.05
# Blocks that are no days have no order: so many divisions of them stand for all. They are joined at random into so many groups: each
# division is a sum over all pairs of them.
_DRAWS = 400
_MOST_GROUPS = 300


@record
class DomainFound:
    """How well a classifier tells recent rows from training rows, on days it has not seen: `auc` with one-sided 95 % bounds.

    .5 is not at all, 1 is perfectly. `columns`: what it went by, most telling first, as the area it loses without the column.
    """

    state: Told
    auc: float
    lower: float
    upper: float
    rows: tuple[int, int]
    days: tuple[int, int]
    columns: Mapping[str, float]
    reason: Reason


@record
class VectorFound:
    """How far one group of columns moved as a vector: the energy distance over the mean distance of a row then and a row now, in [0, 1].

    Days resemble the days before them, so the recent days are held against every other run of as many days one after the other, over all
    days in order of time (what is cut off at the end goes on at the beginning). `threshold`: what one such run in a hundred reaches, and
    at least the margin. `p_value`: how many runs reach what was found, of all. Of less than 100 runs none can be one in a hundred: a move
    is then a warning at most, and of less than 20 nothing is said. `columns` are those that make up the vector.
    """

    state: Told
    distance: float
    threshold: float
    p_value: float
    columns: tuple[str, ...]
    reason: Reason


@record
class MultivariateFound:
    """One look at all columns together: the rows of `window` against those the version was trained on.

    `vectors`: groups of columns, and columns of texts. `notes`: why texts were not compared as the model reads them.
    """

    window: Window
    version: int
    domain: DomainFound
    vectors: Mapping[str, VectorFound]
    notes: tuple[Reason, ...] = ()


def too_few(rows: tuple[int, int], days: tuple[int, int], *, timed: bool = True) -> Reason | None:
    """Why nothing can be said of so many rows and days (units, if they are not `timed`) then and now; None if something can."""
    if min(rows) < LEAST_ROWS:
        return because("multivariate.few_rows", before=rows[0], now=rows[1], needed=LEAST_ROWS)
    if min(days) < LEAST_DAYS:
        if timed:
            return because("multivariate.few_days", before=days[0], now=days[1], needed=LEAST_DAYS)
        return because("multivariate.few_units", before=days[0], now=days[1], needed=LEAST_DAYS)
    return None


def nothing_said(reason: Reason, rows: tuple[int, int], days: tuple[int, int]) -> DomainFound:
    """Too little to tell rows apart by."""
    return DomainFound(state="insufficient data", auc=0.5, lower=0.0, upper=1.0, rows=rows, days=days, columns={}, reason=reason)


def domain_found(recent: NDArray[np.bool_], score: Floats, day: Codes, columns: Mapping[str, float], seed: int = 0) -> DomainFound:
    """What the scores of a classifier say that was asked about days it had not seen. `day`: numbers without gaps, then before now."""
    generator = np.random.default_rng(seed)
    rows = int((~recent).sum()), int(recent.sum())
    days = len(np.unique(day[~recent])), len(np.unique(day[recent]))
    found = value_with_bounds(METRICS["roc_auc"], recent.astype(np.int64), score, 0.5, day, generator)
    if found is None or found.lower is None or found.upper is None:
        return nothing_said(because("multivariate.few_rows", before=rows[0], now=rows[1], needed=LEAST_ROWS), rows, days)
    state: Told = "drift" if found.lower > MARGIN else "warn" if found.value > MARGIN and found.lower > 0.5 else "ok"
    ranked = dict(sorted(columns.items(), key=lambda item: -item[1]))
    telling = ", ".join(name for name, lost in list(ranked.items())[:3] if lost > 0.0) or "-"
    values = {"auc": found.value, "lower": found.lower, "upper": found.upper, "margin": MARGIN}
    reason = because(f"multivariate.domain_{state}", **values, columns=telling)
    return DomainFound(
        state=state, auc=found.value, lower=found.lower, upper=found.upper, rows=rows, days=days, columns=ranked, reason=reason
    )


def vector_found(
    name: str,
    columns: Sequence[str],
    before: Floats,
    now: Floats,
    day_before: Codes,
    day_now: Codes,
    seed: int = 0,
    *,
    margin: float = MOVED,
    units: bool = True,
    timed: bool = True,
) -> VectorFound:
    """How far rows of vectors moved. Rows with a missing or infinite part have no place among vectors and are left out.

    `margin`: the least distance that matters. `units`: the parts are columns with units of their own, each measured by its spread; else
    they are coordinates of one space. `timed`: blocks are days in order of time; others are as good in any order.
    """
    generator = np.random.default_rng(seed)
    kept = [np.flatnonzero(np.isfinite(rows).all(axis=1)) for rows in (before, now)]
    rows = len(kept[0]), len(kept[1])
    days = len(np.unique(day_before[kept[0]])), len(np.unique(day_now[kept[1]]))
    few = too_few(rows, days, timed=timed)
    if few is not None:
        return VectorFound(state="insufficient data", distance=0.0, threshold=1.0, p_value=1.0, columns=tuple(columns), reason=few)
    picks = [np.sort(generator.choice(rows, min(len(rows), _MOST_PAIRS), replace=False)) for rows in kept]
    first, second = before[picks[0]], now[picks[1]]
    first_day, second_day = (_few_groups(day[pick], generator) for day, pick in ((day_before, picks[0]), (day_now, picks[1])))
    together = np.concatenate([first, second])
    if units:
        scale, all_of_it = first.std(axis=0), together.std(axis=0)
        scale = np.where(scale > 0.0, scale, all_of_it)  # a part that was constant is measured by what it is now
        together = together / np.where(scale > 0.0, scale, 1.0)
    apart = _distances(together)
    day = np.concatenate([first_day, second_day + first_day.max() + 1])
    recent = np.arange(len(together)) >= len(first)
    blocks = _between_days(apart, day)
    count = np.bincount(day).astype(np.float64)
    of_now = np.bincount(day, weights=recent).astype(bool)
    runs = _runs(of_now) if timed else [of_now, *(generator.permutation(of_now) for _ in range(_DRAWS))]
    if len(runs) * _PERHAPS < 1.0:
        few = because("multivariate.few_runs", days=len(of_now), runs=len(runs), needed=math.ceil(1.0 / _PERHAPS))
        return VectorFound(state="insufficient data", distance=0.0, threshold=1.0, p_value=1.0, columns=tuple(columns), reason=few)
    distance, *others = (_share(blocks, count, run) for run in runs)
    threshold = max(margin, float(np.quantile(others, 1.0 - _LEVEL, method="higher")))
    p_value = (1 + sum(other >= distance for other in others)) / len(runs)
    state: Told = "ok"
    if distance > margin and p_value <= _PERHAPS:
        state = "drift" if p_value <= _LEVEL else "warn"
    values = {"distance": distance, "threshold": threshold, "columns": len(columns), "p_value": p_value, "runs": len(runs)}
    reason = because(f"multivariate.vector_{state}", name=name, **values)
    return VectorFound(state=state, distance=distance, threshold=threshold, p_value=p_value, columns=tuple(columns), reason=reason)


def _runs(of_now: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Every way to put as many days one after the other on one side as `of_now` does, itself first. The same two sides come once."""
    found: dict[bytes, NDArray[np.bool_]] = {}
    for shift in range(len(of_now)):
        run = np.roll(of_now, shift)
        found.setdefault((run if run[0] else ~run).tobytes(), run)
    return list(found.values())


def _few_groups(day: Codes, generator: np.random.Generator) -> Codes:
    """Days, or whatever hangs together, in groups that are few enough to be divided anew again and again."""
    return joined(np.unique(day, return_inverse=True)[1].astype(np.int64), _MOST_GROUPS, generator)[0]


def _distances(rows: Floats) -> Floats:
    """Euclidean distance of every row to every other."""
    squares = (rows**2).sum(axis=1)
    apart: Floats = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2.0 * rows @ rows.T, 0.0))
    return apart


def _between_days(apart: Floats, day: Codes) -> Floats:
    """The sum of distances between the rows of each two days: from these any division of the days into two sides can be judged."""
    order = np.argsort(day, kind="stable")
    starts = np.flatnonzero(np.diff(day[order], prepend=-1))
    sums: Floats = np.add.reduceat(np.add.reduceat(apart[np.ix_(order, order)], starts, axis=0), starts, axis=1)
    return sums


def _share(blocks: Floats, count: Floats, side: NDArray[np.bool_]) -> float:
    """(2 E|X-Y| - E|X-X'| - E|Y-Y'|) / 2 E|X-Y|, never below 0. Pairs of a row with itself are none."""
    one, other = count[~side].sum(), count[side].sum()
    across = blocks[np.ix_(~side, side)].sum() / (one * other)
    within = [blocks[np.ix_(part, part)].sum() / max(rows * (rows - 1.0), 1.0) for part, rows in ((~side, one), (side, other))]
    share = float((2.0 * across - within[0] - within[1]) / (2.0 * across)) if across > 0.0 else 0.0
    return max(0.0, share) if math.isfinite(share) else 0.0
