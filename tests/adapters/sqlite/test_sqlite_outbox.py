"""The outbox in SQLite."""

from pathlib import Path

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.outbox import SqliteOutbox
from flyball.core.errors import UnsupportedError
from flyball.testing.outbox import OutboxSuite, letter, told


class TestSqliteOutbox(OutboxSuite):
    @pytest.fixture
    def outbox(self, database: Database) -> SqliteOutbox:
        return SqliteOutbox(database)


def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    with Database(tmp_path / "flyball.db") as one:
        SqliteOutbox(one).put("churn", [letter("a")], [told("a")], [], expected=0)
    with Database(tmp_path / "flyball.db") as other:
        assert SqliteOutbox(other).waiting("churn") == [letter("a")]
        assert SqliteOutbox(other).ledger("churn").told == (told("a"),)


def test_a_letter_written_by_a_newer_flyball_is_not_guessed_at(database: Database) -> None:
    outbox = SqliteOutbox(database)
    outbox.put("churn", [letter("a")], [], [], expected=0)
    with database.write() as connection:
        connection.execute("UPDATE outbox SET format = 99")
    with pytest.raises(UnsupportedError, match="newer"):
        outbox.waiting("churn")
