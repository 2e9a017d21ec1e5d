"""One random forest, served by `mlflow models serve` and by `flyball serve`: one command is changed, every client stays as it is."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from trained import only_our_warnings

LABELS = ("late", "on time")
JSON = {"content-type": "application/json"}
OURS = ("--trusted-code",)  # the model is a pickle


def rows(number: int, seed: int) -> pd.DataFrame:
    """Rows as a user has them: an integer, a number that is missing now and then, another number."""
    random = np.random.default_rng(seed)
    temp = np.where(random.random(number) < 0.2, np.nan, random.normal(15.0, 8.0, number).round(2))
    return pd.DataFrame({"hour": random.integers(0, 24, number), "temp": temp, "wind": random.gamma(2.0, 3.0, number)})


@dataclass(frozen=True)
class Both:
    """The two servers and what the model itself says."""

    mlflow: str
    ours: str
    model: RandomForestClassifier
    client: httpx.Client


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("switch")
    frame = rows(800, 1)
    truth = (frame.hour + frame.wind + 0.3 * frame.temp.fillna(15.0) > 22.0).to_numpy()
    model = RandomForestClassifier(25, max_depth=8, random_state=0).fit(frame, np.where(truth, *LABELS))
    saved = save(model, frame, folder / "model")
    with (
        serving("mlflow", "models", saved, "--env-manager", "local") as theirs,
        serving("flyball", "", saved, *OURS) as ours,
        httpx.Client(timeout=30) as client,
    ):
        yield Both(theirs, ours, model, client)


def save(model: RandomForestClassifier, frame: pd.DataFrame, path: Path) -> Path:
    with only_our_warnings():
        import mlflow.sklearn
        from mlflow.models import infer_signature

        signature = infer_signature(frame, model.predict(frame))
        mlflow.sklearn.save_model(model, path, signature=signature, serialization_format="cloudpickle", pip_requirements=["mlflow"])
    return path


@contextmanager
def serving(program: str, group: str, model: Path, *more: str) -> Iterator[str]:
    """`mlflow models serve -m MODEL -p PORT`, or `flyball serve` with the same words: its URL; ended with all its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*([group] if group else []), "serve", "-m", str(model), "-p", str(port), *more]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}  # mlflow starts uvicorn by name
    with (model.parent / f"{program}.log").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", program, *words],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
            cwd=model.parent,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process)
        yield url
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended at once"
        try:
            if httpx.get(f"{url}/ping").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} never answered")


def ask(client: httpx.Client, url: str, content: str, kind: str = "application/json") -> Any:
    answer = client.post(f"{url}/invocations", content=content, headers={"content-type": kind})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert list(found) == ["predictions"]
    return found["predictions"]


def bodies(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """A frame in every format that MLflow takes for a model with named columns."""
    wide = frame.assign(other="x")[["wind", "other", "hour", "temp"]]
    whole = frame.assign(temp=frame.temp.fillna(3.25))
    columns = {name: whole[name].tolist() for name in whole}
    plain = {
        "split": {"dataframe_split": json.loads(frame.to_json(orient="split"))},
        "split with more columns in another order": {"dataframe_split": json.loads(wide.to_json(orient="split"))},
        "records": {"dataframe_records": json.loads(frame.to_json(orient="records"))},
        "records without what is missing": {"dataframe_records": [row.dropna().to_dict() for _, row in frame.iterrows()]},
        "instances": {"instances": whole.to_dict(orient="records")},
        "inputs": {"inputs": columns},
        "inputs as records": {"inputs": whole.to_dict(orient="records")},
        "with params": {"dataframe_split": json.loads(frame.to_json(orient="split")), "params": {"unknown": 1}},
        "bare NaN": {"dataframe_split": frame.to_dict(orient="split")},
    }
    found = {name: (json.dumps(body), "application/json; charset=utf-8") for name, body in plain.items()}
    found["csv"] = frame.to_csv(index=False), "text/csv"
    found["csv with an index"] = wide.to_csv(), "text/csv; charset=UTF-8"
    return found


@pytest.mark.slow
def test_every_format_gets_the_predictions_that_mlflow_gives(both: Both) -> None:
    frame = rows(300, 2)
    said = both.model.predict(frame).tolist()
    filled = both.model.predict(frame.assign(temp=frame.temp.fillna(3.25))).tolist()
    assert len(set(said)) == 2
    for name, (content, kind) in bodies(frame).items():
        theirs, ours = ask(both.client, both.mlflow, content, kind), ask(both.client, both.ours, content, kind)
        assert ours == theirs == (filled if name.startswith("in") else said), name
    for number in range(10):
        one = frame[number : number + 1]
        for name, (content, kind) in bodies(one).items():
            if name == "records without what is missing" and one.temp.isna().all():
                continue  # a column that no record has is missing altogether, for both
            assert ask(both.client, both.ours, content, kind) == (filled if name.startswith("in") else said)[number : number + 1], (
                name,
                number,
            )


@pytest.mark.slow
def test_mlflows_own_client_works_unchanged(both: Both) -> None:
    with only_our_warnings():
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient

        frame = rows(50, 3)
        answers = []
        for url in (both.mlflow, both.ours):
            host, port = url.removeprefix("http://").split(":")
            client = ScoringServerClient(host, int(port))
            client.wait_server_ready(timeout=10)
            assert re.fullmatch(r"3\.17\.\d+", client.get_version())
            answers.append(client.invoke(frame).get_predictions("ndarray").tolist())
            answers.append(client.invoke(frame, params={"unknown": 1}).get_predictions()[0].tolist())
            with pytest.raises(Exception, match="error code 400"):
                client.invoke(frame[["hour", "temp"]])
    assert answers == [both.model.predict(frame).tolist()] * 4


@pytest.mark.slow
def test_health_and_bad_requests_get_the_same_status_from_both(both: Both) -> None:
    wrong = ["{", "[]", "1", "{}", '{"inputs": [[1, 2, 3]], "instances": []}', '{"dataframe_split": []}', '{"dataframe_records": {}}']
    missing = json.dumps({"dataframe_split": {"columns": ["hour", "temp"], "data": [[1, 2.0]]}})
    for content in (*wrong, missing):
        answers = [both.client.post(f"{url}/invocations", content=content, headers=JSON) for url in (both.mlflow, both.ours)]
        assert [one.status_code for one in answers] == [400, 400], content
        assert answers[0].json()["error_code"] == answers[1].json()["error_code"], content
        assert isinstance(answers[1].json()["message"], str)
    for kind in ("text/plain", "application/json; charset=latin-1", "application/json; profile=x"):
        found = [
            httpx.post(f"{url}/invocations", content="{}", headers={"content-type": kind}).status_code for url in (both.mlflow, both.ours)
        ]
        assert found == [415, 415], kind
    for path in ("/ping", "/health", "/version"):
        assert [both.client.get(url + path).status_code for url in (both.mlflow, both.ours)] == [200, 200]


def test_tensors_get_the_predictions_that_mlflows_server_code_gives(tmp_path: Path) -> None:
    """A model with an unnamed signature takes rows without names; the code of MLflow's server is called without its process."""
    frame = rows(60, 4)
    whole = frame.assign(temp=frame.temp.fillna(0.0)).to_numpy()
    model = RandomForestClassifier(5, random_state=0).fit(whole, whole[:, 0] > 12)
    with only_our_warnings():
        import mlflow.pyfunc
        import mlflow.sklearn
        from mlflow.models import infer_signature
        from mlflow.pyfunc.scoring_server import invocations

        signature = infer_signature(whole, model.predict(whole))
        mlflow.sklearn.save_model(
            model, tmp_path / "model", signature=signature, serialization_format="cloudpickle", pip_requirements=["mlflow"]
        )
        pyfunc = mlflow.pyfunc.load_model(str(tmp_path / "model"))
        with serving("flyball", "", tmp_path / "model", *OURS) as url, httpx.Client() as client:
            for content in (json.dumps({"inputs": whole.tolist()}), json.dumps({"instances": whole.tolist()})):
                theirs = json.loads(invocations(content, "application/json", pyfunc, pyfunc.metadata.get_input_schema()).response)
                assert {"predictions": ask(client, url, content)} == theirs
