"""How many requests were answered and refused, in PostgreSQL, through the suite of the port."""

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.traffic import PostgresTraffic
from flyball.testing.traffic import TrafficSuite


class TestPostgresTraffic(TrafficSuite):
    @pytest.fixture
    def traffic(self, database: Database) -> PostgresTraffic:
        return PostgresTraffic(database)
