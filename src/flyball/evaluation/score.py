"""How good a version is on rows it has not seen: every metric with bounds by block, and by slice."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.evaluation.records import Evaluation
from flyball.spec.records import Task
from flyball.stats.blocked import value_with_bounds
from flyball.stats.intervals import blocks_of
from flyball.stats.losses import Codes, Floats, Truth, positions
from flyball.stats.scores import Metric, metric_for

Label = str | int | float | bool

_SLICE_ROWS = 100
_SLICES_PER_COLUMN = 50


def evaluate(
    task: Task,
    metrics: Sequence[str],
    actual: NDArray[Any],
    score: Floats,
    classes: Sequence[Label],
    threshold: float,
    blocks: NDArray[Any] | None = None,
    slices: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
    weight: Floats | None = None,
) -> Evaluation:
    """Score a version: value, lower and upper bound (one-sided 95 % each, by block) of each metric, and values by slice.

    `actual`: labels, or numbers for regression. `score`: (n,) for binary (probability of `classes[1]`) and regression, (n, k) for
    multiclass in the order of `classes`. `blocks`: the block of each row (None: every row is one). `slices`: column → values; a slice
    is named `column=value`, those under 100 rows are left out and of the others the 50 largest of each column are kept.
    `weight`: how much each row counts (None: once).

    A metric these rows do not define (an AUC of one class) is left out, and so are bounds from fewer than two blocks. DataError for
    scores that are not finite, lengths that differ, or labels the version does not know. The same arguments give the same numbers.
    """
    chosen = [metric_for(name, task) for name in metrics]
    score = np.asarray(score, dtype=np.float64)
    truth = truth_of(actual, score, classes)
    block = block_codes(blocks, len(truth))
    values: dict[str, float] = {}
    lower: dict[str, float] = {}
    upper: dict[str, float] = {}
    for metric in chosen:
        # Each metric has chance of its own, so that adding one to the spec does not move the bounds of the others.
        found = value_with_bounds(metric, truth, score, threshold, block, np.random.default_rng(seed), weight=weight)
        if found is None:
            continue
        values[metric.name] = found.value
        if found.lower is not None and found.upper is not None:
            lower[metric.name], upper[metric.name] = found.lower, found.upper
    return Evaluation(
        rows=len(truth),
        blocks=int(block.max(initial=-1)) + 1,
        metrics=values,
        lower=lower,
        upper=upper,
        slices=_by_slice(chosen, truth, score, threshold, slices or {}, weight),
    )


def truth_of(actual: NDArray[Any], score: Floats, classes: Sequence[Label]) -> Truth:
    """The truth as positions of the classes, or as floats without classes; DataError when it does not fit the scores."""
    if len(actual) != len(score):
        raise DataError(f"{len(actual)} actual values but {len(score)} scores")
    if score.ndim == 2 and score.shape[1] != len(classes):
        raise DataError(f"{score.shape[1]} scores a row but {len(classes)} classes: {list(classes)}")
    bad = int(np.count_nonzero(~np.isfinite(score)))
    if bad:
        raise DataError(f"{bad} of {score.size} scores are not finite", hint="the model answers NaN or infinity; look at its inputs")
    if not classes:
        try:
            values = np.asarray(actual, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"the actual values of a regression must be numbers: {error}") from error
        if not np.isfinite(values).all():
            raise DataError("the actual values of a regression must be finite numbers")
        return values
    found = positions(actual, classes)
    if (found < 0).any():
        strange = sorted({repr(label) for label in actual[found < 0].tolist()})[:5]
        raise DataError(f"labels the model does not know: {', '.join(strange)}", hint=f"its classes are {list(classes)}")
    return found


def block_codes(blocks: NDArray[Any] | None, rows: int) -> Codes:
    """The block of each row as a number from 0; without blocks every row is one."""
    if blocks is None:
        return np.arange(rows)
    if len(blocks) != rows:
        raise DataError(f"{rows} rows but {len(blocks)} blocks")
    return blocks_of(np.asarray(blocks))


def _by_slice(
    metrics: Sequence[Metric], truth: Truth, score: Floats, threshold: float, slices: Mapping[str, NDArray[Any]], weight: Floats | None
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for column, values in slices.items():
        if len(values) != len(truth):
            raise DataError(f"{len(truth)} rows but {len(values)} values of slice column {column!r}")
        for name, rows in slices_of(values):
            heavy = None if weight is None else weight[rows]
            each = {metric.name: metric.function(truth[rows], score[rows], threshold, heavy) for metric in metrics}
            found[f"{column}={name}"] = {name: value for name, value in each.items() if value is not None}
    return found


def slices_of(values: NDArray[Any]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The name of each value of a column with the rows that have it: the 50 values with the most rows, largest first, none under 100."""
    names, member = members(values)
    sizes = np.bincount(member, minlength=len(names))
    largest = sorted(np.flatnonzero(sizes >= _SLICE_ROWS).tolist(), key=lambda k: (-sizes[k], names[k]))[:_SLICES_PER_COLUMN]
    order = np.argsort(member, kind="stable")
    ends = np.cumsum(sizes)
    for k in largest:
        yield names[k], order[ends[k] - sizes[k] : ends[k]]


def members(values: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """The names of the values and the position of each row's; None and NaN are both `missing`, 3.0 and 3 are both `3`."""
    place: dict[str, int] = {}
    known: dict[object, int] = {}
    member = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values.tolist()):
        at = known.get(value)
        if at is None:
            missing = value is None or value != value
            name = "missing" if missing else f"{value:g}" if isinstance(value, float) else str(value)
            at = place.setdefault(name, len(place))
            known[value] = at
        member[row] = at
    return list(place), member
