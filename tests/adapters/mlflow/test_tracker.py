"""What a run is told of a training, also when telling it was interrupted."""

from dataclasses import replace
from pathlib import Path

import pytest

from flyball.adapters.mlflow.store import MlflowStore
from flyball.adapters.mlflow.tracker import MlflowTracker
from flyball.core.errors import StoreError
from flyball.data.records import Snapshot
from flyball.ports.training import RunReport

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow says when it is imported and used is not ours to answer for


def test_an_interrupted_report_is_repeated_without_taking_its_own_metrics_for_the_codes(tmp_path: Path) -> None:
    store = MlflowStore(tmp_path)
    tracker, client = MlflowTracker(store), store.client()
    run_id = tracker.begin("churn", "")
    client.log_metric(run_id, "accuracy", 0.99)  # what the project's code says of its own rows
    snapshot = Snapshot(
        digest="d" * 64,
        dvc_md5="m",
        path="snapshots/churn.parquet",
        rows=1,
        columns=("x",),
        sources=(),
        steps=(),
        logged_rows=0,
        first_at=None,
        last_at=None,
    )
    report = RunReport(
        model="churn",
        run_id=run_id,
        identity="i",
        params={"C": "1.0"},
        metrics={"accuracy": 0.8, "brier": 0.1, "brier/plan=a": 0.2},
        tags={},
        snapshot=snapshot,
        files={"gone": tmp_path / "gone"},
        folders={},
    )
    with pytest.raises(StoreError):
        tracker.record(report)
    assert tracker.find("churn", "i") == ""
    (tmp_path / "there").write_text("x")
    tracker.record(replace(report, files={"there": tmp_path / "there"}))
    found = client.get_run(run_id)
    assert found.data.metrics == {"accuracy": 0.99, "test_accuracy": 0.8, "brier": 0.1, "brier/plan:a": 0.2}
    assert found.data.params == {"C": "1.0"}
    assert len(found.inputs.dataset_inputs) == 1
    assert found.info.status == "FINISHED"
    assert tracker.find("churn", "i") == run_id
