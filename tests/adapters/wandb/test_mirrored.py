"""Runs mirrored to Weights & Biases without a network, read back from what it wrote."""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flyball.adapters.wandb.tracker import MirroredTracker
from flyball.core.schema import Schema
from flyball.data.records import Snapshot
from flyball.ports.training import Fitted, RunReport
from flyball.spec.load import load_spec
from listeners import closed_port, silent
from projects import make_project, workshop_of

pytestmark = pytest.mark.filterwarnings("ignore")  # what wandb says when it is imported is not ours to answer for

REPORT = RunReport(
    model="churn",
    run_id="r0",
    identity="i0",
    params={"C": "1.0"},
    metrics={"roc_auc": 0.75, "roc_auc/plan=1": 0.7},
    tags={"flyball.snapshot": "a" * 64, "flyball.gate": "pass", "flyball.cause": "drift"},
    snapshot=Snapshot(
        digest="a" * 64,
        dvc_md5="b" * 32,
        path="snapshots/churn.parquet",
        rows=10,
        columns=("x",),
        sources=(),
        steps=(),
        logged_rows=0,
        first_at=None,
        last_at=None,
    ),
    files={},
    folders={},
)


class Kept:
    """A tracker in memory."""

    def __init__(self) -> None:
        self.reports: list[RunReport] = []

    def find(self, model: str, identity: str) -> str:
        return next((one.run_id for one in self.reports if one.identity == identity), "")

    def package(self, model: Path, *, schema: Schema, fitted: Fitted, code: Mapping[str, Path], folder: Path) -> None: ...

    def begin(self, model: str, run_id: str) -> str:
        return run_id or "r0"

    def record(self, report: RunReport) -> None:
        self.reports.append(report)

    def fetch(self, run_id: str, into: Path) -> None: ...


def mirrored(folder: Path, *, patience: float = 60.0) -> list[str]:
    """Record a run, and give what was said of the mirror."""
    tracker, said = Kept(), list[str]()
    MirroredTracker(tracker, "team/churn", folder, say=said.append, patience=patience).record(REPORT)
    assert tracker.reports == [REPORT]
    return said


def written(folder: Path) -> Iterator[Any]:
    """The records of the one offline run: blocks of 32 KiB, in them pieces with checksum, length and kind (whole, first, middle, last)."""
    from wandb.proto import wandb_internal_pb2

    (path,) = (folder / ".flyball" / "wandb" / "wandb").glob("offline-run-*/run-*.wandb")
    data, at, piece = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        piece = (piece if kind in (3, 4) else b"") + data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            record = vars(wandb_internal_pb2)["Record"]()
            record.ParseFromString(piece)
            yield record


def test_a_run_is_mirrored_with_its_parameters_metrics_tags_and_where_data_and_model_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert mirrored(tmp_path) == []
    records = list(written(tmp_path))
    run = next(one.run for one in records if one.HasField("run"))
    assert (run.entity, run.project, run.run_id, run.job_type) == ("team", "churn", "r0", "train")
    assert sorted(run.tags) == ["cause-drift", "gate-pass"]
    config = {one.key: json.loads(one.value_json) for one in run.config.update}
    assert config["C"] == "1.0"
    assert config["flyball"]["flyball.snapshot"] == "a" * 64
    summary: dict[str, Any] = {}
    for one in records:
        if one.HasField("summary"):
            summary |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in one.summary.update}
    assert (summary["roc_auc"], summary["roc_auc/plan=1"]) == (0.75, 0.7)
    everything = b"".join(one.SerializeToString() for one in records)
    assert b"mlflow://runs/r0/flyball/model" in everything
    assert b"dvc://" + b"b" * 32 in everything


@pytest.mark.parametrize("where", ["silent", "closed"])
def test_a_mirror_that_hangs_or_is_away_costs_a_warning_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    with silent() as port:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port if where == 'silent' else closed_port()}")
        (warning,) = mirrored(tmp_path, patience=4.0)
    assert warning.startswith("warning: the run is in MLflow, and was not mirrored to Weights & Biases: ")
    assert "0123456789" not in warning


def test_one_line_in_the_spec_puts_the_mirror_around_the_tracker(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    assert not isinstance(workshop_of(folder).tracker, MirroredTracker)
    with (folder / "flyball.toml").open("a") as file:
        file.write('[track]\nwandb = "team/churn"\n')
    assert isinstance(workshop_of(folder, load_spec(folder)).tracker, MirroredTracker)
