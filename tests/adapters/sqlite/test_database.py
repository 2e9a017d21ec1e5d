"""Opening flyball.db: new, known, newer, foreign, damaged, unwritable, by many at once."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.migrations import MIGRATIONS
from flyball.core.errors import DataError, StoreError


def test_a_new_database_writes_ahead_and_syncs_every_commit(database: Database) -> None:
    with database.read() as connection:
        settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_database_opened_again_keeps_what_it_held(tmp_path: Path) -> None:
    for opening in range(3):
        with Database(tmp_path / "flyball.db") as database, database.write() as connection:
            (held,) = connection.execute("SELECT COUNT(*) FROM models").fetchone()
            assert held == opening
            connection.execute("INSERT INTO models (name) VALUES (?)", (f"m{opening}",))


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        connection.execute("INSERT INTO models (name) VALUES ('half')")
        raise KeyError
    with database.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM models").fetchone() == (0,)


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    with Database(tmp_path / "flyball.db") as database, database.write() as connection:
        connection.execute("UPDATE flyball SET schema_version = ?", (len(MIGRATIONS) + 1,))
    with pytest.raises(StoreError, match="newer Flyball") as caught:
        Database(tmp_path / "flyball.db")
    assert "upgrade" in caught.value.hint


def test_what_is_not_a_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "flyball.db"
    path.write_bytes(b"these are my holiday photographs\n" * 100)
    with pytest.raises(StoreError, match="not a database") as caught:
        Database(path)
    assert str(path) in caught.value.message
    assert "move the file away" in caught.value.hint
    assert path.read_bytes().startswith(b"these are my holiday")


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "flyball.db")
    connection.execute("CREATE TABLE runs (id)")
    connection.close()
    with pytest.raises(StoreError, match=r"something else \(its tables: runs\)"):
        Database(tmp_path / "flyball.db")


def test_a_damaged_database_says_which_file_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "flyball.db"
    Database(path).close()
    sound = path.read_bytes()
    path.write_bytes(sound[:100] + b"\xff" * (len(sound) - 100))
    with pytest.raises(StoreError, match=r"flyball\.db") as caught:
        Database(path)
    assert "backup" in caught.value.hint


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no folder"):
        Database(tmp_path / "nowhere" / "flyball.db")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_in_the_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flyball.db").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        Database(tmp_path / "flyball.db")


def test_a_database_that_may_not_be_written_says_so(database: Database) -> None:
    with database.read() as connection:
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="readonly") as caught, database.write() as connection:
        connection.execute("INSERT INTO models (name) VALUES ('m')")
    assert "allow this user to write" in caught.value.hint


def test_a_value_that_no_database_can_hold_is_the_datas_fault(database: Database) -> None:
    for value in ("\ud800", 2**70):
        with pytest.raises(DataError, match="cannot be stored"), database.write() as connection:
            connection.execute("INSERT INTO models (name) VALUES (?)", (value,))


def test_threads_have_connections_of_their_own_and_ended_ones_leave_none_open(database: Database) -> None:
    seen: list[int] = []

    def write(number: int) -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO models (name) VALUES (?)", (f"m{number}",))
            seen.append(id(connection))

    for number in range(8):
        thread = threading.Thread(target=write, args=(number,))
        thread.start()
        thread.join()
    with database.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM models").fetchone() == (8,)
        assert id(connection) not in seen[-1:]
    assert len(database._open) <= 2


def test_processes_that_open_a_new_database_at_once_all_succeed(tmp_path: Path) -> None:
    opener = (
        "import sys; from pathlib import Path; from flyball.adapters.sqlite.database import Database; Database(Path(sys.argv[1])).close()"
    )
    racers = [subprocess.Popen([sys.executable, "-c", opener, str(tmp_path / "flyball.db")]) for _ in range(4)]
    assert [racer.wait() for racer in racers] == [0, 0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_use_its_parents_connection(database: Database) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO models (name) VALUES ('parent')")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with database.write() as connection:
                connection.execute("INSERT INTO models (name) VALUES ('child')")
            database.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    with database.write() as connection:
        assert connection.execute("SELECT name FROM models ORDER BY id").fetchall() == [("parent",), ("child",)]
