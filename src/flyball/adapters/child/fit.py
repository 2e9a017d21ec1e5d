"""In the child: call the project's training function, score the held-out rows, compile the model, and leave everything as files."""

import importlib.metadata
import os
import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flyball.adapters.child.exchange import FOLDER as EXCHANGE
from flyball.adapters.child.exchange import hand_over, opened, train_apart
from flyball.adapters.child.user_code import call, explain, no_weights, takes_weights
from flyball.adapters.mlflow.in_child import RunWatch
from flyball.adapters.pandas.arrow import read_parquet
from flyball.adapters.pandas.frames import to_frame, to_series
from flyball.adapters.sklearn.compile import ONNX_FILE, Case, compile_model
from flyball.adapters.sklearn.convert import classes_of, native_scores
from flyball.adapters.sklearn.losses import learn
from flyball.core.codec import from_plain, to_plain
from flyball.core.errors import FlyballError, UserCodeError
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.spec.records import Task

# Libraries whose versions matter to whoever loads the model again: module → distribution.
_LIBRARIES = {
    "sklearn": ("scikit-learn",),
    "numpy": ("numpy",),
    "pandas": ("pandas",),
    "scipy": ("scipy",),
    "cloudpickle": ("cloudpickle",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "torch": ("torch",),
    "category_encoders": ("category-encoders",),
    "imblearn": ("imbalanced-learn",),
}


def run_fit(command: dict[str, Any], project: Path, runs: RunWatch) -> dict[str, object]:
    """Fit, score, compile; files in the order's folder, their names and the rest in the answer."""
    folder = Path(command["folder"])
    schema, task, run = from_plain(command["schema"], Schema), command["task"], _name(command)
    seconds: dict[str, float] = {}
    clock, cpu = time.perf_counter(), sum(os.times()[:4])
    table = read_parquet(folder / "snapshot.parquet").table
    train, test = table.take(np.load(folder / "train.npy")), table.take(np.load(folder / "test.npy"))
    clock = _lap(seconds, "read", clock)
    estimator = _estimator(command, project, runs, train, schema)
    clock = _lap(seconds, "fit", clock)
    held_out = to_frame(test, schema.names)
    classes, native = _scores(estimator, held_out, task, run, project)
    _save(estimator, folder / "model.pkl", run)
    clock = _lap(seconds, "score", clock)
    compiled = compile_model(
        Case(
            estimator=estimator,
            schema=schema,
            task=task,
            threshold=command["threshold"],
            classes=len(classes),
            frame=held_out,
            table=test,
            native=native,
        )
    )
    files = dict(compiled.files)
    if task == "regression":
        files |= learn(test, schema, compiled.scores, np.asarray(test[command["target"]], dtype=np.float64), folder)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    np.save(folder / "scores.npy", compiled.scores)
    _lap(seconds, "compile", clock)
    seconds["cpu"] = round(sum(os.times()[:4]) - cpu, 3)  # of this process and of what it ran meanwhile
    return {
        "run_id": runs.run_id,
        "classes": list(classes),
        "scores": "scores.npy",
        "model": "model.pkl",
        "onnx": ONNX_FILE if ONNX_FILE in compiled.files else "",
        "files": {name: name for name in files if name != ONNX_FILE},
        "engine": compiled.engine,
        "engine_reason": compiled.reason,
        "parity": to_plain(compiled.parity),
        "packages": _packages(),
        "seconds": seconds,
    }


def _estimator(command: dict[str, Any], project: Path, runs: RunWatch, train: Table, schema: Schema) -> object:
    """The fitted model: of the project's function, called here; of the user's own environment; or one that was made elsewhere."""
    if command["command"] or command["python"]:
        return train_apart(command, project, hand_over(command, train, schema))
    if command["given"]:
        return opened(Path(command["folder"]) / EXCHANGE / "model", "the other system", project)
    run, given = command["run"], dict(command["params"])
    # MLflow notes the main file, and the commit it is at, as the source of a run: that is the project's module, not this one.
    sys.argv[:] = [str(project.joinpath(*run.partition(":")[0].split(".")).with_suffix(".py"))]
    if command["weight"]:
        if not takes_weights(run, project):
            raise no_weights(run)
        given["sample_weight"] = np.asarray(train[command["weight"]], dtype=np.float64)
    runs.begin()
    try:
        estimator = call(run, project, to_frame(train, schema.names), to_series(train, command["target"]), **given)
    except BaseException:
        runs.end(failed=True)
        raise
    runs.end(failed=False)
    return estimator


def _name(command: dict[str, Any]) -> str:
    """What made the model, in messages about it."""
    return "[train] command" if command["command"] else "the other system" if command["given"] else str(command["run"])


def _scores(
    estimator: object, frame: pd.DataFrame, task: Task, run: str, project: Path
) -> tuple[tuple[str | int | float | bool, ...], NDArray[np.float64]]:
    """The classes and the raw held-out scores; UserCodeError when this is no fitted estimator of the task."""
    kind = type(estimator).__name__
    if not callable(getattr(estimator, "predict", None)):
        raise UserCodeError(
            f"{run} returned {kind}, which has no predict()", hint="return the fitted estimator: `model.fit(frame, target); return model`"
        )
    if task != "regression" and not callable(getattr(estimator, "predict_proba", None)):
        raise UserCodeError(
            f"{run} returned {kind}, which has no predict_proba()",
            hint="a classifier must give probabilities; CalibratedClassifierCV(model) adds them, SVC needs probability=True",
        )
    try:
        classes = classes_of(estimator, task)
        scores = native_scores(estimator, frame, task)
    except FlyballError as error:
        raise UserCodeError(f"{run} returned a {kind} that does not fit the task: {error.message}", hint=error.hint) from error
    except Exception as error:
        raise UserCodeError(
            f"the {kind} that {run} returned cannot score the {len(frame)} held-out rows (was it fitted?)", hint=explain(error, project)
        ) from error
    if not np.isfinite(scores).all():
        raise UserCodeError(f"{run} returned a {kind} whose scores are not finite for {int((~np.isfinite(scores)).sum())} held-out rows")
    return classes, scores


def _save(estimator: object, path: Path, run: str) -> None:
    try:
        path.write_bytes(cloudpickle.dumps(estimator))
    except Exception as error:
        raise UserCodeError(
            f"the estimator that {run} returned cannot be saved: {error}", hint="it must not hold open files, locks or generators"
        ) from error


def _packages() -> dict[str, str]:
    """Versions of the libraries in use here."""
    found = {}
    for module, names in _LIBRARIES.items():
        for name in names if module in sys.modules else ():
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
    return found


def _lap(seconds: dict[str, float], stage: str, since: float) -> float:
    now = time.perf_counter()
    seconds[stage] = round(now - since, 3)
    return now
