"""The model of the loss as flat forests over a matrix of numbers: the inputs of the regression, and its answer as the last column."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.adapters.trees.engine import FlatEngine
from flyball.adapters.trees.flat import FlatTrees, from_bytes
from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.registry.bundle import read_file
from flyball.registry.records import Manifest
from flyball.serving.losses import FILES, LossForecast

Numbers = NDArray[np.float64]


def load(folder: Path, manifest: Manifest) -> LossForecast:
    """The forecast in a bundle; every byte is verified against the manifest before it is parsed."""
    return forecast_of({loss: from_bytes(read_file(folder, manifest, name)) for loss, name in FILES.items()}, manifest.schema)


def forecast_of(trees: Mapping[str, FlatTrees], schema: Schema) -> LossForecast:
    """The forecast by these forests."""
    numbers = numbers_of(schema)
    engines = {
        loss: FlatEngine(forest, schema=numbers, task="regression", classes=0, threshold=0.5, outputs=1) for loss, forest in trees.items()
    }

    def forecast(features: Table, answer: Numbers) -> Mapping[str, Numbers]:
        matrix = inputs(features, answer, schema)
        table = Table({name: matrix[:, at] for at, name in enumerate(numbers.names)})
        return {loss: np.maximum(engine.score(table), 0.0) for loss, engine in engines.items()}

    return forecast


def numbers_of(schema: Schema) -> Schema:
    """The columns of the matrix: as many as the schema's and one more, all numbers."""
    return Schema(columns=tuple(Column(name=f"x{at}", kind="number", nullable=True) for at in range(len(schema.columns) + 1)))


def inputs(features: Table, answer: Numbers, schema: Schema) -> Numbers:
    """The matrix: numbers as they are, texts as their place among the categories (-1: not among them), what is missing as NaN."""
    matrix = np.full((len(answer), len(schema.columns) + 1), np.nan)
    for at, column in enumerate(schema.columns):
        if column.name in features:
            matrix[:, at] = _codes(features[column.name], column) if column.kind == "category" else _numbers(features[column.name])
    matrix[:, -1] = answer
    return matrix


def _codes(values: Array, column: Column) -> Numbers:
    place = {text: float(at) for at, text in enumerate(column.categories)}
    return np.array([np.nan if value is None or value != value else place.get(str(value), -1.0) for value in values.tolist()])


def _numbers(values: Array) -> Numbers:
    if values.dtype != object:
        return values.astype(np.float64)
    # a column in which some request sent a text where a number belongs: those rows miss it
    return np.array([float(value) if isinstance(value, int | float) else np.nan for value in values.tolist()], dtype=np.float64)
