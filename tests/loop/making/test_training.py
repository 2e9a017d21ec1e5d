"""A training from data to a registered version, with the real parts."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.core.errors import DataError, NotFoundError, RefusedError, UserCodeError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import to_micros
from flyball.journal.events import Entry, Promoted, Registered
from flyball.journal.state import fold
from flyball.loop.making.trained import TrainResult, report
from flyball.loop.making.training import register_run, take_snapshot, train
from flyball.registry.bundle import read_manifest
from flyball.serving.records import Outcome, PredictionBatch
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.stores import open_stores
from flyball.words.sentences import sentence
from projects import NOW, PIPELINE, SPEC, customers, make_project, workshop_of

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say when they are imported and used is not ours to answer for


OWN_CLASS = """

class Own(LogisticRegression):
    def predict_proba(self, X):
        odds = super().predict_proba(X) ** 2
        return odds / odds.sum(1, keepdims=True)
"""


def run(folder: Path, *, now: datetime = NOW, force: bool = False, register: bool = True) -> TrainResult:
    return train(load_spec(folder), workshop_of(folder), now=now, force=force, register=register)


def registered(folder: Path) -> list[Registered]:
    entries = open_stores(read_settings(folder, {})).journal.read("churn")
    return [entry.event for entry in entries if isinstance(entry.event, Registered)]


def make_champion(folder: Path, version: int) -> None:
    journal = open_stores(read_settings(folder, {})).journal
    reason = because("promote.by_hand", version=version, actor="test", reason="-")
    promoted = Promoted(version=version, replaced=None, reason=reason, forced=False, watch_until=None)
    journal.append("churn", [promoted], expected=journal.read("churn")[-1].seq, actor="test", at=NOW)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, TrainResult]]:
    folder = make_project(tmp_path_factory.mktemp("training") / "project")
    yield folder, run(folder)


def test_a_training_ends_in_a_version_that_can_be_led_back_to_its_bytes(trained: tuple[Path, TrainResult]) -> None:
    folder, result = trained
    assert (result.status, result.version, result.engine) == ("registered", 1, "linear")
    assert result.gate.verdict is Verdict.PASS
    (event,) = registered(folder)
    assert (event.run_id, event.bundle, event.identity) == (result.run_id, result.bundle, result.identity)
    stores = open_stores(read_settings(folder, {}))
    manifest = read_manifest(stores.bundles.path(result.bundle), result.bundle)
    assert manifest.lineage.snapshot == result.snapshot.digest
    assert manifest.lineage.dvc_md5 == result.snapshot.dvc_md5
    assert [column.name for column in manifest.schema.columns] == ["x0", "x1", "plan", "ratio"]
    assert manifest.trained_until is not None
    workshop = workshop_of(folder)
    table = workshop.snapshots.restore(result.snapshot)
    assert table.rows == result.snapshot.rows == 3000
    assert not list((folder / ".flyball" / "work").glob("*/"))


def test_a_version_knows_what_its_training_took(trained: tuple[Path, TrainResult]) -> None:
    folder, result = trained
    (event,) = registered(folder)
    assert event.seconds["cpu"] >= event.seconds["child_cpu"] > 0
    assert event.seconds["total"] > 0
    assert result.seconds["cpu"] >= event.seconds["cpu"]
    assert (event.hidden, event.held_back, event.window) == (0, 0, None)


def test_training_uses_only_labels_known_before_the_test_began(trained: tuple[Path, TrainResult]) -> None:
    _, result = trained
    assert result.test_rows == 600
    assert 2000 < result.rows < 2400  # two days of rows before the test had no label yet


def test_the_run_tells_parameters_metrics_dataset_and_environment(trained: tuple[Path, TrainResult]) -> None:
    from flyball.adapters.mlflow.store import MlflowStore

    folder, result = trained
    client = MlflowStore(folder).client()
    found = client.get_run(result.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"C": "1.0"}
    assert found.data.metrics["roc_auc"] == pytest.approx(result.metrics["roc_auc"])
    assert found.inputs.dataset_inputs[0].dataset.digest == result.snapshot.digest[:36]
    assert client.get_experiment(found.info.experiment_id).name == "churn"
    kept = {artifact.path for artifact in client.list_artifacts(result.run_id, "flyball")}
    assert {
        "flyball/bundle",
        "flyball/model",
        "flyball/report.json",
        "flyball/card.md",
        "flyball/environment.txt",
        "flyball/output.log",
    } <= kept


def test_without_flyball_the_version_is_a_plain_mlflow_model(trained: tuple[Path, TrainResult]) -> None:
    folder, _ = trained
    code = f"""
import sys
sys.modules["flyball"] = None
import mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///{folder / "mlflow.db"}")
model = mlflow.pyfunc.load_model("models:/churn/1")
print(model.predict(pd.DataFrame({{"x0": [3.0, -3.0], "x1": [1.0, -1.0], "plan": [1, 2], "ratio": [1.5, -1.5]}})).tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder.parent)
    assert done.stdout.strip() == "[1, 0]", done.stderr


def test_the_report_has_the_shape_that_others_build_on(trained: tuple[Path, TrainResult]) -> None:
    _, result = trained
    told = json.loads(json.dumps(report(result, sentence)))
    keys = {"model", "version", "run_id", "snapshot", "engine", "metrics", "gate", "parity", "seconds"}
    assert keys <= told.keys()
    assert [check["metric"] for check in told["gate"]["checks"]] == ["roc_auc", "brier"]
    assert told["gate"]["checks"][0]["reason"].startswith("roc_auc is 0.")
    assert {"prepare", "fit", "register", "total"} <= told["seconds"].keys()


def test_the_same_training_is_found_again_until_it_is_forced(trained: tuple[Path, TrainResult]) -> None:
    folder, first = trained
    again = run(folder)
    assert (again.status, again.version, again.run_id) == ("unchanged", 1, first.run_id)
    forced = run(folder, force=True)
    assert (forced.status, forced.version) == ("registered", 2)
    assert forced.run_id != first.run_id
    assert [event.version for event in registered(folder)] == [1, 2]
    assert run(folder).version == 2


def test_a_later_candidate_is_compared_with_the_champion_on_rows_new_to_both(trained: tuple[Path, TrainResult], tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    assert run(folder).version == 1
    make_champion(folder, 1)
    customers(5000, days=88).to_csv(folder / "data" / "customers.csv", index=False)
    second = run(folder)
    assert second.version == 2
    checks = {check.metric: check for check in second.gate.checks}
    assert checks["brier"].verdict in (Verdict.PASS, Verdict.UNDECIDED)
    assert "gain" in checks["brier"].reason.values
    event = registered(folder)[-1]
    assert event.compared_with == 1
    assert len(event.head_start) >= 15


def test_tracking_and_registering_can_be_two_steps(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", pipeline=PIPELINE)
    tracked = run(folder, register=False)
    assert (tracked.status, tracked.version) == ("tracked", None)
    assert registered(folder) == []
    assert run(folder, register=False).run_id == tracked.run_id
    made = register_run(load_spec(folder), workshop_of(folder), tracked.run_id, now=NOW)
    assert (made.status, made.version, made.run_id, made.bundle) == ("registered", 1, tracked.run_id, tracked.bundle)
    assert made.gate == tracked.gate
    assert register_run(load_spec(folder), workshop_of(folder), tracked.run_id, now=NOW).status == "unchanged"
    assert run(folder).status == "unchanged"
    with pytest.raises(NotFoundError):
        register_run(load_spec(folder), workshop_of(folder), "0" * 32, now=NOW)
    (folder / "flyball.toml").write_text(SPEC.replace('"churn"', '"fraud"', 1))
    with pytest.raises(RefusedError, match="trained 'churn', this project is 'fraud'"):
        register_run(load_spec(folder), workshop_of(folder), tracked.run_id, now=NOW)


def test_labelled_predictions_become_training_rows(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    spec = load_spec(folder)
    spec = replace(spec, retrain=replace(spec.retrain, source="source+log"))
    stores = open_stores(read_settings(folder, {}))
    made = datetime(2024, 3, 10, tzinfo=UTC)
    ids = [f"{number:032x}" for number in range(40)]
    stores.predictions.add(
        PredictionBatch(
            model="churn",
            worker="w0",
            schema_id="s",
            feature_names=["x0", "x1", "plan", "ratio"],
            prediction_id=ids,
            version=[1] * 40,
            variant=["champion"] * 40,
            shadow=[False] * 40,
            at=[to_micros(made)] * 40,
            made_at=[to_micros(made)] * 40,
            unit=[None] * 40,
            entity=[f"c{number}" if number < 10 else f"new {number}" for number in range(40)],
            client_id=[None] * 40,
            label=[1] * 40,
            score=[0.5] * 40,
            features=[[0.1, 0.2, 1, 0.3]] * 40,
            context=[None] * 40,
        )
    )
    told = [Outcome(actual=1, at=made + timedelta(days=1), prediction_id=name) for name in ids[:30]]
    assert stores.outcomes.take("churn", told, within=timedelta(days=2)).accepted == 30
    snapshot = take_snapshot(spec, workshop_of(folder), now=NOW)
    assert snapshot.logged_rows == 30
    assert snapshot.rows == 3000 - 10 + 30
    table = workshop_of(folder).snapshots.restore(snapshot)
    assert table["plan"].dtype == np.int64
    assert table["churned"].dtype == np.int64
    assert table["customer"][-1].startswith("new ")
    silent = replace(spec, data=replace(spec.data, no_outcome="negative"))
    snapshot = take_snapshot(silent, workshop_of(folder), now=NOW)
    assert snapshot.logged_rows == 40
    table = workshop_of(folder).snapshots.restore(snapshot)
    assert sorted(table["churned"][-30:].tolist()) == [0] * 10 + [1] * 20
    assert np.isnat(table["known_at"][-30:]).sum() == 10
    early = made + timedelta(days=1, hours=1)  # the outcomes are known, the predictions not old enough
    assert (
        take_snapshot(replace(silent, data=replace(silent.data, matures=timedelta(days=2))), workshop_of(folder), now=early).logged_rows
        == 0
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("target = ", 'target = "churnd" #'), "did you mean 'churned'"),
        (("time = ", 'time = "x0" #'), "'x0' holds double, which is not a time"),
        (('slices = ["plan"]', 'slices = ["plann"]'), "did you mean 'plan'"),
        (('by = ""', ""), "test the test"),
    ],
)
def test_data_that_is_not_what_the_spec_says_never_reaches_the_fit(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    if said == "test the test":
        frame = customers(500)
        frame["churned"] = 1
        folder = make_project(tmp_path / "project", frame=frame)
        said = "churned"
    else:
        folder = make_project(tmp_path / "project", spec=SPEC.replace(*change, 1), frame=customers(500))
    with pytest.raises(DataError) as told:
        run(folder)
    assert said in str(told.value)
    assert registered(folder) == []


def test_a_train_function_that_raises_leaves_nothing_registered(tmp_path: Path) -> None:
    folder = make_project(
        tmp_path / "project", pipeline=PIPELINE.replace("return LogisticRegression", "return Missing"), frame=customers(500)
    )
    with pytest.raises(UserCodeError, match="NameError: name 'Missing' is not defined"):
        run(folder)
    assert registered(folder) == []


def test_a_model_that_cannot_be_compiled_is_registered_with_the_reason(tmp_path: Path) -> None:
    pipeline = PIPELINE.replace("return LogisticRegression(C=C)", "return Own(C=C)") + OWN_CLASS
    folder = make_project(tmp_path / "project", pipeline=pipeline)
    result = run(folder)
    assert (result.version, result.engine) == (1, "native")
    assert result.engine_reason
    assert any(warning.code == "train.native" for warning in result.warnings)
    stores = open_stores(read_settings(folder, {}))
    assert (stores.bundles.path(result.bundle) / "native" / "MLmodel").is_file()


class DiedError(Exception):
    """What the process would have died of."""


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_forced_training_that_died_before_the_journal_goes_on_with_the_version_in_the_registry(tmp_path: Path, elsewhere: bool) -> None:
    folder = make_project(tmp_path / "project", frame=customers(600))
    assert run(folder).version == 1

    class Dying(SqliteJournal):
        def append(self, *_: object, **__: object) -> list[Entry]:
            raise DiedError

    with pytest.raises(DiedError), Database(read_settings(folder, {}).database) as database:
        train(load_spec(folder), replace(workshop_of(folder), journal=Dying(database)), now=NOW, force=True)
    if elsewhere:  # another checkout repeats it: nothing of the first attempt is there but what MLflow has
        shutil.rmtree(folder / ".flyball" / "work")
        shutil.rmtree(folder / ".flyball" / "bundles")
    result = run(folder, force=True)
    assert (result.status, result.version) == ("registered", 2)
    event = registered(folder)[-1]
    workshop = workshop_of(folder)
    assert event.run_id == workshop.registry.run_of("churn", event.identity)
    workshop.registry.fetch_bundle("churn", 2, tmp_path / "bundle")
    assert workshop.bundles.put(tmp_path / "bundle") == event.bundle
    assert run(folder, force=True).version == 3


def test_the_gate_is_asked_again_when_the_champion_changed_during_the_training(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    assert run(folder).version == 1
    customers(5000, days=88).to_csv(folder / "data" / "customers.csv", index=False)

    def promote(line: str) -> None:
        if line.startswith("gate:"):
            make_champion(folder, 1)

    assert train(load_spec(folder), workshop_of(folder), now=NOW, progress=promote).version == 2
    event = registered(folder)[-1]
    assert event.compared_with == 1
    assert {check.metric: check.verdict for check in event.gate.checks}["brier"] is not Verdict.NOT_APPLICABLE


@pytest.mark.slow
def test_killed_at_any_stage_a_training_leaves_no_half_version_and_is_continued(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    work = folder / ".flyball" / "work"
    for stage in ("*/snapshot.parquet", "*/fitted.json", "*/bundle", "*/tracked"):
        process = subprocess.Popen(
            [sys.executable, "-m", "flyball", "train", "--now", NOW.isoformat()],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not list(work.glob(stage)):
            time.sleep(0.005)
        process.kill()
        process.wait()
        events = registered(folder)
        assert len(events) <= 1
    result = run(folder)
    (event,) = registered(folder)
    assert result.version == event.version == 1
    state = fold("churn", open_stores(read_settings(folder, {})).journal.read("churn"))
    assert list(state.versions) == [1]
    workshop = workshop_of(folder)
    assert workshop.bundles.path(event.bundle).is_dir()
    assert workshop.registry.register("churn", event.run_id, tmp_path, identity=event.identity, tags={}) == 1
    assert workshop.tracker.find("churn", event.identity) == event.run_id


@pytest.mark.slow
def test_a_registry_that_was_emptied_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", frame=customers(600))
    command = [sys.executable, "-m", "flyball", "train", "--force", "--now", NOW.isoformat()]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert len(registered(folder)) == 1
    for path in folder.glob("mlflow.db*"):
        path.unlink()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "which the journal has already" in done.stderr
    assert len(registered(folder)) == 1
