"""The engine for models that cannot be compiled: the MLflow model itself, which runs the trainer's Python code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flyball.adapters.pandas.frames import to_frame
from flyball.core.errors import DataError, IntegrityError, UnsupportedError
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.registry.bundle import read_file
from flyball.registry.records import EngineName, Manifest
from flyball.serving.engine import Row, Scores, settle
from flyball.spec.records import Task

FOLDER = "native"


class NativeEngine:
    """Scores with the estimator as it was trained, in float64, one call of its own `predict_proba` or `predict`."""

    name: EngineName = "native"
    inline = False

    def __init__(self, estimator: Any, *, schema: Schema, task: Task, threshold: float) -> None:
        wanted = "predict" if task == "regression" else "predict_proba"
        if not hasattr(estimator, wanted):
            raise UnsupportedError(f"the model ({type(estimator).__name__}) has no {wanted}")
        self._estimator = estimator
        self._schema = schema
        self._task = task
        self._threshold = threshold

    def score(self, features: Table) -> Scores:
        """Score the rows of a table that has at least the schema's columns."""
        table = features.select(self._schema.names)
        if table.rows == 0:
            return np.empty((0, len(self._estimator.classes_))) if self._task == "multiclass" else np.empty(0)
        frame = to_frame(table, self._schema.names)
        try:
            found = self._estimator.predict(frame) if self._task == "regression" else self._estimator.predict_proba(frame)
            scores = np.asarray(found, dtype=np.float64)
        except Exception as error:
            raise DataError(f"the model cannot score this input: {type(error).__name__}: {str(error)[:300]}") from error
        if self._task == "binary":
            scores = scores[:, 1]
        elif self._task == "regression":
            scores = scores.reshape(-1)
        return settle(scores, task=self._task, threshold=self._threshold)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as values in the schema's order, missing as None."""
        columns: dict[str, Array] = {}
        for at, column in enumerate(self._schema.columns):
            values = [row[at] for row in rows]
            try:
                columns[column.name] = _column(values, column.kind)
            except (TypeError, ValueError, OverflowError) as error:
                raise DataError(f"column {column.name!r} does not fit the schema: {error}") from error
        return self.score(Table(columns))

    def score_one(self, row: Row) -> float:
        """The score of one row, as `score_rows` gives it."""
        return self.score_rows((row,)).item(0)


def load(folder: Path, manifest: Manifest) -> NativeEngine:
    """The estimator of a bundle's MLflow model. Runs code: `load_engine` lets only trusted bundles come here."""
    names = [name for name in manifest.files if name.startswith(f"{FOLDER}/")]
    if f"{FOLDER}/MLmodel" not in names:
        raise IntegrityError(f"the bundle in {folder} has no MLflow model under {FOLDER}/")
    for name in names:  # MLflow opens the files itself: verify them right before
        read_file(folder, manifest, name)
    return NativeEngine(_estimator(folder / FOLDER), schema=manifest.schema, task=manifest.task, threshold=manifest.threshold)


def _estimator(folder: Path) -> Any:
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models import Model

    try:
        if "sklearn" in Model.load(str(folder)).flavors:
            return mlflow.sklearn.load_model(str(folder))
        return mlflow.pyfunc.load_model(str(folder)).get_raw_model()
    except Exception as error:
        raise UnsupportedError(
            f"the MLflow model cannot be loaded: {type(error).__name__}: {str(error)[:300]}",
            hint="serve it in the environment it was trained in: its packages stand in native/requirements.txt of the bundle",
        ) from error


def _column(values: list[Any], kind: str) -> Array:
    if kind == "category":
        text = np.empty(len(values), dtype=object)
        text[:] = values
        return text
    if any(value is None for value in values) or kind == "number":
        return np.array(values, dtype=np.float64)
    return np.array(values, dtype=np.int64 if kind == "integer" else np.bool_)
