"""A training against a real tracking server."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyball.loop.making.training import train
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.stores import open_stores
from projects import NOW, make_project, workshop_of

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # what MLflow says when it is imported and used is not ours to answer for
    pytest.mark.slow,
]

PIPELINE = """
import mlflow
from sklearn.ensemble import RandomForestClassifier


def prepare(frame):
    return frame.assign(ratio=frame["x0"] / (frame["x1"].abs() + 1))


def train(frame, target, C=1.0):
    mlflow.set_experiment("customer_churn")
    with mlflow.start_run():
        mlflow.log_param("n_estimators", 20)
        model = RandomForestClassifier(n_estimators=20, max_depth=4).fit(frame, target)
        mlflow.sklearn.log_model(model, "model")
    return model
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder / "artifacts")),
        ],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1).read()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_run_version_and_bundle_are_on_the_server(server: str, tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", pipeline=PIPELINE)
    spec = load_spec(folder)
    result = train(spec, workshop_of(folder, tracking_uri=server), now=NOW)
    assert (result.status, result.version) == ("registered", 1)
    assert not (folder / "mlflow.db").exists()
    assert not (folder / "mlruns").exists()

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=server)
    run = client.get_run(result.run_id)
    assert client.get_experiment(run.info.experiment_id).name == "customer_churn"
    assert run.data.params["n_estimators"] == "20"
    assert run.data.metrics["roc_auc"] == pytest.approx(result.metrics["roc_auc"])
    workshop = workshop_of(folder, tracking_uri=server)
    workshop.registry.set_alias("churn", "champion", 1)
    workshop.registry.fetch_bundle("churn", 1, tmp_path / "fetched")
    assert open_stores(read_settings(folder, {})).bundles.put(tmp_path / "fetched") == result.bundle
    code = "import mlflow; print(mlflow.pyfunc.load_model('models:/churn@champion').metadata.signature.inputs.input_names())"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "MLFLOW_TRACKING_URI": server}, capture_output=True, text=True, check=False
    )
    assert loaded.stdout.strip() == "['x0', 'x1', 'plan', 'ratio']", loaded.stderr
