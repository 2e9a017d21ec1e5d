"""Versions that run code of their own and misbehave for some rows: what guardrails are there for."""

from pathlib import Path
from typing import Any

import cloudpickle

from flyball.registry.bundle import write_bundle
from served import Site, manifest
from trained import only_our_warnings

# Unpickled in the children by value. It behaves where hour is not 7, as in the row it is tried with before it serves.
SOURCE = """
import os, time
import numpy as np
class Moody:
    def __init__(self, mood):
        self.mood = mood
    def predict_proba(self, frame):
        score = np.clip(0.5 + 0.1 * np.nan_to_num(frame["temp"].to_numpy(dtype=float)), 0, 1)
        if (frame["hour"] == 7).any():
            if self.mood == "raises": raise RuntimeError("no such customer")
            if self.mood == "hangs": time.sleep(3600)
            if self.mood == "exits": os._exit(3)
            if self.mood == "nan": score = score * np.nan
            if self.mood == "slow": time.sleep(0.06)
            if self.mood == "crawls": time.sleep(0.05 * len(frame))
            if self.mood == "shifted": score = score * 0.2
        return np.column_stack([1 - score, score])
"""
ROW = {"hour": 7, "temp": 1.0, "rain": True}


def add(site: Site, version: int, mood: str) -> str:
    """Bundle a version of some mood; its score is .5 + temp / 10 where it gives one."""
    with only_our_warnings():
        return _add(site, version, mood)


def _add(site: Site, version: int, mood: str) -> str:
    import mlflow.pyfunc

    space: dict[str, Any] = {"__name__": "__main__"}
    exec(SOURCE, space)
    folder = site.folder / "made" / f"moody-{version}"
    model = folder / "model"
    model.mkdir(parents=True)
    (model / "model.pkl").write_bytes(cloudpickle.dumps(space["Moody"](mood)))
    described = mlflow.models.Model()
    mlflow.pyfunc.add_to_model(described, loader_module="mlflow.sklearn", data="model.pkl")
    described.add_flavor("sklearn", pickled_model="model.pkl", sklearn_version="1", serialization_format="cloudpickle")
    described.save(str(model / "MLmodel"))
    made: Path = folder / "bundle"
    write_bundle(made, manifest(engine="native"), {"native": model, "reference.json": b"{}"}, site.key)
    site.digests[version] = site.bundles.put(made)
    return site.digests[version]
