"""The outbox in PostgreSQL."""

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.outbox import PostgresOutbox
from flyball.core.errors import UnsupportedError
from flyball.testing.outbox import OutboxSuite, letter, told


class TestPostgresOutbox(OutboxSuite):
    @pytest.fixture
    def outbox(self, database: Database) -> PostgresOutbox:
        return PostgresOutbox(database)


def test_what_was_put_is_there_for_the_next_process(shared: str) -> None:
    with Database(shared) as one:
        PostgresOutbox(one).put("churn", [letter("a")], [told("a")], [], expected=0)
    with Database(shared) as other:
        assert PostgresOutbox(other).waiting("churn") == [letter("a")]
        assert PostgresOutbox(other).ledger("churn").told == (told("a"),)


def test_a_letter_written_by_a_newer_flyball_is_not_guessed_at(database: Database) -> None:
    outbox = PostgresOutbox(database)
    outbox.put("churn", [letter("a")], [], [], expected=0)
    with database.write() as connection:
        connection.execute("UPDATE outbox SET format = 99")
    with pytest.raises(UnsupportedError, match="newer"):
        outbox.waiting("churn")
