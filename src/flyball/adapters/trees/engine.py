"""Flat models as an engine: the compiled kernel; where it was not built ONNX Runtime, and where there is no ONNX the walk in numpy."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from flyball.adapters.trees.flat import FlatTrees, from_bytes
from flyball.adapters.trees.walk import NumpyForest
from flyball.core.errors import DataError, IntegrityError
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.registry.bundle import read_file
from flyball.registry.records import EngineName, Manifest
from flyball.serving.engine import TIE, Engine, Row, Scores, settle, settle_one
from flyball.spec.records import Task

FILE = "trees.bin"
_FALLBACK = "model.onnx"
# Two tenths of a millisecond for a forest of many megabytes (ten nanoseconds a step), thirty microseconds for one in the cache.
_INLINE_STEPS = 20_000
_LONGEST_ERROR = 200  # characters of what a value's type says of it: it may hold the value, and a value can be of any size


class Walker(Protocol):
    """What walks a forest: the kernel, or the same in numpy."""

    def score_one(self, row: Sequence[Any], /) -> float:
        """The settled score of one row of values."""
        ...

    def score_rows(self, rows: Sequence[Sequence[Any]], out: Any, /) -> None:
        """Write the scores of rows of values into an array."""
        ...

    def score_matrix(self, matrix: Any, out: Any, /) -> None:
        """Write the scores of a matrix of numbers into an array."""
        ...


class Kernel(Walker, Protocol):
    """The compiled walker, which knows what a row takes."""

    @property
    def steps(self) -> int:
        """How many steps a row takes at most; one is a nanosecond or two while the forest is in the cache."""
        ...


class FlatEngine:
    """Scores with a flat model. One row is one call into the kernel, from values to the settled score."""

    def __init__(
        self,
        trees: FlatTrees,
        *,
        schema: Schema,
        task: Task,
        classes: int,
        threshold: float,
        outputs: int = 1,
        name: EngineName = "trees",
        compiled: bool = True,
    ) -> None:
        self.name = name
        _check_fits(trees, schema, classes if task == "multiclass" else outputs if task == "regression" else 1)
        self._task = task
        self._threshold = threshold
        self._outputs = trees.outputs
        self._names = schema.names
        self._words = {schema.names[column]: {word: line for line, word in enumerate(words)} for column, words in trees.texts.items()}
        # In regression nothing is settled: no score is near NaN.
        tie_at = threshold if task == "binary" else math.nan
        tie_to = settle_one(threshold, threshold)
        make = kernel_forest() if compiled else None
        kernel: Kernel | None = None
        try:
            if make:
                kernel = make(trees, tie_at=tie_at, tie_to=tie_to, tie=TIE)
            walker: Walker = kernel or NumpyForest(trees, tie_at=tie_at, tie_to=tie_to, tie=TIE)
        except (ValueError, OverflowError) as error:
            raise IntegrityError(f"the flat model is none: {error}") from error
        self._walker = walker
        self.inline = kernel is not None and kernel.steps < _INLINE_STEPS
        self.score_one: Callable[[Row], float] = walker.score_one

    def score(self, features: Table) -> Scores:
        """Score the rows of a table that has at least the schema's columns."""
        matrix = np.empty((features.rows, len(self._names)))
        for at, name in enumerate(self._names):
            words = self._words.get(name)
            matrix[:, at] = _numbers(name, features[name]) if words is None else _lines(features[name], words)
        out = self._room(features.rows)
        self._walker.score_matrix(matrix, out)
        return settle(out, task=self._task, threshold=self._threshold)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as values in the schema's order, missing as None."""
        out = self._room(len(rows))
        self._walker.score_rows(rows, out)
        return settle(out, task=self._task, threshold=self._threshold)

    def _room(self, rows: int) -> Scores:
        flat = self._outputs == 1 and self._task != "multiclass"
        return np.empty(rows if flat else (rows, self._outputs))


def load(folder: Path, manifest: Manifest) -> Engine:
    """The engine of a bundle. Where the kernel was not built, the ONNX model that the same training verified answers, if there is one."""
    return load_flat(folder, manifest, FILE)


def load_flat(folder: Path, manifest: Manifest, file: str) -> Engine:
    """The same for a flat model in a file of another name."""
    trees = from_bytes(read_file(folder, manifest, file))
    if kernel_forest() is None and _FALLBACK in manifest.files:
        from flyball.adapters.onnx.engine import load as load_onnx

        return load_onnx(folder, manifest)
    return FlatEngine(
        trees,
        schema=manifest.schema,
        task=manifest.task,
        classes=len(manifest.classes),
        threshold=manifest.threshold,
        outputs=max(1, len(manifest.outputs)),
        name=manifest.engine,
    )


def kernel_forest() -> Callable[..., Kernel] | None:
    """What makes a forest for the compiled kernel; None where it was not built."""
    try:
        from flyball.adapters.trees._kernel import Forest
    except ImportError:
        return None

    def make(trees: FlatTrees, *, tie_at: float, tie_to: float, tie: float) -> Kernel:
        def native(array: Array) -> Array:
            return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))

        texts = trees.texts
        return Forest(
            columns=trees.columns,
            texts=tuple(
                {word: line for line, word in enumerate(texts[column])} if column in texts else None for column in range(trees.columns)
            ),
            slot_column=native(trees.slot_column),
            fill=native(trees.fill),
            zero=native(trees.zero),
            tables=native(trees.tables),
            root=native(trees.root),
            output=native(trees.output),
            threshold=native(trees.threshold),
            left=native(trees.left),
            slot=native(trees.slot),
            bits=native(trees.bits),
            leaf=native(trees.leaf),
            base=native(trees.base),
            weights=native(trees.weights),
            divisor=trees.divisor,
            link=trees.link,
            tie_at=tie_at,
            tie_to=tie_to,
            tie=tie,
            error=DataError,
        )

    return make


def _check_fits(trees: FlatTrees, schema: Schema, outputs: int) -> None:
    texts = {at for at, column in enumerate(schema.columns) if column.kind == "category"}
    if trees.columns != len(schema.columns) or set(trees.texts) != texts:
        raise IntegrityError("the flat model does not fit its schema: it reads other columns")
    if trees.outputs != outputs:
        raise IntegrityError(f"the flat model gives {trees.outputs} numbers for a row, its manifest wants {outputs}")


def _numbers(name: str, values: Array) -> Scores:
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} holds something that is not a number: {str(error)[:_LONGEST_ERROR]}") from error


def _lines(values: Array, words: dict[str, int]) -> list[int]:
    # NaN is the only value that differs from itself: what pandas leaves where a text is missing.
    other = len(words)
    return [words.get("" if value is None or value != value else str(value), other) for value in values.tolist()]
