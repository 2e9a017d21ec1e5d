"""The TensorFlow SavedModel inside an MLflow model, found by what its MLmodel says. TensorFlow is not needed, and nothing is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from flyball.core.errors import IntegrityError, UnsupportedError

_PROTO = "saved_model.pb"
_FLAVORS = ("tensorflow", "keras")
# What the flavours call the place of their files.
_PLACES = ("saved_model_dir", "data")


def saved_model_in(model: Path) -> Path:
    """The folder with `saved_model.pb`; UnsupportedError names what the model is instead."""
    flavors = flavors_of(model)
    for flavor in _FLAVORS:
        said = flavors.get(flavor)
        if said is None:
            continue
        for key in _PLACES:
            found = _found(model, str(said[key])) if key in said else None
            if found is not None:
                return found
        kind = said.get("model_type") or said.get("save_format") or "another format"
        raise UnsupportedError(
            f"the model's flavour {flavor} holds no SavedModel ({kind})",
            hint="log it as one: model.export(DIR) with Keras 3, or tf.saved_model.save; then mlflow.tensorflow.log_model",
        )
    named = ", ".join(sorted(flavors)) or "none"
    raise UnsupportedError(f"the model is no TensorFlow model: its flavours are {named}", hint="package it with --for triton or pyfunc")


def flavors_of(model: Path) -> Mapping[str, Mapping[str, Any]]:
    """What MLmodel says of each flavour."""
    try:
        found = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
        flavors = found["flavors"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise IntegrityError(f"{model / 'MLmodel'} is not what MLflow writes") from error
    return {str(name): dict(said or {}) for name, said in dict(flavors).items()}


def _found(model: Path, place: str) -> Path | None:
    """The folder at a place inside the model that is a SavedModel, itself or in a folder `model` of it."""
    root = model.resolve()
    for path in (root / place, root / place / "model"):
        if path.resolve().is_relative_to(root) and (path / _PROTO).is_file():
            return path.resolve()
    return None
