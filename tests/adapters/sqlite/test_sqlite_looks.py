"""When the loop looked, in SQLite, through the suite of the port."""

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.looks import SqliteLooks
from flyball.testing.looks import LooksSuite


class TestSqliteLooks(LooksSuite):
    @pytest.fixture
    def looks(self, database: Database) -> SqliteLooks:
        return SqliteLooks(database)
