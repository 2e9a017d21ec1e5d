"""Monitor reports in SQLite."""

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.reports import SqliteReports
from flyball.core.errors import UnsupportedError
from flyball.testing.reports import ReportsSuite, report


class TestSqliteReports(ReportsSuite):
    @pytest.fixture
    def reports(self, database: Database) -> SqliteReports:
        return SqliteReports(database)


def test_a_report_written_by_a_newer_flyball_is_not_guessed_at(database: Database) -> None:
    reports = SqliteReports(database)
    reports.save("churn", report(1))
    with database.write() as connection:
        connection.execute("UPDATE reports SET format = 99")
    with pytest.raises(UnsupportedError, match="newer"):
        reports.latest("churn")
