"""Linear models as weights, alone and behind the steps that fold in."""

from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVR

from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.convert import native_scores
from flyball.adapters.trees.flatten_linear import flatten_linear
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from forests import agrees, engines, frame, numbers

rng = np.random.default_rng(6)
ROWS = 600
DATA = rng.normal(size=(ROWS, 4)) * [1.0, 100.0, 0.01, 3.0] + [0.0, 1e4, 0.0, -5.0]
VALUE = DATA[:, 0] + (DATA[:, 1] - 1e4) / 100 + rng.normal(size=ROWS) * 0.5
HOLES = np.where(rng.random(DATA.shape) < 0.1, np.nan, DATA)
SCHEMA = numbers(4)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(SimpleImputer(), RobustScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(), SGDClassifier(loss="log_loss", random_state=0)),
        LinearDiscriminantAnalysis(),
    ],
    ids=lambda model: type(getattr(model, "steps", [("", model)])[-1][1]).__name__,
)
def test_a_classifier_answers_alike(model: Any, task: Any) -> None:
    holes = any(isinstance(step, SimpleImputer) for _, step in getattr(model, "steps", []))
    data = HOLES if holes else DATA
    model.fit(frame(data), VALUE > 0 if task == "binary" else np.array(["a", "b", "c"])[np.digitize(VALUE, [-0.7, 0.7])])
    agrees(model, flatten_linear(model, SCHEMA, task), data, task, 2 if task == "binary" else 3)


@pytest.mark.parametrize(
    "last",
    [
        LinearRegression(),
        Ridge(),
        Lasso(alpha=0.01),
        ElasticNet(alpha=0.01),
        HuberRegressor(),
        SGDRegressor(),
        LinearSVR(max_iter=100_000),
        PoissonRegressor(),
        GammaRegressor(),
        TweedieRegressor(power=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_regression_answers_alike(last: Any) -> None:
    model = make_pipeline(StandardScaler(), last).fit(frame(DATA), np.exp(VALUE / 4))
    agrees(model, flatten_linear(model, SCHEMA, "regression"), DATA, "regression")


def test_several_targets_answer_alike() -> None:
    model = LinearRegression().fit(frame(DATA), np.stack([VALUE, -VALUE], axis=1))
    agrees(model, flatten_linear(model, SCHEMA, "regression"), DATA, "regression", outputs=2, within=1e-10)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    ],
    ids=str,
)
def test_encoders_of_text_become_what_each_text_adds(encoder: Any, task: Any) -> None:
    schema = Schema(
        columns=(
            Column(name="city", kind="category", nullable=True),
            Column(name="x0", kind="number", nullable=True),
            Column(name="note", kind="category", nullable=True),
        )
    )
    city = np.array(["Ulm", "Bonn", "Kiel", None], dtype=object)[rng.integers(0, 4, ROWS)]
    table = Table({"city": city, "x0": HOLES[:, 0], "note": np.full(ROWS, "-", dtype=object)})
    columns = make_column_transformer((encoder, ["city"]), (make_pipeline(SimpleImputer(), StandardScaler()), ["x0"]))
    raw = VALUE + (city == "Kiel")
    model = make_pipeline(columns, LogisticRegression())
    model.fit(to_frame(table, schema.names), (raw > 0).astype(int) if task == "binary" else np.digitize(raw, [-0.5, 0.8]))
    kernel, walk = engines(flatten_linear(model, schema, task), schema, task, 2 if task == "binary" else 3)
    odd = table.with_columns({"city": np.where(rng.random(ROWS) < 0.2, "nowhere", city)})
    native = native_scores(model, to_frame(odd, schema.names), task)
    assert np.abs(kernel.score(odd) - native).max() <= 1e-12
    assert np.allclose(walk.score(odd), native, atol=1e-12, rtol=0)


def test_a_missing_value_that_no_step_fills_gives_no_number() -> None:
    model = LogisticRegression().fit(frame(DATA / 100), VALUE > 0)
    kernel, walk = engines(flatten_linear(model, SCHEMA, "binary"), SCHEMA, "binary", 2)
    assert np.isnan([kernel.score_one([1.0, None, 2.0, 3.0]), walk.score_one([1.0, None, 2.0, 3.0])]).all()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (RandomForestClassifier(2), "RandomForestClassifier is not a linear model"),
        (SGDClassifier(loss="modified_huber", random_state=0), "does not get its probabilities from its weights alone"),
        (make_pipeline(MinMaxScaler(clip=True), LogisticRegression()), "a step that clips or rounds"),
    ],
    ids=str,
)
def test_what_is_not_linear_is_named(model: Any, said: str) -> None:
    model.fit(frame(DATA), VALUE > 0)
    with pytest.raises(UnsupportedError, match=said):
        flatten_linear(model, SCHEMA, "binary")
