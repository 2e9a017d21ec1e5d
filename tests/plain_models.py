"""Models as people log them with plain MLflow, in a store of their own: nothing of Flyball is in them."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trained import only_our_warnings

_CHANCE = np.random.default_rng(0)
PEOPLE = pd.DataFrame(
    {
        "age": _CHANCE.integers(18, 90, 400),
        "income": _CHANCE.normal(3e4, 1e4, 400),
        "plan": _CHANCE.choice(["basic", "family", "gold"], 400),
    }
)
LEAVES = ((PEOPLE["age"] > 50) & (PEOPLE["plan"] != "basic")).astype(int)
NUMBERS = PEOPLE[["age", "income"]]


@dataclass(frozen=True)
class Plain:
    """The store's URI, and the models in it as scikit-learn has them."""

    folder: Path
    uri: str
    models: dict[str, Any]


def log_models(folder: Path) -> Plain:
    """Log and register the models; each is version 1 of its name, and `churn` has the alias `live` on it."""
    uri = f"sqlite:///{folder}/mlflow.db"
    with logging_to(uri):
        return _log(folder, uri)


@contextlib.contextmanager
def logging_to(uri: str) -> Iterator[None]:
    """MLflow's plain calls go to a store. It puts that into the environment, where nobody must find it afterwards."""
    with only_our_warnings():
        import mlflow

        logging.getLogger("alembic").setLevel(logging.WARNING)
        before = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")}
        mlflow.set_tracking_uri(uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(None)
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def _log(folder: Path, uri: str) -> Plain:
    import mlflow
    from mlflow.models import infer_signature
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.svm import LinearSVC

    mlflow.set_experiment(experiment_id=mlflow.create_experiment("plain", artifact_location=(folder / "art").as_uri()))
    labels = np.where(LEAVES, "goes", "stays")
    models: dict[str, Any] = {
        "churn": churn_model(0),
        "value": RandomForestRegressor(5, random_state=0).fit(NUMBERS, NUMBERS["income"] * 2),
        "two": LinearRegression().fit(NUMBERS, np.column_stack([NUMBERS["income"] * 2, NUMBERS["age"]])),
        "array": LogisticRegression().fit(NUMBERS.to_numpy(), labels),
        "margin": LinearSVC().fit(NUMBERS[["age"]], labels),
    }
    shown = {"churn": PEOPLE, "value": NUMBERS, "two": NUMBERS, "array": NUMBERS.to_numpy(), "margin": NUMBERS[["age"]]}
    for name, model in models.items():
        log_model(model, name, shown[name], infer_signature(shown[name], model.predict(shown[name])))
    log_model(LogisticRegression().fit(NUMBERS.to_numpy(), LEAVES), "silent", None, None)
    _log_words(infer_signature(NUMBERS[["age"]], ["x"]))
    _log_onnx(models, infer_signature(NUMBERS.to_numpy(np.float32), labels))
    mlflow.MlflowClient().set_registered_model_alias("churn", "live", "1")
    return Plain(folder=folder, uri=uri, models=models)


def churn_model(seed: int) -> Any:
    """A forest behind an encoder of text."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["plan"]), remainder="passthrough")
    return make_pipeline(encode, RandomForestClassifier(10, max_depth=5, random_state=seed)).fit(PEOPLE, LEAVES)


def log_model(model: Any, name: str, example: Any, signature: Any) -> None:
    """As people do it, with a pickle."""
    import mlflow.sklearn

    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model,
            name=name,
            signature=signature,
            input_example=None if example is None else example[:5],
            registered_model_name=name,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )


def _log_words(signature: Any) -> None:
    """Models that are Python code: one answers with words, one with a frame; one is slow, hangs or dies by what it is asked."""
    import mlflow.pyfunc

    space: dict[str, Any] = {}
    exec(_CODE, space)
    for name in ("Words", "Frame", "Moody"):
        with mlflow.start_run():
            mlflow.pyfunc.log_model(
                name=name.lower(),
                python_model=space[name](),
                signature=signature,
                input_example=NUMBERS[["age"]][:5],
                registered_model_name=name.lower(),
                pip_requirements=["mlflow"],
            )


_CODE = """
import os, time
import mlflow.pyfunc, pandas
class Words(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return ["old" if age > 50 else "young" for age in model_input["age"]]
class Frame(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return pandas.DataFrame({"low": model_input["age"] - 1.0, "high": model_input["age"] + 1.0})
class Moody(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        age = model_input["age"].iloc[0]
        if age == -1: os._exit(3)
        if age == -2: time.sleep(6)
        return model_input["age"] * 2.0
"""


def _log_onnx(models: dict[str, Any], signature: Any) -> None:
    import mlflow.onnx
    from skl2onnx import to_onnx

    numbers = NUMBERS.to_numpy(np.float32)
    with mlflow.start_run():
        mlflow.onnx.log_model(
            to_onnx(models["array"], numbers[:1]),
            name="open",
            signature=signature,
            input_example=numbers[:5],
            registered_model_name="open",
            pip_requirements=["onnx"],
        )
