"""The trained model itself as an engine, for what cannot be compiled."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from flyball.core.errors import DataError, IntegrityError, UnsupportedError
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.registry.bundle import verify_bundle, write_bundle
from flyball.registry.records import Manifest
from flyball.registry.signing import key_of
from flyball.serving.engine import Row, load_engine
from served import MIXED, manifest

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow says when it is imported and used is not ours to answer for
KEY = key_of(b"k" * 32)
FRAME = pd.DataFrame({"hour": [1, 2, 3, 4] * 20, "carrier": ["AA", "UA", None, "AA"] * 20, "temp": [0.5, np.nan, 2.0, 3.0] * 20})
MISSING = Schema(columns=tuple(replace(column, nullable=True) for column in MIXED.columns))


def fitted(model: Any, target: list[Any]) -> Any:
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["carrier"]), remainder="passthrough"
    )
    return make_pipeline(encode, model).fit(FRAME, pd.Series(target * 20))


def bundle(folder: Path, model: Any, **changes: Any) -> tuple[Path, Manifest]:
    mlflow.sklearn.save_model(model, str(folder / "model"), serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
    made = manifest(schema=MISSING, engine="native", engine_reason="a step of its own", **changes)
    write_bundle(folder / "bundle", made, {"native": folder / "model"}, KEY)
    return folder / "bundle", verify_bundle(folder / "bundle", KEY)


ROWS: list[Row] = [[1, "AA", 0.5], [2, "UA", None], [3, None, 2.0], [4, "new", 3.0]]
TABLE = Table(
    {
        "temp": np.array([0.5, np.nan, 2.0, 3.0]),
        "hour": np.array([1, 2, 3, 4]),
        "carrier": np.array(["AA", "UA", None, "new"], dtype=object),
    }
)


def test_it_answers_as_the_model_does_from_rows_and_from_a_table(tmp_path: Path) -> None:
    model = fitted(RandomForestClassifier(10, random_state=0), ["no", "yes", "no", "yes"])
    engine = load_engine(*bundle(tmp_path, model, classes=("no", "yes")), trusted=True)
    frame = pd.DataFrame({"hour": [1, 2, 3, 4], "carrier": ["AA", "UA", None, "new"], "temp": [0.5, np.nan, 2.0, 3.0]})
    expected = model.predict_proba(frame)[:, 1]
    assert engine.name == "native"
    assert np.allclose(engine.score(TABLE), expected, atol=2e-6) and np.allclose(engine.score_rows(ROWS), expected, atol=2e-6)
    assert engine.score_rows([]).shape == (0,)


def test_several_classes_and_values(tmp_path: Path) -> None:
    for name, estimator, target, task, shape in (
        ("three", RandomForestClassifier(5, random_state=0), ["a", "b", "c", "a"], "multiclass", (4, 3)),
        ("value", RandomForestRegressor(5, random_state=0), [1.0, 2.0, 3.0, 4.0], "regression", (4,)),
    ):
        (tmp_path / name).mkdir()
        engine = load_engine(*bundle(tmp_path / name, fitted(estimator, target), task=task, classes=tuple("abc")), trusted=True)
        assert engine.score_rows(ROWS).shape == engine.score(TABLE).shape == shape
        assert engine.score_rows([]).shape == (0, *shape[1:])


def test_what_it_cannot_score_is_a_clear_error(tmp_path: Path) -> None:
    engine = load_engine(*bundle(tmp_path, fitted(RandomForestClassifier(2), [0, 1, 0, 1])), trusted=True)
    with pytest.raises(DataError, match="'temp' does not fit"):
        engine.score_rows([[1, "AA", "warm"]])
    with pytest.raises(DataError, match="no column"):
        engine.score(TABLE.select(["temp"]))


def test_bytes_that_changed_are_found_before_anything_is_unpickled(tmp_path: Path) -> None:
    folder, found = bundle(tmp_path, fitted(RandomForestClassifier(2), [0, 1, 0, 1]))
    (folder / "native" / "model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(IntegrityError, match=r"model\.pkl"):
        load_engine(folder, found, trusted=True)


def test_a_bundle_without_a_model_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", manifest(engine="native"), {}, KEY)
    with pytest.raises(IntegrityError, match="no MLflow model"):
        load_engine(tmp_path / "b", verify_bundle(tmp_path / "b", KEY), trusted=True)
    write_bundle(tmp_path / "c", manifest(engine="native"), {"native/MLmodel": b"flavors: {}"}, KEY)
    with pytest.raises(UnsupportedError, match="cannot be loaded"):
        load_engine(tmp_path / "c", verify_bundle(tmp_path / "c", KEY), trusted=True)
