"""scikit-learn's forests and boosted trees as flat forests, alone and behind the steps that fold in."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.convert import native_scores
from flyball.adapters.trees.engine import FlatEngine
from flyball.adapters.trees.flatten import flatten
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from forests import agrees, engines, frame, hard, numbers

rng = np.random.default_rng(5)
ROWS = 900
DATA = rng.normal(size=(ROWS, 5))
DATA[:, 1] = rng.integers(0, 6, ROWS)
DATA[:, 2] = np.round(DATA[:, 2], 1)
VALUE = np.where(DATA[:, 1] == 2, 1.5, DATA[:, 0]) - DATA[:, 2] + rng.normal(size=ROWS) * 0.3
HOLES = np.where(rng.random(DATA.shape) < 0.15, np.nan, DATA)
SCHEMA = numbers(5)
FEW: dict[str, Any] = {"n_estimators": 12, "random_state": 0}


def rounded(values: Any) -> Any:
    return np.asarray(values).astype(np.float32)


MISSING = [
    RandomForestClassifier(max_depth=8, **FEW),
    ExtraTreesClassifier(**FEW),
    DecisionTreeClassifier(random_state=0),
    HistGradientBoostingClassifier(max_iter=12),
    BaggingClassifier(DecisionTreeClassifier(max_depth=6), max_features=0.6, **FEW),
    make_pipeline(SimpleImputer(strategy="median"), RandomForestClassifier(**FEW)),
    make_pipeline(SimpleImputer(), StandardScaler(), RandomForestClassifier(**FEW)),
    make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=12)),
    make_pipeline("passthrough", RandomForestClassifier(**FEW)),
]
WHOLE = [
    GradientBoostingClassifier(**FEW),
    GradientBoostingClassifier(init="zero", **FEW),
    ExtraTreeClassifier(random_state=0),
    make_pipeline(RobustScaler(), GradientBoostingClassifier(**FEW)),
    make_pipeline(MinMaxScaler(clip=True), RandomForestClassifier(**FEW)),
    make_pipeline(RobustScaler(), FunctionTransformer(rounded), HistGradientBoostingClassifier(max_iter=12)),
    make_pipeline(make_union(MaxAbsScaler(), FunctionTransformer()), SelectKBest(k=4), RandomForestClassifier(**FEW)),
    make_pipeline(
        make_column_transformer((StandardScaler(), ["x3", "x0"]), ("drop", ["x4"]), remainder="passthrough"), ExtraTreesClassifier(**FEW)
    ),
    make_pipeline(StandardScaler(), make_pipeline(RobustScaler(), DecisionTreeClassifier(random_state=0))),
    GridSearchCV(RandomForestClassifier(**FEW), {"max_depth": [3, 9]}, cv=2),
]


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize(
    "model", [*MISSING, *WHOLE], ids=lambda model: "-".join(type(s).__name__ for _, s in getattr(model, "steps", [("", model)]))
)
def test_a_classifier_answers_alike(model: Any, task: Any) -> None:
    data = HOLES if any(model is one for one in MISSING) else DATA
    target = VALUE > 0 if task == "binary" else np.array(["low", "mid", "top"])[np.digitize(VALUE, [-0.5, 0.5])]
    model.fit(frame(data), target)
    trees = flatten(model, SCHEMA, task)
    agrees(model, trees, hard(data, trees, missing=data is HOLES), task, 2 if task == "binary" else 3)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(**FEW),
        ExtraTreesRegressor(**FEW),
        DecisionTreeRegressor(random_state=0),
        GradientBoostingRegressor(**FEW),
        GradientBoostingRegressor(loss="huber", **FEW),
        GradientBoostingRegressor(loss="quantile", **FEW),
        BaggingRegressor(**FEW),
        HistGradientBoostingRegressor(max_iter=12),
        HistGradientBoostingRegressor(max_iter=12, loss="poisson"),
        HistGradientBoostingRegressor(max_iter=12, loss="gamma"),
        make_pipeline(StandardScaler(), RandomForestRegressor(**FEW)),
    ],
    ids=str,
)
def test_a_regression_answers_alike(model: Any) -> None:
    model.fit(frame(DATA), np.exp(VALUE))
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, hard(DATA, trees, missing=False), "regression")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("holes", [True, False])
def test_categories_that_are_numbers_are_split_alike(task: Any, holes: bool) -> None:
    data = DATA.copy()
    data[:, 1] = rng.choice([0, 1, 2, 3, 5, 8, 13], ROWS)  # codes and numbers differ
    raw = VALUE + np.isin(data[:, 1], [2, 8, 13]) * 1.5
    if holes:
        data[rng.random(ROWS) < 0.2, 1] = np.nan
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    model = kind(max_iter=15, categorical_features=[1], min_samples_leaf=5)
    model.fit(frame(data), {"binary": raw > 0.5, "multiclass": np.digitize(raw, [-0.5, 0.8]), "regression": raw}[task])
    trees = flatten(model, SCHEMA, task)
    assert len(trees.bits), "no node asks for a category"
    rows = hard(data)
    rows[:, 1] = rng.choice([0, 1, 2, 3, 4, 5, 8, 13, 14, 40, np.nan], len(rows))
    agrees(model, trees, rows, task, {"binary": 2, "multiclass": 3, "regression": 0}[task])


def test_categories_behind_an_encoder_of_text_are_split_alike() -> None:
    columns = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["city", "kind"]), ("passthrough", ["x2", "x0"])
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=15, categorical_features=[0, 1], min_samples_leaf=5))
    model.fit(to_frame(TABLE, MIXED.names), LATE)
    trees = flatten(model, MIXED, "binary")
    assert len(trees.bits), "no node asks for a category"
    kernel, walk = engines(trees, MIXED, "binary", 2)
    odd = TABLE.with_columns({"city": np.where(rng.random(ROWS) < 0.2, "nowhere", CITIES)})
    native = native_scores(model, to_frame(odd, MIXED.names), "binary")
    assert np.abs(kernel.score(odd) - native).max() <= 1e-12
    assert np.allclose(walk.score(odd), native, atol=1e-12, rtol=0)


def test_the_exponential_loss_has_its_own_link() -> None:
    model = GradientBoostingClassifier(loss="exponential", **FEW).fit(frame(DATA), VALUE > 0)
    agrees(model, flatten(model, SCHEMA, "binary"), DATA, "binary", 2)


@pytest.mark.parametrize("model", [RandomForestRegressor(**FEW), ExtraTreesRegressor(**FEW), DecisionTreeRegressor()], ids=str)
def test_several_targets_answer_alike(model: Any) -> None:
    model.fit(frame(HOLES), np.stack([VALUE, np.abs(VALUE), -VALUE], axis=1))
    trees = flatten(model, SCHEMA, "regression")
    agrees(model, trees, hard(HOLES, trees), "regression", outputs=3)


@given(st.integers(0, 10_000), st.sampled_from(["forest", "scaled", "histogram"]))
@settings(max_examples=40, deadline=None)
def test_no_row_falls_on_another_side_of_a_cut(seed: int, kind: str) -> None:
    own = np.random.default_rng(seed)
    data = np.where(own.random((150, 3)) < 0.5, own.integers(-3, 4, (150, 3)), own.normal(size=(150, 3)) * 10.0 ** own.integers(-6, 7))
    model: Any = RandomForestRegressor(5, random_state=seed)
    if kind != "forest":
        model = make_pipeline(
            StandardScaler(), model if kind == "scaled" else HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2)
        )
    model.fit(frame(data), own.integers(0, 1000, 150) * 1.0)
    trees = flatten(model, numbers(3), "regression")
    agrees(model, trees, hard(data, trees, seed=seed, missing=kind == "histogram"), "regression")


CITIES = np.array(["Ulm", "Bonn", "Kiel", "Jena", "Köln", None], dtype=object)[rng.integers(0, 6, ROWS)]
KINDS = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, ROWS)]
MIXED = Schema(
    columns=(
        Column(name="x0", kind="number", nullable=True),
        Column(name="city", kind="category", nullable=True),
        Column(name="x2", kind="integer", nullable=False),
        Column(name="kind", kind="category", nullable=False),
        Column(name="note", kind="category", nullable=True),
    )
)
TABLE = Table(
    {"x0": HOLES[:, 0], "city": CITIES, "x2": DATA[:, 1].astype(np.int64), "kind": KINDS, "note": np.full(ROWS, "-", dtype=object)}
)
LATE = (VALUE + (CITIES == "Kiel") * 2.0 - (KINDS == "b") > 0).astype(int)
REST = [0, 2]


@pytest.mark.parametrize(
    "encoder",
    [
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-5),
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=170, sparse_output=False),
        TargetEncoder(cv=3, random_state=0),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="none"), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        ),
        make_pipeline(OneHotEncoder(handle_unknown="ignore", sparse_output=False), StandardScaler()),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "last", [RandomForestClassifier(**FEW), HistGradientBoostingClassifier(max_iter=12)], ids=lambda m: type(m).__name__
)
def test_encoders_of_text_fold_into_the_rows(encoder: Any, last: Any) -> None:
    columns = make_column_transformer((encoder, ["city", "kind"]), ("passthrough", ["x2", "x0"]), sparse_threshold=0)
    model = make_pipeline(columns, last)
    names = list(MIXED.names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(to_frame(TABLE, names), LATE)
    trees = flatten(model, MIXED, "binary")
    kernel, walk = engines(trees, MIXED, "binary", 2)
    odd = TABLE.with_columns(
        {"city": np.where(rng.random(ROWS) < 0.1, "nowhere", CITIES), "kind": np.where(rng.random(ROWS) < 0.1, "z", KINDS)}
    )
    for table in (TABLE, odd):
        native = native_scores(model, to_frame(table, names), "binary")
        found = kernel.score(table)
        assert np.abs(found - native).max() <= 1e-12
        assert np.allclose(found, walk.score(table), atol=1e-13, rtol=0)
        rows = [[None if value != value else value for value in row] for row in zip(*(table[name].tolist() for name in names), strict=True)]
        assert kernel.score_rows(rows).tolist() == found.tolist()
        assert [kernel.score_one(row) for row in rows[:50]] == found[:50].tolist()
        assert np.allclose(walk.score_rows(rows[:50]), found[:50], atol=1e-13, rtol=0)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (make_pipeline(PowerTransformer(), RandomForestClassifier(**FEW)), "step 'powertransformer' .PowerTransformer."),
        (make_pipeline(StandardScaler(), SimpleImputer(), RandomForestClassifier(**FEW)), "SimpleImputer after another calculation"),
        (make_pipeline(SimpleImputer(add_indicator=True), RandomForestClassifier(**FEW)), "with an indicator"),
        (KNeighborsClassifier(), "KNeighborsClassifier is not a forest"),
        (AdaBoostClassifier(**FEW), "AdaBoostClassifier is not a forest"),
        (BaggingClassifier(LogisticRegression(), **FEW), "BaggingClassifier of LogisticRegression"),
        (GradientBoostingClassifier(init=LogisticRegression(), **FEW), "starts from LogisticRegression"),
    ],
    ids=str,
)
def test_what_cannot_be_flat_is_named(model: Any, said: str) -> None:
    model.fit(frame(DATA), VALUE > 0)
    with pytest.raises(UnsupportedError, match=said):
        flatten(model, SCHEMA, "binary")


def test_a_text_column_that_nobody_encodes_is_named() -> None:
    model = make_pipeline(make_column_transformer((OrdinalEncoder(), ["kind"]), ("passthrough", ["x2"])), RandomForestClassifier(**FEW))
    model.fit(to_frame(TABLE, MIXED.names), LATE)
    with pytest.raises(UnsupportedError, match="'kind' reaches the model as it is"):
        flatten(model.steps[-1][1], Schema(columns=(MIXED.columns[3], MIXED.columns[2])), "binary")


def test_an_even_vote_goes_to_the_first_class() -> None:
    data = pd.DataFrame({"x0": [0.0, 1.0, 0.0, 1.0]})
    model = RandomForestClassifier(2, bootstrap=False, random_state=0).fit(data, [0, 1, 1, 0])
    engine = FlatEngine(flatten(model, numbers(1), "binary"), schema=numbers(1), task="binary", classes=2, threshold=0.5)
    assert engine.score_one([1.0]) < 0.5
    assert model.predict(data[:1]).tolist() == [0]
