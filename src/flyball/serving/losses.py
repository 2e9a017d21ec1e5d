"""The model of the loss in a bundle: how far a regression's answer is probably off, told from its inputs before the outcome is known."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Table
from flyball.registry.records import Manifest

# Loss → its file in the bundle: a flat forest, which holds numbers and runs nothing.
FILES: Mapping[str, str] = {"absolute_error": "loss_absolute_error.bin", "squared_error": "loss_squared_error.bin"}

_LOADER = "flyball.adapters.trees.losses:load"


class LossForecast(Protocol):
    """Forecasts the losses of answers."""

    def __call__(self, features: Table, answer: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """Loss → its forecast for each row, never negative. A column that is not there is missing."""
        ...


def load_losses(folder: Path, manifest: Manifest) -> LossForecast | None:
    """What a verified bundle folder holds of it; None if it holds none."""
    if not all(name in manifest.files for name in FILES.values()):
        return None
    module, _, attribute = _LOADER.partition(":")
    return cast(LossForecast, getattr(import_module(module), attribute)(folder, manifest))
