"""Performance without labels: calibrated scores and what they expect of a metric (CBPE), forecast losses and their noise (DLE).

CBPE: where a score is calibrated it is the probability of the label, so each row stands once for every class, weighted by its
probability, and a metric over those rows is what the labels are expected to show. It follows the published method (confidence-based
performance estimation); the metrics are the same as those of known labels.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from flyball.core.record import record
from flyball.stats.losses import Codes, Floats
from flyball.stats.scores import Metric

# Up to so many cells of scores with at least so many rows each carry a map: a map of fewer rows would learn their luck.
_CELLS = 1000
_ROWS_A_CELL = 20

# What expected values of many classes may cost: rows × classes × classes.
_MOST = 4_000_000


@record
class CalibrationMap:
    """From scores to probabilities: straight lines between the knots, level beyond the first and the last."""

    score: tuple[float, ...]
    probability: tuple[float, ...]

    def __call__(self, score: Floats) -> Floats:
        """The probability each score stands for."""
        return np.interp(score, self.score, self.probability)


IDENTITY = CalibrationMap(score=(0.0, 1.0), probability=(0.0, 1.0))


@record
class Cells:
    """Held-out rows by cells of rising scores, and how many rows and hits each block has in each cell: arrays (blocks, cells)."""

    score: Floats
    rows: Floats
    hits: Floats

    def map(self, weight: Floats) -> CalibrationMap | None:
        """The rising map closest to the share of hits (isotonic regression), blocks weighted; None without rows."""
        rows, hits = weight @ self.rows, weight @ self.hits
        held = rows > 0
        if not held.any():
            return None
        fitted = isotonic_regression(hits[held] / rows[held], weights=rows[held]).x
        return _thinned(self.score[held], np.clip(fitted, 0.0, 1.0))


def cells_of(score: Floats, hit: Floats, block: Codes, blocks: int) -> Cells:
    """Rows in cells of equal scores, or of about equally many rows where there are more than a map can carry."""
    values, place = np.unique(score, return_inverse=True)
    place = place.reshape(-1)
    rows = np.bincount(place)
    most = max(1, min(_CELLS, len(score) // _ROWS_A_CELL))
    if len(values) > most:
        place = np.unique((np.cumsum(rows) - rows) * most // len(score), return_inverse=True)[1].reshape(-1)[place]
    count = int(place.max(initial=-1)) + 1
    total = np.bincount(place, minlength=count).astype(np.float64)
    where = block * count + place
    return Cells(
        score=np.bincount(place, weights=score, minlength=count) / total,
        rows=np.bincount(where, minlength=blocks * count).reshape(blocks, count).astype(np.float64),
        hits=np.bincount(where, weights=hit, minlength=blocks * count).reshape(blocks, count).astype(np.float64),
    )


def probabilities(maps: Sequence[CalibrationMap], score: Floats) -> Floats:
    """The probability of each class for each row, (n, k). One map: of the second of two classes; else one for each class."""
    if score.ndim == 1:
        second = maps[0](score)
        return np.stack((1.0 - second, second), axis=1)
    each = np.stack([one(score[:, k]) for k, one in enumerate(maps)], axis=1)
    total = each.sum(axis=1, keepdims=True)
    return np.where(total > 0, each / np.where(total > 0, total, 1.0), score)


def expected(metric: Metric, probability: Floats, score: Floats, cut: float) -> float | None:
    """What the metric is expected to be when the labels come; None where that is not defined.

    A ratio of expectations, as published: exact for means of losses, and for the others right up to about one part in the number of rows.
    """
    rows, classes = probability.shape
    if rows == 0:
        return None
    kept = strided(rows, _affordable(probability, score))
    probability, score = probability[kept], score[kept]
    truth = np.repeat(np.arange(classes), len(score))
    weighted = metric.prepare(
        truth,
        np.concatenate([score] * classes),
        cut,
        np.zeros(len(truth), dtype=np.int64),
        1,
        np.ascontiguousarray(probability.T).reshape(-1),
    )
    value = float(weighted(np.ones((1, 1)))[0])
    return value if np.isfinite(value) else None


def labels_like(probability: Floats, generator: np.random.Generator) -> Codes:
    """One label for each row, drawn by its probabilities."""
    ladder = np.cumsum(probability, axis=1)
    return np.asarray((generator.random(len(ladder))[:, None] * ladder[:, -1:] >= ladder[:, :-1]).sum(axis=1), dtype=np.int64)


def label_variance(
    metric: Metric, probability: Floats, score: Floats, cut: float, generator: np.random.Generator, *, rows: int = 1000, draws: int = 25
) -> float | None:
    """How much the metric varies by the chance of the labels alone, these rows and their probabilities being given.

    By its formula for means of losses. Else from labels drawn for at most `rows` of the rows, evenly spaced: it falls with their number.
    """
    if len(score) == 0:
        return None
    if metric.loss is not None and metric.mean_of:
        kept = strided(len(score), _affordable(probability, score))
        likely, few = probability[kept], score[kept]
        mean, square = np.zeros(len(few)), np.zeros(len(few))
        for label in range(likely.shape[1]):
            loss = metric.loss(np.full(len(few), label), few, cut)
            mean += likely[:, label] * loss
            square += likely[:, label] * np.square(loss)
        return float(np.maximum(square - np.square(mean), 0.0).mean()) / len(score)
    kept = strided(len(score), rows)
    found = [metric.function(labels_like(probability[kept], generator), score[kept], cut) for _ in range(draws)]
    known = np.array([value for value in found if value is not None])
    if len(known) < max(2, 0.9 * draws):
        return None
    return float(known.var(ddof=1)) * len(known_rows(len(score), rows)) / len(score)


def _affordable(probability: Floats, score: Floats) -> int:
    """Up to how many rows are looked at: enough for any two classes, fewer where each row has a score for each of many."""
    classes: int = probability.shape[1]
    return max(1, _MOST // (classes * (classes if score.ndim == 2 else 1)))


def strided(rows: int, most: int) -> slice:
    """At most `most` rows, evenly spaced."""
    return slice(None, None, max(1, -(-rows // max(1, most))))


def known_rows(rows: int, most: int) -> range:
    """The rows that `strided` keeps."""
    return range(rows)[strided(rows, most)]


def scatter_beyond(missed: Floats, chance: Floats) -> float:
    """The standard deviation by which blocks miss what was expected of them, beyond chance.

    `missed`: the realised less the expected value of each block; `chance`: the variance that chance alone gives each.
    """
    return float(np.sqrt(max(0.0, float((np.square(missed) - chance).mean())))) if len(missed) else 0.0


def _thinned(score: Floats, probability: Floats) -> CalibrationMap:
    """The same map without knots in the middle of a level."""
    inside = np.zeros(len(score), dtype=np.bool_)
    inside[1:-1] = (probability[1:-1] == probability[:-2]) & (probability[1:-1] == probability[2:])
    return CalibrationMap(score=_short(score[~inside]), probability=_short(probability[~inside]))


def _short(values: Floats) -> tuple[float, ...]:
    """Seven digits: they keep their order, and a map of them half its size."""
    return tuple(float(f"{value:.7g}") for value in values.tolist())
