"""Whether scores are the probabilities they look like: the share of positives by score, with bounds, and the mean distance."""

import numpy as np

from flyball.core.record import record
from flyball.monitoring.performance import MIN_ROWS, Judged
from flyball.monitoring.records import CalibrationBin
from flyball.stats.intervals import block_t, wilson
from flyball.stats.losses import Floats

_BINS = 10


@record
class Curve:
    """The bins, scores rising; the mean distance of score and share; what chance alone would make of it on average."""

    bins: tuple[CalibrationBin, ...]
    error: float
    chance: float


def calibration_curve(kept: Judged) -> Curve | None:
    """Ten bins of about equally many rows, equal scores together; None for fewer than 100 judged rows.

    Of more than two classes the answered one is looked at: its score, and whether it was true. The bounds of a bin are Wilson's, or those
    over blocks where these are wider: rows of one day share their luck.
    """
    if len(kept.truth) < MIN_ROWS:
        return None
    if kept.score.ndim == 1:
        score, hit = kept.score, (kept.truth == 1).astype(np.float64)
    else:
        answered = kept.score.argmax(axis=1)
        score, hit = kept.score.max(axis=1), (answered == kept.truth).astype(np.float64)
    values, place, rows = np.unique(score, return_inverse=True, return_counts=True)
    cell = (np.cumsum(rows) - rows) * _BINS // len(score) if len(values) > _BINS else np.arange(len(values))
    number = np.unique(cell, return_inverse=True)[1].reshape(-1)[place.reshape(-1)]
    bins = tuple(_bin(kept, score[inside], hit[inside], inside) for inside in (number == one for one in range(int(number.max()) + 1)))
    share = np.array([one.rows for one in bins]) / len(score)
    distance = np.array([abs(one.score - one.actual) for one in bins])
    spread = np.array([max(one.score * (1.0 - one.score), 0.0) / one.rows for one in bins])
    return Curve(
        bins=bins,
        error=float(share @ distance),
        chance=float(share @ np.sqrt(2.0 / np.pi * spread)),  # the mean of |normal| is sqrt(2 / pi) of its standard deviation
    )


def _bin(kept: Judged, score: Floats, hit: Floats, inside: np.ndarray) -> CalibrationBin:
    lower, upper = wilson(float(hit.sum()), len(hit))
    if kept.kind != "rows":
        block = np.unique(kept.block[inside], return_inverse=True)[1].reshape(-1)
        by_block = block_t(np.bincount(block, weights=hit).astype(np.float64), np.bincount(block).astype(np.float64))
        if by_block is not None and by_block.lower is not None and by_block.upper is not None:
            lower, upper = min(lower, max(0.0, by_block.lower)), max(upper, min(1.0, by_block.upper))
    return CalibrationBin(score=float(score.mean()), actual=float(hit.mean()), lower=lower, upper=upper, rows=len(hit))
