"""CatBoost's models as flat forests, against CatBoost."""

from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.adapters.trees.flatten import flatten
from flyball.core.errors import UnsupportedError
from forests import agrees, frame, hard, numbers

rng = np.random.default_rng(7)
ROWS = 800
DATA = rng.normal(size=(ROWS, 4))
DATA[:, 1] = rng.integers(0, 6, ROWS)
VALUE = np.where(DATA[:, 1] == 2, 1.5, DATA[:, 0]) - DATA[:, 2] + rng.normal(size=ROWS) * 0.3
HOLES = np.where(rng.random(DATA.shape) < 0.15, np.nan, DATA)
SCHEMA = numbers(4)
QUIET: dict[str, Any] = {"iterations": 20, "depth": 5, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


@pytest.mark.parametrize("options", [{}, {"nan_mode": "Max"}, {"loss_function": "CrossEntropy"}, {"scale_pos_weight": 3}], ids=str)
@pytest.mark.parametrize("data", [DATA, HOLES], ids=["whole", "holes"])
def test_a_binary_model_answers_alike(options: dict[str, Any], data: np.ndarray) -> None:
    model = CatBoostClassifier(**options, **QUIET).fit(frame(data), (VALUE > 0).astype(int))
    trees = flatten(model, SCHEMA, "binary")
    agrees(model, trees, hard(data, trees), "binary", 2)


@pytest.mark.parametrize("loss", ["MultiClass", "MultiClassOneVsAll"])
def test_several_classes_answer_alike(loss: str) -> None:
    labels = np.array(["low", "mid", "top"])[np.digitize(VALUE, [-0.5, 0.5])]
    model = CatBoostClassifier(loss_function=loss, **QUIET).fit(frame(HOLES), labels)
    trees = flatten(model, SCHEMA, "multiclass")
    agrees(model, trees, hard(HOLES, trees), "multiclass", 3)


@pytest.mark.parametrize("loss", ["RMSE", "MAE", "Quantile:alpha=0.8", "Poisson", "Tweedie:variance_power=1.5"])
def test_a_regression_answers_alike(loss: str) -> None:
    model = CatBoostRegressor(loss_function=loss, **QUIET).fit(frame(HOLES), np.exp(VALUE / 3))
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, hard(HOLES, trees), "regression")


def test_several_targets_answer_alike() -> None:
    model = CatBoostRegressor(loss_function="MultiRMSE", **QUIET).fit(frame(HOLES), np.stack([VALUE, -2 * VALUE + 1], axis=1))
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, hard(HOLES, trees), "regression", outputs=2)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_no_row_falls_on_another_side_of_a_cut(seed: int) -> None:
    own = np.random.default_rng(seed)
    data = np.where(own.random((200, 3)) < 0.5, own.integers(-3, 4, (200, 3)), own.normal(size=(200, 3)) * 10.0 ** own.integers(-6, 7))
    model = CatBoostRegressor(**{**QUIET, "iterations": 5}).fit(frame(data), own.integers(0, 1000, 200) * 1.0)
    trees = flatten(model, numbers(3), "regression")
    agrees(model, trees, hard(data, trees, seed=seed), "regression")


@pytest.mark.parametrize(
    ("options", "said"),
    [({"cat_features": [1]}, "its own categories"), ({"grow_policy": "Lossguide"}, "not symmetric")],
    ids=str,
)
def test_what_cannot_be_flat_is_named(options: dict[str, Any], said: str) -> None:
    data = frame(DATA).astype({"x1": int})
    model = CatBoostClassifier(**options, **QUIET).fit(data, (VALUE > 0).astype(int))
    with pytest.raises(UnsupportedError, match=said):
        flatten(model, SCHEMA, "binary")
