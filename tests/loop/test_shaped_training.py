"""Trainings of a model whose answers change what happens, and of a window since the last change, with the real parts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flyball.core.errors import UserCodeError
from flyball.core.window import to_micros
from flyball.data.snapshot import WEIGHT
from flyball.journal.events import Registered
from flyball.loop.making.trained import TrainResult, report
from flyball.loop.making.training import train
from flyball.serving.records import Outcome, PredictionBatch
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.stores import open_stores
from flyball.words.sentences import sentence
from projects import NOW, PIPELINE, SPEC, customers, make_project, workshop_of

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say when they are imported and used is not ours to answer for

SHAPED = SPEC.replace('task = "binary"', 'task = "binary"\ninfluences_outcome = true')
SHAPED += '[rollout]\nstrategy = "experiment"\nholdback = 0.2\n[retrain]\nfrom = "log"\n'
WEIGHED = PIPELINE.replace("C=1.0):", "C=1.0, sample_weight=None):").replace(
    "    print(", "    print('weights', sorted(set(sample_weight)) if sample_weight is not None else 'none')\n    print("
)
WEIGHED = WEIGHED.replace(".fit(frame, target)", ".fit(frame, target, sample_weight=sample_weight)")


def answer(folder: Path, rows: int = 2000) -> dict[str, int]:
    """Log what a model answered, a fifth of it held back, with what became of it: who was acted on never leaves."""
    chance = np.random.default_rng(7)
    x = chance.normal(size=(rows, 2))
    score = 1 / (1 + np.exp(-2 * x[:, 0] - x[:, 1]))
    held, leaves = chance.uniform(size=rows) < 0.2, chance.uniform(size=rows) < score
    acted = (score >= 0.5) & ~held
    at = [to_micros(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=40 * row)) for row in range(rows)]
    ids = [f"{row:032x}" for row in range(rows)]
    stores = open_stores(read_settings(folder, {}))
    stores.predictions.add(
        PredictionBatch(
            model="churn",
            worker="w0",
            schema_id="s",
            feature_names=["x0", "x1", "plan", "ratio"],
            prediction_id=ids,
            version=[1] * rows,
            variant=["holdback" if one else "champion" for one in held],
            shadow=[False] * rows,
            at=at,
            made_at=at,
            unit=[None] * rows,
            entity=[f"e{row}" for row in range(rows)],
            client_id=[None] * rows,
            label=acted.astype(int).tolist(),
            score=score.tolist(),
            features=[[a, b, 1, a / (abs(b) + 1)] for a, b in x.tolist()],
            context=[None] * rows,
            propensity=np.where(score >= 0.5, np.where(held, 0.2, 0.8), 1.0).tolist(),
        )
    )
    known = [datetime.fromtimestamp(one / 1e6, UTC) + timedelta(days=1) for one in at]
    told = [Outcome(actual=int(leaves[row] and not acted[row]), at=known[row], prediction_id=ids[row]) for row in range(rows)]
    assert stores.outcomes.take("churn", told, within=timedelta(days=2)).accepted == rows
    return {"acted": int(acted.sum()), "heavy": int((held & (score >= 0.5)).sum())}


def run(folder: Path, said: list[str]) -> TrainResult:
    return train(load_spec(folder), workshop_of(folder), now=NOW, progress=said.append)


def registered(folder: Path) -> Registered:
    entries = open_stores(read_settings(folder, {})).journal.read("churn")
    (event,) = [entry.event for entry in entries if isinstance(entry.event, Registered)]
    return event


def test_hidden_rows_are_counted_and_weights_reach_the_function_the_gate_and_the_journal(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", pipeline=WEIGHED, spec=SHAPED)
    counts = answer(folder)
    said: list[str] = []
    result = run(folder, said)
    assert result.hidden == counts["acted"]
    assert result.snapshot.rows == 2000 - counts["acted"]
    table = workshop_of(folder).snapshots.restore(result.snapshot)
    assert sorted(set(table[WEIGHT].tolist())) == [1.0, 5.0]
    assert 0 < result.held_back < counts["heavy"] == int((table[WEIGHT] > 1).sum())
    assert result.metrics["roc_auc"] > 0.8
    (event,) = [
        entry.event for entry in open_stores(read_settings(folder, {})).journal.read("churn") if isinstance(entry.event, Registered)
    ]
    assert (event.hidden, event.held_back) == (result.hidden, result.held_back)
    assert any(
        line == f"log: {counts['acted']} rows hidden by the model's own answers, {counts['heavy']} of the holdback weigh up to 5"
        for line in said
    )
    told = report(result, sentence)
    assert (told["hidden"], told["held_back"], told["window"]) == (result.hidden, result.held_back, None)
    assert "rows of the log cannot be learnt from" in next(folder.glob("mlartifacts/**/card.md")).read_text()
    assert "weights [np.float64(1.0), np.float64(5.0)]" in next(folder.glob("mlartifacts/**/output.log")).read_text()


def test_a_function_without_weights_is_refused_where_rows_weigh_differently(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", spec=SHAPED)
    answer(folder, rows=400)
    with pytest.raises(UserCodeError, match="pipeline:train takes no sample_weight"):
        run(folder, [])


def test_a_window_since_the_last_change_is_told_in_result_journal_and_card(tmp_path: Path) -> None:
    frame = customers()
    late = frame["seen_at"] >= "2024-02-10"
    frame["x1"] = frame["x1"] + 2 * late
    spec = SPEC + '[retrain]\nwindow = "since_change"\nmin_outcomes = 500\n'
    folder = make_project(tmp_path / "project", spec=spec, frame=frame)
    said: list[str] = []
    result = run(folder, said)
    assert result.window is not None
    assert result.window.code == "train.window_since_change"
    assert result.snapshot.rows == result.window.values["rows"] == int(late.sum())
    assert result.snapshot.first_at is not None
    assert result.snapshot.first_at.date().isoformat() == "2024-02-10"
    (event,) = [
        entry.event for entry in open_stores(read_settings(folder, {})).journal.read("churn") if isinstance(entry.event, Registered)
    ]
    assert event.window == result.window
    words = f"Learns from the {int(late.sum())} of 3000 rows since 10 February 2024"
    assert any(line.startswith(words) for line in said)
    assert words in next(folder.glob("mlartifacts/**/card.md")).read_text()
