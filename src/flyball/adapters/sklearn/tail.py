"""A pipeline whose first steps cannot be compiled: they run in their own code, and what stands behind them runs compiled.

Only where code may run at all, that is in trusted mode: the head is the pipeline's own.
"""

from typing import Any

import numpy as np
import pandas as pd

from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.trees.engine import FlatEngine
from flyball.adapters.trees.flat import FlatTrees, from_bytes
from flyball.adapters.trees.flatten import flatten
from flyball.adapters.trees.flatten_linear import flatten_linear
from flyball.core.codec import from_json
from flyball.core.errors import FlyballError, UnsupportedError
from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.registry.bundle import read_file
from flyball.registry.records import EngineName, Manifest
from flyball.serving.engine import Scores
from flyball.spec.records import Task

PLAN, TREES = "tail.json", "tail.bin"


@record
class TailPlan:
    """Where a pipeline is cut: `head` steps run in their own code; `schema` is what the last of them gives."""

    head: int
    schema: Schema


class TailEngine:
    """Scores tables: the head's steps, then the compiled tail."""

    name: EngineName = "native"
    inline = False

    def __init__(self, pipeline: Any, plan: TailPlan, engine: FlatEngine, names: tuple[str, ...]) -> None:
        self._head = pipeline[: plan.head]
        self._plan = plan
        self._engine = engine
        self._names = names

    def score(self, features: Table) -> Scores:
        """Score the rows of a table that has at least the pipeline's columns."""
        return self.score_frame(to_frame(features, self._names))

    def score_frame(self, frame: pd.DataFrame) -> Scores:
        """Score a frame as the pipeline reads it."""
        return self._engine.score(as_table(self._head.transform(frame), self._plan.schema))


def find_tail(pipeline: Any, frame: pd.DataFrame, task: Task) -> tuple[TailPlan, FlatTrees]:
    """The longest part of a fitted pipeline that can be compiled, and its flat model; UnsupportedError if there is none."""
    steps = len(getattr(pipeline, "steps", ()))
    for head in range(1, steps):
        schema = _schema(pipeline[:head].transform(frame))
        tail = pipeline[head:] if head < steps - 1 else pipeline.steps[-1][1]
        for make in (flatten, flatten_linear):
            try:
                return TailPlan(head=head, schema=schema), make(tail, schema, task)
            except FlyballError:
                continue
    raise UnsupportedError("no part of the model can be compiled")


def load_tail(pipeline: Any, folder: Any, manifest: Manifest) -> TailEngine:
    """The engine of a bundle that holds a compiled tail, around the pipeline it was cut from."""
    plan = from_json(read_file(folder, manifest, PLAN), TailPlan)
    engine = tail_engine(
        from_bytes(read_file(folder, manifest, TREES)),
        plan,
        task=manifest.task,
        classes=len(manifest.classes),
        threshold=manifest.threshold,
        outputs=max(1, len(manifest.outputs)),
    )
    return TailEngine(pipeline, plan, engine, manifest.schema.names)


def tail_engine(trees: FlatTrees, plan: TailPlan, *, task: Task, classes: int, threshold: float, outputs: int) -> FlatEngine:
    """The flat engine of a tail, which reads what the head gives."""
    return FlatEngine(trees, schema=plan.schema, task=task, classes=classes, threshold=threshold, outputs=outputs)


def as_table(found: Any, schema: Schema) -> Table:
    """What a head gave as a table of the tail's columns."""
    if isinstance(found, pd.DataFrame):
        return Table({column.name: _values(found[column.name], column) for column in schema.columns})
    matrix = np.asarray(found.toarray() if hasattr(found, "toarray") else found)
    return Table({column.name: _values(matrix[:, at], column) for at, column in enumerate(schema.columns)})


def _schema(found: Any) -> Schema:
    """The columns a head gives, by its answer to some rows; names as the tail knows them."""
    if isinstance(found, pd.DataFrame):
        return Schema(columns=tuple(_column(str(name), found[name].dtype) for name in found.columns))
    width, dtype = found.shape[1], found.dtype
    return Schema(columns=tuple(_column(f"x{at}", dtype) for at in range(width)))


def _column(name: str, dtype: Any) -> Column:
    return Column(name=name, kind="number" if pd.api.types.is_numeric_dtype(dtype) else "category", nullable=True)


def _values(values: Any, column: Column) -> Array:
    if column.kind == "number":
        return np.asarray(values, dtype=np.float64)
    return np.array([None if value is None or value != value else value for value in np.asarray(values, dtype=object)], dtype=object)
