"""Flavours whose files are data that a library's own reader parses: opened without MLflow and without a pickle."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from flyball.adapters.mlflow.described import Described
from flyball.core.errors import UnsupportedError

# What MLmodel names → the class that reads the file. No other name is ever looked up.
_XGBOOST = {f"xgboost.sklearn.{name}": name for name in ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor")}
_CATBOOST = {name: name for name in ("CatBoostClassifier", "CatBoostRegressor")}
_FILES = {"xgboost": (".ubj", ".json"), "catboost": (".cb", ".cbm")}


def estimator_of_data(found: Described) -> Any | None:
    """The estimator of a model that XGBoost or CatBoost wrote in a format of its own; None for every other model."""
    for library, classes, named in (("xgboost", _XGBOOST, "model_class"), ("catboost", _CATBOOST, "model_type")):
        said = found.flavors.get(library)
        if said is None or said.get(named) not in classes:
            continue
        path = _file(found.folder, said)
        if path is None or path.suffix not in _FILES[library]:
            continue
        try:
            estimator = getattr(import_module(library), classes[said[named]])()
        except ImportError as error:
            raise UnsupportedError(
                f"the model was made with {library}, which is not installed here", hint=f"pip install {library}"
            ) from error
        try:
            estimator.load_model(str(path))
        except Exception as error:
            raise UnsupportedError(f"{library} cannot read {path.name}: {str(error)[:300]}") from error
        return estimator
    return None


def _file(folder: Path, said: Mapping[str, Any]) -> Path | None:
    """The file that a flavour names, if it is one inside the model's folder."""
    path = (folder / str(said.get("data", ""))).resolve()
    return path if path.is_file() and path.is_relative_to(folder.resolve()) else None
