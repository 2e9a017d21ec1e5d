"""Candidate against champion on the same rows: paired, and with the block as the unit of evidence."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.evaluation.records import Comparison
from flyball.evaluation.score import Label, block_codes, truth_of
from flyball.spec.records import Task
from flyball.stats.blocked import gain_with_bounds
from flyball.stats.losses import Floats, Truth
from flyball.stats.scores import loss_for, metric_for


def compare(
    metric: str,
    actual: NDArray[Any],
    candidate_score: Floats,
    champion_score: Floats,
    classes: Sequence[Label],
    threshold: float,
    blocks: NDArray[Any] | None = None,
    seed: int = 0,
    weight: Floats | None = None,
    *,
    alpha: float = 0.05,
) -> Comparison | None:
    """The candidate's gain over the champion with a lower and an upper bound, each one-sided at `alpha`.

    The rows must be later than the training of both: whoever calls sees to that. None where no comparison can be made: the metric is
    not defined on these rows (no rows, one class only) or there are fewer than two blocks. The task follows from the classes (none:
    regression) and the shape of the scores.
    `weight`: how much each row counts (None: once). Swapping the two changes the sign of everything and nothing else.
    """
    candidate, champion, task, truth = _paired(actual, candidate_score, champion_score, classes)
    block = block_codes(blocks, len(truth))
    chance = np.random.default_rng(seed)
    found = gain_with_bounds(metric_for(metric, task), truth, candidate, champion, threshold, block, chance, weight=weight, alpha=alpha)
    if found is None or found.lower is None or found.upper is None:
        return None
    return Comparison(metric=metric, gain=found.value, lower=found.lower, upper=found.upper, rows=len(truth), blocks=int(block.max()) + 1)


def day_gains(
    metric: str,
    actual: NDArray[Any],
    candidate_score: Floats,
    champion_score: Floats,
    classes: Sequence[Label],
    threshold: float,
    days: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """The days in order, how many rows each has, and how much smaller the candidate's mean loss was than the champion's on each.

    What a live comparison of the two can begin with, if the rows are new to both. SpecError for a metric that is no mean over rows.
    """
    candidate, champion, task, truth = _paired(actual, candidate_score, champion_score, classes)
    loss = loss_for(metric, task)
    if len(days) != len(truth):
        raise DataError(f"{len(truth)} rows but {len(days)} days")
    names, codes = np.unique(days, return_inverse=True)
    rows = np.bincount(codes, minlength=len(names)).astype(np.int64)
    gain = loss(truth, champion, threshold) - loss(truth, candidate, threshold)
    return names.astype(np.int64), rows, np.bincount(codes, weights=gain, minlength=len(names)) / rows


def _paired(
    actual: NDArray[Any], candidate_score: Floats, champion_score: Floats, classes: Sequence[Label]
) -> tuple[Floats, Floats, Task, Truth]:
    """Both scores, the task they answer, and the truth; DataError when they do not fit each other."""
    candidate, champion = np.asarray(candidate_score, dtype=np.float64), np.asarray(champion_score, dtype=np.float64)
    if candidate.shape != champion.shape:
        raise DataError(f"the candidate's scores have shape {candidate.shape}, the champion's {champion.shape}")
    task: Task = "regression" if not classes else "multiclass" if candidate.ndim == 2 else "binary"
    truth = truth_of(actual, candidate, classes)
    truth_of(actual, champion, classes)
    return candidate, champion, task, truth
