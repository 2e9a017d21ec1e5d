"""How many requests were answered and refused, in SQLite, through the suite of the port."""

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.traffic import SqliteTraffic
from flyball.testing.traffic import TrafficSuite


class TestSqliteTraffic(TrafficSuite):
    @pytest.fixture
    def traffic(self, database: Database) -> SqliteTraffic:
        return SqliteTraffic(database)
