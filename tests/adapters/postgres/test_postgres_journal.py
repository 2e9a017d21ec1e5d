"""The journal in PostgreSQL keeps what every journal promises, under several processes, and finds what was edited."""

import subprocess
import sys
from collections.abc import Iterator
from typing import LiteralString

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.journal import PostgresJournal
from flyball.core.errors import ConflictError, IntegrityError, StoreError
from flyball.journal.events import Frozen, Thawed
from flyball.testing.journal import JournalSuite
from flyball.testing.samples import NOON

_APPENDER = """
import sys
from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.journal import PostgresJournal
from flyball.core.errors import ConflictError
from flyball.journal.events import Thawed
from flyball.testing.samples import NOON

with Database(sys.argv[1]) as database:
    journal = PostgresJournal(database)
    for number in range(50):
        newest = len(journal.read("churn"))
        try:
            journal.append("churn", [Thawed(reason=f"{sys.argv[2]} {number}")], expected=newest, actor=sys.argv[2], at=NOON)
        except ConflictError:
            print("conflict", number)
        else:
            print("appended", number)
"""


@pytest.fixture
def journal(database: Database) -> PostgresJournal:
    return PostgresJournal(database)


class TestPostgresJournal(JournalSuite):
    @pytest.fixture
    def another(self, shared: str) -> Iterator[PostgresJournal]:
        with Database(shared) as second:
            yield PostgresJournal(second)


def test_of_two_processes_appending_at_once_exactly_the_accepted_events_are_in_the_chain(journal: PostgresJournal, shared: str) -> None:
    racers = [subprocess.Popen([sys.executable, "-c", _APPENDER, shared, name], stdout=subprocess.PIPE, text=True) for name in ("a", "b")]
    said = [racer.communicate()[0].splitlines() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert [len(lines) for lines in said] == [50, 50]
    accepted = {
        f"{name} {line.split()[1]}" for name, lines in zip("ab", said, strict=True) for line in lines if line.startswith("appended")
    }
    entries = journal.read("churn")
    assert {entry.event for entry in entries} == {Thawed(reason=reason) for reason in accepted}
    assert len(entries) == len(accepted) >= 50


def test_an_edited_entry_is_found_and_named_when_it_is_read(journal: PostgresJournal, database: Database) -> None:
    journal.append("churn", [Frozen(reason=str(n), until=None) for n in range(5)], expected=0, actor="ann", at=NOON)
    _tamper(database, "UPDATE journal SET body = replace(body, '2', '7') WHERE seq = 3")
    with pytest.raises(IntegrityError, match="entry 3 of the journal of 'churn'"):
        journal.read("churn")
    with pytest.raises(IntegrityError, match="entry 3"):
        journal.read("churn", after=2)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("UPDATE journal SET actor = 'eve' WHERE seq = 2", "entry 2"),
        ("UPDATE journal SET at = at + 1 WHERE seq = 1", "entry 1"),
        ("UPDATE journal SET kind = 'frozen' WHERE seq = 5", "entry 5"),
        ("UPDATE journal SET hash = replace(hash, 'a', 'b') WHERE seq = 4", "entry 4"),
        ("UPDATE journal SET body = 'not json' WHERE seq = 4", "entry 4"),
        ("DELETE FROM journal WHERE seq = 3", "no entry 3"),
        ("DELETE FROM journal WHERE seq = 1", "no entry 1"),
    ],
)
def test_no_field_of_an_entry_can_be_changed_unseen(journal: PostgresJournal, database: Database, edit: LiteralString, named: str) -> None:
    journal.append("churn", [Thawed(reason=str(n)) for n in range(5)], expected=0, actor="ann", at=NOON)
    _tamper(database, edit)
    with pytest.raises(IntegrityError, match=named):
        journal.read("churn")


def test_nothing_is_appended_to_an_edited_entry(journal: PostgresJournal, database: Database) -> None:
    journal.append("churn", [Thawed(reason="a")], expected=0, actor="ann", at=NOON)
    _tamper(database, "UPDATE journal SET actor = 'eve'")
    with pytest.raises(IntegrityError, match="entry 1"):
        journal.append("churn", [Thawed(reason="b")], expected=1, actor="ann", at=NOON)


def test_the_database_refuses_to_edit_or_shorten_the_journal(journal: PostgresJournal, database: Database) -> None:
    journal.append("churn", [Thawed(reason="a")], expected=0, actor="ann", at=NOON)
    for statement in ("UPDATE journal SET actor = 'eve'", "DELETE FROM journal", "TRUNCATE journal"):
        with pytest.raises(StoreError, match="append-only"), database.write() as connection:
            connection.execute(statement)
    assert journal.read("churn")[0].actor == "ann"


def test_an_append_is_there_for_a_process_that_opens_the_database_afterwards(shared: str) -> None:
    with Database(shared) as first:
        PostgresJournal(first).append("churn", [Thawed(reason="a")], expected=0, actor="ann", at=NOON)
    with Database(shared) as second:
        journal = PostgresJournal(second)
        assert [entry.event for entry in journal.read("churn")] == [Thawed(reason="a")]
        with pytest.raises(ConflictError, match="by ann"):
            journal.append("churn", [Thawed(reason="b")], expected=0, actor="bob", at=NOON)


def _tamper(database: Database, statement: LiteralString) -> None:
    with database.write() as connection:
        connection.execute("ALTER TABLE journal DISABLE TRIGGER USER")
        connection.execute(statement)
        connection.execute("ALTER TABLE journal ENABLE TRIGGER USER")
