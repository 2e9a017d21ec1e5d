"""Every call that the usual tutorial shows to a user, by the same names and with the same arguments, against the real parts."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import httpx
import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from flyball import ABTestRouter, Client, ModelRegistry, check_drift, detect_drift, log_ab_result
from flyball.api.ab import ab_results
from trained import Said, flyball, only_our_warnings, running, until_logged

PIPELINE = """
import mlflow
import mlflow.sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split


def train(frame, target, n_estimators, max_depth):
    X_train, X_test, y_train, y_test = train_test_split(frame, target, random_state=0)
    mlflow.set_experiment("customer_churn")
    with mlflow.start_run():
        mlflow.log_param("n_estimators", n_estimators)
        mlflow.log_param("max_depth", max_depth)
        model = RandomForestClassifier(n_estimators=n_estimators, max_depth=max_depth, random_state=0)
        model.fit(X_train, y_train)
        accuracy = model.score(X_test, y_test)
        mlflow.log_metric("accuracy", accuracy)
        mlflow.log_metric("f1_score", f1_score(y_test, model.predict(X_test)))
        mlflow.sklearn.log_model(model, "model")
        X_train.to_csv("data/preprocessed.csv", index=False)
        mlflow.log_artifact("data/preprocessed.csv")
    return model
"""
SPEC = """
[model]
name = "churn"
task = "binary"
[data]
source = "data/raw.csv"
target = "churned"
id = "customer"
[train]
run = "pipeline:train"
params = { n_estimators = 100, max_depth = 10 }
[evaluate]
metrics = ["roc_auc", "accuracy", "f1"]
gate = [ { metric = "roc_auc", at_least = 0.6 } ]
"""
FEATURES = ["tenure", "charges", "calls"]


@dataclass(frozen=True)
class Trained:
    """The tutorial's project after `flyball train`."""

    folder: Path
    said: Said

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"


def customers(rows: int = 1_500, seed: int = 0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"tenure": chance.integers(1, 72, rows), "charges": chance.normal(65, 15, rows).round(2), "calls": chance.poisson(1.0, rows)}
    )
    odds = -0.5 - 0.05 * frame["tenure"] + 0.03 * (frame["charges"] - 65) + 0.8 * frame["calls"]
    frame["churned"] = (chance.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)
    return frame.assign(customer=[f"C{number}" for number in range(rows)])


def run(*words: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "data").mkdir()
    customers().to_csv(folder / "data" / "raw.csv", index=False)
    (folder / "pipeline.py").write_text(PIPELINE)
    (folder / "flyball.toml").write_text(SPEC)
    said = flyball(folder, "train", "--json")
    assert said.status == 0, said.err
    return Trained(folder, said)


@pytest.fixture(scope="module")
def url(project: Trained) -> Iterator[str]:
    with running(project.folder, "serve") as (address, _):
        yield address


def mlflow_client(project: Trained) -> Any:
    with only_our_warnings():
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=project.uri, registry_uri=project.uri)


# ---- experiment tracking


def test_the_plain_mlflow_lines_land_in_the_run_that_was_registered(project: Trained) -> None:
    with only_our_warnings():
        client = mlflow_client(project)
        made = client.get_run(project.said.json["run_id"])
        assert client.get_experiment(made.info.experiment_id).name == "customer_churn"
        assert (made.data.params["n_estimators"], made.data.params["max_depth"]) == ("100", "10")
        assert 0 < made.data.metrics["f1_score"] <= 1 and 0.5 < made.data.metrics["accuracy"] <= 1
        assert made.data.metrics["test_accuracy"] == project.said.json["metrics"]["accuracy"]  # ours beside what the code logged
        assert made.data.metrics["roc_auc"] == project.said.json["metrics"]["roc_auc"]
        assert made.info.status == "FINISHED"
        assert "preprocessed.csv" in {artifact.path for artifact in client.list_artifacts(made.info.run_id)}
        runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
        assert [one.info.run_id for one in runs] == [made.info.run_id]
        version = client.get_model_version_by_alias("churn", "champion")
        assert (version.run_id, int(version.version)) == (made.info.run_id, 1)


def test_the_logged_model_and_the_champion_load_where_flyball_is_not_installed(project: Trained, tmp_path: Path) -> None:
    rows = customers(20, seed=1)[FEATURES]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    code = f"""
import sys, json
sys.modules["flyball"] = None  # as after uninstalling it: every import of it fails
import mlflow, pandas
rows = pandas.read_csv("rows.csv")
champion = mlflow.pyfunc.load_model("models:/churn@champion")
logged = mlflow.sklearn.load_model("runs:/{project.said.json["run_id"]}/model")
print(json.dumps([champion.predict(rows).tolist(), logged.predict(rows).tolist(), type(logged).__name__, logged.max_depth]))
"""
    said = run(sys.executable, "-P", "-W", "ignore", "-c", code, cwd=tmp_path, MLFLOW_TRACKING_URI=project.uri)
    champion, logged, kind, depth = json.loads(said.splitlines()[-1])
    assert champion == logged and set(champion) == {0, 1}
    assert (kind, depth) == ("RandomForestClassifier", 10)


# ---- data versions


def test_dvc_versions_the_raw_data_and_the_snapshots_and_brings_both_back_from_a_remote(project: Trained, tmp_path: Path) -> None:
    folder, remote = tmp_path / "project", tmp_path / "dvc-storage"
    folder.mkdir()
    for name in ("pipeline.py", "flyball.toml"):
        (folder / name).write_text((project.folder / name).read_text())
    (folder / "data").mkdir()
    raw = (project.folder / "data" / "raw.csv").read_bytes()
    (folder / "data" / "raw.csv").write_bytes(raw)
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    quiet = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}

    def dvc(*words: str) -> str:
        return run(sys.executable, "-m", "dvc", *words, cwd=folder, **quiet)

    run(*git, "init", "-q", cwd=folder)
    dvc("init", "-q")
    dvc("add", "data/raw.csv")
    run(*git, "add", "data/raw.csv.dvc", "data/.gitignore", cwd=folder)
    run(*git, "commit", "-q", "-m", "Add raw data", cwd=folder)
    dvc("remote", "add", "-d", "myremote", str(remote))
    dvc("push")
    kept = flyball(folder, "snapshot", "--push", "--json")
    assert kept.status == 0, kept.err
    assert kept.json["digest"] == project.said.json["snapshot"]

    snapshot = folder / kept.json["path"]
    rows = snapshot.read_bytes()
    for path in [*(folder / ".dvc" / "cache").rglob("*"), folder / "data" / "raw.csv", snapshot]:
        if path.is_file():
            path.unlink()
    dvc("pull")
    assert (folder / "data" / "raw.csv").read_bytes() == raw
    assert snapshot.read_bytes() == rows


# ---- serving


def test_predict_and_health_answer_as_the_model_would(project: Trained, url: str) -> None:
    assert httpx.get(f"{url}/health").json()["status"] == "healthy"
    rows = customers(50, seed=2)[FEATURES]
    (kept,) = (project.folder / "mlartifacts").rglob("flyball/model/model.pkl")
    chances = cloudpickle.loads(kept.read_bytes()).predict_proba(rows)
    for features, chance in zip(rows.to_numpy().tolist(), chances, strict=True):
        answer = httpx.post(f"{url}/predict", json={"features": [int(features[0]), features[1], int(features[2])]}).json()
        assert answer["prediction"] == int(chance.argmax())
        assert answer["confidence"] == pytest.approx(chance.max(), abs=1e-5)
        assert (answer["model"], answer["version"], answer["variant"]) == ("churn", 1, "champion")


def test_many_clients_are_answered_at_once(url: str) -> None:
    rows = json.loads(customers(200, seed=3)[FEATURES].to_json(orient="records"))

    async def ask() -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:

            async def one(row: dict[str, float]) -> dict[str, Any]:
                answer = await client.post("/predict", json={"features": row})
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found

            return await asyncio.gather(*(one(row) for row in rows))

    answers = asyncio.run(ask())
    assert len({answer["prediction_id"] for answer in answers}) == 200
    assert all(0.5 <= answer["confidence"] <= 1 for answer in answers)
    with Client(url) as client:
        together = client.predict(rows)
    assert together["prediction"] == [answer["prediction"] for answer in answers]


# ---- monitoring


def samples(url: str) -> dict[str, list[Any]]:
    page = httpx.get(f"{url}/metrics").text
    return {family.name: family.samples for family in text_string_to_metric_families(page)}


def test_the_three_metrics_keep_their_names_and_count(project: Trained, url: str) -> None:
    def answered() -> float:
        counters = [one for one in samples(url)["model_predictions"] if one.name == "model_predictions_total"]
        return float(sum(one.value for one in counters))

    before = answered()
    rows = customers(600, seed=4)[FEATURES].assign(charges=lambda frame: frame["charges"] * 1.6)
    with Client(url) as client:
        client.predict(json.loads(rows.to_json(orient="records")))
        until_logged(client, int(before) + 600)
    assert answered() == before + 600
    latency = {one.name: one.value for one in samples(url)["model_prediction_latency_seconds"] if "le" not in one.labels}
    assert latency["model_prediction_latency_seconds_count"] > 0
    assert latency["model_prediction_latency_seconds_sum"] > 0
    report = flyball(project.folder, "monitor", "--json").json
    drift: dict[str, float] = {one.labels["feature_name"]: one.value for one in samples(url)["model_feature_drift"]}
    assert set(FEATURES) <= set(drift)
    assert drift["charges"] == pytest.approx(report["columns"]["charges"]["distance"], abs=1e-6)
    assert drift["charges"] > 3 * drift["tenure"]


def test_drift_is_detected_where_it_is_and_only_there() -> None:
    reference, current = customers(3_000, seed=5)[FEATURES], customers(3_000, seed=6)[FEATURES]
    quiet = detect_drift(reference, current, threshold=0.05)
    assert set(quiet) == set(FEATURES)
    assert not any(column["drift"] for column in quiet.values())
    found = detect_drift(reference, current.assign(charges=current["charges"] + 15), 0.05)
    assert {name: column["drift"] for name, column in found.items()} == {"tenure": False, "charges": True, "calls": False}
    assert found["charges"]["p_value"] < 0.05 < found["charges"]["statistic"] <= 1


def test_check_drift_takes_the_new_data_first_and_sets_the_gauge() -> None:
    registry = CollectorRegistry()
    reference = customers(2_000, seed=7)[FEATURES]
    found = check_drift(reference.assign(calls=reference["calls"] + 3), reference, registry=registry)
    assert found["calls"]["drift"] and not found["tenure"]["drift"]
    assert registry.get_sample_value("model_feature_drift", {"feature_name": "calls"}) > 0.3  # type: ignore[operator]  # it is set
    assert registry.get_sample_value("model_feature_drift", {"feature_name": "tenure"}) == 0


# ---- comparing two models


class Constant:
    """A model as the tutorial calls it."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def predict(self, features: object) -> str:
        return self.answer


def test_a_user_meets_the_same_model_in_every_process(tmp_path: Path) -> None:
    users = [f"user-{number}" for number in range(300)]
    code = """
import json
from flyball import ABTestRouter
class Constant:
    def __init__(self, answer): self.answer = answer
    def predict(self, features): return self.answer
router = ABTestRouter(Constant("a"), Constant("b"), ratio=0.3)
print(json.dumps([router.predict([1.0], f"user-{number}") for number in range(300)]))
"""
    router = ABTestRouter(Constant("a"), Constant("b"), ratio=0.3)
    here = [router.predict([1.0], user) for user in users]
    for seed in ("1", "2"):
        assert json.loads(run(sys.executable, "-P", "-c", code, cwd=tmp_path, PYTHONHASHSEED=seed)) == here
    assert 0.2 < here.count("b") / 300 < 0.4


def test_results_of_the_comparison_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log_ab_result("user-1", "b", 1, 0)
    log_ab_result(user_id="user-2", model_version="a", prediction=0, actual=0)
    kept = ab_results()
    assert [(one.user_id, one.model_version, one.prediction, one.actual) for one in kept] == [("user-1", "b", 1, 0), ("user-2", "a", 0, 0)]
    assert all(one.at.tzinfo is not None for one in kept)


# ---- the registry


def test_models_are_registered_found_and_promoted(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    frame = customers(300)
    registry = ModelRegistry(tmp_path / "models")
    for version, depth in (("1.9", 2), ("1.10", 4)):
        model = RandomForestClassifier(10, max_depth=depth, random_state=0).fit(frame[FEATURES], frame["churned"])
        registry.register(model, version, {"accuracy": float(model.score(frame[FEATURES], frame["churned"]))})
    assert registry.get().max_depth == 4
    assert registry.get("1.9").max_depth == 2
    registry.promote("1.9", "staging")
    registry.promote("1.9", "production")
    assert ModelRegistry(tmp_path / "models").get(stage="production").max_depth == 2
