"""In the child: call every `test_...` function of the project's `model_tests.py` with the version that is tested."""

import inspect
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flyball.adapters.child.user_code import explain, imported
from flyball.adapters.mlflow.estimator import load_here
from flyball.adapters.pandas.arrow import read_parquet
from flyball.adapters.pandas.frames import read_source
from flyball.core.errors import UserCodeError
from flyball.registry.bundle import read_manifest
from flyball.serving.engine import Engine, labels, load_engine

MODULE = "model_tests"
_LONGEST = 2000  # characters of what an assertion says


class UndecidedError(Exception):
    """A test that cannot say; raised by `model.undecided`."""


class TestedModel:
    """The version as a test function sees it.

    `rows`: held-out rows as a DataFrame with every column, `actual`: their labels, `features`: the columns the model reads, `classes`,
    `threshold`, `task`. `score(frame)` and `predict(frame)` take a DataFrame with at least those columns.
    """

    def __init__(self, engine: Engine, manifest: Any, rows: "pd.DataFrame", target: str, folder: Path) -> None:
        self._engine, self._manifest, self._folder = engine, manifest, folder
        self.rows = rows
        self.actual = rows.get(target)
        self.features = list(manifest.schema.names)
        self.classes = list(manifest.classes)
        self.task = str(manifest.task)
        self.threshold = float(manifest.threshold)

    def score(self, frame: "pd.DataFrame") -> NDArray[np.float64]:
        """Scores: the probability of the second class, the value, or one column for each class."""
        missing = [name for name in self.features if name not in frame.columns]
        if missing:
            raise KeyError(f"the model reads columns that this frame does not have: {', '.join(missing)}")
        path = self._folder / "test-rows.parquet"
        frame[self.features].to_parquet(path, index=False)
        return self._engine.score(read_parquet(path).table)

    def predict(self, frame: "pd.DataFrame") -> NDArray[np.object_]:
        """Labels, or the values of a regression."""
        manifest = self._manifest
        return labels(self.score(frame), task=manifest.task, threshold=manifest.threshold, classes=manifest.classes)

    def undecided(self, why: str) -> None:
        """End the test: it can say neither yes nor no."""
        raise UndecidedError(why)


def run_model_tests(command: dict[str, Any], project: Path) -> dict[str, object]:
    """How each function went, in the order of the file."""
    module = imported(f"{MODULE}:tests", project)
    functions = [(name, value) for name, value in vars(module).items() if name.startswith("test_") and callable(value)]
    functions = [(name, function) for name, function in functions if _own(module, function)]
    bundle, folder = Path(command["bundle"]), Path(command["folder"])
    manifest = read_manifest(bundle, command["digest"])
    engine = load_here(bundle, manifest) if manifest.engine == "native" else load_engine(bundle, manifest)
    for name, function in functions:
        if len(inspect.signature(function).parameters) != 1:
            raise UserCodeError(f"{MODULE}.{name} must take one argument, the model", hint=f"write def {name}(model): ...")
    frame = read_source(Path(command["rows"]))
    ran = []
    for name, function in functions:
        model = TestedModel(engine, manifest, frame.copy(), command["target"], folder)
        ran.append(_run(name, function, model, project))
    return {"ran": ran}


def _run(name: str, function: Callable[[TestedModel], object], model: TestedModel, project: Path) -> dict[str, object]:
    began = time.perf_counter()
    outcome, message, where = "passed", "", ""
    try:
        function(model)
    except UndecidedError as error:
        outcome, message = "undecided", str(error)
    except AssertionError as error:
        outcome, message, where = "failed", str(error) or "an assertion does not hold", explain(error, project)
    except BaseException as error:  # noqa: BLE001 - whatever the project's code raises is a failure of this test, and the next one runs
        outcome, message, where = "failed", f"{type(error).__name__}: {error}", explain(error, project)
    seconds = round(time.perf_counter() - began, 6)
    return {"name": name, "outcome": outcome, "message": message[:_LONGEST], "where": where[:_LONGEST], "seconds": seconds}


def _own(module: ModuleType, function: Callable[..., object]) -> bool:
    """Whether it stands in the project's file, and was not imported from somewhere into it."""
    return getattr(function, "__module__", module.__name__) == module.__name__
