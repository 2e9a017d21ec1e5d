"""Per-row losses: what one answer cost once the truth is known. Smaller is better, and the mean over rows is a metric."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
# The truth of each row: the position of its class in `classes`, or the value itself (regression).
Truth = NDArray[Any]
Loss = Callable[[Truth, Floats, float], Floats]

_EPSILON = float(np.finfo(np.float64).eps)


def positions(actual: NDArray[Any], classes: Sequence[str | int | float | bool]) -> Codes:
    """Where each label stands in `classes`, -1 for a label that is not there. Nothing is coerced: "1" is not 1 (but True is).

    >>> positions(np.array(["no", "yes", "perhaps"], dtype=object), ("no", "yes"))
    array([ 0,  1, -1])
    """
    place = {label: position for position, label in enumerate(classes)}
    return np.fromiter((place.get(label, -1) for label in actual.tolist()), dtype=np.int64, count=len(actual))


def predicted(score: Floats, cut: float) -> Codes:
    """The class a score stands for: the most probable one (n, k), or whether the probability reaches the threshold (n,)."""
    if score.ndim == 2:
        return np.asarray(np.argmax(score, axis=1), dtype=np.int64)
    return np.asarray(score >= cut).astype(np.int64)


def brier_loss(actual: Truth, score: Floats, cut: float) -> Floats:
    """Squared distance of the probabilities from the truth: in [0, 1] for two classes, the sum over classes, in [0, 2], for more."""
    if score.ndim == 1:
        return np.square(score - actual)
    squares = np.square(score).sum(axis=1)
    of_truth = score[np.arange(len(actual)), actual]
    return np.asarray(squares - np.square(of_truth) + np.square(1.0 - of_truth))


def log_loss_rows(actual: Truth, score: Floats, cut: float) -> Floats:
    """Minus the natural logarithm of the probability given to the truth, kept finite by one machine epsilon."""
    of_truth = np.where(actual == 1, score, 1.0 - score) if score.ndim == 1 else score[np.arange(len(actual)), actual]
    return np.asarray(-np.log(np.clip(of_truth, _EPSILON, 1.0)))


def error_loss(actual: Truth, score: Floats, cut: float) -> Floats:
    """1 where the answered class is not the true one, else 0."""
    return np.asarray(predicted(score, cut) != actual).astype(np.float64)


def squared_error_loss(actual: Truth, score: Floats, cut: float) -> Floats:
    """Squared difference of answer and truth."""
    return np.square(score - actual)


def absolute_error_loss(actual: Truth, score: Floats, cut: float) -> Floats:
    """Distance of answer and truth."""
    return np.abs(score - actual)
