"""Whether new labels turned against everything known before: on rows that nobody learned from, and on what the champion says of them.

A flood of inverted labels reaches the newest held-out rows as well, so a candidate that learned from it looks good on them, and later
on live rows too. What it cannot reach are labels that were told before the champion was made, on rows kept out of every training.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check
from flyball.evaluation.score import Label, block_codes
from flyball.spec.records import Task
from flyball.stats.intervals import bootstrap_interval, delong, joined, normal_interval
from flyball.stats.losses import Floats
from flyball.stats.ranks import weighted_auc

UNTOUCHED, LABELS = "untouched", "labels"
# How much of what the champion knows a candidate has to know as well, of rows of the champion's own time.
KEPT = 0.5
LEAST_ROWS, LEAST_BLOCKS, LEAST_OF_A_KIND = 30, 5, 5
_STRETCH = 100  # rows of the shortest stretch of new labels that is judged by itself
_STRETCHES = 10
_ALPHA = 0.001
_MOST_BLOCKS = 1000


def still_knows(
    actual: NDArray[Any],
    candidate: Floats,
    champion: Floats,
    *,
    task: Task,
    classes: Sequence[Label],
    blocks: NDArray[Any],
    weight: Floats | None = None,
    seed: int = 0,
    draws: int = 400,
) -> Check:
    """Fail where the candidate has certainly lost more than half of the champion's power to rank rows that neither learned from.

    Ranking is the area under the ROC curve above .5: of the second class for binary, of the commonest class for several, of lying above
    the median for a regression. It does not see that rates or levels moved, as they do with the seasons, and it turns round when labels
    do. The bound is one-sided at 95 %, from redrawing whole blocks for both versions at once. `weight`: how much each row counts (None:
    once).
    """
    positive, first = _ranked(actual, candidate, task, classes)
    _, second = _ranked(actual, champion, task, classes)
    codes = block_codes(blocks, len(positive))
    count = int(codes.max(initial=-1)) + 1
    kinds = min(int(positive.sum()), int((~positive).sum()))
    if len(positive) < LEAST_ROWS or count < LEAST_BLOCKS or kinds < LEAST_OF_A_KIND:
        reason = because("untouched.too_few", rows=len(positive), needed=LEAST_ROWS, blocks=count, blocks_needed=LEAST_BLOCKS)
        return Check(metric=UNTOUCHED, verdict=Verdict.NOT_APPLICABLE, reason=reason)
    generator = np.random.default_rng(seed)
    group, groups = joined(codes, _MOST_BLOCKS, generator)
    ours, theirs = (weighted_auc(positive, score, group, groups, weight) for score in (first, second))
    one = np.ones((1, groups))
    own, other = float(ours(one)[0]), float(theirs(one)[0])
    found = bootstrap_interval(
        (own - 0.5) - KEPT * (other - 0.5),
        lambda weights: (ours(weights) - 0.5) - KEPT * (theirs(weights) - 0.5),
        groups,
        generator,
        draws=draws,
    )
    lost = found.upper is not None and found.upper < 0
    code = "untouched.lost" if lost else "untouched.kept"
    reason = because(code, candidate=own, champion=other, rows=len(positive), blocks=count, kept=KEPT)
    return Check(metric=UNTOUCHED, verdict=Verdict.FAIL if lost else Verdict.PASS, reason=reason)


def inverted(
    actual: NDArray[Any], champion: Floats, times: NDArray[np.int64], *, task: Task, classes: Sequence[Label]
) -> tuple[int, int, float, int] | None:
    """The stretch of time in which new labels certainly say the opposite of what the champion says: first and last time, AUC and rows.

    The rows must be new to the champion. They are looked at as a whole, and cut into at most ten stretches of equal numbers of rows, none
    below a hundred. A stretch is inverted where DeLong's upper bound of the area under the ROC curve, at .001 shared by all stretches, is
    below .5: a harder world brings it towards .5, and only labels (or a world) turned round bring it below. None where no stretch is.

    Rows are not weighed here: the bound is one for independent rows that count alike, and what is asked is whether labels point the other
    way, not how good the champion is. Where answers shape labels, only rows that nobody would have acted on are handed in: they weigh 1.
    """
    positive, score = _ranked(actual, champion, task, classes)
    order = np.argsort(times, kind="stable")
    stretches = np.array_split(order, max(1, min(_STRETCHES, len(order) // _STRETCH)))
    worst: tuple[int, int, float, int] | None = None
    tried = [order, *stretches] if len(stretches) > 1 else stretches
    for rows in tried:
        found = delong(positive[rows], score[rows]) if len(rows) >= LEAST_ROWS else None
        if found is None:
            continue
        upper = normal_interval(found[0], found[1], alpha=_ALPHA / len(tried)).upper
        assert upper is not None, "a normal interval has bounds"
        if upper < 0.5 and (worst is None or found[0] < worst[2]):
            worst = int(times[rows].min()), int(times[rows].max()), found[0], len(rows)
    return worst


def _ranked(actual: NDArray[Any], score: Floats, task: Task, classes: Sequence[Label]) -> tuple[NDArray[np.bool_], Floats]:
    """Which rows are positive, and the score that should rank them."""
    if task == "regression":
        values = np.asarray(actual, dtype=np.float64)
        return values > np.median(values) if len(values) else np.zeros(0, dtype=np.bool_), score if score.ndim == 1 else score[:, 0]
    known = [classes.index(value) if value in classes else -1 for value in actual.tolist()]
    codes = np.array(known, dtype=np.int64)
    if task == "binary":
        return codes == 1, score
    common = int(np.argmax(np.bincount(codes[codes >= 0], minlength=len(classes)))) if (codes >= 0).any() else 0
    return codes == common, score[:, common]
