"""A model of MLflow in this process, called as it wants to be called: what the children of the pool run, and trainings."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pandas as pd

from flyball.adapters.mlflow.native import CALL, FOLDER, Calling
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.tail import PLAN, TailEngine, load_tail
from flyball.core.codec import from_json
from flyball.core.errors import DataError, IntegrityError, UnsupportedError
from flyball.core.table import Array, Table
from flyball.registry.bundle import read_file
from flyball.registry.records import EngineName, Manifest
from flyball.serving.engine import Row, Scores, settle
from flyball.serving.records import Label


class EstimatorEngine:
    """Scores with the model as it was trained, in float64, one call of its own `predict_proba` or `predict`."""

    name: EngineName = "native"
    inline = False

    def __init__(self, model: Any, manifest: Manifest, calling: Calling | None = None, *, tail: TailEngine | None = None) -> None:
        self._calling = calling or Calling()
        self._manifest = manifest
        self._asks = "predict" if manifest.task == "regression" or self._calling.labels else "predict_proba"
        if not hasattr(model, self._asks):
            raise UnsupportedError(f"the model ({type(model).__name__}) has no {self._asks}")
        self._model = model
        self._tail = tail  # what of the model is compiled

    def score(self, features: Table) -> Scores:
        """Score the rows of a table that has at least the schema's columns."""
        manifest = self._manifest
        table = features.select(manifest.schema.names)
        if table.rows == 0:
            wide = len(manifest.classes) if manifest.task == "multiclass" else len(manifest.outputs)
            return np.empty((0, wide) if wide else 0)
        try:
            if self._tail is not None:
                return self._tail.score_frame(as_called(table, self._calling))
            found = call(self._model, self._asks, as_called(table, self._calling))
            scores = self._scores(found, table.rows)
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"the model cannot score this input: {type(error).__name__}: {str(error)[:300]}") from error
        return settle(scores, task=manifest.task, threshold=manifest.threshold)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as values in the schema's order, missing as None."""
        return self._columns([[row[at] for row in rows] for at in range(len(self._manifest.schema.columns))])

    def score_one(self, row: Row) -> float:
        """The score of one row, as `score_rows` gives it."""
        return self.score_rows((row,)).item(0)

    def answer(self, request: bytes) -> bytes:
        """The scores of a request of the pool: the number of rows and their columns, each a list of values or a dtype with bytes."""
        _, columns = msgspec.msgpack.decode(request, type=tuple[int, list[Any]])
        scores = self._columns(columns)
        return msgspec.msgpack.encode((scores.shape, np.ascontiguousarray(scores, dtype=np.float64).tobytes()))

    def _columns(self, columns: Sequence[Any]) -> Scores:
        read: dict[str, Array] = {}
        for column, values in zip(self._manifest.schema.columns, columns, strict=True):
            try:
                read[column.name] = _column(values, column.kind)
            except (TypeError, ValueError, OverflowError) as error:
                raise DataError(f"column {column.name!r} does not fit the schema: {error}") from error
        return self.score(Table(read))

    def _scores(self, found: Any, rows: int) -> Scores:
        manifest = self._manifest
        if self._calling.labels:
            scores = one_hot(labels_of(found), manifest.classes)
        elif manifest.task == "regression":
            return values_of(found).reshape((rows, len(manifest.outputs)) if manifest.outputs else (rows,))
        else:
            scores = np.asarray(found, dtype=np.float64)
        return scores[:, 1] if manifest.task == "binary" else scores


def load_here(folder: Path, manifest: Manifest) -> EstimatorEngine:
    """The model of a bundle in this process. Runs code: only for bundles that are trusted, and only where it may die."""
    names = [name for name in manifest.files if name.startswith(f"{FOLDER}/")]
    for name in names:  # MLflow opens the files itself: verify them right before
        read_file(folder, manifest, name)
    calling = from_json(read_file(folder, manifest, CALL), Calling) if CALL in manifest.files else Calling()
    found = open_model(folder / FOLDER)
    model = found if not calling.estimator else estimator_in(found)
    tail = load_tail(model, folder, manifest) if PLAN in manifest.files else None
    return EstimatorEngine(model, manifest, calling, tail=tail)


def open_model(folder: Path) -> Any:
    """The model as MLflow loads it: the estimator of the flavour scikit-learn, else a `PyFuncModel`. Runs the model's code."""
    import mlflow.pyfunc
    from mlflow.models import Model

    try:
        if "sklearn" in Model.load(str(folder)).flavors:
            import mlflow.sklearn

            return mlflow.sklearn.load_model(str(folder))
        return mlflow.pyfunc.load_model(str(folder))
    except Exception as error:
        raise UnsupportedError(
            f"the MLflow model cannot be loaded: {type(error).__name__}: {str(error)[:300]}",
            hint=(f"pip install {error.name}; " if isinstance(error, ModuleNotFoundError) and error.name else "")
            + "serve it in the environment it was trained in: its packages stand in requirements.txt beside its MLmodel",
        ) from error


def estimator_in(model: Any) -> Any:
    """What stands behind a `PyFuncModel`, if it gives that away and it is an estimator as scikit-learn's are; else the model itself."""
    inner = getattr(model, "get_raw_model", None)
    if inner is None:
        return model
    try:
        raw = inner()
    except Exception:  # noqa: BLE001 - each flavour has its own way to say that there is nothing behind it
        return model
    return raw if all(hasattr(raw, name) for name in ("fit", "predict", "get_params")) else model


def call(model: Any, asks: str, given: Any) -> Any:
    """Ask the model, without the warnings it has for rows that hold what its training did not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(model, asks)(given)


def as_called(table: Table, calling: Calling) -> Any:
    """The rows as the model takes them: a frame with the types it insists on, or one array."""
    if calling.shape:
        matrix = np.column_stack([values.astype(np.float64) for values in table.columns.values()])
        return matrix.reshape((table.rows, *calling.shape)).astype(calling.dtypes[0] if calling.dtypes else np.float64)
    frame = to_frame(table, table.columns)
    for name, dtype in zip(frame.columns, calling.dtypes, strict=False):
        if dtype and frame[name].dtype != dtype and not (dtype.startswith("int") and frame[name].isna().any()):
            frame[name] = frame[name].astype(cast(Any, dtype))
    return frame


def columns_of(found: Any) -> dict[str, Array] | None:
    """The named columns of an answer that has some (a frame, a dict), else None."""
    if isinstance(found, pd.DataFrame):
        return {str(name): found[name].to_numpy() for name in found.columns}
    if isinstance(found, Mapping):
        return {str(name): np.asarray(values).reshape(len(values), -1)[:, 0] for name, values in found.items()}
    return None


def values_of(found: Any) -> Scores:
    """An answer in numbers: (n,) or (n, outputs)."""
    columns = columns_of(found)
    if columns is not None:
        return np.column_stack([np.asarray(values, dtype=np.float64) for values in columns.values()])
    values = np.asarray(found, dtype=np.float64)
    return values.reshape(len(values), -1)


def labels_of(found: Any) -> list[Label]:
    """An answer in labels: one for each row."""
    columns = columns_of(found)
    if columns is not None:
        found = next(iter(columns.values()))
    return cast(list[Label], np.asarray(found).reshape(-1).tolist())


def one_hot(labels: Sequence[Label], classes: Sequence[Label]) -> Scores:
    """1 for the class a row was given, 0 for the others; DataError for a label that is none of the classes."""
    places = {label: place for place, label in enumerate(classes)}
    scores = np.zeros((len(labels), len(classes)))
    for row, label in enumerate(labels):
        place = places.get(label)
        if place is None:
            raise DataError(
                f"the model answered {str(label)[:60]!r}, which is none of the classes it was adopted with",
                hint=f"name all of them: --classes {','.join(str(one) for one in (*classes, label))[:200]}",
            )
        scores[row, place] = 1.0
    return scores


def _column(values: Any, kind: str) -> Array:
    if isinstance(values, list | tuple) and len(values) == 2 and isinstance(values[1], bytes):
        return np.frombuffer(values[1], dtype=values[0])
    if kind == "category":
        text = np.empty(len(values), dtype=object)
        text[:] = values
        return text
    if any(value is None for value in values) or kind == "number":
        return np.array(values, dtype=np.float64)
    return np.array(values, dtype=np.int64 if kind == "integer" else np.bool_)


def check_model(folder: Path) -> None:
    """IntegrityError unless a folder holds an MLflow model."""
    if not (folder / "MLmodel").is_file():
        raise IntegrityError(f"{folder} holds no MLflow model: there is no file MLmodel", hint="name the folder that `log_model` wrote")
