"""Live comparison: two versions that scored the same requests, judged row by row, day by day, valid however often one looks."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from flyball.core.errors import DataError
from flyball.monitoring.performance import NoOutcome, judged
from flyball.monitoring.records import PairedEvidence
from flyball.serving.records import Label, LoggedRows
from flyball.spec.records import Task
from flyball.stats.intervals import blocks_of
from flyball.stats.scores import loss_for
from flyball.stats.sequential import block_sequence


class DayMean(Protocol):
    """A day of a paired comparison that was judged before, whatever record holds it."""

    @property
    def day(self) -> int:
        """Days since 1970."""
        ...

    @property
    def rows(self) -> int:
        """How many rows both versions scored."""
        ...

    @property
    def gain(self) -> float:
        """The mean of the second loss minus the first."""
        ...


def paired(
    first: LoggedRows,
    second: LoggedRows,
    metric: str,
    task: Task,
    classes: Sequence[Label],
    threshold: float,
    versions: tuple[int, int],
    alpha: float,
    no_outcome: NoOutcome,
    *,
    head_start: Sequence[DayMean] = (),
) -> PairedEvidence:
    """How much smaller the loss of `first` was than that of `second` on the requests both scored.

    `versions` are those of `first` and `second`, in this order; `gain` > 0 means `first` is better. The metric must be the mean of a
    per-row loss (SpecError otherwise: an AUC cannot be compared row by row). Rows join by prediction id; what only one version scored
    or what cannot be judged (no outcome, a label the models do not know, a score that is not finite) is left out of both.
    `missed`: what `second` scored and `first` did not, or not with a finite number.

    The day is the block and every day counts the same, so that one busy day cannot decide alone: `gain` is the mean of the days' means.
    Each bound is one-sided at `alpha` over all looks together and None before the seventh day. Give whole matured days, in any order:
    a day that changes after it was looked at would count as news.

    `head_start`: held-out days new to both versions, with which the sequence begins; the same ones at every look. They may have let the
    candidate in: a gate only ends sequences, so it cannot make a false gain more likely. A day that is live too counts once, as live.
    """
    loss = loss_for(metric, task)
    one, two = judged(first, classes, no_outcome), judged(second, classes, no_outcome)
    place = {name: row for row, name in enumerate(second.prediction_id[two.rows].tolist())}
    partner = np.fromiter((place.get(name, -1) for name in first.prediction_id[one.rows].tolist()), dtype=np.int64, count=len(one.rows))
    ours = np.flatnonzero(partner >= 0)
    theirs = partner[ours]
    if (one.truth[ours] != two.truth[theirs]).any():
        raise DataError(f"versions {versions[0]} and {versions[1]} were given different outcomes for the same prediction")
    finite = np.isfinite(first.score if first.score.ndim == 1 else first.score.sum(axis=1))
    scored = set(first.prediction_id[finite].tolist())
    missed = sum(name not in scored for name in place)
    gain = loss(two.truth[theirs], two.score[theirs], threshold) - loss(one.truth[ours], one.score[ours], threshold)
    day = blocks_of(one.day[ours])
    means = np.bincount(day, weights=gain) / np.bincount(day) if len(gain) else np.zeros(0)
    live = set(np.unique(one.day[ours]).tolist())
    before = [held for held in head_start if held.day not in live and held.rows > 0]
    found = block_sequence(np.concatenate([[held.gain for held in before], means]), alpha=alpha)
    return PairedEvidence(
        version=versions[0],
        against=versions[1],
        metric=metric,
        gain=found.mean,
        lower=found.lower,
        upper=found.upper,
        alpha=alpha,
        rows=len(gain) + sum(held.rows for held in before),
        blocks=found.blocks,
        live_blocks=len(means),
        missed=missed,
        identical=len(ours) if np.array_equal(one.score[ours], two.score[theirs]) else 0,
    )
