"""Converted models answer as the trained ones do, or the step that prevents it is named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.pandas.frames import to_table
from flyball.adapters.sklearn.convert import classes_of, convert, native_scores
from flyball.adapters.sklearn.parity import acceptable, parity, why_not
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Column, Schema
from flyball.serving.engine import labels
from flyball.spec.records import Task

ROWS = 3000
TEXT = ["carrier", "payment"]
NUMBERS = ["tiny", "huge", "count", "flag", "gaps"]


def customers() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "tiny": rng.normal(size=ROWS) * 1e-3,
            "huge": rng.normal(size=ROWS) * 1e6,
            "count": rng.integers(0, 40, ROWS),
            "flag": rng.random(ROWS) < 0.3,
            "gaps": np.where(rng.random(ROWS) < 0.2, np.nan, rng.normal(size=ROWS)),
            "carrier": rng.choice([f"c{n:02}" for n in range(40)], ROWS, p=rng.dirichlet(np.ones(40))),
        }
    )
    frame["payment"] = pd.Series(rng.choice(["card", "cash", "Überweisung 转账"], ROWS))
    frame.loc[rng.random(ROWS) < 0.2, "payment"] = None
    return frame


FRAME = customers()
SIGNAL = (
    FRAME["tiny"] * 1e3 + FRAME["gaps"].fillna(1.5) + (FRAME["payment"] == "card") + (FRAME["carrier"] > "c20") + FRAME["count"] / 20
) + np.random.default_rng(8).normal(size=ROWS)
BINARY = (SIGNAL.median() < SIGNAL).astype(int)
THREE = pd.cut(SIGNAL, [-np.inf, 0.5, 2.5, np.inf], labels=["low", "mid", "high"]).astype(str)


def schema_of(names: list[str]) -> Schema:
    kinds = {"count": "integer", "flag": "boolean"}
    return Schema(
        columns=tuple(
            Column(name=name, kind="category" if name in TEXT else kinds.get(name, "number"), nullable=True)  # type: ignore[arg-type]
            for name in names
        )
    )


def check(estimator: Any, names: list[str], task: Task, target: "pd.Series[Any]", test: pd.DataFrame | None = None) -> OnnxEngine:
    """Fit, convert, and hold the converted model against the trained one on rows it never saw."""
    frame, schema = FRAME[names], schema_of(names)
    estimator.fit(frame[:1500], target[:1500])
    classes = classes_of(estimator, task)
    model = convert(estimator, schema, task, frame[:50])
    engine = OnnxEngine(model, schema=schema, task=task, classes=len(classes), threshold=0.5)
    rows = frame[1500:] if test is None else test
    found = parity(engine.score(to_table(rows).table), native_scores(estimator, rows, task), task=task, threshold=0.5)
    assert acceptable(found), why_not(found)
    return engine


def forest(**options: Any) -> RandomForestClassifier:
    return RandomForestClassifier(20, max_depth=8, random_state=0, **options)


def columns(encoder: Any) -> Any:
    return make_column_transformer((encoder, TEXT), remainder="passthrough", sparse_threshold=0)


FULL = [*NUMBERS, *TEXT]
WHOLE = [name for name in NUMBERS if name != "gaps"]
UNKNOWN: dict[str, Any] = {"handle_unknown": "use_encoded_value", "unknown_value": -1}

ON_NUMBERS: dict[str, Callable[[], Any]] = {
    "forest": forest,
    "grown out forest": lambda: RandomForestClassifier(10, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(20, random_state=0),
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=20, random_state=0),
    "impute, scale, logistic": lambda: make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
    "impute, scale, forest": lambda: make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), forest()),
    "impute, boosting": lambda: make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=20, random_state=0)),
    "columns by name": lambda: make_pipeline(
        make_column_transformer((StandardScaler(), ["huge", "tiny"]), (SimpleImputer(), ["gaps"]), remainder="passthrough"), forest()
    ),
    "columns by type": lambda: make_pipeline(
        make_column_transformer(("passthrough", make_column_selector(dtype_include=["number", "bool"]))), forest()
    ),
    "calibrated forest": lambda: CalibratedClassifierCV(forest(), cv=2),
    "search": lambda: GridSearchCV(forest(), {"max_depth": [2, 4]}, cv=2),
}


@pytest.mark.parametrize("name", ON_NUMBERS)
def test_a_model_of_numbers_with_missing_values_converts(name: str) -> None:
    check(ON_NUMBERS[name](), NUMBERS, "binary", BINARY)
    if name not in {"calibrated forest", "search"}:
        check(ON_NUMBERS[name](), NUMBERS, "multiclass", THREE)


def test_a_fixed_threshold_is_the_manifests_business() -> None:
    check(FixedThresholdClassifier(LogisticRegression(), threshold=0.3), ["tiny", "count"], "binary", BINARY)


def test_a_soft_vote_converts() -> None:
    vote = VotingClassifier([("line", LogisticRegression()), ("forest", forest())], voting="soft")
    check(vote, ["tiny", "count", "flag"], "binary", BINARY)


REGRESSORS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestRegressor(20, max_depth=8, random_state=0),
    "boosting": lambda: make_pipeline(SimpleImputer(), GradientBoostingRegressor(n_estimators=20, random_state=0)),
    "histogram boosting": lambda: HistGradientBoostingRegressor(max_iter=20, random_state=0),
    "ridge": lambda: make_pipeline(SimpleImputer(), StandardScaler(), Ridge()),
}


@pytest.mark.parametrize("name", REGRESSORS)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_regression_converts_whatever_the_size_of_its_values(name: str, scale: float) -> None:
    check(REGRESSORS[name](), NUMBERS, "regression", SIGNAL * scale)


ENCODERS: dict[str, Callable[[], Any]] = {
    "one-hot": lambda: OneHotEncoder(handle_unknown="ignore"),
    "one-hot, dense": lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "one-hot, first dropped": lambda: OneHotEncoder(handle_unknown="ignore", drop="first"),
    "one-hot, rare together": lambda: OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=30),
    "one-hot, as pandas": lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False).set_output(transform="default"),
    "ordinal": lambda: OrdinalEncoder(**UNKNOWN),
    "ordinal, missing has a number": lambda: OrdinalEncoder(encoded_missing_value=-2, **UNKNOWN),
    "ordinal, unknown is missing": lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    "ordinal, rare together": lambda: OrdinalEncoder(min_frequency=30, **UNKNOWN),
    "ordinal, whole numbers": lambda: OrdinalEncoder(encoded_missing_value=-2, dtype=np.int64, **UNKNOWN),
    "target": lambda: TargetEncoder(),
    "missing named, one-hot": lambda: make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore")
    ),
    "missing as the most frequent, ordinal": lambda: make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder(**UNKNOWN)),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_text_with_missing_and_unseen_values_converts(name: str) -> None:
    unseen = FRAME[FULL][1500:].copy()
    unseen.loc[unseen.index[:200], "carrier"] = "never seen"
    unseen.loc[unseen.index[100:300], "payment"] = "barter"
    check(make_pipeline(columns(ENCODERS[name]()), forest()), FULL, "binary", BINARY, unseen)


def test_missing_text_nobody_saw_in_training_is_an_unknown_category() -> None:
    estimator = make_pipeline(columns(OneHotEncoder(handle_unknown="ignore")), forest())
    rows = FRAME[FULL][1500:].copy()
    rows.loc[rows.index[:200], "carrier"] = None
    check(estimator, FULL, "binary", BINARY, rows)


def test_text_and_scaled_numbers_meet_in_a_forest() -> None:
    step = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), TEXT), (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS)
    )
    check(make_pipeline(step, forest()), FULL, "binary", BINARY)
    check(make_pipeline(step, LogisticRegression(max_iter=300)), FULL, "multiclass", THREE)


def test_columns_no_step_reads_may_be_there() -> None:
    step = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["carrier"]), ("passthrough", ["count"]))
    check(make_pipeline(step, forest()), FULL, "binary", BINARY)


def test_frames_between_the_steps_change_nothing() -> None:
    step = make_column_transformer((OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXT), remainder="passthrough")
    check(make_pipeline(step.set_output(transform="pandas"), forest()), FULL, "binary", BINARY)


@pytest.mark.parametrize("kind", [bool, float, str, "no/yes"])
def test_classes_may_be_of_any_kind(kind: Any) -> None:
    target = BINARY.map({0: "no", 1: "yes"}) if kind == "no/yes" else BINARY.astype(kind)
    for model in (forest(), make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())):
        engine = check(model, NUMBERS, "binary", target)
        scores = engine.score(to_table(FRAME[NUMBERS]).table)
        found = labels(scores, task="binary", threshold=0.5, classes=classes_of(model, "binary"))
        assert found.tolist() == model.predict(FRAME[NUMBERS]).tolist()


def test_even_votes_get_the_label_the_forest_gives_them() -> None:
    model = RandomForestClassifier(10, random_state=0, bootstrap=True)
    engine = check(model, NUMBERS, "binary", BINARY)
    rows = FRAME[NUMBERS][1500:]
    native = native_scores(model, rows, "binary")
    assert (native == 0.5).sum() > 20, "without even votes this shows nothing"
    found = labels(engine.score(to_table(rows).table), task="binary", threshold=0.5, classes=(0, 1))
    assert found.tolist() == model.predict(rows).tolist()


def test_values_on_a_cut_fall_on_the_side_the_trained_tree_puts_them() -> None:
    """Neighbouring float32 values: the cut between them is a float64 that float32 cannot hold."""
    steps = np.float32(1.0) + np.arange(400, dtype=np.float32) * np.finfo(np.float32).eps
    frame = pd.DataFrame({"x": steps.astype(np.float64), "y": np.arange(400) % 7 * 0.1})
    target = pd.Series(np.random.default_rng(0).integers(0, 2, 400))
    schema = Schema(columns=(Column(name="x", kind="number", nullable=False), Column(name="y", kind="number", nullable=False)))
    for model in (DecisionTreeClassifier(random_state=0), RandomForestClassifier(20, random_state=0), HistGradientBoostingClassifier()):
        model.fit(frame, target)
        engine = OnnxEngine(convert(model, schema, "binary", frame), schema=schema, task="binary", classes=2, threshold=0.5)
        found = parity(engine.score(to_table(frame).table), native_scores(model, frame, "binary"), task="binary", threshold=0.5)
        assert acceptable(found), why_not(found)


def test_converting_changes_nothing_of_the_estimator() -> None:
    model = make_pipeline(columns(make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder(**UNKNOWN))), forest())
    model.fit(FRAME[FULL][:1500], BINARY[:1500].astype(bool))
    before = native_scores(model, FRAME[FULL], "binary")
    convert(model, schema_of(FULL), "binary", FRAME[FULL][:50])
    assert model.classes_.tolist() == [False, True]
    assert np.array_equal(native_scores(model, FRAME[FULL], "binary"), before)


def odd(values: Any) -> Any:
    return values


REFUSED: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "a function": (
        lambda: make_pipeline(make_column_transformer((FunctionTransformer(odd), ["tiny"]), (OrdinalEncoder(**UNKNOWN), TEXT)), forest()),
        FULL,
        r"step 'functiontransformer' \(FunctionTransformer\)",
    ),
    "a function within": (
        lambda: make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(), FunctionTransformer(odd)), ["gaps"]), (OrdinalEncoder(**UNKNOWN), TEXT)
            ),
            forest(),
        ),
        FULL,
        r"step 'functiontransformer' \(FunctionTransformer\) in 'pipeline'",
    ),
    "a function first": (lambda: make_pipeline(FunctionTransformer(odd), forest()), NUMBERS, r"step 'functiontransformer'"),
    "no probabilities": (lambda: RidgeClassifier(), WHOLE, "RidgeClassifier has no predict_proba"),
    "text and numbers in one step": (
        lambda: make_pipeline(make_column_transformer((OrdinalEncoder(**UNKNOWN), ["carrier", "count"])), forest()),
        FULL,
        "text and numbers together",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_prevents_a_conversion_is_named(name: str) -> None:
    make, names, message = REFUSED[name]
    model = make().fit(FRAME[names][:500], BINARY[:500])
    with pytest.raises(UnsupportedError, match=message):
        convert(model, schema_of(names), "binary", FRAME[names][:50])


def test_empty_text_and_missing_text_cannot_both_be() -> None:
    frame = FRAME[FULL][:500].copy()
    frame.loc[frame.index[:50], "payment"] = ""
    model = make_pipeline(columns(OneHotEncoder(handle_unknown="ignore")), forest()).fit(frame, BINARY[:500])
    with pytest.raises(UnsupportedError, match="empty texts and missing values"):
        convert(model, schema_of(FULL), "binary", frame[:50])


def test_a_column_may_not_be_named_as_an_answer() -> None:
    frame = FRAME[["carrier", "tiny"]].rename(columns={"tiny": "label"})
    model = make_pipeline(make_column_transformer((OrdinalEncoder(**UNKNOWN), ["carrier"]), remainder="passthrough"), forest())
    schema = Schema(columns=(Column(name="carrier", kind="category", nullable=False), Column(name="label", kind="number", nullable=False)))
    with pytest.raises(UnsupportedError, match="named 'label'"):
        convert(model.fit(frame[:500], BINARY[:500]), schema, "binary", frame[:50])


def test_words_become_numbers_without_the_machines_locale() -> None:
    frame = pd.DataFrame({"carrier": ["late flight again", "smooth flight", "late late", "good smooth day"] * 50})
    target = pd.Series([1, 0, 1, 0] * 50)
    model = make_pipeline(make_column_transformer((TfidfVectorizer(), "carrier")), LogisticRegression()).fit(frame, target)
    schema = Schema(columns=(Column(name="carrier", kind="category", nullable=False),))
    engine = OnnxEngine(convert(model, schema, "binary", frame), schema=schema, task="binary", classes=2, threshold=0.5)
    found = parity(engine.score(to_table(frame).table), native_scores(model, frame, "binary"), task="binary", threshold=0.5)
    assert acceptable(found), why_not(found)


def test_two_classes_are_asked_of_a_binary_model() -> None:
    model = forest().fit(FRAME[NUMBERS][:500], THREE[:500])
    with pytest.raises(UnsupportedError, match="3 classes"):
        convert(model, schema_of(NUMBERS), "binary", FRAME[NUMBERS][:50])
