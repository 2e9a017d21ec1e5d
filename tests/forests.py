"""What tests of flat models share: schemas, engines, rows that are hard, and one comparison of everything with the library."""

import math
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from flyball.adapters.sklearn.convert import native_scores
from flyball.adapters.trees.engine import FlatEngine, kernel_forest
from flyball.adapters.trees.flat import FlatTrees, from_bytes, to_bytes
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.serving.engine import positions
from flyball.spec.records import Task

if kernel_forest() is None:
    missing = "the tree kernel was not built here (is there a C compiler?): uv pip install --no-deps -e ."
    assert not os.environ.get("CI"), missing
    pytest.skip(missing, allow_module_level=True)


def numbers(width: int) -> Schema:
    return Schema(columns=tuple(Column(name=f"x{at}", kind="number", nullable=True) for at in range(width)))


def table(matrix: NDArray[np.float64]) -> Table:
    return Table({f"x{at}": matrix[:, at] for at in range(matrix.shape[1])})


def frame(matrix: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame({f"x{at}": matrix[:, at] for at in range(matrix.shape[1])})


def engines(trees: FlatTrees, schema: Schema, task: Task, classes: int, outputs: int = 1) -> tuple[FlatEngine, FlatEngine]:
    """The same model, through its file, walked by the kernel and by numpy."""
    content = to_bytes(trees)
    assert to_bytes(from_bytes(content)) == content

    def made(compiled: bool) -> FlatEngine:
        return FlatEngine(from_bytes(content), schema=schema, task=task, classes=classes, threshold=0.5, outputs=outputs, compiled=compiled)

    return made(True), made(False)


def hard(data: NDArray[np.float64], trees: FlatTrees | None = None, *, missing: bool = True, seed: int = 0) -> NDArray[np.float64]:
    """Rows of the data, each with some values on a cut of its column, beside one, whole, huge or missing."""
    rng = np.random.default_rng(seed)
    rows = data[rng.integers(0, len(data), 400)].copy()
    for column in range(data.shape[1]):
        cuts = data[:, column][np.isfinite(data[:, column])]
        if trees is not None:
            inner = trees.slot != 0
            here = trees.threshold[inner][trees.slot_column[trees.slot[inner] & 0x3FFFFFFF] == column]
            here = here[np.isfinite(here)]
            cuts = here if len(here) else cuts
        cut = np.clip(rng.choice(cuts, 400), -3e38, 3e38)
        narrow = cut.astype(np.float32)
        values = np.stack(
            [
                rows[:, column],
                cut,
                np.nextafter(cut, np.inf),
                np.nextafter(cut, -np.inf),
                narrow.astype(np.float64),
                np.nextafter(narrow, np.float32(np.inf)).astype(np.float64),
                np.round(cut),
                np.full(400, 3e38),
                np.full(400, -3e38),
                np.full(400, np.nan if missing else 0.0),
            ]
        )
        rows[:, column] = values[rng.integers(0, len(values), 400), np.arange(400)]
    return rows


def values_of(matrix: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in matrix.tolist()]


def agrees(
    model: Any,
    trees: FlatTrees,
    matrix: NDArray[np.float64],
    task: Task,
    classes: int = 0,
    *,
    within: float = 1e-12,
    schema: Schema | None = None,
    outputs: int = 1,
) -> None:
    """Kernel, numpy walk and library give the same labels and scores; rows, tables and single rows are scored alike."""
    schema = schema or numbers(matrix.shape[1])
    kernel, walk = engines(trees, schema, task, classes, outputs)
    native = native_scores(model, frame(matrix), task)
    found = kernel.score(table(matrix))
    assert found.shape == native.shape
    assert np.allclose(found, walk.score(table(matrix)), rtol=1e-13, atol=1e-13, equal_nan=True)
    size = np.maximum(np.abs(native).mean(), np.abs(native)) if task == "regression" else 1.0
    assert float((np.abs(found - native) / size).max()) <= within
    if task != "regression":
        assert (positions(found, task=task, threshold=0.5) == positions(native, task=task, threshold=0.5)).all()
    rows = values_of(matrix)
    assert np.array_equal(kernel.score_rows(rows), found, equal_nan=True)
    assert np.array_equal(kernel.score_rows(rows[:3]), found[:3], equal_nan=True)
    assert np.allclose(walk.score_rows(rows[:20]), found[:20], rtol=1e-13, atol=1e-13, equal_nan=True)
    if found.ndim == 1:
        assert np.array_equal([kernel.score_one(row) for row in rows], found, equal_nan=True)
        assert np.allclose([walk.score_one(row) for row in rows[:5]], found[:5], rtol=1e-13, atol=1e-13, equal_nan=True)
