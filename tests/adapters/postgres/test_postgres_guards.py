"""What guardrails did, in PostgreSQL, through the suite of the port."""

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.guards import PostgresGuards
from flyball.core.errors import UnsupportedError
from flyball.testing.guards import GuardsSuite, trip
from flyball.testing.samples import NOON


class TestPostgresGuards(GuardsSuite):
    @pytest.fixture
    def guards(self, database: Database) -> PostgresGuards:
        return PostgresGuards(database)


def test_trips_of_a_newer_flyball_are_refused_not_guessed(database: Database) -> None:
    guards = PostgresGuards(database)
    guards.trip(trip())
    with database.write() as connection:
        connection.execute("UPDATE trips SET format = 9")
    with pytest.raises(UnsupportedError, match="newer Flyball"):
        guards.trips("churn", since=NOON)
