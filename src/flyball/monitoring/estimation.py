"""What a bundle keeps so that performance can be estimated before labels come, learnt from the rows held out of its training."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal

import numpy as np

from flyball.core.codec import from_json, to_json
from flyball.core.errors import UnsupportedError
from flyball.core.record import record
from flyball.stats.estimation import (
    IDENTITY,
    CalibrationMap,
    Cells,
    cells_of,
    expected,
    label_variance,
    probabilities,
    scatter_beyond,
)
from flyball.stats.intervals import bootstrap_draws, joined
from flyball.stats.losses import Codes, Floats
from flyball.stats.scores import METRICS, Task

FILE = "estimation.json"
CROSSED = "losses.npz"  # of a training: forecasts of held-out losses by models that had not seen them, and the rows they are of
FORMAT = 1
Method = Literal["cbpe", "dle"]

_FOLDS = 5
_REDRAWS = 25
_MOST_NUMBERS = 40_000  # of all redrawn maps together, so that a model of many classes does not carry megabytes
MOST_GROUPS = 200
_MOST_DAYS = 40
_ROWS_A_DAY = 20
_FEW_CLASSES = 10  # more than these are looked at on fewer days: each class has a curve of its own
MOST_CLASSES = 200
LEAST_DAYS = 5


@record
class Estimation:
    """How to estimate: `cbpe` for classes, `dle` for values; made of `rows` held-out rows in `blocks` blocks (`by_day`: days).

    `maps`: from scores to probabilities, one for the second of two classes or one for each class; `redraws`: the same from redrawn
    blocks, whose spread says how well the maps are known; `calibrated` is False where the scores did as well without a map, and the maps
    change nothing. `scatter`: metric -> standard deviation by which a day misses what was estimated of it, beyond the chance of its
    labels (None: too few days to say). `bias`, for `cbpe`: metric -> how much more than estimated days showed on average, by maps that had
    not seen them (a map that has seen few days flatters them). `noise`, `bias`, for `dle`: metric -> variance of a loss over the square
    of its forecast, and standard error of the mean forecast.
    """

    format: int
    method: Method
    rows: int
    blocks: int
    by_day: bool
    maps: tuple[CalibrationMap, ...] = ()
    redraws: tuple[tuple[CalibrationMap, ...], ...] = ()
    calibrated: bool = False
    scatter: Mapping[str, float] | None = None
    noise: Mapping[str, float] = field(default_factory=dict)
    bias: Mapping[str, float] = field(default_factory=dict)


def estimation_to_json(estimation: Estimation) -> bytes:
    """The content of the bundle's file."""
    return to_json(estimation).encode()


def estimation_from_json(content: bytes) -> Estimation:
    """What the file holds; UnsupportedError if a newer Flyball wrote it, DataError if it is none."""
    found = from_json(content, Estimation)
    if found.format > FORMAT:
        raise UnsupportedError(
            f"{FILE} has format {found.format}, this Flyball reads {FORMAT}", hint="upgrade with: pip install --upgrade flyball"
        )
    return found


def learn_classes(task: Task, truth: Codes, score: Floats, cut: float, block: Codes, *, by_day: bool, seed: int = 0) -> Estimation:
    """The maps of a classifier from its held-out rows. `truth`: positions of the classes; `block`: numbers without gaps, in order."""
    generator = np.random.default_rng(seed)
    blocks = int(block.max(initial=-1)) + 1
    group, groups = joined(block, MOST_GROUPS, generator)
    fold = np.arange(groups) * _FOLDS // groups if groups else np.zeros(0, dtype=np.int64)
    cells = _cells(truth, score, group, groups)
    whole = _maps(cells, np.ones(groups))
    crossed = np.empty((len(truth), 2 if score.ndim == 1 else score.shape[1]))
    for held in range(_FOLDS):
        inside = fold[group] == held
        crossed[inside] = probabilities(_maps(cells, (fold != held).astype(np.float64)), score[inside])
    plain = probabilities([IDENTITY] * len(cells), score)
    calibrated = _squares(crossed, truth) < _squares(plain, truth)
    scatter, bias = _scatter(task, truth, crossed if calibrated else plain, score, cut, block, generator) if by_day else ({}, {})
    return Estimation(
        format=FORMAT,
        method="cbpe",
        rows=len(truth),
        blocks=blocks,
        by_day=by_day,
        maps=whole if calibrated else (IDENTITY,) * len(cells),
        redraws=_redrawn(cells, groups, generator),
        calibrated=calibrated,
        scatter=scatter,
        bias=bias,
    )


def learn_losses(losses: Mapping[str, Floats], forecasts: Mapping[str, Floats], block: Codes, *, by_day: bool) -> Estimation:
    """How far forecasts of losses can be trusted. `forecasts`: of the same held-out rows, by models that had not seen them."""
    blocks = int(block.max(initial=-1)) + 1
    rows = np.bincount(block, minlength=blocks).astype(np.float64)
    scatter, noise, bias = {}, {}, {}
    for name, loss in losses.items():
        forecast = forecasts[name]
        missed = loss - forecast
        noise[name] = float(np.square(missed).sum() / max(float(np.square(forecast).sum()), np.finfo(np.float64).tiny))
        sums = np.bincount(block, weights=missed, minlength=blocks)
        bias[name] = float(np.sqrt(np.square(sums).sum())) / max(len(loss), 1)
        chance = noise[name] * np.bincount(block, weights=np.square(forecast), minlength=blocks) / np.square(rows)
        scatter[name] = scatter_beyond(sums / rows, chance)
    known = not by_day or blocks >= LEAST_DAYS
    return Estimation(
        format=FORMAT,
        method="dle",
        rows=int(rows.sum()),
        blocks=blocks,
        by_day=by_day,
        scatter=(scatter if by_day else {}) if known else None,
        noise=noise,
        bias=bias,
    )


def _cells(truth: Codes, score: Floats, group: Codes, groups: int) -> list[Cells]:
    if score.ndim == 1:
        return [cells_of(score, (truth == 1).astype(np.float64), group, groups)]
    return [cells_of(score[:, k], (truth == k).astype(np.float64), group, groups) for k in range(score.shape[1])]


def _maps(cells: Sequence[Cells], weight: Floats) -> tuple[CalibrationMap, ...]:
    return tuple(one.map(weight) or IDENTITY for one in cells)


def _redrawn(cells: Sequence[Cells], groups: int, generator: np.random.Generator) -> tuple[tuple[CalibrationMap, ...], ...]:
    if groups < 2:
        return ()
    found: list[tuple[CalibrationMap, ...]] = []
    numbers = 0
    for weight in bootstrap_draws(groups, _REDRAWS, generator):
        found.append(_maps(cells, weight))
        numbers += 2 * sum(len(one.score) for one in found[-1])
        if len(found) > 1 and numbers > _MOST_NUMBERS:
            break
    return tuple(found)


def _squares(probability: Floats, truth: Codes) -> float:
    """The sum over rows of the squared distance of the probabilities from the truth."""
    of_truth = probability[np.arange(len(truth)), truth]
    return float(np.square(probability).sum() + (1.0 - 2.0 * of_truth).sum())


def _scatter(
    task: Task, truth: Codes, probability: Floats, score: Floats, cut: float, block: Codes, generator: np.random.Generator
) -> tuple[Mapping[str, float] | None, Mapping[str, float]]:
    """By metric, how much days miss their estimate beyond chance (None with too few days of enough rows), and by how much on average."""
    order = np.argsort(block, kind="stable")
    days = [rows for rows in np.split(order, np.cumsum(np.bincount(block))[:-1]) if len(rows) >= _ROWS_A_DAY]
    classes = probability.shape[1]
    most = _MOST_DAYS if classes <= _FEW_CLASSES else LEAST_DAYS
    if len(days) > most:
        days = [days[at] for at in np.linspace(0, len(days) - 1, most).astype(np.int64).tolist()]
    found, bias = {}, {}
    for metric in (one for one in METRICS.values() if task in one.tasks):
        missed, chance = [], []
        for rows in days:
            real = metric.function(truth[rows], score[rows], cut)
            thought = expected(metric, probability[rows], score[rows], cut)
            luck = label_variance(metric, probability[rows], score[rows], cut, generator, rows=max(50, 4000 // max(10, classes)), draws=20)
            if real is not None and thought is not None and luck is not None:
                missed.append(real - thought)
                chance.append(luck)
        if len(missed) >= LEAST_DAYS:
            found[metric.name] = scatter_beyond(np.array(missed), np.array(chance))
            bias[metric.name] = float(np.mean(missed))
    return found or None, bias
