"""A team's project over one PostgreSQL: trained on one machine, served by two, and the database gone for a while."""

import contextlib
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flyball.api.client import Client
from flyball.core.errors import FlyballError
from postgresql import Postgres, running_postgres
from trained import CUSTOMER, begin, change, flyball, running, spawn


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of its own: it is stopped in the middle of the story."""
    with running_postgres() as opened:
        yield opened


@pytest.fixture
def first(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine that trains: the whole project, and the addresses and keys of the team in its surroundings."""
    monkeypatch.setenv("TEAM_DATABASE", server.fresh(migrated=False))
    monkeypatch.setenv("FLYBALL_SIGNING_KEY", secrets.token_hex(32))
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", secrets.token_hex(32))
    folder = begin(tmp_path / "first")
    with (folder / "flyball.toml").open("a") as file:
        file.write('\n[stores]\ndatabase = "env:TEAM_DATABASE"\nkeep = "90d"\n')
    return folder


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    """The machine that only serves: it has the spec and nothing else; no data, no code, no MLflow."""
    folder = tmp_path / "second"
    folder.mkdir()
    shutil.copy(first / "flyball.toml", folder)
    return folder


@pytest.mark.slow
def test_a_team_trains_serves_tells_and_decides_over_one_database(first: Path, second: Path, server: Postgres) -> None:
    refused = flyball(first, "train", "--json", "--now", "2025-03-01T00:00:00Z")
    assert refused.status == 1 and "flyball db upgrade" in refused.err
    assert flyball(first, "db", "upgrade", "--json").json == {"from": 0, "to": flyball(first, "db", "status", "--json").json["needs"]}
    trained = flyball(first, "train", "--json", "--now", "2025-03-01T00:00:00Z")
    assert trained.status == 0, trained.err
    assert not (first / "flyball.db").exists()
    servers = (running(first, "serve"), running(second, "serve"))
    with servers[0] as (one_url, _), servers[1] as (two_url, _), Client(one_url) as one, Client(two_url) as two:
        assert one.health()["worker"] != two.health()["worker"]
        answers = [(one if number % 2 else two).predict(CUSTOMER, unit=f"u{number}") for number in range(20)]
        assert {answer["version"] for answer in answers} == {1}
        told = [{"prediction_id": answer["prediction_id"], "actual": 1} for answer in answers[:10]]
        assert _told(one, told) == 10, "also what the other machine answered"
        assert _told(two, told[:1]) == 0, "once"
        tick = flyball(first, "tick", "--json")
        assert tick.status == 0, tick.err
        status = spawn(second, "db", "status", "--json").json
        assert (status["predictions"], status["outcomes"], status["bundles"], status["state"]) == (20, 10, 1, "ready")
        traced = flyball(first, "trace", answers[0]["prediction_id"], "--json")
        assert traced.status == 0, traced.err

        server.stop()
        during = [client.predict(CUSTOMER, unit="u")["version"] for client in (one, two) for _ in range(5)]
        assert during == [1] * 10, "predictions go on without the database"
        with running(second, "serve") as (again_url, _), Client(again_url) as again:
            assert again.predict(CUSTOMER, unit="u")["version"] == 1, "also by a server that starts while it is away"
        server.start()

        change(first, "n_estimators = 20", "n_estimators = 40")
        retrained = flyball(first, "train", "--json", "--now", "2025-03-02T00:00:00Z")
        assert retrained.status == 0, retrained.err
        _wait(lambda: {client.health()["version"] for client in (one, two)} == {2})
        assert {client.predict(CUSTOMER, unit="u")["version"] for client in (one, two)} == {2}
    logged = flyball(first, "db", "status", "--json").json["predictions"]
    assert logged == 20 + 10 + 1 + 2, "each answer once, whichever machine gave it, and whether or not the database was there"
    assert flyball(first, "journal", "--verify").status == 0
    assert flyball(first, "rollback", "churn", "--reason", "to see it go").status == 0
    assert [one["aliases"] for one in flyball(second, "models", "--json").json if "champion" in one["aliases"]] == [["champion"]]


@pytest.mark.slow
def test_a_project_moves_from_its_file_to_the_shared_database(first: Path, second: Path) -> None:
    change(first, '\n[stores]\ndatabase = "env:TEAM_DATABASE"\nkeep = "90d"\n', "")
    assert flyball(first, "train", "--json", "--now", "2025-03-01T00:00:00Z").status == 0
    head = flyball(first, "journal", "--head").out
    shutil.copy(second / "flyball.toml", first)
    assert flyball(first, "db", "upgrade").status == 0
    copied = flyball(first, "db", "copy", "--json")
    assert copied.status == 0, copied.err
    assert (copied.json["journal"], copied.json["bundles"]) == (2, 1)
    assert flyball(second, "journal", "--head").out == head
    again = flyball(first, "db", "copy")
    assert again.status == 1 and "not empty" in again.err
    with contextlib.closing(sqlite3.connect(first / "flyball.db")) as connection:
        assert connection.execute("SELECT count(*) FROM journal").fetchone() == (2,), "the file stays as it was"
    with running(second, "serve") as (url, _), Client(url) as client:
        assert client.predict(CUSTOMER, unit="u")["version"] == 1
    pruned = flyball(first, "db", "prune", "--older-than", "1d", "--json")
    assert pruned.json["predictions"] == 0, "made a moment ago"
    pruned = flyball(first, "db", "prune", "--older-than", "1d", "--now", "2999-01-01T00:00:00Z", "--json")
    assert (pruned.json["predictions"], pruned.json["more"]) == (0, False), "no future is believed when it is about forgetting"


def _told(client: Client, outcomes: list[dict[str, object]]) -> int:
    """How many outcomes were taken: what another machine answered is in the database a second later."""
    taken = 0
    for one in outcomes:
        until = time.monotonic() + 30
        while True:
            try:
                taken += client.outcomes(one)["accepted"]
                break
            except FlyballError as error:
                if "twice" in str(error) or "already" in str(error):
                    break
                assert time.monotonic() < until, error
                time.sleep(0.1)
    return taken


def _wait(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)
