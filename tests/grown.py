"""Projects with as many features as one wants, called what one wants: really trained, asked, told outcomes, and looked at by the loop."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from flyball.demo.project import write_texts
from flyball.serving.records import Outcome
from flyball.settings import read_settings
from flyball.testing.samples import predictions
from flyball.wiring import open_world
from trained import flyball

START = datetime(2026, 1, 1, tzinfo=UTC)
_TRAINED = 30  # days of data before the model is asked
_LOGGED = 3
_SPEC = """
[model]
name = {name}
task = "binary"

[data]
source = "data.csv"
target = "target"
features = [{features}]
time = "at"
outcome_time = "known_at"
matures = "2h"

[train]
run = "pipeline:train"

[evaluate]
metrics = ["roc_auc", "brier", "accuracy"]
split = {{ by = "time", test = 0.2 }}
gate = [ {{ metric = "roc_auc", at_least = 0.55 }} ]

[monitor]
window = "2d"

[retrain]
on = ["schedule"]
every = "300d"
"""
_PIPELINE = """
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def train(frame, target):
    texts = make_column_selector(dtype_exclude="number")
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts), remainder="passthrough")
    return make_pipeline(columns, LogisticRegression(max_iter=300)).fit(frame, target)
"""


@dataclass(frozen=True)
class Grown:
    """What a project is like. `texts`: for each column of texts, the categories that its rows have."""

    folder: Path
    model: str
    numbers: Sequence[str]
    texts: dict[str, Sequence[str]]
    rows: int = 600
    start: datetime = START

    @property
    def features(self) -> list[str]:
        return [*self.numbers, *self.texts]

    @property
    def asked(self) -> datetime:
        """The time from which on there are predictions."""
        return self.start + timedelta(days=_TRAINED)

    @property
    def end(self) -> datetime:
        """The time up to which there are predictions."""
        return self.asked + timedelta(days=_LOGGED)


def grow(project: Grown) -> Grown:
    """Train it, ask it for three days during which a third of the numbers drift and texts bring what was never seen, and look."""
    train(project)
    ask(project, project.rows)
    look(project)
    return project


def train(project: Grown) -> None:
    """Write it down, with a month of data, and train its first version."""
    quoted = ", ".join(_toml(name) for name in project.features)
    write_texts(project.folder, {"flyball.toml": _SPEC.format(name=_toml(project.model), features=quoted), "pipeline.py": _PIPELINE})
    frame = _frame(project, 0, project.start, _TRAINED, 1200)
    frame.to_csv(project.folder / "data.csv", index=False)
    said = flyball(project.folder, "train", "--now", f"{project.asked:%Y-%m-%dT%H:%M:%SZ}")
    assert said.status == 0, said.err


def look(project: Grown) -> None:
    """Let the loop look once, at the end."""
    said = flyball(project.folder, "tick", "--now", f"{project.end:%Y-%m-%dT%H:%M:%SZ}")
    assert said.status == 0, said.err


def ask(project: Grown, rows: int, *, prefix: str = "p", worker: str = "w0") -> None:
    """Log predictions of three days, and tell what came of most of them."""
    world = open_world(read_settings(project.folder))
    frame = _frame(project, 1, project.asked, _LOGGED, rows, drifted=True)
    ids = [f"{prefix}{number}" for number in range(rows)]
    times = [project.asked + timedelta(days=_LOGGED) * (number / rows) for number in range(rows)]
    values = [list(row) for row in frame[project.features].itertuples(index=False, name=None)]
    score = np.random.default_rng(2).random(rows)
    world.predictions.add(
        predictions(
            ids,
            at=times,
            model=project.model,
            feature_names=project.features,
            features=values,
            worker=worker,
            label=[int(one > 0.5) for one in score],
            score=score.tolist(),
        )
    )
    known = [
        Outcome(actual=int(actual), at=at + timedelta(hours=1), prediction_id=own)
        for own, at, actual in zip(ids, times, frame["target"], strict=True)
    ]
    world.outcomes.take(project.model, known[: int(0.9 * rows)], within=timedelta(0))


def _frame(project: Grown, seed: int, start: datetime, days: int, rows: int, *, drifted: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, len(project.numbers)))
    signal = numbers[:, 0] if len(project.numbers) else np.zeros(rows)
    if drifted:
        numbers[:, ::3] += 1.5
    columns: dict[str, object] = {name: numbers[:, place] for place, name in enumerate(project.numbers)}
    for name, categories in project.texts.items():
        shown = list(categories) if drifted else list(categories[: max(2, len(categories) // 2)])
        columns[name] = [shown[int(one)] for one in rng.integers(0, len(shown), rows)]
    at = [start + timedelta(days=days) * (number / rows) for number in range(rows)]
    known = [one + timedelta(hours=1) for one in at]
    target = (signal + rng.normal(size=rows) > 0).astype(int)
    return pd.DataFrame({**columns, "at": at, "known_at": known, "target": target})


def _toml(text: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's, but for surrogates, which do not occur here."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
