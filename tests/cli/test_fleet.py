"""A folder of projects: each gets its turn, whatever is wrong with the others."""

import shutil
from pathlib import Path

import httpx
import pytest

from flyball.api.client import Client
from flyball.core.errors import NotFoundError, RequestError
from trained import CUSTOMER, MODEL, Shop, change, flyball, running


def fleet(own: Shop) -> Path:
    folder = own.folder.parent / "fleet"
    folder.mkdir()
    shutil.move(own.folder, folder / "good")
    (folder / "broken").mkdir()
    (folder / "broken" / "flyball.toml").write_text("[model]\nname = 3\n")
    (folder / "no-project").mkdir()
    return folder


def test_status_shows_every_project_and_tells_the_broken_one(own: Shop) -> None:
    folder = fleet(own)
    said = flyball(folder, "status", "--json")
    assert said.status == 1, "one of them could not be read"
    assert [one["model"] for one in said.json] == ["churn"]
    assert "broken: error:" in said.err


def test_a_broken_project_does_not_keep_the_others_from_their_tick(own: Shop) -> None:
    folder = fleet(own)
    said = flyball(folder, "tick", "--now", "2025-03-02T00:00:00Z", "--json")
    assert said.status == 1
    assert [one["model"] for one in said.json] == ["churn"]


def test_one_port_cannot_serve_several_projects(own: Shop) -> None:
    folder = fleet(own)
    (folder / "broken" / "flyball.toml").unlink()
    shutil.copytree(folder / "good", folder / "other")
    said = flyball(folder, "up", "--port", "0")
    assert said.status == 2 and "[serve] address" in said.err


def asked(url: str, model: str | None) -> None:
    with Client(url, model=model) as client:
        client.predict(CUSTOMER)


def test_one_server_answers_for_every_sound_project(own: Shop) -> None:
    folder = fleet(own)
    shutil.copytree(folder / "good", folder / "other")
    change(folder / "other", 'name = "churn"', 'name = "churn-too"')
    said = flyball(folder / "other", "train")
    assert said.status == 0, said.err
    with running(folder, "serve") as (url, _), Client(url, model="churn-too") as client, Client(url, model=MODEL) as old:
        other = client.predict(CUSTOMER, unit="C1")
        assert (other["model"], old.predict(CUSTOMER, unit="C1")["model"]) == ("churn-too", MODEL)
        assert client.outcomes({"prediction_id": other["prediction_id"], "actual": 1})["accepted"] == 1
        with pytest.raises(NotFoundError, match="no model 'churns'"):
            asked(url, "churns")
        with pytest.raises(RequestError, match="several models: churn, churn-too"):
            asked(url, None)
        health = httpx.get(f"{url}/health").json()
        assert (health["status"], sorted(health["models"])) == ("healthy", ["churn", "churn-too"])
        metrics = httpx.get(f"{url}/metrics").text
        assert 'model_predictions_total{model="churn-too",version="1",variant="champion"} 1' in metrics
        assert 'flyball_deployment_seq{model="churn"}' in metrics
    traced = flyball(folder / "other", "trace", other["prediction_id"], "--json")
    assert traced.status == 0, traced.err


def test_an_empty_folder_is_no_project(tmp_path: Path) -> None:
    said = flyball(tmp_path, "status")
    assert said.status == 1 and "flyball init" in said.err
