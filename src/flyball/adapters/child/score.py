"""In the child: score rows with a bundle that holds pickled code. It was verified by the parent; only this process runs it."""

from pathlib import Path
from typing import Any

import numpy as np

from flyball.adapters.mlflow.estimator import load_here
from flyball.adapters.pandas.arrow import read_parquet
from flyball.registry.bundle import read_manifest
from flyball.serving.engine import load_engine


def run_score(command: dict[str, Any]) -> dict[str, object]:
    """Scores of `to-score.parquet`, left in `scored.npy`."""
    bundle, folder = Path(command["bundle"]), Path(command["folder"])
    manifest = read_manifest(bundle, command["digest"])
    engine = load_here(bundle, manifest) if manifest.engine == "native" else load_engine(bundle, manifest)
    np.save(folder / "scored.npy", engine.score(read_parquet(folder / "to-score.parquet").table))
    return {}
