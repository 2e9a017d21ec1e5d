"""XGBoost's models as flat forests, against XGBoost."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier

from flyball.adapters.trees.flatten import flatten
from flyball.core.errors import UnsupportedError
from forests import agrees, frame, hard, numbers

rng = np.random.default_rng(3)
ROWS = 900
DATA = rng.normal(size=(ROWS, 5))
DATA[:, 1] = rng.integers(0, 6, ROWS)
DATA[:, 2] = np.round(DATA[:, 2], 1)
VALUE = np.where(DATA[:, 1] == 2, 1.5, DATA[:, 0]) - DATA[:, 2] + rng.normal(size=ROWS) * 0.3
HOLES = np.where(rng.random(DATA.shape) < 0.15, np.nan, DATA)
SCHEMA = numbers(5)
F32 = 2e-6  # XGBoost adds up in float32


@pytest.mark.parametrize(
    "model",
    [
        XGBClassifier(n_estimators=30, max_depth=5),
        XGBClassifier(n_estimators=20, base_score=0.3, grow_policy="lossguide"),
        XGBClassifier(n_estimators=10, booster="dart", rate_drop=0.3),
        XGBRFClassifier(n_estimators=20, max_depth=6),
        make_pipeline(StandardScaler(), XGBClassifier(n_estimators=20)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_binary_model_answers_alike(model: Any) -> None:
    model.fit(frame(HOLES), (VALUE > 0).astype(int))
    trees = flatten(model, SCHEMA, "binary")
    agrees(model, trees, hard(HOLES, trees), "binary", 2, within=F32)


def test_several_classes_answer_alike() -> None:
    model = XGBClassifier(n_estimators=15, max_depth=4).fit(frame(HOLES), np.digitize(VALUE, [-0.5, 0.5]))
    trees = flatten(model, SCHEMA, "multiclass")
    agrees(model, trees, hard(HOLES, trees), "multiclass", 3, within=F32)


@pytest.mark.parametrize(
    "objective", ["reg:squarederror", "reg:absoluteerror", "count:poisson", "reg:gamma", "reg:tweedie", "reg:logistic"]
)
def test_a_regression_answers_alike(objective: str) -> None:
    target = 1 / (1 + np.exp(-VALUE)) if objective == "reg:logistic" else np.exp(VALUE / 3)
    model = XGBRegressor(n_estimators=25, objective=objective).fit(frame(HOLES), target)
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, hard(HOLES, trees), "regression", within=F32)


def test_several_targets_answer_alike() -> None:
    model = XGBRegressor(n_estimators=10).fit(frame(HOLES), np.stack([VALUE, -2 * VALUE], axis=1))
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, hard(HOLES, trees), "regression", within=F32, outputs=2)


@pytest.mark.parametrize("onehot", [1, 100])
@pytest.mark.parametrize("holes", [True, False])
def test_categories_are_split_alike(onehot: int, holes: bool) -> None:
    data = DATA.copy()
    if holes:
        data[rng.random(ROWS) < 0.2, 1] = np.nan
    model = XGBClassifier(
        n_estimators=20, feature_types=["q", "c", "q", "q", "q"], enable_categorical=True, max_cat_to_onehot=onehot, tree_method="hist"
    ).fit(data, (VALUE > 0).astype(int))
    trees = flatten(model, SCHEMA, "binary")
    rows = hard(data, missing=True)
    rows[:, 1] = rng.choice([0, 1, 2, 3, 4, 5, np.nan], len(rows))

    class Unnamed:
        """It was fitted on a matrix, and asks for names otherwise."""

        def predict_proba(self, given: Any) -> Any:
            return model.predict_proba(given.to_numpy())

    agrees(Unnamed(), trees, rows, "binary", 2, within=F32)


def test_training_that_stopped_early_answers_with_its_best_iteration() -> None:
    model = XGBClassifier(n_estimators=200, early_stopping_rounds=3, max_depth=6, learning_rate=0.5)
    model.fit(frame(DATA[:600]), (VALUE[:600] > 0).astype(int), eval_set=[(frame(DATA[600:]), VALUE[600:] > 0)], verbose=False)
    assert model.best_iteration < 150
    trees = flatten(model, SCHEMA, "binary")
    assert len(trees.root) == model.best_iteration + 1
    agrees(model, trees, hard(DATA, trees), "binary", 2, within=F32)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_no_row_falls_on_another_side_of_a_cut(seed: int) -> None:
    own = np.random.default_rng(seed)
    data = np.where(own.random((200, 3)) < 0.5, own.integers(-3, 4, (200, 3)), own.normal(size=(200, 3)) * 10.0 ** own.integers(-6, 7))
    model = XGBRegressor(n_estimators=5, max_depth=4, learning_rate=1.0).fit(frame(data), own.integers(0, 1000, 200) * 1.0)
    trees = flatten(model, numbers(3), "regression")
    agrees(model, trees, hard(data, trees, seed=seed), "regression", within=F32)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (XGBClassifier(n_estimators=2, missing=-1.0), "missing=-1"),
        (XGBClassifier(n_estimators=2, booster="gblinear"), "'gblinear' has no trees"),
        (XGBClassifier(n_estimators=2, objective="binary:hinge"), "binary:hinge"),
    ],
    ids=str,
)
def test_what_cannot_be_flat_is_named(model: Any, said: str) -> None:
    model.fit(frame(DATA), (VALUE > 0).astype(int))
    with pytest.raises(UnsupportedError, match=said):
        flatten(model, SCHEMA, "binary")
