"""What goes wrong at a user's hands: each says what, where and what next, leaves with a status of its own, and nothing half-written."""

import json
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from flyball.api.client import Client
from projects import PIPELINE, SPEC, customers, make_project
from trained import CUSTOMER, MODEL, Said, Shop, change, flyball, running, spawn, until_logged


def refused(folder: Path, said: Said, *pieces: str, status: int = 1) -> None:
    """A clear error: a status, one `error:` line with these pieces, no stack; and no version came of it."""
    assert said.status == status, said
    assert said.out == ""
    assert "error: " in said.err.lower() and "Traceback" not in said.err
    for piece in pieces:
        assert piece in said.err
    if (folder / "flyball.db").exists():
        versions = flyball(folder, "models", "--json")
        assert versions.status == 1 or versions.json == []


# ---- the spec


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ('target = "churned"', 'tarjet = "churned"', ("flyball.toml", "[data] target", "'tarjet'")),
        ('id = "customer"', 'idd = "customer"', ("flyball.toml", "data.idd", "'id'")),
        ('metrics = ["roc_auc", "brier"]', 'metrics = ["roc_auc", "rmse"]', ("flyball.toml", "rmse", "binary")),
        ('metrics = ["roc_auc", "brier"]', 'metrics = ["roc_acu", "brier"]', ("flyball.toml", "roc_acu", "'roc_auc'")),
        ('run = "pipeline:train"', 'run = "pipeline:train"\nresources = "4 CPU"', ("flyball.toml", "train.resources", "not a table")),
        ('run = "pipeline:train"', 'run = "pipeline:train"\ncommand = "make"', ("flyball.toml", "train", "command")),
        ('matures = "2d"', 'matures = "2 dayz"', ("flyball.toml", "data.matures", "2 dayz")),
        ("at_least = 0.6", 'at_least = "much"', ("flyball.toml", "evaluate.gate", "much")),
        ("[model]", "[model", ("flyball.toml",)),
    ],
)
def test_a_spec_that_means_nothing_is_refused_before_anything_starts(
    tmp_path: Path, before: str, after: str, pieces: tuple[str, ...]
) -> None:
    folder = make_project(tmp_path / "p", spec=SPEC.replace(before, after))
    for verb in ("check", "train"):
        refused(folder, flyball(folder, verb), *pieces)
    assert not (folder / "flyball.db").exists() and not (folder / "mlflow.db").exists()


def test_a_folder_without_a_spec_is_told_how_to_begin(tmp_path: Path) -> None:
    for verb in ("train", "models", "serve", "tick"):
        refused(tmp_path, flyball(tmp_path, verb), "flyball.toml", "flyball init")
    assert list(tmp_path.iterdir()) == []


# ---- the data


def without(column: str) -> pd.DataFrame:
    return customers(200).drop(columns=column)


def one_class() -> pd.DataFrame:
    return customers(200).assign(churned=1)


def no_rows() -> pd.DataFrame:
    return customers(200).head(0)


@pytest.mark.parametrize(
    ("frame", "pieces"),
    [
        (without("churned"), ("'churned'", "columns")),
        (without("seen_at"), ("'seen_at'", "columns")),
        (without("plan"), ("'plan'", "columns")),
        (one_class(), ("churned", "one")),
        (no_rows(), ("rows",)),
    ],
    ids=["target", "time", "slice", "one class", "no rows"],
)
def test_data_that_cannot_train_say_which_column(tmp_path: Path, frame: pd.DataFrame, pieces: tuple[str, ...]) -> None:
    folder = make_project(tmp_path / "p", frame=frame, spec=SPEC.replace('prepare = "pipeline:prepare"\n', ""))
    refused(folder, flyball(folder, "train"), *pieces)


@pytest.mark.parametrize(
    ("content", "piece"), [(b"", "is empty"), (b"\xff\xfe\x00\x00garbage\x00", "customers.csv"), (None, "does not exist")]
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes | None, piece: str) -> None:
    folder = make_project(tmp_path / "p")
    source = folder / "data" / "customers.csv"
    source.unlink()
    if content is not None:
        source.write_bytes(content)
    refused(folder, flyball(folder, "train"), "customers.csv", piece)


# ---- the project's code


@pytest.mark.parametrize(
    ("train", "pieces"),
    [
        ("    return frame['nothing']", ("pipeline:train", "nothing", "pipeline.py")),
        ("    LogisticRegression().fit(frame, target)", ("pipeline:train", "NoneType", "return")),
        ("    return LogisticRegression()", ("pipeline:train", "LogisticRegression", "fitted")),
        ("    import os; os._exit(3)", ("pipeline:train",)),
    ],
    ids=["raises", "returns nothing", "returns what is not fitted", "leaves"],
)
def test_a_train_function_that_fails_is_named_with_its_line(tmp_path: Path, train: str, pieces: tuple[str, ...]) -> None:
    head = PIPELINE.split("    print(")[0]
    folder = make_project(tmp_path / "p", pipeline=head + train + "\n", frame=customers(300))
    refused(folder, flyball(folder, "train"), *pieces)
    assert not (folder / "mlflow.db").exists() or versions_in_registry(folder) == []


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "p", pipeline="import there_is_no_such_module\n", frame=customers(300))
    refused(folder, flyball(folder, "train"), "there_is_no_such_module", "pipeline")


def test_a_model_that_cannot_be_converted_is_registered_native_with_the_reason_and_a_server_says_why_it_waits(tmp_path: Path) -> None:
    pipeline = PIPELINE.replace("LogisticRegression(C=C)", "Own(C=C)") + "\n\nclass Own(LogisticRegression):\n    pass\n"
    folder = make_project(tmp_path / "p", pipeline=pipeline, frame=customers(800))
    said = flyball(folder, "train", "--json")
    assert said.status == 0, said.err
    assert said.json["engine"] == "native"
    assert "Own" in said.json["engine_reason"]
    assert flyball(folder, "models", "--json").json[0]["engine"] == "native"
    with running(folder, "serve") as (url, _):
        health = httpx.get(f"{url}/health")
        assert health.status_code == 503
        assert "its pickled Python code" in health.json()["reason"] and str(folder) not in health.text
        answer = httpx.post(f"{url}/predict", json={"features": {"x0": 1.0, "x1": 1.0, "plan": 1, "ratio": 0.5}})
        assert answer.status_code == 503
        assert set(answer.json()) <= {"error", "field"} and str(folder) not in answer.text


# ---- the surroundings


def test_a_port_in_use_is_named_with_another_to_take(own: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for verb in ("serve", "up"):
            said = spawn(own.folder, verb, "--port", str(port))
            assert said.status == 1, said
            assert f"port {port} of 127.0.0.1 is in use" in said.err and f"--port {port + 1}" in said.err
            assert "Traceback" not in said.err


def test_a_corrupted_database_is_said_by_every_verb_and_left_as_it_is(own: Shop) -> None:
    database = own.folder / "flyball.db"
    garbage = b"this is no database" * 500
    for neighbour in ("flyball.db-wal", "flyball.db-shm"):
        (own.folder / neighbour).unlink(missing_ok=True)
    database.write_bytes(garbage)
    for words in (("models",), ("train",), ("tick",), ("status",), ("promote", "1"), ("monitor",), ("trace", "x")):
        said = flyball(own.folder, *words)
        assert said.status == 1, words
        assert "flyball.db" in said.err and "backup" in said.err and "Traceback" not in said.err
    said = spawn(own.folder, "serve", "--port", "0")
    assert said.status == 1 and "flyball.db" in said.err and "Traceback" not in said.err
    found = flyball(own.folder, "doctor", "--json")
    assert found.status == 1
    assert {one["what"]: one["state"] for one in found.json}["database"] == "broken"
    assert database.read_bytes() == garbage


def test_a_server_goes_on_when_its_database_breaks(own: Shop) -> None:
    with running(own.folder, "serve") as (url, _), Client(url) as client:
        before = client.predict(CUSTOMER)
        until_logged(client, 1)
        for path in own.folder.glob("flyball.db*"):
            path.write_bytes(b"garbage " * 1000)
        for _ in range(50):
            assert client.predict(CUSTOMER)["prediction"] == before["prediction"]
        answer = httpx.post(f"{url}/outcomes", json={"prediction_id": before["prediction_id"], "actual": 1})
        assert answer.status_code == 503
        assert "error" in answer.json() and str(own.folder) not in answer.text


# ---- requests


@pytest.fixture(scope="module")
def url(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that takes the time from its requests, over a copy of the project."""
    folder = Path(shutil.copytree(shop.folder, tmp_path_factory.mktemp("served") / "project"))
    with running(folder, "serve", "--clock", "request") as (address, _):
        yield address


AT = datetime(2025, 3, 10, tzinfo=UTC)


def post(url: str, route: str, value: Any) -> httpx.Response:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return httpx.post(url + route, content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"plan": ...}, 422, "plan"),
        ({"colour": "red"}, 422, "colour"),
        ({"monthly_charges": ..., "monthly_charge": 95.0}, 422, "monthly_charge"),
        ({"monthly_charges": "95"}, 422, "monthly_charges"),
        ({"monthly_charges": float("nan")}, 400, "monthly_charges"),
        ({"support_calls": 1.5}, 422, "support_calls"),
        ({"plan": 3}, 422, "plan"),
    ],
    ids=["missing", "extra", "misspelt", "text for a number", "NaN", "a fraction for a whole number", "a number for text"],
)
def test_a_prediction_that_does_not_fit_names_the_feature(url: str, changes: dict[str, Any], status: int, field: str) -> None:
    features = {name: value for name, value in {**CUSTOMER, **changes}.items() if value is not ...}
    answer = post(url, "/predict", {"features": features, "at": AT.isoformat()})
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert field in answer.json()["error"] or status == 400
    assert set(answer.json()) == {"error", "field"}
    if field == "monthly_charge":
        assert "monthly_charges" in answer.json()["error"]


def test_nothing_of_a_list_with_one_bad_row_is_answered_or_logged(url: str) -> None:
    before = httpx.get(f"{url}/health").json()["log"]["logged"]
    answer = post(url, "/predict", {"features": [CUSTOMER, {**CUSTOMER, "plan": 3}], "at": AT.isoformat()})
    assert answer.status_code == 422 and "1" in answer.json()["error"]
    assert httpx.get(f"{url}/health").json()["log"]["logged"] == before


def test_an_outcome_is_taken_once_and_only_after_its_prediction(url: str) -> None:
    made = post(url, "/predict", {"features": CUSTOMER, "at": AT.isoformat()}).json()["prediction_id"]

    def outcome(**changes: object) -> httpx.Response:
        return post(url, "/outcomes", {"prediction_id": made, "actual": 1, "at": (AT + timedelta(days=1)).isoformat(), **changes})

    early = outcome(at=(AT - timedelta(days=1)).isoformat())
    assert early.status_code == 422 and "before its prediction" in early.json()["error"]
    unknown = outcome(prediction_id="nobody made this")
    assert unknown.status_code == 404 and "nobody made this" in unknown.json()["error"]
    odd = outcome(actual="perhaps")
    assert odd.status_code == 422 and "0, 1" in odd.json()["error"]
    assert outcome().json() == {"accepted": 1, "rejected": []}
    again = outcome()
    assert again.status_code == 409 and "already" in again.json()["error"]
    other = outcome(actual=0)
    assert other.status_code == 409 and "was not taken" in other.json()["error"]
    mixed = post(url, "/outcomes", [{"prediction_id": made, "actual": 1, "at": AT.isoformat()}, {"prediction_id": "x", "actual": 1}])
    assert mixed.status_code >= 400 and len(mixed.json()["rejected"]) == 2


def test_a_file_of_outcomes_without_the_columns_it_needs_is_refused(own: Shop) -> None:
    file = own.folder / "known.csv"
    for content, pieces in (
        ("prediction_id,actuall\nx,1\n", ("actual", "actuall")),
        ("actual\n1\n", ("prediction_id",)),
        ("", ("known.csv", "empty")),
    ):
        file.write_text(content)
        said = flyball(own.folder, "outcomes", str(file))
        assert said.status == 1 and "error: " in said.err
        assert all(piece in said.err for piece in pieces), said.err
    assert flyball(own.folder, "outcomes", str(own.folder / "nothing.csv")).status == 2


def versions_in_registry(folder: Path) -> list[int]:
    from mlflow import MlflowClient

    from trained import only_our_warnings

    with only_our_warnings():
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        return [int(found.version) for found in client.search_model_versions(f"name = '{MODEL}'")]


def test_changing_what_the_file_says_after_check_changes_nothing_by_itself(own: Shop) -> None:
    change(own.folder, 'name = "churn"', 'name = "other"')
    assert flyball(own.folder, "models", "--json").json == []
    change(own.folder, 'name = "other"', 'name = "churn"')
    assert len(flyball(own.folder, "models", "--json").json) == 3


def test_a_function_that_the_project_does_not_have_is_named_by_check_before_anything_runs(own: Shop) -> None:
    change(own.folder, 'run = "pipeline:train"', 'run = "pipeline:trian"')
    said = flyball(own.folder, "check")
    assert said.status == 1
    assert "pipeline.py has no trian; did you mean 'train'?" in said.err


def test_check_says_that_the_train_function_will_have_to_take_weights(tmp_path: Path) -> None:
    text = SPEC.replace('task = "binary"', 'task = "binary"\ninfluences_outcome = true')
    text += '[rollout]\nstrategy = "experiment"\nholdback = 0.2\ndeadline = "365d"\n[retrain]\nfrom = "source+log"\n'
    folder = make_project(tmp_path / "project", spec=text)
    assert "pipeline:train takes no sample_weight" in flyball(folder, "check").err
    change(folder, "C=1.0):", "C=1.0, sample_weight=None):", name="pipeline.py")
    assert "sample_weight" not in flyball(folder, "check").err
    change(folder, "C=1.0, sample_weight=None):", "C=1.0):", name="pipeline.py")
    change(folder, "source+log", "source")
    assert "sample_weight" not in flyball(folder, "check").err
