"""ONNX Runtime as an engine: one thread, no spinning, nothing read from outside the verified bytes."""

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from flyball.adapters.onnx.external import refuse_external_data
from flyball.core.errors import DataError, IntegrityError
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.registry.bundle import read_file
from flyball.registry.records import EngineName, Manifest
from flyball.serving.engine import Row, Scores, settle, settle_one
from flyball.spec.records import Task

MODEL = "model.onnx"
VECTOR = "features"  # the one input of a model whose columns are all numbers
_DTYPES: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class OnnxEngine:
    """Scores with a converted model. Numbers are rounded to the width of the model's inputs, float32 unless it says otherwise."""

    name: EngineName = "onnx"
    inline = True

    def __init__(self, model: bytes, *, schema: Schema, task: Task, classes: int, threshold: float) -> None:
        self._session = _session(model)
        self._scores = _runner(self._session)
        self._schema = schema
        self._task = task
        self._threshold = threshold
        self._output = ["variable" if task == "regression" else "probabilities"]
        self._vector = schema.numeric
        self._dtype = _check_inputs(self._session, schema, self._output[0])
        self._code = "f" if self._dtype is np.float32 else "d"
        self._shape = (1, len(schema.columns))
        names = schema.names
        self._numbers = tuple((at, names[at]) for at, column in enumerate(schema.columns) if column.kind != "category")
        self._texts = tuple((at, names[at]) for at, column in enumerate(schema.columns) if column.kind == "category")
        width = self._session.get_outputs()[[o.name for o in self._session.get_outputs()].index(self._output[0])].shape[-1]
        if task != "regression" and isinstance(width, int) and width != classes:
            raise IntegrityError(f"the model gives {width} probabilities, its manifest names {classes} classes")

    def score(self, features: Table) -> Scores:
        """Score the rows of a table that has at least the schema's columns."""
        if self._vector:
            matrix = np.empty((features.rows, len(self._schema.columns)), dtype=self._dtype)
            with np.errstate(over="ignore"):  # beyond float32 is infinite there, as in the trained model's own cast
                for at, name in enumerate(self._schema.names):
                    matrix[:, at] = _numbers(name, features[name])
            return self._run({VECTOR: matrix}, features.rows)
        feed: dict[str, Array] = {}
        with np.errstate(over="ignore"):
            for _, name in self._numbers:
                feed[name] = _numbers(name, features[name]).astype(self._dtype).reshape(-1, 1)
        for _, name in self._texts:
            feed[name] = _texts(features[name])
        return self._run(feed, features.rows)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as values in the schema's order, missing as None."""
        if len(rows) == 1 and self._vector and len(rows[0]) == self._shape[1]:
            try:
                # A third of the cost of np.array and errstate, and beyond float32 is infinite here too.
                line = array(self._code, rows[0])  # type: ignore[type-var]  # what is no number raises
            except (TypeError, OverflowError):
                pass  # a missing value, or one that does not fit: below
            else:
                return self._run({VECTOR: np.ndarray(self._shape, self._dtype, line)}, 1)
        try:
            with np.errstate(over="ignore"):  # beyond float32 is infinite, as in a table
                if self._vector:
                    feed = {VECTOR: np.array(rows, dtype=self._dtype).reshape(len(rows), len(self._schema.columns))}
                else:
                    feed = self._feed(rows)
            return self._run(feed, len(rows))
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"a row does not fit the schema: {error}") from error

    def score_one(self, row: Row) -> float:
        """The score of one row, as `score_rows` gives it."""
        return self.score_rows((row,)).item(0)

    def _feed(self, rows: Sequence[Row]) -> dict[str, Array]:
        count = len(rows)
        feed: dict[str, Array] = {}
        if self._numbers:
            # One array for all numbers, one contiguous line each: a third of the time of an array per column.
            block = np.array([[row[at] for row in rows] for at, _ in self._numbers], dtype=self._dtype)
            block = block.reshape(len(self._numbers), count, 1)
            for (_, name), line in zip(self._numbers, block, strict=True):
                feed[name] = line
        for at, name in self._texts:
            text = np.empty((count, 1), dtype=object)
            for number, row in enumerate(rows):
                value = row[at]
                text[number, 0] = "" if value is None else value
            feed[name] = text
        return feed

    def _run(self, feed: dict[str, Array], rows: int) -> Scores:
        if rows == 0:
            return self._none()
        try:
            found: NDArray[np.float32] = self._scores(self._output, feed, None)[0]
        except Exception as error:  # ONNX Runtime's exceptions share no other base
            raise DataError(f"the model cannot score this input: {_first_line(error)}") from error
        if self._task == "binary" and rows == 1:
            return np.array((settle_one(found.item(1), self._threshold),))
        if self._task == "binary":
            score: Scores = found[:, 1].astype(np.float64)
        elif self._task == "regression":
            several = found.ndim == 2 and found.shape[1] > 1
            score = (found if several else found.reshape(-1)).astype(np.float64)
        else:
            score = found.astype(np.float64)
        return settle(score, task=self._task, threshold=self._threshold)

    def _none(self) -> Scores:
        if self._task == "binary":
            return np.empty(0)
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        width = outputs[self._output[0]][-1]
        if self._task == "regression" and width in (1, None):
            return np.empty(0)
        return np.empty((0, width if isinstance(width, int) else 0))


def load(folder: Path, manifest: Manifest) -> OnnxEngine:
    """The engine of a bundle; the model's bytes are verified as they are read and never looked for elsewhere."""
    model = read_file(folder, manifest, MODEL)
    return OnnxEngine(model, schema=manifest.schema, task=manifest.task, classes=len(manifest.classes), threshold=manifest.threshold)


def _session(model: bytes) -> ort.InferenceSession:
    refuse_external_data(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong comes back as an exception; standard error belongs to the server
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise IntegrityError(f"{MODEL} is not a model that can be loaded: {_first_line(error)}") from error


def _runner(session: ort.InferenceSession) -> Callable[[list[str], dict[str, Array], None], list[Any]]:
    """What runs the session: the wrapper around it looks, at every call, for devices and graphs that nobody asked for here."""
    inner = getattr(getattr(session, "_sess", None), "run", None)
    return cast(Callable[[list[str], dict[str, Array], None], list[Any]], inner if callable(inner) else session.run)


def _check_inputs(session: ort.InferenceSession, schema: Schema, output: str) -> type[np.floating[Any]]:
    """The width of the model's numbers; IntegrityError unless its inputs and outputs are the ones the schema asks for."""
    inputs = {given.name: given.type for given in session.get_inputs()}
    if output not in {given.name for given in session.get_outputs()}:
        raise IntegrityError(f"{MODEL} has no output {output!r}")
    texts = set() if schema.numeric else {column.name for column in schema.columns if column.kind == "category"}
    wanted = {VECTOR} if schema.numeric else set(schema.names)
    if strange := wanted ^ set(inputs):
        raise IntegrityError(f"{MODEL} does not fit its schema: the inputs {sorted(strange)} stand in only one of them")
    for name in wanted:
        fits = inputs[name] == "tensor(string)" if name in texts else inputs[name] in _DTYPES
        if not fits:
            raise IntegrityError(f"{MODEL} does not fit its schema: input {name!r} is {inputs[name]}")
    widths = {inputs[name] for name in wanted - texts}
    if len(widths) > 1:
        raise IntegrityError(f"{MODEL} has numbers of several widths: {sorted(widths)}")
    size = session.get_inputs()[0].shape[-1]
    if schema.numeric and isinstance(size, int) and size != len(schema.columns):
        raise IntegrityError(f"{MODEL} reads {size} features, its schema has {len(schema.columns)} columns")
    return _DTYPES[widths.pop()] if widths else np.float32


def _numbers(name: str, values: Array) -> NDArray[np.float64]:
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} holds something that is not a number: {error}") from error


def _texts(values: Array) -> NDArray[np.object_]:
    text = np.empty((len(values), 1), dtype=object)
    # NaN is the only value that differs from itself: what pandas leaves where a text is missing.
    text[:, 0] = ["" if value is None or value != value else str(value) for value in values.tolist()]
    return text


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
