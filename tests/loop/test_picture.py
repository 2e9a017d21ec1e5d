"""What a report is given: the past thinned, the floor of each version, the state of its time."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from flyball.adapters.memory.reports import MemoryReports
from flyball.core.window import Window
from flyball.loop.picture import DRAWN, furthest, past_reports
from flyball.monitoring.records import ColumnDrift
from reports import DAY, NOW, Counting, picture, wide

PERIOD = Window(start=NOW - 28 * DAY, end=NOW)


def test_the_past_is_the_last_report_of_each_part_of_the_period_and_the_newest() -> None:
    newest, kept = picture().report, Counting()
    for hour in range(28 * 24):
        end = NOW - timedelta(hours=hour)
        kept.save("town", replace(newest, window=Window(start=end - DAY, end=end)))
    past = past_reports(kept, "town", newest, PERIOD, points=28)
    assert len(past) == 29
    assert [one.window.end for one in past] == sorted(one.window.end for one in past)
    assert past[-1] is newest
    assert all(after.window.end - before.window.end <= DAY for before, after in pairwise(past))
    assert kept.read <= 28 * 5, "of 24 reports a day four hours' worth are read"


def test_a_loop_that_looks_once_a_day_is_seen_every_day() -> None:
    newest, kept = picture().report, MemoryReports()
    for day in range(1, 28):
        end = NOW - day * DAY - timedelta(hours=3)
        kept.save("town", replace(newest, window=Window(start=end - DAY, end=end)))
    assert len(past_reports(kept, "town", newest, PERIOD)) == 28


def test_of_many_columns_only_the_past_of_the_furthest_is_kept() -> None:
    newest, kept = wide([f"c{number}" for number in range(500)]).report, MemoryReports()
    end = NOW - DAY
    kept.save("town", replace(newest, window=Window(start=end - DAY, end=end)))
    past = past_reports(kept, "town", newest, PERIOD)
    assert list(past[0].columns) == furthest(newest.columns)[:DRAWN]
    assert past[0].details is not None and past[0].details.slices == () and past[0].details.estimated
    assert len(past[-1].columns) == 500


def test_a_report_from_after_the_time_asked_about_is_not_its_past() -> None:
    newest, kept = picture().report, MemoryReports()
    kept.save("town", replace(newest, window=Window(start=NOW, end=NOW + DAY)))
    assert past_reports(kept, "town", newest, PERIOD) == (newest,)


def test_the_worst_column_is_the_first_by_state_then_by_its_threshold() -> None:
    price = picture().report.columns["price"]

    def one(state: Any, distance: float, threshold: float) -> ColumnDrift:
        return replace(price, state=state, distance=distance, threshold=threshold)

    columns = {
        "calm": one("ok", 0.9, 1.0),
        "few": one("insufficient data", 1.0, 0.05),
        "near": one("ok", 0.049, 0.05),
        "gone": one("drift", 0.06, 0.05),
        "perhaps": one("warn", 0.5, 0.05),
    }
    assert furthest(columns) == ["gone", "perhaps", "near", "calm", "few"]
