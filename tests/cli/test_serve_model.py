"""Serving and adopting models that plain MLflow logged, as a person does it."""

import concurrent.futures
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from flyball.adapters.mlflow.source import MlflowSource
from flyball.api.client import Client
from flyball.core.errors import FlyballError
from plain_models import PEOPLE, Plain, churn_model, log_model, log_models, logging_to
from trained import flyball, running, until_logged

pytestmark = pytest.mark.slow  # real registries, processes and servers

ROW: dict[str, Any] = {"age": 60, "income": 30000.5, "plan": "gold"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    return log_models(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def store(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> Plain:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", plain.uri)
    return plain


def eventually(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def test_a_model_is_served_by_its_alias_and_follows_it(store: Plain, tmp_path: Path) -> None:
    words = ("serve", "-m", "models:/churn@live", "-h", "127.0.0.1", "-w", "1", "--follow-every", "0.3", "--trusted-code")
    with running(tmp_path, *words) as (url, _), Client(url) as client:
        said = client.predict(ROW)
        assert (said["model"], said["version"]) == ("churn", 1)
        expected = store.models["churn"].predict_proba(PEOPLE[:1].assign(**ROW))[0]
        assert said["confidence"] == pytest.approx(max(expected))
        answer = httpx.post(f"{url}/invocations", json={"dataframe_records": [ROW]})
        assert answer.json() == {"predictions": [said["prediction"]]}
        until_logged(client, 2)
        with logging_to(store.uri):
            from mlflow import MlflowClient
            from mlflow.models import infer_signature

            log_model(churn_model(7), "churn", PEOPLE, infer_signature(PEOPLE, [1]))
            registry = MlflowClient(tracking_uri=store.uri)
            registry.set_registered_model_alias("churn", "live", "2")
        eventually(lambda: bool(client.predict(ROW)["version"] == 2), "the alias is not followed")
        aliases = registry.get_registered_model("churn").aliases
        registry.set_registered_model_alias("churn", "live", "1")
        eventually(lambda: bool(client.predict(ROW)["version"] == 1), "the alias is not followed back")
    place = tmp_path / ".flyball-serve" / "churn"
    assert flyball(place, "freeze", "--reason", "an audit").status == 0
    registry.set_registered_model_alias("churn", "live", "2")
    with running(tmp_path, *words) as (url, _), Client(url) as client:
        assert client.predict(ROW)["version"] == 1, "a frozen loop was moved"
        assert flyball(place, "thaw").status == 0
        eventually(lambda: bool(client.predict(ROW)["version"] == 2), "the alias is not followed after the thaw")
        registry.set_registered_model_alias("churn", "live", "1")
        eventually(lambda: bool(client.predict(ROW)["version"] == 1), "the alias is not followed back")
    with pytest.MonkeyPatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        with running(tmp_path, "serve", "models:/churn@live") as (url, _), Client(url) as client:  # compiled: no trust is needed now
            assert client.predict(ROW)["version"] == 1
    assert (place.parent / ".gitignore").read_text() == "*\n"
    assert flyball(place, "status", "--json").json["champion"].startswith("1 since")
    story = flyball(place, "why", "churn@2").out
    assert "adopted from models:/churn/2" in story and "models:/churn@live means version 2 now" in story
    assert flyball(place, "rollback").status == 0
    assert flyball(place, "tick").status == flyball(place, "monitor").status == 0
    assert aliases == {"live": 2} and registry.get_registered_model("churn").aliases == {"live": 1}, "the registry was written to"
    assert "flyball.adopted" not in registry.get_model_version("churn", "1").tags


def test_a_folder_is_served_and_the_next_start_needs_no_second_look(store: Plain, tmp_path: Path) -> None:
    source = MlflowSource(store.uri)
    model, state = source.fetch(source.resolve("models:/open/1"), tmp_path / "things"), tmp_path / "state"
    with running(tmp_path, "serve", str(model), "--state", str(state)) as (url, _), Client(url) as client:
        assert client.predict([60.0, 30000.0])["prediction"] in ("goes", "stays")
    bundles = sorted((state / ".flyball" / "bundles").iterdir())
    with running(tmp_path, "serve", str(model), "--state", str(state)) as (url, _), Client(url) as client:
        assert client.predict({"f0": 60.0, "f1": 30000.0})["version"] == 1
    assert sorted((state / ".flyball" / "bundles").iterdir()) == bundles and len(bundles) == 1


def test_a_model_that_hangs_or_dies_does_not_take_the_server_with_it(store: Plain, tmp_path: Path) -> None:
    words = ("serve", "models:/moody/1", "--trusted-code", "-t", "2")

    def ask(client: Client, age: int) -> object:
        try:
            return client.predict({"age": age})["prediction"]
        except (FlyballError, httpx.HTTPError) as error:
            return error

    with running(tmp_path, *words) as (url, server), Client(url) as client:
        assert ask(client, 21) == 42.0
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(ask, client, age) for age in (-1, 5, 6, -2, 7, 8)]
            eventually(lambda: httpx.get(f"{url}/health/live").status_code == 200, "the event loop waits for the model")
            said = [one.result() for one in asked]
        assert isinstance(said[0], Exception) and isinstance(said[3], Exception)
        eventually(lambda: ask(client, 9) == 18.0, "no other process took over")
        assert client.health()["status"] == "healthy" and server.poll() is None


def test_code_is_not_opened_without_a_word_and_help_explains(store: Plain, tmp_path: Path) -> None:
    said = flyball(tmp_path, "serve", "models:/words/1")
    assert said.status == 1 and "is Python code" in said.err and "--trusted-code" in said.err
    assert flyball(tmp_path, "serve", "models:/churn").status == 2
    shown = flyball(tmp_path, "serve", "-h")
    assert shown.status == 0 and "models:/NAME@ALIAS" in shown.out


def test_adopting_makes_a_project_of_a_registered_model(store: Plain, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    PEOPLE.assign(left=1).to_csv(tmp_path / "people.csv", index=False)
    refused = flyball(tmp_path, "adopt", "models:/value/1")
    assert refused.status == 1 and "--trusted-code" in refused.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv"], "a failure leaves nothing behind"
    words = ("--data", str(tmp_path / "people.csv"), "--target", "left", "--trusted-code", "--json")
    said = flyball(tmp_path, "adopt", "models:/value/1", *words)
    assert said.status == 0, said.err
    told = said.json
    assert (told["model"], told["version"], told["engine"], told["reference_rows"]) == ("value", 1, "trees", 400)
    spec = (tmp_path / "flyball.toml").read_text()
    assert 'source = "people.csv"' in spec and 'target = "left"' in spec and "complete:" in spec
    assert flyball(tmp_path, "check").status == 0
    (one,) = flyball(tmp_path, "models", "--json").json
    assert (one["version"], one["aliases"], one["gate"]) == (1, ["champion"], "not applicable")
    assert "adopted from models:/value/1" in flyball(tmp_path, "why", "value@1").out
    assert flyball(tmp_path, "freeze", "--reason", "a look first").status == flyball(tmp_path, "tick").status == 0
    registry = MlflowClient(tracking_uri=store.uri)
    assert registry.get_registered_model("value").aliases == {"champion": 1}
    assert registry.get_model_version("value", "1").tags["flyball.bundle"] == told["bundle"]
    with running(tmp_path, "serve") as (url, _), Client(url) as client:
        assert client.predict({"age": 30, "income": 2e4})["model"] == "value"
    again = flyball(tmp_path, "adopt", "models:/value/1")
    assert again.status == 1 and "exists already" in again.err
    elsewhere = flyball(tmp_path / "elsewhere", "adopt", "models:/value@champion", "--json")  # its bundle is there now: no trust needed
    assert elsewhere.status == 0 and json.loads(elsewhere.out)["engine"] == "trees", elsewhere.err
