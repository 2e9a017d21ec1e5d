"""Pipelines that begin with a step of one's own: it runs as it is, and what stands behind it runs compiled."""

import sys
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from flyball.adapters.mlflow.estimator import load_here
from flyball.adapters.mlflow.native import load
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.compile import Case, Compiled, compile_model
from flyball.adapters.sklearn.convert import classes_of, native_scores
from flyball.adapters.sklearn.tail import PLAN, TREES
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.registry.bundle import verify_bundle, write_bundle
from flyball.registry.signing import key_of
from flyball.spec.records import Task
from served import manifest
from trained import only_our_warnings

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # another process has no module of this name
KEY = key_of(b"k" * 32)
ROWS = 400
rng = np.random.default_rng(5)
SCHEMA = Schema(
    columns=(
        Column(name="temp", kind="number", nullable=True),
        Column(name="hour", kind="integer", nullable=False),
        Column(name="city", kind="category", nullable=True, categories=("Bonn", "Kiel", "Ulm")),
    )
)
TABLE = Table(
    {
        "temp": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS).round(1)),
        "hour": rng.integers(0, 24, ROWS),
        "city": np.array(["Bonn", "Kiel", "Ulm", None], dtype=object)[rng.integers(0, 4, ROWS)],
    }
)
VALUE = np.nan_to_num(TABLE["temp"]) + TABLE["hour"] / 24 + rng.normal(size=ROWS) * 0.2
TARGETS: dict[str, Any] = {
    "binary": VALUE > 0.5,
    "multiclass": np.array(["low", "mid", "top"])[np.digitize(VALUE, [0.0, 0.8])],
    "regression": VALUE,
}


def by_hour(frame: pd.DataFrame) -> pd.DataFrame:
    """A step of one's own that gives a frame with text in it."""
    return frame.assign(night=(frame["hour"] < 6) | (frame["hour"] > 21), warmth=np.tanh(frame["temp"]))


def numbers(frame: pd.DataFrame) -> Any:
    """One that gives a matrix."""
    return np.column_stack([np.tanh(frame["temp"]), frame["hour"] % 12, frame["city"].isna()])


def cities() -> Any:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_column_transformer((encoder, ["city"]), ("passthrough", ["warmth", "hour", "night"]))


def few(**options: Any) -> dict[str, Any]:
    return {"n_estimators": 10, "random_state": 0, **options}


def case_of(model: Any, task: Task) -> Case:
    frame = to_frame(TABLE, SCHEMA.names)
    model.fit(frame, TARGETS[task])
    classes = len(classes_of(model, task))
    native = native_scores(model, frame, task)
    return Case(estimator=model, schema=SCHEMA, task=task, threshold=0.5, classes=classes, frame=frame, table=TABLE, native=native)


def bundle(case: Case, found: Compiled, folder: Path) -> Path:
    with only_our_warnings():
        import mlflow.pyfunc

    (folder / "model").mkdir()
    (folder / "model" / "model.pkl").write_bytes(cloudpickle.dumps(case.estimator))
    described = mlflow.models.Model()
    mlflow.pyfunc.add_to_model(described, loader_module="mlflow.sklearn", data="model.pkl")
    described.add_flavor("sklearn", pickled_model="model.pkl", sklearn_version="1", serialization_format="cloudpickle")
    described.save(str(folder / "model" / "MLmodel"))
    classes = tuple(classes_of(case.estimator, case.task))
    made = manifest(schema=SCHEMA, task=case.task, classes=classes, engine="native")
    write_bundle(folder / "bundle", made, {"native": folder / "model", **found.files}, KEY)
    return folder / "bundle"


@pytest.mark.parametrize(
    ("model", "task"),
    [
        (make_pipeline(FunctionTransformer(by_hour), cities(), RandomForestClassifier(**few())), "binary"),
        (make_pipeline(FunctionTransformer(by_hour), cities(), RandomForestClassifier(**few())), "multiclass"),
        (make_pipeline(FunctionTransformer(numbers), SimpleImputer(), RandomForestRegressor(**few())), "regression"),
        (make_pipeline(FunctionTransformer(numbers), SimpleImputer(), LogisticRegression(max_iter=1000)), "binary"),
    ],
    ids=["a frame", "a frame, three classes", "a matrix, values", "a matrix, weights"],
)
def test_the_steps_behind_ones_own_are_compiled_and_answer_as_the_pipeline_does(model: Any, task: Task, tmp_path: Path) -> None:
    case = case_of(model, task)
    found = compile_model(case)
    assert (found.engine, set(found.files)) == ("native", {PLAN, TREES})
    assert found.parity is not None and found.parity.differing_labels == 0 and found.parity.edge_rows > 50
    folder = bundle(case, found, tmp_path)
    made = verify_bundle(folder, KEY)
    assert np.allclose(load_here(folder, made).score(TABLE), case.native, atol=1e-9)
    engine = load(folder, made)
    try:
        assert np.allclose(engine.score(TABLE), case.native, atol=1e-9)
        lines = zip(*(TABLE[name].tolist() for name in SCHEMA.names), strict=True)
        rows = [[None if value != value else value for value in line] for line in lines]
        assert np.allclose(engine.score_rows(rows[:7]), case.native[:7], atol=1e-9)
    finally:
        engine._pool.close()


def test_it_is_the_compiled_tail_that_answers_and_not_the_last_step(tmp_path: Path) -> None:
    case = case_of(make_pipeline(FunctionTransformer(numbers), SimpleImputer(), RandomForestClassifier(**few())), "binary")
    found = compile_model(case)
    case.estimator.steps[-1][1].estimators_ = []  # the forest in the pickle can answer nothing any more
    folder = bundle(case, found, tmp_path)
    assert np.allclose(load_here(folder, verify_bundle(folder, KEY)).score(TABLE), case.native, atol=1e-9)


def test_where_nothing_behind_it_can_be_compiled_the_pipeline_runs_as_it_is() -> None:
    found = compile_model(case_of(make_pipeline(FunctionTransformer(numbers), SimpleImputer(), KNeighborsClassifier()), "binary"))
    assert found.engine == "native" and found.files == {}
