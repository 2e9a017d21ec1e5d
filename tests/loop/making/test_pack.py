"""The reference of a version: features, held-out scores and answers, calibrated and counted by the hour as the spec says."""

from pathlib import Path

import numpy as np
import pytest

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import Reference, reference_from_json
from flyball.data.records import Split
from flyball.data.snapshot import Rows
from flyball.data.source import Prepared
from flyball.loop.making.gather import Gathered
from flyball.loop.making.pack import reference_of
from flyball.ports.training import Fitted
from flyball.spec.load import load_spec

SPEC = """
[model]
name = "late"
task = "{task}"
{threshold}
[data]
source = "rows.csv"
target = "late"
time = "at"
[train]
run = "pipeline:train"
[monitor]
season = "day"
zone = "Europe/Berlin"
"""
ROWS, TEST = 4000, 1000


def _reference(folder: Path, task: str, classes: tuple[str, ...], scores: np.ndarray) -> Reference:
    (folder / "flyball.toml").write_text(SPEC.format(task=task, threshold="threshold = 0.3" if task == "binary" else ""))
    (folder / "rows.csv").write_text("late,at,x\n")
    (folder / "pipeline.py").write_text("def train(frame, target):\n    return None\n")
    quarter = np.timedelta64(15, "m")
    table = Table({"x": np.random.default_rng(0).normal(size=ROWS), "at": np.datetime64("2024-01-01", "us") + np.arange(ROWS) * quarter})
    gathered = Gathered(
        prepared=Prepared(table=table, booleans=frozenset(), files=(), steps=(), warnings=()),
        rows=Rows(table=table, features=("x",), booleans=frozenset(), logged=0),
        schema=Schema(columns=(Column(name="x", kind="number", nullable=False),)),
        split=Split(train=np.arange(ROWS - TEST), test=np.arange(ROWS - TEST, ROWS), cut_at=None),
        warnings=(),
    )
    fitted = Fitted(
        run_id="",
        classes=classes,
        scores="",
        model="",
        onnx="",
        log="",
        engine="native",
        engine_reason="",
        parity=None,
        packages={},
        seconds={},
    )
    return reference_from_json(reference_of(load_spec(folder), gathered, fitted, scores))


def test_answers_are_what_the_threshold_makes_of_held_out_scores(tmp_path: Path) -> None:
    reference = _reference(tmp_path, "binary", ("no", "yes"), np.linspace(0.0, 1.0, TEST))
    answer = reference.columns["answer"]
    assert dict(zip(answer.categories, answer.counts, strict=False)) == {"yes": 700, "no": 300}
    assert (reference.columns["score"].rows, reference.columns["x"].rows) == (TEST, ROWS)


def test_a_regression_answers_with_its_score(tmp_path: Path) -> None:
    assert set(_reference(tmp_path, "regression", (), np.zeros(TEST)).columns) == {"x", "score"}


@pytest.mark.parametrize("name", ["x", "score", "answer"])
def test_every_column_is_calibrated_and_counted_by_the_hour(tmp_path: Path, name: str) -> None:
    reference = _reference(tmp_path, "binary", ("no", "yes"), np.linspace(0.0, 1.0, TEST))
    column = reference.columns[name]
    assert (reference.season, reference.zone) == ("day", "Europe/Berlin")
    assert column.season is not None
    assert column.season.counts(24).sum() == column.rows
    whole = [[one.days for one in known if not one.pooled] for known in (column.calibration, column.seasonal)]
    assert whole[0][0] == whole[1][0] == 1
