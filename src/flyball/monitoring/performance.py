"""Realised performance: how good the answers of one version turned out to be, and whether it is certainly below its floor."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import SpecError
from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.monitoring.floor import alarm_level, beyond, floor_value, rising
from flyball.monitoring.records import Performance
from flyball.serving.records import Label, LoggedRows
from flyball.spec.records import Task
from flyball.stats.blocked import value_with_bounds, value_with_neighbours
from flyball.stats.intervals import blocks_of
from flyball.stats.losses import Codes, Floats, Truth, positions
from flyball.stats.scores import METRICS, Metric, metric_for

NoOutcome = Literal["exclude", "negative", "unknown"]
BlockKind = Literal["days", "units", "rows"]

MIN_ROWS = 100
MIN_BLOCKS = 5


@record
class Judged:
    """The rows of a log whose answer can be judged. `rows`: which rows of the log they are; `truth`, `score`, `day` go with them.

    `block` numbers the blocks these rows are in, without gaps; `kind` says what a block is.

    `labelled` rows had an outcome; `strange` of these had one the model does not know (a new class, no number), `broken` rows a score
    that is not finite: neither can be judged, both are counted.
    """

    rows: NDArray[np.int64]
    truth: Truth
    score: Floats
    day: Codes
    labelled: int
    strange: int
    broken: int
    block: Codes
    kind: BlockKind


def judged(rows: LoggedRows, classes: Sequence[Label], no_outcome: NoOutcome, *, timed: bool = True) -> Judged:
    """The rows that can be judged, given what a missing outcome means: nothing (`exclude`, `unknown`) or the first class (`negative`).

    `timed`: the data have a time, so a block is a day. If not, it is a unit where units repeat, else each row is one.
    """
    if no_outcome == "negative" and not classes:
        raise SpecError("no_outcome = 'negative' needs classes, and a regression has none", hint="write no_outcome = 'exclude'")
    known = np.fromiter((value is not None for value in rows.actual.tolist()), dtype=np.bool_, count=len(rows.actual))
    finite = np.isfinite(rows.score if rows.score.ndim == 1 else rows.score.sum(axis=1))
    if classes:
        truth = positions(rows.actual, classes)
        fits = truth >= 0
        if no_outcome == "negative":
            truth, fits = np.where(known, truth, 0), fits | ~known
    else:
        truth = np.fromiter((_number(value) for value in rows.actual.tolist()), dtype=np.float64, count=len(rows.actual))
        fits = np.isfinite(truth)
    usable = np.flatnonzero(fits & finite)
    kind, block = _blocks(rows, usable, timed)
    return Judged(
        rows=usable,
        truth=truth[usable],
        score=rows.score[usable],
        day=rows.day[usable],
        labelled=int(known.sum()),
        strange=int((known & ~fits).sum()),
        broken=int((fits & ~finite).sum()),
        block=block,
        kind=kind,
    )


def realised(
    rows: LoggedRows,
    metric: str,
    task: Task,
    classes: Sequence[Label],
    threshold: float,
    window: Window,
    version: int,
    no_outcome: NoOutcome,
    *,
    seed: int = 0,
    timed: bool = True,
) -> Performance:
    """The metric over the matured rows of a window, with a one-sided 95 % bound on each side, by block (`timed`: see `judged`).

    `rows` holds matured rows only, labelled or not. `exclude` and `unknown` leave the unlabelled out (and count them: matured minus
    labelled); `negative` takes them as the first class. Fewer than 100 judged rows or 5 blocks: the value stands, the bounds are None and
    the reason says what is missing. Labels the model does not know and scores that are not finite are left out and counted in the reason.
    """
    kept = judged(rows, classes, no_outcome, timed=timed)
    return performance_of(kept, metric, task, threshold, window, version, matured=len(rows.actual), seed=seed)


def performance_of(
    kept: Judged, metric: str, task: Task, threshold: float, window: Window, version: int, *, matured: int, seed: int = 0
) -> Performance:
    """The same of rows that were judged before, `matured` of them in all."""
    chosen = metric_for(metric, task)
    blocks = int(kept.block.max(initial=-1)) + 1
    found = None
    if len(kept.truth):
        found = value_with_bounds(chosen, kept.truth, kept.score, threshold, kept.block, np.random.default_rng(seed))
    enough = len(kept.truth) >= MIN_ROWS and blocks >= MIN_BLOCKS
    bounded = enough and found is not None and found.lower is not None and found.upper is not None
    counts: dict[str, Value] = {
        "metric": metric,
        "rows": len(kept.truth),
        "blocks": blocks,
        "matured": matured,
        "labelled": kept.labelled,
    }
    counts |= {"strange": kept.strange, "broken": kept.broken}
    if found is None:
        reason = _by(kept.kind, "performance.no_value", counts)
    elif not enough:
        reason = _by(kept.kind, "performance.too_little", counts, value=found.value, rows_needed=MIN_ROWS, blocks_needed=MIN_BLOCKS)
    elif not bounded:
        reason = _by(kept.kind, "performance.no_bounds", counts, value=found.value)
    else:
        reason = _by(kept.kind, "performance.realised", counts, value=found.value, lower=found.lower, upper=found.upper)
    alarm = _alarm_bound(kept, chosen, threshold, blocks, seed) if bounded else (None, None)
    return Performance(
        metric=metric,
        version=version,
        window=window,
        matured=matured,
        labelled=kept.labelled,
        blocks=blocks,
        value=None if found is None else found.value,
        lower=found.lower if bounded and found is not None else None,
        upper=found.upper if bounded and found is not None else None,
        reason=reason,
        alarm_bound=alarm[0],
        alarm_level=alarm[1],
    )


def _alarm_bound(kept: Judged, metric: Metric, threshold: float, blocks: int, seed: int) -> tuple[float | None, float]:
    """The better bound at the level of one look of many; days are taken as they resemble the days before them."""
    days = kept.kind == "days"
    level = alarm_level(blocks if days else None)
    method = value_with_neighbours if days else value_with_bounds
    found = method(metric, kept.truth, kept.score, threshold, kept.block, np.random.default_rng(seed), alpha=level)
    if found is None:
        return None, level
    return found.upper if rising(metric.name) else found.lower, level


def below_floor(performance: Performance, metric: str, reference_bound: float, drop: float) -> tuple[Verdict, Reason]:
    """Whether performance fell certainly below the floor: worse than `reference_bound` by more than `drop`.

    `reference_bound` is the champion's held-out bound on the worse side (the lower one of an AUC, the upper one of a loss). FAIL is the
    alarm: even the better bound is beyond the floor, at a level at which half a year of daily looks may alarm falsely in 5 % (see
    `alarm_level`; the bounds that are shown are those of one look). One-sided, so an improvement never alarms. PASS: there are bounds and
    the value is not beyond the floor. UNDECIDED: the value is beyond it but not certainly, or there is too little evidence.
    """
    if performance.metric != metric:
        raise SpecError(f"the floor is about {metric!r}, the performance about {performance.metric!r}")
    if metric not in METRICS:
        raise SpecError(f"there is no metric {metric!r}", hint=f"known: {', '.join(sorted(METRICS))}")
    value, lower, upper = performance.value, performance.lower, performance.upper
    if value is None or lower is None or upper is None:
        return Verdict.UNDECIDED, performance.reason
    floor, bound = floor_value(reference_bound, drop, metric), performance.alarm_bound
    certain = bound is not None and beyond(bound, floor, metric)
    verdict = Verdict.FAIL if certain else Verdict.UNDECIDED if beyond(value, floor, metric) else Verdict.PASS
    code = {Verdict.FAIL: "surely_below_floor", Verdict.UNDECIDED: "perhaps_below_floor", Verdict.PASS: "above_floor"}[verdict]
    if verdict is Verdict.UNDECIDED and bound is not None and beyond(upper if rising(metric) else lower, floor, metric):
        code = "nearly_below_floor"
    kind = performance.reason.code.removeprefix("performance.realised")  # of what the blocks are
    reason = because(
        f"performance.{code}{kind if kind in _KINDS else ''}",
        metric=metric,
        version=performance.version,
        value=value,
        lower=lower,
        upper=upper,
        floor=floor,
        reference=reference_bound,
        drop=drop,
        labelled=performance.labelled,
        blocks=performance.blocks,
        bound=bound,
        level=performance.alarm_level,
    )
    return verdict, reason


_KINDS = ("_units", "_rows")


def _by(kind: BlockKind, code: str, counts: Mapping[str, Value], **more: Value) -> Reason:
    """The reason, in the sentence that calls a block what it is."""
    return Reason(code=code if kind == "days" else f"{code}_{kind}", values={**counts, **more})


def _blocks(rows: LoggedRows, kept: NDArray[np.int64], timed: bool) -> tuple[BlockKind, Codes]:
    """What a block is, as in training, and the block of each kept row."""
    if timed:
        return "days", blocks_of(rows.day[kept])
    units = rows.unit[kept]
    if any(unit is not None for unit in units.tolist()):
        found = blocks_of(units)
        if int(found.max(initial=-1)) + 1 < len(kept):
            return "units", found
    return "rows", np.arange(len(kept), dtype=np.int64)


def _number(value: object) -> float:
    """A number as it is, NaN for anything else (a flag is no number)."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")
