"""In the child: training in the user's own environment, which is given rows and parameters as files and leaves a model in return.

In the exchange folder: `train.parquet` (the features in the order of the spec, the target, `sample_weight` if rows count unequally) and
`params.json` go in. Out comes `model/`, an MLflow model folder, or from our own runner `model.pkl`. The held-out rows are not in it.
"""

import json
import os
import pickle
import platform
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle

from flyball.adapters.child.command import run_command
from flyball.adapters.child.user_code import explain, no_weights
from flyball.adapters.mlflow.estimator import estimator_in, open_model
from flyball.adapters.pandas.arrow import write_parquet
from flyball.core.errors import DataError, FlyballError, UserCodeError
from flyball.core.schema import Schema
from flyball.core.table import Table

FOLDER = "exchange"
WEIGHT_COLUMN = "sample_weight"
_RUNNER = Path(__file__).with_name("runner.py")


def hand_over(command: Mapping[str, Any], train: Table, schema: Schema) -> Path:
    """Write what the user's environment is given; the folder."""
    folder = Path(command["folder"]) / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    columns = {name: train[name] for name in (*schema.names, command["target"])}
    if command["weight"]:
        if WEIGHT_COLUMN in columns:
            raise DataError(
                f"the column {WEIGHT_COLUMN!r} is there already, under which the weights of the rows are handed over",
                hint="give it another name in a prepare step",
            )
        columns[WEIGHT_COLUMN] = train[command["weight"]]
    write_parquet(Table(columns), folder / "train.parquet")
    told = {
        "params": command["params"],
        "task": command["task"],
        "features": list(schema.names),
        "target": command["target"],
        "sample_weight": WEIGHT_COLUMN if command["weight"] else "",
    }
    (folder / "params.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
    return folder


def train_apart(command: Mapping[str, Any], project: Path, folder: Path) -> object:
    """Run the user's command, or our runner by the user's interpreter, and open what it left."""
    run = command["run"]
    if command["python"]:
        words = [_interpreter(command["python"], project), str(_RUNNER), str(folder), str(project), run]
        _run(words, project, folder, f"{run} in {command['python']}")
        return _unpickled(folder / "model.pkl", f"{run} in {command['python']}", project)
    words = [word.replace("{exchange}", str(folder)) for word in command["command"]]
    _run(words, project, folder, "[train] command")
    return opened(folder / "model", "[train] command", project)


def opened(model: Path, what: str, project: Path) -> object:
    """The estimator in an MLflow model folder that somebody else wrote. Runs the model's code."""
    if not (model / "MLmodel").is_file():
        there = ", ".join(sorted(path.name for path in model.parent.iterdir())) if model.parent.is_dir() else "nothing"
        raise UserCodeError(
            f"{what} left no MLflow model: there is no model/MLmodel in its exchange folder",
            hint=f'write one: mlflow.sklearn.save_model(fitted, os.environ["FLYBALL_EXCHANGE"] + "/model"); there is: {there}',
        )
    try:
        found = estimator_in(open_model(model))
    except FlyballError as error:
        raise UserCodeError(f"what {what} left cannot be used here: {error.message}", hint=error.hint) from error
    except Exception as error:
        raise UserCodeError(f"what {what} left cannot be used here: {error}", hint=explain(error, project)) from error
    for module in list(sys.modules.values()):  # classes that lie in the model's folder go along with it
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(model):
            cloudpickle.register_pickle_by_value(module)
    return found


def _interpreter(named: str, project: Path) -> str:
    """A path is one in the project's folder; a bare name is looked for on the path of programs."""
    return str(project / named) if os.sep in named else named


def _run(words: Sequence[str], project: Path, folder: Path, what: str) -> None:
    code, said = run_command(words, project, folder, what)
    told = _told(folder)
    if told is not None:
        raise no_weights(what) if told["message"] == "weights" else UserCodeError(told["message"], hint=told["hint"])
    if code < 0:
        name = signal.Signals(-code).name
        why = "; the system ends processes so when memory runs out" if name == "SIGKILL" else ""
        raise UserCodeError(f"{what} was ended by {name}{why}", hint=said)
    if code:
        raise UserCodeError(f"{what} ended with exit code {code}", hint=said)


def _told(folder: Path) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads((folder / "error.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _unpickled(path: Path, what: str, project: Path) -> object:
    try:
        return pickle.loads(path.read_bytes())  # noqa: S301 - the user's own model, in the process that runs the user's code
    except FileNotFoundError:
        raise UserCodeError(f"{what} left no model", hint="does something in the project call exit?") from None
    except BaseException as error:
        raise UserCodeError(
            f"the model of {what} cannot be opened here: {type(error).__name__}: {error}",
            hint=f"{_differences(path.with_name('made_by.json'))}\n  {explain(error, project)}",
        ) from error


def _differences(made_by: Path) -> str:
    """Which versions are others there than here."""
    from importlib import metadata

    there: dict[str, str] = json.loads(made_by.read_text(encoding="utf-8"))
    found = []
    for name, version in there.items():
        try:
            here = platform.python_version() if name == "python" else metadata.version(name)
        except metadata.PackageNotFoundError:
            here = "missing"
        if here != version:
            found.append(f"{name} {version} there, {here} here")
    return "; ".join(found) or "the versions there and here are the same"
