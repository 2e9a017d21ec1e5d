"""A flat model as ONNX answers as the flat model does."""

from typing import Any

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.trees.flatten import flatten
from flyball.adapters.trees.flatten_linear import flatten_linear
from flyball.adapters.trees.to_onnx import to_onnx
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.spec.records import Task
from forests import engines, frame, hard, numbers, table, values_of

rng = np.random.default_rng(8)
ROWS = 700
DATA = rng.normal(size=(ROWS, 4))
VALUE = DATA[:, 0] - DATA[:, 2] + rng.normal(size=ROWS) * 0.3
HOLES = np.where(rng.random(DATA.shape) < 0.15, np.nan, DATA)
QUIET: dict[str, Any] = {"n_estimators": 15, "verbose": -1, "n_jobs": 1}


@pytest.mark.parametrize(
    ("model", "task", "classes"),
    [
        (XGBClassifier(n_estimators=15), "binary", 2),
        (XGBClassifier(n_estimators=15), "multiclass", 3),
        (XGBRegressor(n_estimators=15, objective="count:poisson"), "regression", 0),
        (LGBMClassifier(**QUIET), "binary", 2),
        (LGBMClassifier(**QUIET), "multiclass", 3),
        (LGBMRegressor(**QUIET), "regression", 0),
        (RandomForestRegressor(10, max_depth=6), "regression", 0),
    ],
    ids=str,
)
def test_onnx_answers_as_the_flat_model(model: Any, task: Task, classes: int) -> None:
    target = {"binary": VALUE > 0, "multiclass": np.digitize(VALUE, [-0.5, 0.5]), "regression": np.exp(VALUE / 3)}[task]
    model.fit(frame(HOLES), target)
    schema = numbers(4)
    trees = flatten(model, schema, task)
    kernel, _ = engines(trees, schema, task, classes)
    onnx = OnnxEngine(to_onnx(trees, schema, task), schema=schema, task=task, classes=classes, threshold=0.5)
    rows = hard(HOLES, trees)
    assert np.allclose(onnx.score(table(rows)), kernel.score(table(rows)), atol=2e-6, rtol=2e-6)
    assert np.allclose(onnx.score_rows(values_of(rows[:5])), kernel.score(table(rows))[:5], atol=2e-6, rtol=2e-6)


def test_encoded_texts_and_unread_columns_go_through() -> None:
    schema = Schema(
        columns=(
            Column(name="city", kind="category", nullable=True),
            Column(name="note", kind="category", nullable=True),
            Column(name="x0", kind="number", nullable=True),
        )
    )
    city = np.array(["Ulm", "Bonn", "Kiel", None], dtype=object)[rng.integers(0, 4, ROWS)]
    rows = Table({"city": city, "note": np.full(ROWS, "-", dtype=object), "x0": HOLES[:, 0]})
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]), ("passthrough", ["x0"]))
    model = make_pipeline(columns, XGBClassifier(n_estimators=10)).fit(
        to_frame(rows, schema.names), (VALUE + (city == "Kiel") > 0).astype(int)
    )
    trees = flatten(model, schema, "binary")
    kernel, _ = engines(trees, schema, "binary", 2)
    onnx = OnnxEngine(to_onnx(trees, schema, "binary"), schema=schema, task="binary", classes=2, threshold=0.5)
    odd = rows.with_columns({"city": np.where(rng.random(ROWS) < 0.2, "nowhere", city)})
    assert np.allclose(onnx.score(odd), kernel.score(odd), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("task", "classes"), [("binary", 2), ("multiclass", 3), ("regression", 0)])
def test_a_linear_model_is_its_weights_in_onnx_too(task: Task, classes: int) -> None:
    target = {"binary": VALUE > 0, "multiclass": np.digitize(VALUE, [-0.5, 0.5]), "regression": VALUE * 100}[task]
    schema = Schema(
        columns=(Column(name="x0", kind="number", nullable=False), Column(name="city", kind="category", nullable=True, categories=("a",)))
    )
    city = np.array(["a", "b", None], dtype=object)[rng.integers(0, 3, ROWS)]
    rows = Table({"x0": DATA[:, 0], "city": city})
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]), (StandardScaler(), ["x0"]))
    last = Ridge() if task == "regression" else LogisticRegression()
    flat = flatten_linear(make_pipeline(columns, last).fit(to_frame(rows, schema.names), target), schema, task)
    kernel, _ = engines(flat, schema, task, classes)
    onnx = OnnxEngine(to_onnx(flat, schema, task), schema=schema, task=task, classes=classes, threshold=0.5)
    odd = rows.with_columns({"city": np.where(rng.random(ROWS) < 0.2, "nowhere", city)})
    assert np.allclose(onnx.score(odd), kernel.score(odd), atol=2e-6, rtol=2e-6)


def test_what_onnx_cannot_say_is_named() -> None:
    schema = numbers(4)
    data = DATA.copy()
    data[:, 1] = rng.integers(0, 30, ROWS)
    target = (VALUE > 0) | (data[:, 1] % 3 == 0)
    model = LGBMClassifier(**QUIET).fit(frame(data), target, categorical_feature=[1])
    with pytest.raises(UnsupportedError, match="splits by categories"):
        to_onnx(flatten(model, schema, "binary"), schema, "binary")
    model = LGBMClassifier(zero_as_missing=True, **QUIET).fit(frame(DATA), VALUE > 0)
    with pytest.raises(UnsupportedError, match="zero for missing"):
        to_onnx(flatten(model, schema, "binary"), schema, "binary")
