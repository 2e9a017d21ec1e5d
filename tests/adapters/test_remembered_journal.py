"""A journal that is read once: the promises of the port hold, and what was changed behind its back is not believed for ever."""

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.remembered import RememberedJournal
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.core.errors import IntegrityError
from flyball.journal.chain import Link
from flyball.journal.events import Entry, Event, Frozen, Thawed
from flyball.testing.journal import JournalSuite
from flyball.testing.samples import NOON


class Counted:
    """A journal that notes how many entries were read from it."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.journal, self.read_entries = journal, 0

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        found = self.journal.read(model, after=after)
        self.read_entries += len(found)
        return found

    def links(self, model: str) -> list[Link]:
        return self.journal.links(model)

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        return self.journal.append(model, events, expected=expected, actor=actor, at=at)

    def models(self) -> list[str]:
        return self.journal.models()


class TestRememberedMemoryJournal(JournalSuite):
    @pytest.fixture
    def inner(self) -> MemoryJournal:
        return MemoryJournal()

    @pytest.fixture
    def journal(self, inner: MemoryJournal) -> RememberedJournal:
        return RememberedJournal(inner)

    @pytest.fixture
    def another(self, inner: MemoryJournal) -> RememberedJournal:
        return RememberedJournal(inner)


def freezes(journal: SqliteJournal | RememberedJournal, number: int) -> None:
    for _ in range(number):
        seq = len(journal.read("churn"))
        event = Frozen(reason="stop", until=None) if seq % 2 == 0 else Thawed(reason="go")
        journal.append("churn", [event], expected=seq, actor="ann", at=NOON)


def test_entries_are_read_once_and_those_of_others_follow(tmp_path: Path) -> None:
    with Database(tmp_path / "flyball.db") as database:
        inner = SqliteJournal(database)
        freezes(inner, 50)
        counted = Counted(inner)
        journal = RememberedJournal(counted)
        assert len(journal.read("churn")) == 50
        freezes(inner, 2)
        assert [entry.seq for entry in journal.read("churn", after=49)] == [50, 51, 52]
        assert journal.read("churn") == inner.read("churn")
        assert counted.read_entries == 50 + 3 + 1


def test_a_database_put_back_from_a_backup_is_read_anew(tmp_path: Path) -> None:
    with Database(tmp_path / "flyball.db") as database:
        freezes(SqliteJournal(database), 3)
    shutil.copy(tmp_path / "flyball.db", tmp_path / "backup.db")
    with Database(tmp_path / "flyball.db") as database:
        journal = RememberedJournal(SqliteJournal(database))
        freezes(journal, 2)
        assert len(journal.read("churn")) == 5
        database.close()
        for end in ("-wal", "-shm"):
            (tmp_path / f"flyball.db{end}").unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup.db", tmp_path / "flyball.db")
        assert len(journal.read("churn")) == 3
        freezes(journal, 1)
        assert [entry.seq for entry in journal.read("churn")] == [1, 2, 3, 4]


def test_an_edit_of_the_newest_entry_is_seen(tmp_path: Path) -> None:
    with Database(tmp_path / "flyball.db") as database:
        journal = RememberedJournal(SqliteJournal(database))
        freezes(journal, 3)
        journal.read("churn")
        with database.write() as connection:
            connection.execute("DROP TRIGGER journal_is_never_edited")
            connection.execute("UPDATE journal SET actor = 'nobody' WHERE seq = 3")
        with pytest.raises(IntegrityError, match="entry 3"):
            journal.read("churn")
