"""How answers were wrong: which class was answered where another was true, and how far the values of a regression were off."""

from collections.abc import Sequence

import numpy as np

from flyball.monitoring.performance import MIN_ROWS, Judged
from flyball.monitoring.records import Confusion, ErrorBin, Residuals
from flyball.monitoring.slices import OTHERS
from flyball.serving.records import Label
from flyball.stats.intervals import Interval, block_t
from flyball.stats.losses import Floats, predicted
from flyball.stats.ranks import Flags

# More classes than these are no table that anybody reads.
MOST_CLASSES = 12
_BINS = 10
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def confusion(kept: Judged, classes: Sequence[Label], threshold: float) -> Confusion | None:
    """Rows by true and answered class; None without judged rows. Beyond 12 classes the 11 that are true most often are named."""
    if not len(kept.truth):
        return None
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (kept.truth.astype(np.int64), predicted(kept.score, threshold)), 1)
    named = [str(one) for one in classes]
    if len(classes) > MOST_CLASSES:
        often = np.argsort(-counts.sum(axis=1), kind="stable")
        place = np.full(len(classes), MOST_CLASSES - 1)
        place[often[: MOST_CLASSES - 1]] = np.arange(MOST_CLASSES - 1)
        few = np.zeros((MOST_CLASSES, MOST_CLASSES), dtype=np.int64)
        np.add.at(few, (place[:, None], place[None, :]), counts)
        counts, named = few, [*(named[at] for at in often[: MOST_CLASSES - 1]), OTHERS]
    return Confusion(
        classes=tuple(named), counts=tuple(tuple(row) for row in counts.tolist()), threshold=threshold if kept.score.ndim == 1 else None
    )


def residuals(kept: Judged) -> Residuals | None:
    """How far answers were off, all together and by the size of the answer; None for fewer than 100 judged rows."""
    if len(kept.truth) < MIN_ROWS or kept.score.ndim != 1:
        return None
    error: Floats = kept.score - kept.truth.astype(np.float64)
    whole = _mean(kept, error, np.ones(len(error), dtype=np.bool_))
    order = np.argsort(kept.score, kind="stable")
    values, place = np.unique(kept.score[order], return_index=True)
    first = np.zeros(len(order), dtype=np.int64)
    first[place] = place
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.maximum.accumulate(first) * _BINS // len(order)  # equal answers stand together
    if len(values) <= _BINS:
        number[order] = np.searchsorted(values, kept.score[order])
    five, quarter, half, three, most = (float(one) for one in np.quantile(error, _QUANTILES))
    return Residuals(
        rows=len(error),
        mean=whole.value,
        lower=whole.lower,
        upper=whole.upper,
        quantiles=(five, quarter, half, three, most),
        bins=tuple(_bin(kept, error, number == one) for one in np.unique(number).tolist()),
    )


def _bin(kept: Judged, error: Floats, inside: Flags) -> ErrorBin:
    found = _mean(kept, error, inside)
    return ErrorBin(
        answer=float(kept.score[inside].mean()), error=found.value, lower=found.lower, upper=found.upper, rows=int(inside.sum())
    )


def _mean(kept: Judged, error: Floats, inside: Flags) -> Interval:
    """The mean with bounds by block: rows of one day share their luck."""
    block = np.unique(kept.block[inside], return_inverse=True)[1].reshape(-1)
    found = block_t(np.bincount(block, weights=error[inside]).astype(np.float64), np.bincount(block).astype(np.float64))
    assert found is not None  # there are rows
    return found
