"""LightGBM's models as flat forests, against LightGBM."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flyball.adapters.trees.flatten import flatten
from flyball.core.errors import UnsupportedError
from forests import agrees, frame, hard, numbers

rng = np.random.default_rng(4)
ROWS = 1500
DATA = rng.normal(size=(ROWS, 5))
DATA[:, 1] = rng.integers(0, 40, ROWS)
DATA[:, 2] = np.where(rng.random(ROWS) < 0.5, 0.0, np.round(DATA[:, 2], 1))
VALUE = np.where(DATA[:, 1] % 3 == 2, 1.5, DATA[:, 0]) - DATA[:, 2] + rng.normal(size=ROWS) * 0.3
HOLES = np.where(rng.random(DATA.shape) < 0.15, np.nan, DATA)
SCHEMA = numbers(5)
QUIET: dict[str, Any] = {"verbose": -1, "n_jobs": 1}


def with_zeros(rows: np.ndarray) -> np.ndarray:
    own = np.random.default_rng(1)
    tiny = own.choice([0.0, -0.0, 1e-36, -1e-36, 1e-35, 1.1e-35, np.inf, -np.inf], rows.shape)
    return np.where(own.random(rows.shape) < 0.2, tiny, rows)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_missing": False},
        {"zero_as_missing": True},
        {"boosting_type": "dart"},
        {"sigmoid": 2.5},
        {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("data", [DATA, HOLES], ids=["whole", "holes"])
def test_a_binary_model_answers_alike(options: dict[str, Any], data: np.ndarray) -> None:
    model = LGBMClassifier(n_estimators=25, **options, **QUIET).fit(frame(data), VALUE > 0)
    trees = flatten(model, SCHEMA, "binary")
    agrees(model, trees, with_zeros(hard(data, trees)), "binary", 2)


@pytest.mark.parametrize("objective", ["multiclass", "multiclassova"])
def test_several_classes_answer_alike(objective: str) -> None:
    labels = np.array(["low", "mid", "top"])[np.digitize(VALUE, [-0.5, 0.5])]
    model = LGBMClassifier(n_estimators=15, objective=objective, **QUIET).fit(frame(HOLES), labels)
    trees = flatten(model, SCHEMA, "multiclass")
    agrees(model, trees, with_zeros(hard(HOLES, trees)), "multiclass", 3)


@pytest.mark.parametrize("objective", ["regression", "regression_l1", "huber", "quantile", "poisson", "gamma", "tweedie", "cross_entropy"])
def test_a_regression_answers_alike(objective: str) -> None:
    target = 1 / (1 + np.exp(-VALUE)) if objective == "cross_entropy" else np.exp(VALUE / 3)
    model = LGBMRegressor(n_estimators=20, objective=objective, **QUIET).fit(frame(HOLES), target)
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, with_zeros(hard(HOLES, trees)), "regression")


@pytest.mark.parametrize("holes", [True, False])
def test_categories_are_split_alike(holes: bool) -> None:
    data = (HOLES if holes else DATA).copy()
    model = LGBMClassifier(n_estimators=25, min_child_samples=5, **QUIET).fit(frame(data), VALUE > 0, categorical_feature=[1])
    trees = flatten(model, SCHEMA, "binary")
    assert len(trees.bits), "no node asks for a category"
    rows = with_zeros(hard(data))
    rows[:, 1] = rng.choice([*range(45), np.nan, -1.0, -0.5, 2.5, 1000.0], len(rows))
    agrees(model, trees, rows, "binary", 2)


def test_behind_a_scaler_no_row_falls_on_another_side() -> None:
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), LGBMClassifier(n_estimators=20, **QUIET))
    model.fit(frame(HOLES), VALUE > 0)
    trees = flatten(model, SCHEMA, "binary")
    agrees(model, trees, hard(HOLES, trees), "binary", 2)


def test_training_that_stopped_early_answers_with_its_best_iteration() -> None:
    import lightgbm

    model = LGBMClassifier(n_estimators=200, learning_rate=0.5, **QUIET)
    stop = lightgbm.early_stopping(3, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions have another name for eval_set
        model.fit(frame(DATA[:900]), VALUE[:900] > 0, eval_set=[(frame(DATA[900:]), VALUE[900:] > 0)], callbacks=[stop])
    trees = flatten(model, SCHEMA, "binary")
    assert len(trees.root) == model.best_iteration_ < 150
    agrees(model, trees, hard(DATA, trees), "binary", 2)


def test_a_model_that_learned_nothing_is_one_leaf() -> None:
    model = LGBMRegressor(n_estimators=3, **QUIET).fit(frame(DATA), np.full(ROWS, 2.5))
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, hard(DATA), "regression")


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_no_row_falls_on_another_side_of_a_cut(seed: int) -> None:
    own = np.random.default_rng(seed)
    data = np.where(own.random((200, 3)) < 0.5, own.integers(-3, 4, (200, 3)), own.normal(size=(200, 3)) * 10.0 ** own.integers(-6, 7))
    model = LGBMRegressor(n_estimators=5, min_child_samples=3, learning_rate=1.0, **QUIET).fit(
        frame(data), own.integers(0, 1000, 200) * 1.0
    )
    trees = flatten(model, numbers(3), "regression")
    agrees(model, trees, with_zeros(hard(data, trees, seed=seed)), "regression")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LGBMRegressor(n_estimators=2, reg_sqrt=True, **QUIET), "sqrt"),
        (LGBMRegressor(n_estimators=2, linear_tree=True, **QUIET), "linear trees"),
        (
            make_pipeline(StandardScaler().set_output(transform="pandas"), LGBMRegressor(n_estimators=2, zero_as_missing=True, **QUIET)),
            "zero for missing",
        ),
    ],
    ids=["sqrt", "linear", "zeros"],
)
def test_what_cannot_be_flat_is_named(model: Any, said: str) -> None:
    model.fit(frame(DATA), VALUE)
    with pytest.raises(UnsupportedError, match=said):
        flatten(model, SCHEMA, "regression")
