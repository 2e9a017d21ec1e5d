"""Small real projects for tests of training: a folder with data, a pipeline as a data scientist would write it, and a spec."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from flyball.loop.making.workshop import Workshop
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.spec.records import Spec
from flyball.wiring import open_workshop

NOW = datetime(2024, 4, 1, tzinfo=UTC)

PIPELINE = """
from sklearn.linear_model import LogisticRegression


def prepare(frame):
    frame = frame.copy()
    frame["ratio"] = frame["x0"] / (frame["x1"].abs() + 1)
    return frame


def train(frame, target, C=1.0):
    print("columns:", list(frame.columns))
    return LogisticRegression(C=C).fit(frame, target)
"""

SPEC = """
[model]
name = "churn"
task = "binary"
[data]
source = "data/customers.csv"
prepare = "pipeline:prepare"
target = "churned"
id = "customer"
time = "seen_at"
outcome_time = "known_at"
matures = "2d"
[train]
run = "pipeline:train"
params = { C = 1.0 }
[evaluate]
metrics = ["roc_auc", "brier"]
slices = ["plan"]
gate = [ { metric = "roc_auc", at_least = 0.6 }, { metric = "brier", not_worse = "champion", margin = 0.002 } ]
"""


def customers(rows: int = 3000, *, days: int = 60, seed: int = 0) -> pd.DataFrame:
    """Customers seen over some days of 2024, whose leaving depends on two numbers and is known within two days."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, 2))
    seen = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.sort(chance.integers(0, days * 86_400, rows)), unit="s")
    left = chance.uniform(size=rows) < 1 / (1 + np.exp(-2 * x[:, 0] - x[:, 1]))
    return pd.DataFrame(
        {
            "customer": [f"c{number}" for number in range(rows)],
            "seen_at": seen,
            "known_at": seen + pd.to_timedelta(chance.integers(3600, 2 * 86_400, rows), unit="s"),
            "x0": x[:, 0],
            "x1": x[:, 1],
            "plan": chance.integers(0, 3, rows),
            "churned": left.astype(int),
        }
    )


def make_project(folder: Path, *, pipeline: str = PIPELINE, spec: str = SPEC, frame: pd.DataFrame | None = None) -> Path:
    """Write the project's files."""
    (folder / "data").mkdir(parents=True)
    (folder / "pipeline.py").write_text(pipeline)
    (folder / "flyball.toml").write_text(spec)
    (customers() if frame is None else frame).to_csv(folder / "data" / "customers.csv", index=False)
    return folder


def workshop_of(
    folder: Path, spec: Spec | None = None, *, echo: Callable[[str], None] = lambda _: None, tracking_uri: str | None = None
) -> Workshop:
    """The real adapters over a project."""
    environment = {"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {}
    return open_workshop(read_settings(folder, environment), spec or load_spec(folder), echo=echo)
