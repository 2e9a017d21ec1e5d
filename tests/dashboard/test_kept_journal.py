"""The journal that a dashboard keeps is the one that is stored, whatever happens to it meanwhile."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.core.errors import IntegrityError
from flyball.dashboard.kept import KeptJournal
from flyball.journal.events import Frozen, Thawed

T0 = datetime(2026, 2, 1, tzinfo=UTC)


def _open(connection: sqlite3.Connection) -> None:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")


def test_what_is_appended_by_others_is_read_after_what_is_kept(tmp_path: Path) -> None:
    stored = SqliteJournal(Database(tmp_path / "flyball.db"))
    kept = KeptJournal(stored)
    assert kept.read("m") == [] and kept.models() == []
    stored.append("m", [Frozen(reason="a", until=None)], expected=0, actor="ann", at=T0)
    assert kept.read("m") == stored.read("m")
    kept.append("m", [Thawed(reason="b")], expected=1, actor="ann", at=T0)
    assert kept.read("m") == stored.read("m") == kept.read("m")
    assert kept.read("m", after=1) == stored.read("m", after=1) and kept.read("m", after=9) == []
    assert kept.links("m") == stored.links("m")


def test_a_journal_that_was_put_back_from_a_backup_is_read_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "flyball.db")
    stored = SqliteJournal(database)
    kept = KeptJournal(stored)
    stored.append("m", [Frozen(reason="a", until=None), Thawed(reason="b")], expected=0, actor="ann", at=T0)
    assert len(kept.read("m")) == 2
    with database.write() as connection:
        _open(connection)
        connection.execute("DELETE FROM journal WHERE seq = 2")
    assert kept.read("m") == stored.read("m")
    stored.append("m", [Thawed(reason="another")], expected=1, actor="ann", at=T0)
    assert kept.read("m") == stored.read("m")


def test_an_edited_newest_entry_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "flyball.db")
    stored = SqliteJournal(database)
    kept = KeptJournal(stored)
    stored.append("m", [Frozen(reason="a", until=None)], expected=0, actor="ann", at=T0)
    kept.read("m")
    with database.write() as connection:
        _open(connection)
        connection.execute("UPDATE journal SET actor = 'eve'")
    with pytest.raises(IntegrityError):
        kept.read("m")
