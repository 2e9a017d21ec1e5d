"""The table of metrics: name, tasks it fits, which direction is better, and how it is computed, also when blocks are reweighted."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np

from flyball.core.errors import SpecError
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.stats.losses import (
    Codes,
    Floats,
    Loss,
    Truth,
    absolute_error_loss,
    brier_loss,
    error_loss,
    log_loss_rows,
    predicted,
    squared_error_loss,
)
from flyball.stats.ranks import Flags, Weighted, weighted_auc, weighted_average_precision

Task = Literal["binary", "multiclass", "regression"]
Direction = Literal["higher", "lower"]


class Prepare(Protocol):
    """How a metric is computed again and again under other weights."""

    def __call__(self, actual: Truth, score: Floats, cut: float, group: Codes, groups: int, weight: Floats | None = None) -> Weighted:
        """The metric as a function of the weights of the groups. `weight`: how much each row counts (None: once)."""
        ...


@record
class Metric:
    """One metric. `direction`: which is better. `loss`: the per-row loss its value is the mean of, if it is one.

    `mean_of`: the value is the mean loss (+1), one minus it (-1), or no mean of losses (0). `low`, `high`: what the value cannot leave.
    """

    name: str
    tasks: tuple[Task, ...]
    direction: Direction
    prepare: Prepare
    loss: Loss | None = None
    mean_of: Literal[-1, 0, 1] = 0
    low: float = 0.0
    high: float = 1.0

    def function(self, actual: Truth, score: Floats, cut: float = 0.5, weight: Floats | None = None) -> float | None:
        """The metric's value; None where these rows do not define it (one class only, no rows).

        `actual`: positions of the classes (binary: 0 and 1), or values. `score`: (n,) for binary (probability of 1) and regression,
        (n, k) for multiclass. `cut`: from which probability a binary answer is 1. `weight`: how much each row counts (None: once).
        """
        if len(actual) == 0:
            return None
        value = float(self.prepare(actual, score, cut, np.zeros(len(actual), dtype=np.int64), 1, weight)(np.ones((1, 1)))[0])
        return value if np.isfinite(value) else None

    def gain(self, first: float, second: float) -> float:
        """How much better `first` is than `second`: positive is better, whatever the direction."""
        return first - second if self.direction == "higher" else second - first


def metric_for(name: str, task: Task) -> Metric:
    """The metric of that name; SpecError if there is none or it does not fit the task."""
    metric = METRICS.get(name)
    fitting = sorted(m.name for m in METRICS.values() if task in m.tasks)
    if metric is None:
        raise SpecError(f"there is no metric {name!r}{did_you_mean(name, METRICS)}", hint=f"for task {task!r}: {', '.join(fitting)}")
    if task not in metric.tasks:
        raise SpecError(f"metric {name!r} does not fit task {task!r}", hint=f"these do: {', '.join(fitting)}")
    return metric


def loss_for(name: str, task: Task) -> Loss:
    """The per-row loss behind a metric; SpecError if it is no mean over rows, so that rows cannot be compared one by one."""
    metric = metric_for(name, task)
    if metric.loss is None:
        fitting = sorted(m.name for m in METRICS.values() if task in m.tasks and m.loss is not None)
        raise SpecError(
            f"metric {name!r} is not a mean over rows, so rows cannot be compared by it", hint=f"these are: {', '.join(fitting)}"
        )
    return metric.loss


def _ratio(over: Floats, under: Floats) -> Floats:
    return np.asarray(np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under > 0))


def _mean(loss: Loss, *, complement: bool = False) -> Prepare:
    def prepare(actual: Truth, score: Floats, cut: float, group: Codes, groups: int, weight: Floats | None = None) -> Weighted:
        losses = loss(actual, score, cut)
        rows = np.bincount(group, weights=weight, minlength=groups).astype(np.float64)
        sums = np.bincount(group, weights=losses if weight is None else losses * weight, minlength=groups).astype(np.float64)
        if complement:
            sums = rows - sums
        return lambda weights: _ratio(weights @ sums, weights @ rows)

    return prepare


def _root_mean(actual: Truth, score: Floats, cut: float, group: Codes, groups: int, weight: Floats | None = None) -> Weighted:
    mean = _mean(squared_error_loss)(actual, score, cut, group, groups, weight)
    return lambda weights: np.asarray(np.sqrt(mean(weights)))


def _determination(actual: Truth, score: Floats, cut: float, group: Codes, groups: int, weight: Floats | None = None) -> Weighted:
    centred = actual - actual.mean()  # sums of squares of large values cancel badly
    each = np.ones(len(actual)) if weight is None else weight
    parts = (each, each * centred, each * np.square(centred), each * np.square(score - actual))
    totals = np.stack([np.bincount(group, weights=part, minlength=groups) for part in parts], axis=1)

    def values(weights: Floats) -> Floats:
        rows, sums, squares, errors = (weights @ totals).T
        spread = squares - np.divide(np.square(sums), rows, out=np.zeros_like(rows), where=rows > 0)
        flat = spread <= 1e-12 * np.maximum(squares, np.finfo(np.float64).tiny)
        return np.where(flat, np.nan, 1.0 - np.divide(errors, spread, out=np.zeros_like(errors), where=~flat))

    if np.ptp(actual) == 0:
        return lambda weights: np.full(len(weights), np.nan)
    return values


def _confusion(of: Literal["precision", "recall", "f1"]) -> Prepare:
    """Binary: of class 1, NaN when 0/0. Multiclass: the plain mean over the classes that occur, 0/0 counting as 0."""

    def prepare(actual: Truth, score: Floats, cut: float, group: Codes, groups: int, weight: Floats | None = None) -> Weighted:
        answered = predicted(score, cut)
        classes = 2 if score.ndim == 1 else score.shape[1]

        def count(label: Codes, kept: Floats | None = None) -> Floats:
            cells = np.bincount(group * classes + label, weights=kept, minlength=groups * classes).reshape(groups, classes)
            return cells.astype(np.float64) if score.ndim == 2 else cells[:, 1:].astype(np.float64)

        hit = (answered == actual).astype(np.float64)
        right = count(answered, hit if weight is None else hit * weight)
        said, true = count(answered, weight), count(actual, weight)

        def values(weights: Floats) -> Floats:
            hits, claims, facts = weights @ right, weights @ said, weights @ true
            under = {"precision": claims, "recall": facts, "f1": (claims + facts) / 2}[of]
            each = _ratio(hits, under)
            if score.ndim == 1:
                return each[:, 0]
            occurring = claims + facts > 0
            return _ratio(np.where(occurring, np.nan_to_num(each), 0.0).sum(axis=1), occurring.sum(axis=1).astype(np.float64))

        return values

    return prepare


def _ranked(of: Callable[[Flags, Floats, Codes, int, Floats | None], Weighted]) -> Prepare:
    """Binary: of class 1. Multiclass: the plain mean over classes, each against all others."""

    def prepare(actual: Truth, score: Floats, cut: float, group: Codes, groups: int, weight: Floats | None = None) -> Weighted:
        if score.ndim == 1:
            return of(actual == 1, score, group, groups, weight)
        each = [of(actual == k, score[:, k], group, groups, weight) for k in range(score.shape[1])]
        return lambda weights: np.mean([values(weights) for values in each], axis=0)

    return prepare


_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_NUMBERS: tuple[Task, ...] = ("regression",)
_ERROR, _SQUARES, _DISTANCES = _mean(error_loss), _mean(squared_error_loss), _mean(absolute_error_loss)
_UNBOUNDED = float("inf")

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(name="roc_auc", tasks=_CLASSES, direction="higher", prepare=_ranked(weighted_auc)),
            Metric(name="average_precision", tasks=_CLASSES, direction="higher", prepare=_ranked(weighted_average_precision)),
            Metric(name="brier", tasks=_CLASSES, direction="lower", prepare=_mean(brier_loss), loss=brier_loss, mean_of=1, high=2.0),
            Metric(
                name="log_loss",
                tasks=_CLASSES,
                direction="lower",
                prepare=_mean(log_loss_rows),
                loss=log_loss_rows,
                mean_of=1,
                high=_UNBOUNDED,
            ),
            Metric(
                name="accuracy",
                tasks=_CLASSES,
                direction="higher",
                prepare=_mean(error_loss, complement=True),
                loss=error_loss,
                mean_of=-1,
            ),
            Metric(name="error", tasks=_CLASSES, direction="lower", prepare=_ERROR, loss=error_loss, mean_of=1),
            Metric(name="precision", tasks=_CLASSES, direction="higher", prepare=_confusion("precision")),
            Metric(name="recall", tasks=_CLASSES, direction="higher", prepare=_confusion("recall")),
            Metric(name="f1", tasks=_CLASSES, direction="higher", prepare=_confusion("f1")),
            *(
                Metric(name=name, tasks=_NUMBERS, direction="lower", prepare=_SQUARES, loss=squared_error_loss, mean_of=1, high=_UNBOUNDED)
                for name in ("mse", "squared_error")
            ),
            *(
                Metric(
                    name=name, tasks=_NUMBERS, direction="lower", prepare=_DISTANCES, loss=absolute_error_loss, mean_of=1, high=_UNBOUNDED
                )
                for name in ("mae", "absolute_error")
            ),
            Metric(name="rmse", tasks=_NUMBERS, direction="lower", prepare=_root_mean, high=_UNBOUNDED),
            Metric(name="r2", tasks=_NUMBERS, direction="higher", prepare=_determination, low=-_UNBOUNDED),
        )
    }
)
