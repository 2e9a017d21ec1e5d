"""Plain `mlflow` lines in the project's own function: they work as written, and their run is the run of the training."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from flyball.adapters.child.trainer import ChildTrainer
from flyball.adapters.mlflow.store import MlflowStore
from flyball.adapters.pandas.arrow import write_parquet
from flyball.adapters.pandas.frames import to_table
from flyball.core.errors import UserCodeError
from flyball.data.source import infer_schema
from flyball.training.records import FitOrder
from projects import customers, make_project

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow says when it is imported and used is not ours to answer for

PIPELINE = """
import os
import signal

import mlflow
import mlflow.sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score


def forest(frame, target):
    return RandomForestClassifier(n_estimators=20, max_depth=4, random_state=0).fit(frame, target)


def article(frame, target):
    mlflow.set_experiment("customer_churn")
    with mlflow.start_run():
        mlflow.log_param("n_estimators", 20)
        mlflow.log_param("max_depth", 4)
        model = forest(frame, target)
        mlflow.log_metric("accuracy", model.score(frame, target))
        mlflow.log_metric("f1_score", f1_score(target, model.predict(frame)))
        mlflow.sklearn.log_model(model, "model")
        mlflow.log_artifact("data/customers.csv")
    return model


def left_open(frame, target):
    mlflow.set_experiment("left open")
    mlflow.start_run(run_name="mine")
    mlflow.log_param("a", 1)
    return forest(frame, target)


def nested(frame, target):
    mlflow.set_experiment("nested")
    with mlflow.start_run(run_name="outer"):
        for depth in (1, 2):
            with mlflow.start_run(run_name=f"inner {depth}", nested=True):
                mlflow.log_param("max_depth", depth)
        mlflow.log_metric("best", 2)
    return forest(frame, target)


def in_a_row(frame, target):
    mlflow.set_experiment("in a row")
    for depth in (1, 2, 3):
        with mlflow.start_run(run_name=f"try {depth}"):
            mlflow.log_param("max_depth", depth)
    return forest(frame, target)


def without_a_run(frame, target):
    mlflow.set_experiment("without a run")
    mlflow.log_param("lazy", "yes")
    return forest(frame, target)


def automatic(frame, target):
    mlflow.set_experiment("automatic")
    mlflow.sklearn.autolog(log_models=False)
    try:
        return LogisticRegression(C=0.25).fit(frame, target)
    finally:
        mlflow.sklearn.autolog(disable=True)


def fails(frame, target):
    mlflow.set_experiment("fails")
    mlflow.start_run()
    raise ValueError("no luck")


def killed(frame, target):
    mlflow.set_experiment("killed")
    mlflow.start_run()
    os.kill(os.getpid(), signal.SIGKILL)


def says_nothing(frame, target):
    return forest(frame, target)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("mlflow") / "project", pipeline=PIPELINE, frame=customers(400))


@pytest.fixture(scope="module")
def store(project: Path) -> MlflowStore:
    return MlflowStore(project)


@pytest.fixture(scope="module")
def trainer(project: Path, store: MlflowStore) -> Iterator[ChildTrainer]:
    found = ChildTrainer(project, tracking_uri=store.uri, artifacts=store.artifacts, experiment="churn", echo=lambda _: None)
    yield found
    found.close()


def fit(trainer: ChildTrainer, folder: Path, run: str) -> str:
    table = to_table(customers(400)).table
    write_parquet(table, folder / "snapshot.parquet")
    np.save(folder / "train.npy", np.arange(300))
    np.save(folder / "test.npy", np.arange(300, 400))
    return trainer.fit(
        FitOrder(
            run=f"pipeline:{run}",
            params={},
            task="binary",
            threshold=0.5,
            schema=infer_schema(table, ["x0", "x1"]),
            target="churned",
            booleans=(),
            folder=folder,
            timeout=timedelta(seconds=120),
        )
    ).run_id


def test_the_articles_own_lines_work_and_their_run_is_found(
    project: Path, trainer: ChildTrainer, store: MlflowStore, tmp_path: Path
) -> None:
    run_id = fit(trainer, tmp_path, "article")
    run = store.client().get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"n_estimators": "20", "max_depth": "4"}
    assert set(run.data.metrics) == {"accuracy", "f1_score"}
    assert store.client().get_experiment(run.info.experiment_id).name == "customer_churn"
    assert [artifact.path for artifact in store.client().list_artifacts(run_id)] == ["customers.csv"]
    assert run.info.artifact_uri.startswith(store.artifacts)
    assert run.data.tags["mlflow.source.name"].endswith("pipeline.py")
    assert not (project / "mlruns").exists()
    models = store.client().search_logged_models([run.info.experiment_id])
    assert [model.source_run_id for model in models] == [run_id]


@pytest.mark.parametrize(
    ("run", "named", "params", "children"),
    [
        ("left_open", "mine", {"a": "1"}, 0),
        ("nested", "outer", {}, 2),
        ("in_a_row", "try 1", {"max_depth": "1"}, 2),
    ],
)
def test_the_first_run_is_the_trainings_and_the_others_are_its_children(
    trainer: ChildTrainer, store: MlflowStore, tmp_path: Path, run: str, named: str, params: dict[str, str], children: int
) -> None:
    run_id = fit(trainer, tmp_path, run)
    client = store.client()
    found = client.get_run(run_id)
    assert found.info.run_name == named
    assert found.info.status == "FINISHED"
    assert found.data.params == params
    inner = client.search_runs([found.info.experiment_id], filter_string=f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert len(inner) == children
    assert all(child.info.status == "FINISHED" for child in inner)


def test_lines_without_a_run_make_one(trainer: ChildTrainer, store: MlflowStore, tmp_path: Path) -> None:
    run_id = fit(trainer, tmp_path, "without_a_run")
    assert store.client().get_run(run_id).data.params == {"lazy": "yes"}


def test_automatic_logging_is_found_too(trainer: ChildTrainer, store: MlflowStore, tmp_path: Path) -> None:
    run_id = fit(trainer, tmp_path, "automatic")
    assert store.client().get_run(run_id).data.params["C"] == "0.25"


def test_a_function_that_fails_leaves_its_run_marked_as_failed(trainer: ChildTrainer, store: MlflowStore, tmp_path: Path) -> None:
    with pytest.raises(UserCodeError, match="no luck"):
        fit(trainer, tmp_path, "fails")
    client = store.client()
    experiment = client.get_experiment_by_name("fails")
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_a_process_that_is_killed_leaves_its_run_marked_as_killed(project: Path, store: MlflowStore, tmp_path: Path) -> None:
    alone = ChildTrainer(project, tracking_uri=store.uri, artifacts=store.artifacts, experiment="churn", echo=lambda _: None)
    with pytest.raises(UserCodeError, match="SIGKILL"):
        fit(alone, tmp_path, "killed")
    client = store.client()
    experiment = client.get_experiment_by_name("killed")
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["KILLED"]


def test_code_that_does_not_mention_mlflow_makes_no_run(trainer: ChildTrainer, tmp_path: Path) -> None:
    assert fit(trainer, tmp_path, "says_nothing") == ""
