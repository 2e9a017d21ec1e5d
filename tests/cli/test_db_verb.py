"""`flyball db`: what it says of a database, and what the other verbs say when it is not what they need."""

from datetime import timedelta
from pathlib import Path

import pytest

from flyball.adapters.postgres import upgrade as upgrading
from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.journal import PostgresJournal
from flyball.adapters.postgres.migrations import MIGRATIONS
from flyball.adapters.postgres.retention import PostgresRetention
from flyball.adapters.sqlite.database import Database as OwnDatabase
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.core.window import Window
from flyball.loop.admission import admit
from flyball.loop.forgetting import forget
from flyball.server.admin.tokens import read_tokens
from flyball.stores import wall_clock
from flyball.testing.samples import NOON, predictions
from postgresql import Postgres
from trained import Said, Shop, flyball

EVER = Window(start=NOON - timedelta(days=2000), end=NOON + timedelta(days=2000))
SPEC = """
[model]
name = "churn"
task = "binary"
[data]
source = "d.csv"
target = "y"
[train]
run = "p:t"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flyball.toml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def team(folder: Path, shared: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose database is shared."""
    monkeypatch.setenv("TEAM_DATABASE", shared)
    (folder / "flyball.toml").write_text(SPEC + '[stores]\ndatabase = "env:TEAM_DATABASE"\nkeep = "30d"\n')
    return folder


def _fails(said: Said, *words: str) -> None:
    assert said.status == 1
    for word in words:
        assert word in said.err


def test_a_projects_own_database_is_looked_at_and_not_made(folder: Path) -> None:
    said = flyball(folder, "db", "status", "--json")
    assert said.status == 0
    assert (said.json["kind"], said.json["state"], said.json["keep"]) == ("sqlite", "empty", None)
    assert not (folder / "flyball.db").exists()
    assert flyball(folder, "db", "upgrade", "--json").json["from"] == 0
    with OwnDatabase(folder / "flyball.db") as database:
        SqlitePredictionLog(database, folder / ".flyball" / "log").add(predictions(["a"]))
    said = flyball(folder, "db", "status", "--json")
    assert (said.json["state"], said.json["predictions"], said.json["oldest"]) == ("ready", 1, NOON.isoformat().replace("+00:00", "Z"))
    assert "flyball.db" in flyball(folder, "db", "status").out


def test_a_shared_database_says_whether_it_is_ready(team: Path, shared: str) -> None:
    said = flyball(team, "db", "status", "--json")
    assert (said.status, said.json["kind"], said.json["state"], said.json["keep"]) == (0, "postgresql", "ready", "30d")
    assert flyball(team, "db", "upgrade").out.endswith("nothing to do\n")
    with Database(shared) as database, database.write() as connection:
        connection.execute("UPDATE flyball SET schema_version = schema_version + 1")
    for words in (("db", "status"), ("db", "upgrade"), ("models",), ("tick",), ("journal",)):
        _fails(flyball(team, *words), "newer Flyball", "pip install --upgrade")
    assert not (team / "flyball.db").exists()


def test_a_database_in_use_is_upgraded_by_whoever_may_act_on_a_model_in_it(
    team: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_DATABASE", address := postgres.fresh(migrated=False))
    monkeypatch.delenv("FLYBALL_ADMIN_TOKEN", raising=False)
    with monkeypatch.context() as earlier, Database(address, checked=False) as database:
        earlier.setattr(upgrading, "MIGRATIONS", MIGRATIONS[:1])
        assert upgrading.upgrade(database) == (0, 1)
        tokens = [one.digest for one in read_tokens("a" * 40)]
        admit(PostgresJournal(database), "another", tokens, now=NOON, actor="person")
    _fails(flyball(team, "db", "upgrade"), "no admin token is at hand")
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "b" * 40)
    _fails(flyball(team, "db", "upgrade"), "is not one of those that are kept there")
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "a" * 40)
    said = flyball(team, "db", "upgrade", "--json")
    assert said.json == {"from": 1, "to": len(MIGRATIONS)}, said.err
    monkeypatch.delenv("FLYBALL_ADMIN_TOKEN")
    assert flyball(team, "db", "upgrade").out.endswith("nothing to do\n")


def test_an_empty_shared_database_sends_every_verb_to_the_upgrade(team: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_DATABASE", postgres.fresh(migrated=False))
    for words in (("models",), ("status",), ("journal",), ("db", "copy"), ("db", "prune"), ("why", "1")):
        if words == ("db", "copy"):
            OwnDatabase(team / "flyball.db").close()
        _fails(flyball(team, *words), "flyball db upgrade")
    said = flyball(team, "db", "status", "--json")
    assert (said.status, said.json["state"]) == (1, "empty")
    assert flyball(team, "db", "upgrade").status == 0
    assert flyball(team, "models").status == 0


def test_a_variable_that_is_not_set_is_named(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAM_DATABASE")
    _fails(flyball(team, "db", "status"), "TEAM_DATABASE is not set")


def test_an_address_is_not_repeated_where_it_is_wrong(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_DATABASE", "hunter2 is no address")
    said = flyball(team, "models")
    _fails(said, "not the address of a PostgreSQL database", "postgresql://")
    assert "hunter2" not in said.err


def test_copy_needs_somewhere_to_copy_to_and_something_to_copy(folder: Path, shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = flyball(folder, "db", "copy")
    assert said.status == 2 and "[stores] database" in said.err
    monkeypatch.setenv("TEAM_DATABASE", shared)
    (folder / "flyball.toml").write_text(SPEC + '[stores]\ndatabase = "env:TEAM_DATABASE"\n')
    _fails(flyball(folder, "db", "copy"), "there is no", "flyball db upgrade")


def test_prune_says_what_went_and_wants_to_know_how_old(folder: Path) -> None:
    said = flyball(folder, "db", "prune")
    assert said.status == 2 and "--older-than" in said.err
    assert flyball(folder, "db", "prune", "--older-than", "1h").status == 2
    with OwnDatabase(folder / "flyball.db") as database:
        log = SqlitePredictionLog(database, folder / ".flyball" / "log")
        log.add(predictions(["a", "b"]))
        log.add(predictions(["c"], at=NOON.replace(day=20)))
    said = flyball(folder, "db", "prune", "--older-than", "7d", "--now", "2024-05-20T12:00:00Z", "--json")
    assert (said.json["predictions"], said.json["more"]) == (2, False)
    assert flyball(folder, "db", "status", "--json").json["predictions"] == 1


def test_a_tick_forgets_what_is_older_than_it_is_to_be_kept(own: Shop) -> None:
    folder = own.folder
    with (folder / "flyball.toml").open("a") as file:
        file.write('\n[stores]\nkeep = "30d"\n')
    with OwnDatabase(folder / "flyball.db") as database:
        log = SqlitePredictionLog(database, folder / ".flyball" / "log")
        log.add(predictions(["old"], at=NOON.replace(year=2023)))
        log.add(predictions(["new"], at=NOON))
        before = sum(log.count("churn", EVER).values())
    said = flyball(folder, "tick", "--now", "2024-05-03T00:00:00Z")
    assert said.status == 0 and "1 predictions older than 30d are gone" in said.err
    with OwnDatabase(folder / "flyball.db") as database:
        assert sum(SqlitePredictionLog(database, folder / ".flyball" / "log").count("churn", EVER).values()) == before - 1


def test_a_time_that_is_still_to_come_makes_nobody_forget_what_is_new(own: Shop) -> None:
    folder = own.folder
    with (folder / "flyball.toml").open("a") as file:
        file.write('\n[stores]\nkeep = "30d"\n')
    with OwnDatabase(folder / "flyball.db") as database:
        log = SqlitePredictionLog(database, folder / ".flyball" / "log")
        log.add(predictions(["new"], at=wall_clock()))
        log.add(predictions(["newest"], at=wall_clock()))
    later = (wall_clock() + timedelta(days=400)).isoformat()
    assert flyball(folder, "tick", "--now", later).status == 0
    said = flyball(folder, "db", "prune", "--older-than", "7d", "--now", later)
    assert said.status == 0, said.err
    with OwnDatabase(folder / "flyball.db") as database:
        log = SqlitePredictionLog(database, folder / ".flyball" / "log")
        assert log.find("new") is not None and log.find("newest") is not None


def test_what_could_not_be_forgotten_is_a_warning_and_no_failed_tick() -> None:
    said: list[str] = []
    with Database("postgresql://nobody@127.0.0.1:1/team") as gone:
        forget(PostgresRetention(gone), timedelta(days=30), now=NOON, clock=NOON, say=said.append)
    assert len(said) == 1 and "older than 30d could not be forgotten, the next tick tries again" in said[0]


def test_check_says_what_looks_further_back_than_predictions_are_kept(folder: Path) -> None:
    text = SPEC.replace('target = "y"', 'target = "y"\ntime = "t"\nmatures = "2d"')
    text += '[rollout]\nstrategy = "shadow"\ndeadline = "30d"\n[retrain]\nfrom = "source+log"\nwindow = "90d"\n[stores]\nkeep = '
    (folder / "flyball.toml").write_text(text + '"7d"\n')
    said = flyball(folder, "check", "--json").json["warnings"]
    assert [one.partition(", and ")[2] for one in said if "stores.keep is 7d" in one] == [
        "monitor.performance_window looks back 16d (2d of them until outcomes count): the oldest rows are gone by then",
        "retrain.window looks back 90d: the oldest rows are gone by then",
        "rollout.deadline looks back 32d (2d of them until outcomes count): the oldest rows are gone by then",
    ]
    (folder / "flyball.toml").write_text(text + '"90d"\n')
    assert not [one for one in flyball(folder, "check", "--json").json["warnings"] if "stores.keep" in one]


def test_copy_takes_the_bundles_of_versions_and_leaves_what_no_version_names(
    own: Shop, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_DATABASE", shared)
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "a" * 64)
    folder = own.folder
    with (folder / "flyball.toml").open("a") as file:
        file.write('\n[stores]\ndatabase = "env:TEAM_DATABASE"\n')
    kept = sorted((folder / ".flyball" / "bundles").iterdir())
    odd = folder / ".flyball" / "bundles" / ("0" * 64)
    odd.mkdir()
    (odd / "manifest.json").write_text("{}")
    said = flyball(folder, "db", "copy", "--json")
    assert said.status == 0, said.err
    assert said.json["bundles"] == len(kept) == 3
    assert f"the bundle {'0' * 12} is not copied: no version of the journal names it" in said.err
