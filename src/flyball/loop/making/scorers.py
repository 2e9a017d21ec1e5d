"""How a verified bundle scores rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Table
from flyball.loop.making.workshop import Workshop
from flyball.registry.records import Manifest
from flyball.serving.engine import load_engine

Score = Callable[[Table], NDArray[np.float64]]


def scorer(path: Path, digest: str, manifest: Manifest, workshop: Workshop, folder: Path) -> Score:
    """In this process, or in the child if that means unpickling."""
    if manifest.engine == "native":
        return lambda table: workshop.trainer.score(path, digest, table, folder)
    return load_engine(path, manifest).score
