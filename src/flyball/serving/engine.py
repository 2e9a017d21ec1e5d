"""What turns rows into scores: the engine's promises, how one is chosen, and what a score says (label, confidence)."""

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import UnsupportedError
from flyball.core.table import Table
from flyball.registry.records import EngineName, Manifest
from flyball.serving.records import Label
from flyball.spec.records import Task

# Two scores closer than this are the same score: about thirty float32 steps near one, what a sum over hundreds of trees may be off.
TIE = 2e-6

Scores = NDArray[np.float64]
Row = Sequence[Label | None]


class Engine(Protocol):
    """Scores rows of one model version. Safe to call from several threads; never changes what it is given.

    Scores are `(n,)` for binary (probability of the second class) and regression, `(n, k)` for multiclass, in the manifest's order
    of classes, and they are settled (see `settle`). What a model makes of missing or infinite values may be NaN; the caller looks.
    """

    @property
    def name(self) -> EngineName:
        """The name the manifest chose it by."""
        ...

    @property
    def inline(self) -> bool:
        """True if a row takes so little time (tens of microseconds) that the event loop may wait for it."""
        ...

    def score(self, features: Table) -> Scores:
        """Score the rows of a table that has at least the schema's columns; DataError if one is absent or a row cannot be scored."""
        ...

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as values in the schema's order, missing as None. The values must have been checked against the schema."""
        ...

    def score_one(self, row: Row) -> float:
        """`score_rows([row]).item(0)` of a binary model or a regression with one output, at the least cost."""
        ...


class EngineLoader(Protocol):
    """Makes an engine out of a verified bundle folder."""

    def __call__(self, folder: Path, manifest: Manifest) -> Engine:
        """Load; every byte is verified against the manifest before it is parsed."""
        ...


# The name in a signed manifest → what loads it. Nothing is imported before it is chosen, and no other name is ever tried.
_LOADERS = {
    "trees": "flyball.adapters.trees.engine:load",
    "linear": "flyball.adapters.trees.linear:load",
    "onnx": "flyball.adapters.onnx.engine:load",
    "native": "flyball.adapters.mlflow.native:load",
    "remote": "flyball.adapters.remote.engine:load",
}
_RUNS_CODE = frozenset({"native"})
_TAKES_ITS_TIME = frozenset({"native", "remote"})


def load_engine(folder: Path, manifest: Manifest, *, trusted: bool = False, deadline: float | None = None) -> Engine:
    """The engine the manifest names. One that runs the trainer's own Python code is refused unless `trusted`.

    `deadline`: how many seconds one call of such a model may take; None leaves it to the engine.
    """
    target = _LOADERS.get(manifest.engine)
    if target is None:
        raise UnsupportedError(f"this bundle needs the engine {manifest.engine!r}, which this version of Flyball does not have")
    if manifest.engine in _RUNS_CODE and not trusted:
        why = f": {manifest.engine_reason}" if manifest.engine_reason else ""
        raise UnsupportedError(
            f"model {manifest.model!r} could not be compiled{why}, so serving it would run its pickled Python code",
            hint="change the step that prevents compiling, or allow code you trust: flyball serve --trusted-code",
        )
    module, _, attribute = target.partition(":")
    loader = getattr(import_module(module), attribute)
    if manifest.engine in _TAKES_ITS_TIME and deadline is not None:
        return cast(EngineLoader, partial(loader, deadline=deadline))(folder, manifest)
    return cast(EngineLoader, loader)(folder, manifest)


def settle(score: Scores, *, task: Task, threshold: float) -> Scores:
    """Scores in which ties are ties, so that `score >= threshold` and argmax give the same label whatever computed them.

    A forest whose votes are exactly even says .5 in float64 and .49999997 or .50000006 in float32. Binary: a score within `TIE` of the
    threshold is given as the threshold; at the threshold .5 as the float just below, because an even vote goes to the first class in
    every scikit-learn classifier. Multiclass: what is within `TIE` of a row's largest is given as equal to it, so the first such class
    wins. Ranks change nowhere else, regression not at all, and what is not a number stays so.

    >>> settle(np.array([0.49999997, 0.3, 0.7]), task="binary", threshold=0.3).tolist()
    [0.49999997, 0.3, 0.7]
    >>> settle(np.array([0.50000006]), task="binary", threshold=0.5) >= 0.5
    array([False])
    """
    if task == "regression":
        return score
    if task == "binary":
        near = np.abs(score - threshold) <= TIE
        return np.where(near, _tie(threshold), score) if near.any() else score
    largest = score.max(axis=1, keepdims=True)
    return np.where(score >= largest - TIE, largest, score)


def settle_one(score: float, threshold: float) -> float:
    """The same for one binary score, without arrays: one row per request is the common case."""
    return _tie(threshold) if abs(score - threshold) <= TIE else score


def positions(score: Scores, *, task: Task, threshold: float) -> NDArray[np.int64]:
    """Position in the classes of each row's predicted label."""
    settled = settle(score, task=task, threshold=threshold)
    if task == "binary":
        return (settled >= threshold).astype(np.int64)
    return np.asarray(settled.argmax(axis=1), dtype=np.int64)


def labels(score: Scores, *, task: Task, threshold: float, classes: Sequence[Label]) -> NDArray[np.object_]:
    """What each score predicts: a class, or for regression the value itself."""
    if task == "regression":
        return score.astype(object)
    known = np.empty(len(classes), dtype=object)
    known[:] = list(classes)
    return known[positions(score, task=task, threshold=threshold)]


def confidence(score: Scores, *, task: Task, threshold: float) -> Scores | None:
    """The probability of the predicted label; None for regression, where there is none."""
    if task == "regression":
        return None
    if task == "binary":
        return np.where(positions(score, task=task, threshold=threshold) == 1, score, 1.0 - score)
    return np.asarray(score.max(axis=1))


def _tie(threshold: float) -> float:
    return float(np.nextafter(0.5, 0.0)) if threshold == 0.5 else threshold
