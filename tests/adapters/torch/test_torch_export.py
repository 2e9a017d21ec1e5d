"""PyTorch networks as ONNX, against PyTorch. Skipped where it is not installed: its CPU build alone is 200 MB."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.compile import ONNX_FILE, Case, Compiled, compile_model
from flyball.adapters.sklearn.convert import native_scores
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.spec.records import Task
from forests import frame, numbers, table

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: uv pip install --torch-backend cpu torch")

rng = np.random.default_rng(9)
ROWS = 400
DATA = rng.normal(size=(ROWS, 4)) * 3 + 1
HOLES = np.where(rng.random(DATA.shape) < 0.1, np.nan, DATA)


class Net(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network as people wrap one: it reads a frame or an array and answers as scikit-learn's estimators do. It was never trained."""

    def __init__(self, width: int, outputs: int, *, link: str = "softmax", task: Task = "binary") -> None:
        torch.manual_seed(3)
        layers = [
            torch.nn.Linear(width, 32),
            torch.nn.ReLU(),
            torch.nn.BatchNorm1d(32),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(32, outputs),
        ]
        self.module = torch.nn.Sequential(*layers).eval()
        self.link = link
        self.classes_ = np.arange(max(2, outputs))
        self.task = task
        self.width, self.outputs = width, outputs

    def fit(self, frame: Any, target: Any) -> "Net":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _answer(self, given: Any) -> np.ndarray:
        values = torch.tensor(np.asarray(given, dtype=np.float32))
        with torch.no_grad():
            answer = self.module(values)
        if self.link == "softmax":
            answer = torch.softmax(answer, dim=1)
        elif self.link == "sigmoid":
            one = torch.sigmoid(answer)
            answer = torch.cat([1 - one, one], dim=1)
        return np.asarray(answer.numpy().astype(np.float64))

    def predict_proba(self, given: Any) -> np.ndarray:
        return self._answer(given)

    def predict(self, given: Any) -> np.ndarray:
        found = self._answer(given)
        return found.reshape(-1) if self.task == "regression" else self.classes_[found.argmax(axis=1)]


def compiled(
    model: Any, task: Task, data: np.ndarray, *, schema: Schema | None = None, rows: Table | None = None, classes: int = 2
) -> Compiled:
    schema = schema or numbers(data.shape[1])
    rows = rows or table(data)
    held: pd.DataFrame = to_frame(rows, schema.names)
    native = native_scores(model, held, task)
    case = Case(estimator=model, schema=schema, task=task, threshold=0.5, classes=classes, frame=held, table=rows, native=native)
    return compile_model(case)


@pytest.mark.parametrize(
    ("outputs", "link", "task"),
    [(2, "softmax", "binary"), (1, "sigmoid", "binary"), (4, "softmax", "multiclass"), (1, "none", "regression")],
)
def test_a_network_is_served_by_onnx(outputs: int, link: str, task: Task) -> None:
    found = compiled(Net(4, outputs, link=link, task=task), task, DATA, classes=outputs if task == "multiclass" else 2)
    assert (found.engine, found.reason) == ("onnx", "")
    assert found.parity is not None and found.parity.differing_labels == 0 and found.parity.largest_difference < 1e-5


def test_the_steps_before_a_network_go_along() -> None:
    model = make_pipeline(SimpleImputer(), StandardScaler(), Net(4, 2)).fit(frame(HOLES), np.arange(ROWS) % 2)
    assert compiled(model, "binary", HOLES).engine == "onnx"


def to_float32(values: Any) -> Any:
    return np.asarray(values).astype(np.float32)


def test_a_step_that_only_rounds_to_float32_goes_along() -> None:
    steps = (StandardScaler(), FunctionTransformer(to_float32), Net(4, 2))
    assert compiled(make_pipeline(*steps).fit(frame(DATA), np.arange(ROWS) % 2), "binary", DATA).engine == "onnx"


def test_text_goes_along() -> None:
    schema = Schema(
        columns=(
            Column(name="x0", kind="number", nullable=True),
            Column(name="city", kind="category", nullable=True),
            Column(name="x1", kind="number", nullable=True),
        )
    )
    city = np.array(["Ulm", "Bonn", "Kiel", None], dtype=object)[rng.integers(0, 4, ROWS)]
    rows = Table({"x0": HOLES[:, 0], "city": city, "x1": HOLES[:, 1]})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["x1", "x0"]),
    )
    model = make_pipeline(columns, Net(6, 2)).fit(to_frame(rows, schema.names), np.arange(ROWS) % 2)
    found = compiled(model, "binary", HOLES, schema=schema, rows=rows)
    assert found.engine == "onnx"
    engine = OnnxEngine(found.files[ONNX_FILE], schema=schema, task="binary", classes=2, threshold=0.5)
    assert 0 < engine.score_one([1.0, "nowhere", None]) < 1
