"""Calls a project's train function in an interpreter of the user's own: `python runner.py EXCHANGE PROJECT MODULE:FUNCTION`.

This file runs alone, by a Python of 3.8 or later that has pandas and pyarrow and no Flyball: it imports nothing of it. It reads
`train.parquet` and `params.json` in the exchange folder and leaves `model.pkl` and `made_by.json` there, or `error.json`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pickle
import platform
import sys
import traceback
from pathlib import Path
from typing import Any

_LEARNING = ("scikit-learn", "numpy", "pandas", "scipy", "xgboost", "lightgbm", "catboost", "torch", "cloudpickle")


def main(arguments: list[str]) -> int:
    """Train, and leave the model; 0 if there is one."""
    exchange, project, name = Path(arguments[0]), Path(arguments[1]), arguments[2]
    sys.path[0] = str(project)  # Python put this file's folder there
    try:
        _train(exchange, name)
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is told
        told = {"message": _told(error, name), "hint": _explained(error, project)}
        (exchange / "error.json").write_text(json.dumps(told), encoding="utf-8")
        return 1
    return 0


def _train(exchange: Path, name: str) -> None:
    import pandas

    order = json.loads((exchange / "params.json").read_text(encoding="utf-8"))
    rows = pandas.read_parquet(str(exchange / "train.parquet"))
    module, _, function_name = name.partition(":")
    function = getattr(importlib.import_module(module), function_name)
    given: dict[str, Any] = dict(order["params"])
    if order["sample_weight"]:
        if "sample_weight" not in inspect.signature(function).parameters:
            raise _NoWeightsError
        given["sample_weight"] = rows[order["sample_weight"]].to_numpy()
    model = function(rows[order["features"]], rows[order["target"]], **given)
    dumps: Any = pickle.dumps
    try:
        import cloudpickle
    except ImportError:  # classes and functions are then found by their names, which is enough for most
        pass
    else:
        dumps = cloudpickle.dumps
    draft = exchange / ".model.pkl"
    draft.write_bytes(dumps(model))
    (exchange / "made_by.json").write_text(json.dumps(_versions()), encoding="utf-8")
    draft.replace(exchange / "model.pkl")


class _NoWeightsError(Exception):
    """The function takes no weights."""


def _versions() -> dict[str, str]:
    from importlib import metadata

    found = {"python": platform.python_version()}
    for name in _LEARNING:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _told(error: BaseException, name: str) -> str:
    if isinstance(error, _NoWeightsError):
        return "weights"
    if isinstance(error, ModuleNotFoundError) and error.name in ("pandas", "pyarrow"):
        return f"{sys.executable} has no {error.name}, which it takes to read the rows"
    return f"{name} raised {_last(error)}"


def _explained(error: BaseException, project: Path) -> str:
    """The traceback, cut to the project's files; where none of them takes part, its last lines."""
    frames = list(traceback.extract_tb(error.__traceback__))
    own = [frame for frame in frames if project.resolve() in Path(frame.filename).resolve().parents]
    own = [frame for frame in own if "site-packages" not in frame.filename] or frames[-3:]
    lines = [f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}\n    {frame.line or ''}" for frame in own]
    return "\n  ".join([*lines, _last(error)])


def _last(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
