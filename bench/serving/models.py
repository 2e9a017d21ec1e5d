"""The models that are served and the rows that are asked for: seeded, so that every run and every server has the same."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

from flyball.adapters.sklearn.convert import convert
from flyball.core.schema import Column, Schema

Floats = NDArray[np.float64]

FEATURES, WIDE = 20, 600
PAYLOADS, WIDE_PAYLOADS = 2_000, 500
UNITS = 20_000
SAMPLE = 40  # answers that are compared before anything is counted


@dataclass(frozen=True)
class Served:
    """A model to serve: its estimators (the champion first), the rows that are asked for, and what each estimator says to the first."""

    name: str
    columns: tuple[str, ...]
    estimators: tuple[Any, ...]
    rows: list[list[float]]
    expected: list[list[int]]
    folder: Path

    @property
    def schema(self) -> Schema:
        """The columns as numbers that are never missing."""
        return Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in self.columns))

    @property
    def joblib(self) -> Path:
        """The champion as scikit-learn's users keep it."""
        return self.folder / f"{self.name}.joblib"

    @property
    def onnx(self) -> Path:
        """The champion as ONNX, made by flyball's converter: the peers that run ONNX get the same file."""
        return self.folder / f"{self.name}.onnx"

    @property
    def mlflow(self) -> Path:
        """The champion as an MLflow model."""
        return self.folder / f"{self.name}-mlflow"

    def sample(self) -> pd.DataFrame:
        """Some rows as a frame."""
        return pd.DataFrame(self.rows[:50], columns=list(self.columns))


def forest(folder: Path) -> Served:
    """RandomForest(100, depth 10) on 20 features, twice: a champion and a challenger."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5_000, FEATURES))
    y = _target(x, rng)
    estimators = [RandomForestClassifier(n_estimators=100, max_depth=10, random_state=seed, n_jobs=2).fit(x, y) for seed in (0, 1)]
    for estimator in estimators:
        estimator.n_jobs = 1  # whoever serves it has one core
    return _served("forest", folder, estimators, rng.normal(size=(PAYLOADS, FEATURES)))


def frame(folder: Path) -> Served:
    """The same forest on a frame of 600 named columns, logged with its signature."""
    rng = np.random.default_rng(8)
    names = tuple(f"column_{number}" for number in range(WIDE))
    x = pd.DataFrame(rng.normal(size=(3_000, WIDE)), columns=list(names))
    y = _target(x.to_numpy(), rng)
    estimator = RandomForestClassifier(n_estimators=100, max_depth=10, random_state=0, n_jobs=2).fit(x, y)
    estimator.n_jobs = 1
    return _served("frame", folder, [estimator], rng.normal(size=(WIDE_PAYLOADS, WIDE)), names)


def network(folder: Path) -> Served:
    """A neural net with three hidden layers of 512."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=(4_000, FEATURES))
    y = _target(x, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not meant to converge
        estimator = MLPClassifier((512, 512, 512), max_iter=4, random_state=0).fit(x, y)
    return _served("mlp", folder, [estimator], rng.normal(size=(PAYLOADS, FEATURES)))


def write_mlflow(served: Served, *, signature: bool) -> None:
    """The champion as `mlflow models serve` takes it."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    # MLflow's own default format refuses a forest, because it holds types it does not trust.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            served.estimators[0],
            served.mlflow,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
            signature=infer_signature(served.sample(), np.array([0, 1])) if signature else None,
        )


def _target(x: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    return (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=len(x)) > 0).astype(np.int64)


def _served(name: str, folder: Path, estimators: list[Any], rows: Floats, columns: tuple[str, ...] = ()) -> Served:
    columns = columns or tuple(f"x{number}" for number in range(rows.shape[1]))
    rounded = [[round(float(value), 6) for value in row] for row in rows]
    asked: Any = pd.DataFrame(rounded, columns=list(columns)) if hasattr(estimators[0], "feature_names_in_") else np.array(rounded)
    expected = [[int(label) for label in estimator.predict(asked)] for estimator in estimators]
    served = Served(name, columns, tuple(estimators), rounded, expected, folder)
    joblib.dump(estimators[0], served.joblib)
    served.onnx.write_bytes(convert(estimators[0], served.schema, "binary", served.sample()))
    return served
