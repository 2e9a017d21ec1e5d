"""What every store of monitor reports keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from flyball.core.errors import DataError
from flyball.core.reason import because
from flyball.core.window import Window
from flyball.monitoring.records import ColumnDrift, MonitorReport, Performance
from flyball.ports.watching import Reports
from flyball.testing.samples import NOON

_DAY = timedelta(days=1)


def report(days: int, *, version: int = 1, rows: int = 900) -> MonitorReport:
    """A report whose window ends `days` after noon of the suites."""
    window = Window(start=NOON + (days - 1) * _DAY, end=NOON + days * _DAY)
    why = because("test.reason", column="temp · 温度", distance=0.25)
    column = ColumnDrift(
        state="drift",
        distance=0.25,
        lower=0.2,
        upper=0.3,
        threshold=0.1,
        rows=rows,
        missing=0.0,
        out_of_range=0.5,
        new_categories=0.0,
        distances={"psi": 1.25},
        reason=why,
    )
    performance = Performance(
        metric="brier", version=version, window=window, matured=rows, labelled=0, blocks=0, value=None, lower=None, upper=None, reason=why
    )
    return MonitorReport(window=window, version=version, rows=rows, columns={"temp": column}, performance=performance)


class ReportsSuite:
    """Inherit, and give the fixture `reports` (empty)."""

    def test_nothing_was_found_before_the_first_report(self, reports: Reports) -> None:
        assert reports.latest("churn") is None
        assert reports.between("churn", Window(start=NOON, end=NOON + 9 * _DAY)) == []

    def test_what_was_saved_comes_back_whole(self, reports: Reports) -> None:
        reports.save("churn", report(1))
        assert reports.latest("churn") == report(1)

    def test_the_latest_is_the_one_whose_window_ends_last_in_whatever_order_they_came(self, reports: Reports) -> None:
        for days in (2, 3, 1):
            reports.save("churn", report(days))
        assert reports.latest("churn") == report(3)

    def test_a_report_of_the_same_version_and_window_replaces_the_one_before(self, reports: Reports) -> None:
        reports.save("churn", report(1))
        reports.save("churn", report(1, rows=901))
        reports.save("churn", report(1, version=2))
        everything = reports.between("churn", Window(start=NOON, end=NOON + 9 * _DAY))
        assert [(one.version, one.rows) for one in everything] == [(1, 901), (2, 900)]

    def test_between_gives_those_that_end_within_in_order_of_time(self, reports: Reports) -> None:
        for days in (4, 2, 3, 1):
            reports.save("churn", report(days))
        found = reports.between("churn", Window(start=NOON + 2 * _DAY, end=NOON + 4 * _DAY))
        assert found == [report(2), report(3)], "the end of a window of time does not belong to it"

    def test_the_reports_of_one_model_are_not_those_of_another(self, reports: Reports) -> None:
        reports.save("churn", report(1))
        assert reports.latest("fraud") is None

    def test_the_newest_report_is_the_one_that_replaced_it(self, reports: Reports) -> None:
        for rows in (900, 901, 900):
            reports.save("churn", report(1, rows=rows))
            assert reports.latest("churn") == report(1, rows=rows)

    def test_reports_are_thinned_out_and_removed(self, reports: Reports) -> None:
        for days in range(1, 9):
            reports.save("churn", report(days))
        reports.save("churn", report(8, version=2))
        reports.save("fraud", report(3))
        window = Window(start=NOON + 2 * _DAY, end=NOON + 8 * _DAY)
        everything = Window(start=NOON, end=NOON + 99 * _DAY)
        assert reports.thin("churn", window, every=3 * _DAY) == 3
        kept = [(one.window.end - NOON).days for one in reports.between("churn", everything)]
        assert kept == [1, 3, 6, 7, 8, 8], "the last of every three days since 1970"
        assert reports.thin("churn", window, every=3 * _DAY) == 0
        assert reports.thin("churn", window, every=None) == 3
        assert [(one.window.end - NOON).days for one in reports.between("churn", everything)] == [1, 8, 8]
        assert len(reports.between("fraud", everything)) == 1

    def test_the_latest_by_a_time_is_not_one_of_the_future(self, reports: Reports) -> None:
        for days in (1, 2, 30):
            reports.save("churn", report(days))
        assert reports.latest("churn", by=NOON + 2 * _DAY) == report(2)
        assert reports.latest("churn", by=NOON + 2 * _DAY - timedelta(microseconds=1)) == report(1)
        assert reports.latest("churn", by=NOON) is None
        assert reports.latest("churn") == report(30)

    def test_the_ends_of_all_windows_are_known(self, reports: Reports) -> None:
        assert reports.ends("churn") == [] == reports.passed_over("churn")
        for days in (2, 1):
            reports.save("churn", report(days))
        assert reports.ends("churn") == [NOON + _DAY, NOON + 2 * _DAY]

    def test_a_number_that_is_none_is_refused(self, reports: Reports) -> None:
        whole = report(1)
        for value in (math.nan, math.inf):
            broken = replace(whole, columns={"temp": replace(whole.columns["temp"], lower=value)})
            with pytest.raises(DataError, match=r"columns\.temp\.lower is not a finite number"):
                reports.save("churn", broken)
        assert reports.latest("churn") is None
