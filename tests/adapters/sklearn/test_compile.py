"""Which engine a fitted model gets, and what is said of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostRegressor
from lightgbm import LGBMClassifier
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler
from xgboost import XGBClassifier

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.pandas.frames import to_frame
from flyball.adapters.sklearn.compile import ONNX_FILE, Case, Compiled, compile_model
from flyball.adapters.sklearn.convert import classes_of, native_scores
from flyball.adapters.sklearn.edges import edge_rows
from flyball.adapters.trees import engine as trees_engine
from flyball.adapters.trees.engine import FlatEngine
from flyball.adapters.trees.flat import from_bytes
from flyball.core.errors import IntegrityError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.registry.bundle import read_manifest, write_bundle
from flyball.registry.signing import key_of
from flyball.serving.engine import load_engine
from flyball.spec.records import Task
from served import manifest

rng = np.random.default_rng(11)
ROWS = 500
SCHEMA = Schema(
    columns=(
        Column(name="temp", kind="number", nullable=True),
        Column(name="hour", kind="integer", nullable=False),
        Column(name="wet", kind="boolean", nullable=False),
    )
)
CITY = Column(name="city", kind="category", nullable=True, categories=("Bonn", "Kiel", "Ulm"))
MIXED = Schema(columns=(*SCHEMA.columns, CITY))
TEMP = np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS).round(1))
TABLE = Table(
    {
        "temp": TEMP,
        "hour": rng.integers(0, 24, ROWS),
        "wet": rng.random(ROWS) < 0.3,
        "city": np.array(["Bonn", "Kiel", "Ulm", None], dtype=object)[rng.integers(0, 4, ROWS)],
    }
)
VALUE = np.nan_to_num(TEMP) + TABLE["hour"] / 24 - TABLE["wet"] + rng.normal(size=ROWS) * 0.2
TARGETS: dict[Task, np.ndarray] = {
    "binary": VALUE > 0.4,
    "multiclass": np.array(["low", "mid", "top"])[np.digitize(VALUE, [0.0, 0.8])],
    "regression": VALUE,
}
FEW: dict[str, Any] = {"n_estimators": 10, "random_state": 0}


def fill(last: Any) -> Any:
    return make_pipeline(SimpleImputer(), last)


def compiled(model: Any, task: Task = "binary", schema: Schema = SCHEMA) -> Compiled:
    held = to_frame(TABLE, schema.names)
    model.fit(held, TARGETS[task])
    native = native_scores(model, held, task)
    classes = len(classes_of(model, task))
    return compile_model(
        Case(estimator=model, schema=schema, task=task, threshold=0.5, classes=classes, frame=held, table=TABLE, native=native)
    )


def doubled(values: Any) -> Any:
    return values * 2


def soft_clip(values: Any) -> Any:
    return np.tanh(values)


@pytest.mark.parametrize(
    ("model", "task", "engine", "files"),
    [
        (RandomForestClassifier(**FEW), "binary", "trees", {"trees.bin", "model.onnx"}),
        (RandomForestClassifier(**FEW), "multiclass", "trees", {"trees.bin", "model.onnx"}),
        (RandomForestRegressor(**FEW), "regression", "trees", {"trees.bin", "model.onnx"}),
        (HistGradientBoostingClassifier(max_iter=10), "multiclass", "trees", {"trees.bin", "model.onnx"}),
        (XGBClassifier(n_estimators=10), "binary", "trees", {"trees.bin", "model.onnx"}),
        (LGBMClassifier(n_estimators=10, verbose=-1), "multiclass", "trees", {"trees.bin", "model.onnx"}),
        (CatBoostRegressor(iterations=10, verbose=0, allow_writing_files=False), "regression", "trees", {"trees.bin", "model.onnx"}),
        (fill(LogisticRegression(max_iter=1000)), "multiclass", "linear", {"linear.bin", "model.onnx"}),
        (fill(Ridge()), "regression", "linear", {"linear.bin", "model.onnx"}),
        (fill(MLPClassifier((8,), max_iter=2000, random_state=0)), "binary", "onnx", {"model.onnx"}),
    ],
    ids=str,
)
def test_each_family_gets_its_fastest_engine(model: Any, task: Task, engine: str, files: set[str]) -> None:
    found = compiled(model, task)
    assert (found.engine, found.reason, set(found.files)) == (engine, "", files)
    parity = found.parity
    assert parity is not None
    assert parity.rows == ROWS and parity.differing_labels == 0
    assert parity.edge_rows > 50 and parity.edge_differing == 0 and parity.edge_largest < 1e-5
    assert "float64" in parity.thresholds or "float32" in parity.thresholds


def test_text_labels_and_text_columns_are_compiled() -> None:
    columns = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]), remainder="passthrough"
    )
    found = compiled(make_pipeline(columns, RandomForestClassifier(**FEW)), "multiclass", MIXED)
    assert (found.engine, set(found.files)) == ("trees", {"trees.bin", "model.onnx"})


def test_a_step_of_ones_own_is_named_with_what_it_costs() -> None:
    found = compiled(make_pipeline(FunctionTransformer(soft_clip), SimpleImputer(), RandomForestClassifier(**FEW)))
    assert found.engine == "native" and set(found.files) == {"tail.json", "tail.bin"}
    assert "step 'functiontransformer' (FunctionTransformer)" in found.reason
    assert "with the steps behind it compiled, as it serves, it takes" in found.reason
    assert "A row takes" in found.reason and "its last step (RandomForestClassifier) compiled takes" in found.reason


def test_a_model_that_nothing_compiles_says_what_is_usual() -> None:
    found = compiled(
        TransformedTargetRegressor(fill(KNeighborsRegressor()), func=doubled, inverse_func=doubled, check_inverse=False), "regression"
    )
    assert found.engine == "native"
    assert "compiled models usually take about 20 µs" in found.reason


class Odd(RandomForestClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """A forest that answers in its own way: compiling its trees is not enough."""

    def predict_proba(self, frame: Any) -> Any:
        return super().predict_proba(frame) ** 2 / (super().predict_proba(frame) ** 2).sum(axis=1, keepdims=True)


def test_a_model_whose_compiled_form_answers_otherwise_keeps_its_own_code() -> None:
    found = compiled(Odd(**FEW))
    assert found.engine == "native"
    assert "differ" in found.reason and "compiled it would take" in found.reason
    assert found.parity is not None and found.parity.largest_difference > 1e-3


def test_edge_rows_keep_to_the_schema() -> None:
    rows = edge_rows(MIXED, TABLE, {"temp": np.array([0.25, np.inf]), "hour": np.array([11.5])})
    assert {"ties", "large", "missing", "infinite", "unseen"} == set(rows)
    for kind, table in rows.items():
        assert table.columns.keys() == set(MIXED.names)
        hours = table["hour"].astype(float)
        assert (np.isfinite(hours) & (hours == hours.round())).all(), kind
        if kind != "missing":
            assert all(value is not None for value in table["city"][: 1 if kind == "unseen" else 0])
    assert np.isinf(rows["infinite"]["temp"]).any() and not np.isinf(rows["ties"]["temp"].astype(float)).any()
    assert {11, 12} <= set(rows["ties"]["hour"].tolist())


def bundle_of(found: Compiled, folder: Path) -> tuple[Path, Any]:
    told = manifest(schema=SCHEMA, engine=found.engine, classes=(False, True))
    digest = write_bundle(folder / "bundle", told, dict(found.files), key_of(b"k" * 32))
    return folder / "bundle", read_manifest(folder / "bundle", digest)


def test_a_bundle_of_trees_is_opened_by_the_kernel(tmp_path: Path) -> None:
    found = compiled(RandomForestClassifier(**FEW))
    engine = load_engine(*bundle_of(found, tmp_path))
    assert isinstance(engine, FlatEngine) and engine.name == "trees" and engine.inline
    assert engine.score(TABLE).tolist() == found.scores.tolist()


def test_a_bundle_of_weights_is_opened_by_the_kernel(tmp_path: Path) -> None:
    found = compiled(fill(LogisticRegression(max_iter=1000)))
    engine = load_engine(*bundle_of(found, tmp_path))
    assert engine.name == "linear" and engine.inline
    assert engine.score(TABLE).tolist() == found.scores.tolist()


def test_where_the_kernel_was_not_built_onnx_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compiled(RandomForestClassifier(**FEW))
    folder, told = bundle_of(found, tmp_path)
    monkeypatch.setattr(trees_engine, "kernel_forest", lambda: None)
    engine = load_engine(folder, told)
    assert isinstance(engine, OnnxEngine)
    assert np.abs(engine.score(TABLE) - found.scores).max() < 1e-5


def test_without_kernel_and_onnx_numpy_answers_and_says_that_it_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compiled(RandomForestClassifier(**FEW))
    only = Compiled(
        engine=found.engine,
        reason="",
        files={name: content for name, content in found.files.items() if name != ONNX_FILE},
        scores=found.scores,
        parity=None,
    )
    folder, told = bundle_of(only, tmp_path)
    monkeypatch.setattr(trees_engine, "kernel_forest", lambda: None)
    engine = load_engine(folder, told)
    assert isinstance(engine, FlatEngine) and not engine.inline
    assert np.abs(engine.score(TABLE) - found.scores).max() < 1e-12


def test_a_bundle_whose_trees_do_not_fit_its_manifest_is_refused(tmp_path: Path) -> None:
    found = compiled(RandomForestClassifier(**FEW), "multiclass")
    with pytest.raises(IntegrityError, match="gives 3 numbers for a row, its manifest wants 1"):
        load_engine(*bundle_of(found, tmp_path))
    short = {**found.files, "trees.bin": found.files["trees.bin"][:-7]}
    broken = Compiled(engine="trees", reason="", files=short, scores=found.scores, parity=None)
    with pytest.raises(IntegrityError, match="cut off"):
        load_engine(*bundle_of(broken, tmp_path / "short"))


def test_frames_of_one_row_and_of_many_agree() -> None:
    found = compiled(RandomForestClassifier(**FEW))
    engine = FlatEngine(from_bytes(found.files["trees.bin"]), schema=SCHEMA, task="binary", classes=2, threshold=0.5)
    rows: list[Any] = [
        [None if pd.isna(temp) else temp, hour, wet] for temp, hour, wet in zip(*(TABLE[n].tolist() for n in SCHEMA.names), strict=True)
    ]
    assert [engine.score_one(row) for row in rows] == found.scores.tolist()


def test_scalers_of_a_boosted_model_are_folded_in() -> None:
    assert compiled(make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=10))).engine == "trees"
