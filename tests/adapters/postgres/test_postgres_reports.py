"""Monitor reports in PostgreSQL."""

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.reports import PostgresReports
from flyball.core.errors import UnsupportedError
from flyball.core.window import Window, to_micros
from flyball.testing.reports import ReportsSuite, report


class TestPostgresReports(ReportsSuite):
    @pytest.fixture
    def reports(self, database: Database) -> PostgresReports:
        return PostgresReports(database)


def test_a_report_written_by_a_newer_flyball_is_not_guessed_at(database: Database) -> None:
    reports = PostgresReports(database)
    reports.save("churn", report(1))
    with database.write() as connection:
        connection.execute("UPDATE reports SET format = 99")
    with pytest.raises(UnsupportedError, match="newer"):
        reports.latest("churn")


def test_a_report_that_cannot_be_read_back_is_passed_over_and_told(database: Database) -> None:
    reports = PostgresReports(database)
    for days in (1, 2, 3):
        reports.save("churn", report(days))
    with database.write() as connection:
        connection.execute(
            "UPDATE reports SET body = replace(body, '0.25', 'null') WHERE ends_at >= %s", (to_micros(report(2).window.end),)
        )
        connection.execute("UPDATE reports SET body = '{' WHERE ends_at = %s", (to_micros(report(3).window.end),))
    assert reports.passed_over("churn") == []
    assert reports.latest("churn") == report(1)
    window = Window(start=report(1).window.start, end=report(9).window.end)
    assert reports.between("churn", window) == [report(1)]
    assert reports.passed_over("churn") == [report(2).window.end, report(3).window.end]
    reports.save("churn", report(4))
    assert reports.latest("churn") == report(4)
