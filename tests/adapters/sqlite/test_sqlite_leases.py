"""Leases in SQLite."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.adapters.sqlite.leases import SqliteLeases
from flyball.testing.leases import LeasesSuite
from flyball.testing.samples import Clock


class TestSqliteLeases(LeasesSuite):
    @pytest.fixture
    def pass_time(self, clock: Clock) -> Callable[[timedelta], None]:
        return clock.advance

    @pytest.fixture
    def leases(self, database: Database, clock: Clock) -> SqliteLeases:
        return SqliteLeases(database, clock=clock)

    @pytest.fixture
    def journal(self, database: Database) -> SqliteJournal:
        return SqliteJournal(database)
