"""When the loop looked, in PostgreSQL, through the suite of the port."""

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.looks import PostgresLooks
from flyball.testing.looks import LooksSuite


class TestPostgresLooks(LooksSuite):
    @pytest.fixture
    def looks(self, database: Database) -> PostgresLooks:
        return PostgresLooks(database)
