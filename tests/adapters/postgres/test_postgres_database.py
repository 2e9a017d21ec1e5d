"""The shared database: reached, refused, lost, found again, by threads and forks; and brought up to date."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from flyball.adapters.postgres import database as module
from flyball.adapters.postgres.database import Database, one
from flyball.adapters.postgres.migrations import MIGRATIONS
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.adapters.postgres.upgrade import upgrade, version_of
from flyball.core.errors import DataError, SpecError, StoreError
from flyball.testing.predictions import DAY
from flyball.testing.samples import predictions
from postgresql import Postgres


def _names(database: Database) -> list[str]:
    with database.read() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM models ORDER BY id")]


def _write(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO models (name) VALUES (%s)", (name,))


def test_a_commit_is_on_the_servers_disk_when_it_returns_and_nobody_waits_for_ever(database: Database) -> None:
    with database.read() as connection:
        settings = [one(connection, f"SHOW {name}")[0] for name in ("synchronous_commit", "lock_timeout", "search_path", "timezone")]
    assert settings == ["on", "10s", "flyball", "UTC"]


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        connection.execute("INSERT INTO models (name) VALUES ('half')")
        raise KeyError
    assert _names(database) == []


def test_while_one_reads_nothing_changes_for_it(database: Database) -> None:
    with database.read() as connection:
        before = one(connection, "SELECT count(*) FROM models")
        _write(database, "meanwhile")
        assert one(connection, "SELECT count(*) FROM models") == before
    assert _names(database) == ["meanwhile"]


def test_a_value_that_no_database_can_hold_is_the_datas_fault(database: Database) -> None:
    for value in ("\ud800", "a\x00b"):
        with pytest.raises(DataError, match="cannot be stored"):
            _write(database, value)


def test_an_empty_database_says_how_to_make_the_tables(postgres: Postgres) -> None:
    with Database(postgres.fresh(migrated=False)) as database, pytest.raises(StoreError, match="no tables of Flyball yet") as caught:
        _names(database)
    assert "flyball db upgrade" in caught.value.hint


def test_an_older_database_says_how_to_upgrade_and_a_newer_one_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(module, "MIGRATIONS", (*MIGRATIONS, "SELECT 1"))
        with Database(database._address) as newer, pytest.raises(StoreError, match="schema version") as caught:
            _names(newer)
        assert "flyball db upgrade" in caught.value.hint
    with database.write() as connection:
        connection.execute("UPDATE flyball SET schema_version = %s", (len(MIGRATIONS) + 1,))
    database.close()
    with pytest.raises(StoreError, match="newer Flyball") as caught:
        _names(database)
    assert "pip install --upgrade" in caught.value.hint


def test_an_upgrade_is_noticed_on_connections_that_were_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(database, "before")
    with psycopg.connect(database._address, autocommit=True) as other:
        other.execute("UPDATE flyball SET schema_version = %s", (len(MIGRATIONS) + 1,))
        monkeypatch.setattr(module, "_LOOK", 0.0)
        for use in (lambda: _write(database, "after"), lambda: _names(database)):
            with pytest.raises(StoreError, match="newer Flyball"):
                use()
        other.execute("UPDATE flyball SET schema_version = %s", (len(MIGRATIONS),))
    assert _names(database) == ["before"]


def test_a_table_that_is_not_there_is_the_stores_fault_and_says_what_to_look_at(database: Database) -> None:
    with pytest.raises(StoreError, match='relation "shelf" does not exist') as caught, database.read() as connection:
        connection.execute("SELECT 1 FROM shelf")
    assert "flyball db status" in caught.value.hint
    with pytest.raises(StoreError, match="syntax error") as caught, database.read() as connection:
        connection.execute("SELEC 1")
    assert "log of the PostgreSQL server" in caught.value.hint


def test_an_upgrade_goes_on_from_where_the_database_is_and_keeps_what_it_holds(
    shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(shared) as database:
        PostgresPredictionLog(database, tmp_path / "log").add(predictions(["a"]))
    later = (*MIGRATIONS, "ALTER TABLE predictions ADD COLUMN latency double precision; CREATE TABLE shelf (id bigint PRIMARY KEY)")
    for place in ("flyball.adapters.postgres.database.MIGRATIONS", "flyball.adapters.postgres.upgrade.MIGRATIONS"):
        monkeypatch.setattr(place, later)
    said: list[str] = []
    with Database(shared, checked=False) as database:
        assert upgrade(database, say=said.append) == (len(MIGRATIONS), len(later))
        assert upgrade(database) == (len(later), len(later))
    assert said == [f"to version {len(later)} of {len(later)} …"]
    with Database(shared) as database:
        log = PostgresPredictionLog(database, tmp_path / "log")
        log.add(predictions(["b"]))
        assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["a", "b"]


@pytest.mark.parametrize("migrations", range(1, len(MIGRATIONS) + 1))
def test_a_database_of_every_version_is_brought_up_to_the_present_tables(
    postgres: Postgres, shared: str, monkeypatch: pytest.MonkeyPatch, migrations: int
) -> None:
    address = postgres.fresh(migrated=False)
    with monkeypatch.context() as then:
        for place in ("flyball.adapters.postgres.database.MIGRATIONS", "flyball.adapters.postgres.upgrade.MIGRATIONS"):
            then.setattr(place, MIGRATIONS[:migrations])
        with Database(address, checked=False) as database:
            upgrade(database)
            assert version_of(database) == migrations
    with Database(address, checked=False) as database:
        upgrade(database)
    assert _tables(address) == _tables(shared)
    postgres.drop(address)


def _tables(address: str) -> list[tuple[object, ...]]:
    query = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'flyball' ORDER BY 1, 2"
    with psycopg.connect(address) as connection:
        return connection.execute(query).fetchall()


def test_a_migration_that_fails_leaves_the_database_as_it_was(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (*MIGRATIONS, "CREATE TABLE shelf (id bigint); SELECT 1 / 0")
    with monkeypatch.context() as later:
        for place in ("flyball.adapters.postgres.database.MIGRATIONS", "flyball.adapters.postgres.upgrade.MIGRATIONS"):
            later.setattr(place, broken)
        with Database(shared, checked=False) as database, pytest.raises(DataError):
            upgrade(database)
    with Database(shared) as database:
        assert version_of(database) == len(MIGRATIONS)
        with database.read() as connection:
            assert one(connection, "SELECT to_regclass('shelf')") == (None,)


def test_machines_that_upgrade_at_once_all_succeed(postgres: Postgres) -> None:
    address = postgres.fresh(migrated=False)
    code = (
        "import sys; from flyball.adapters.postgres.database import Database; from flyball.adapters.postgres.upgrade import upgrade\n"
        "with Database(sys.argv[1], checked=False) as database: upgrade(database)"
    )
    racers = [subprocess.Popen([sys.executable, "-c", code, address]) for _ in range(3)]
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    postgres.drop(address)


def test_a_schema_of_something_else_is_left_alone(postgres: Postgres) -> None:
    address = postgres.fresh(migrated=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA flyball CREATE TABLE wings (id int)")
    with Database(address, checked=False) as database, pytest.raises(StoreError, match=r"something else \(its tables: wings\)"):
        upgrade(database)
    postgres.drop(address)


@pytest.mark.parametrize(
    ("address", "said", "hint"),
    [
        ("postgresql://flyball@127.0.0.1:1/team", "team on 127.0.0.1:1", "see that the server runs"),
        ("{server}/nowhere", "nowhere", "createdb"),
        ("postgresql://flyball:hunter2@127.0.0.1:1/team", "team on 127.0.0.1:1", "host and port"),
    ],
)
def test_a_database_that_cannot_be_reached_is_named_with_what_to_do_and_without_its_password(
    postgres: Postgres, address: str, said: str, hint: str
) -> None:
    with Database(address.format(server=postgres.address("")[:-1])) as database, pytest.raises(StoreError, match=said) as caught:
        _names(database)
    assert hint in caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_an_address_that_is_none_is_the_specs_fault_and_not_repeated() -> None:
    with pytest.raises(SpecError, match="not the address of a PostgreSQL database") as caught:
        Database("postgresql://user:hunter2@host:port/x?nothing=1")
    assert "hunter2" not in str(caught.value)


def test_a_user_who_may_not_write_is_told_what_to_grant(postgres: Postgres, shared: str) -> None:
    with psycopg.connect(shared, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA flyball TO guest")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA flyball TO guest")
    with Database(shared.replace("flyball@", "guest@")) as database:
        assert _names(database) == []
        with pytest.raises(StoreError, match="permission denied") as caught:
            _write(database, "m")
        assert "GRANT" in caught.value.hint
    with psycopg.connect(shared, autocommit=True) as connection:
        connection.execute("DROP OWNED BY guest")
        connection.execute("DROP ROLE guest")


def test_a_connection_that_was_lost_between_two_transactions_is_opened_again(database: Database, postgres: Postgres) -> None:
    _write(database, "before")
    with psycopg.connect(postgres.address("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'flyball'")
    _write(database, "after")
    assert _names(database) == ["before", "after"]


def test_who_waits_too_long_for_another_is_told_so(database: Database) -> None:
    with database.write("journal churn"), pytest.raises(StoreError, match="lock timeout") as caught, database.write() as connection:
        connection.execute("SET LOCAL lock_timeout = '50ms'")
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('journal churn', 0))")
    assert "another process" in caught.value.hint


def test_many_threads_use_few_connections_and_leave_none_but_some_idle_ones(database: Database) -> None:
    threads = [threading.Thread(target=_write, args=(database, f"m{number}")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_names(database)) == 20
    assert len(database._idle) <= module._IDLE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_use_its_parents_connection(database: Database) -> None:
    _write(database, "parent")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _write(database, "child")
            database.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    _write(database, "again")
    assert _names(database) == ["parent", "child", "again"]
