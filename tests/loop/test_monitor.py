"""What is kept of a look: bounded, however many columns there are and however often one looks, and enough for alerts to be calm again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flyball.adapters.memory.reports import MemoryReports
from flyball.core.codec import from_json, to_json
from flyball.core.reason import because
from flyball.core.window import Window
from flyball.journal.events import AlertFired
from flyball.loop.evidence.calm import calm_keys
from flyball.loop.evidence.monitor import MOST_COLUMNS, due, keep, shortened
from flyball.monitoring.records import ColumnDrift, MonitorReport, State
from flyball.testing.samples import NOON
from watched import MODEL, Watched, reference, rows

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EVER = Window(start=NOON - 999 * DAY, end=NOON + 999 * DAY)


@pytest.fixture
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return Watched(tmp_path_factory.mktemp("watched")).register(1, reference()).promote(1)


def column(distance: float, *, state: State = "ok") -> ColumnDrift:
    return ColumnDrift(
        state=state, distance=distance, lower=distance - 0.01, upper=distance + 0.01, threshold=0.05, rows=900, missing=0.0,
        out_of_range=0.0, new_categories=0.0, distances={"psi": 0.1}, reason=because("drift.ok"),
    )  # fmt: skip


def report(columns: dict[str, ColumnDrift], hours: float) -> MonitorReport:
    end = NOON + timedelta(hours=hours)
    return MonitorReport(window=Window(start=end - DAY, end=end), version=1, rows=900, columns=columns, performance=None)


def wide(count: int, hours: float, **special: ColumnDrift) -> MonitorReport:
    return report({**{f"f{number}": column(number / 100_000) for number in range(count)}, **special}, hours)


def test_of_few_columns_all_are_kept() -> None:
    one = wide(MOST_COLUMNS, 0)
    assert shortened(one, set()) is one


def test_of_many_columns_the_furthest_and_the_firing_are_kept_and_the_rest_is_counted() -> None:
    kept = shortened(wide(500, 0, moved=column(0.4, state="drift"), calm=column(0.0)), {"calm", "gone"})
    assert len(kept.columns) == MOST_COLUMNS + 1
    assert {"moved", "calm", "f499"} < set(kept.columns)
    assert "f0" not in kept.columns
    assert kept.left_out == {"ok": 501 - MOST_COLUMNS}


def test_an_alert_of_one_of_very_many_columns_resolves_after_three_quiet_windows(watched: Watched) -> None:
    watched._happened(AlertFired(key="drift:f0", reason=because("test.reason")))
    quiet = []
    for day in range(4):
        one = wide(500, 24 * day, f0=column(0.4, state="drift") if day == 0 else column(0.0))
        keep(watched.world, watched.state, one, DAY)
        quiet.append("drift:f0" in calm_keys(watched.world, watched.spec, watched.state, one, None, refused=False))
    assert quiet == [False, False, False, True]


def test_old_reports_are_thinned_out_to_one_a_window(watched: Watched) -> None:
    assert isinstance(watched.world.reports, MemoryReports)
    for hour in range(24 * 12):
        keep(watched.world, watched.state, report({"x": column(0.0)}, hour), DAY)
    kept = [one.window.end for one in watched.world.reports.between(MODEL, EVER)]
    newest = kept[-1]
    assert sum(newest - end < 4 * DAY for end in kept) == 4 * 24, "what hysteresis may ask for is all there"
    assert len({end.date() for end in kept}) == 13, "of older days one is left"
    assert len(kept) <= 4 * 24 + 10


def test_reports_are_forgotten_after_four_hundred_days(watched: Watched) -> None:
    for day in range(410):
        keep(watched.world, watched.state, report({}, 24 * day), DAY)
    ends = watched.world.reports.ends(MODEL)
    assert NOON + 409 * DAY - ends[0] <= 400 * DAY and len(ends) == 401


def test_of_short_windows_one_report_a_day_is_left_after_a_week(watched: Watched) -> None:
    quarter = timedelta(minutes=15)
    for number in range(30 * 24):
        keep(watched.world, watched.state, report({}, number), quarter)
    ends = watched.world.reports.ends(MODEL)
    old = [end for end in ends if ends[-1] - end > 7 * DAY]
    assert len(old) == len({end.date() for end in old}) == 24, "23 days and a part of one"
    assert len(ends) - len(old) == 7 * 24 + 1, "of the last week one a window"


def test_a_clock_that_ran_ahead_once_neither_stops_reports_nor_deletes_them(watched: Watched) -> None:
    for day in range(20):
        keep(watched.world, watched.state, report({}, 24 * day), DAY)
    before = watched.world.reports.ends(MODEL)
    keep(watched.world, watched.state, report({}, 24 * 365 * 30), DAY)
    assert watched.world.reports.ends(MODEL)[:-1] == before
    keep(watched.world, watched.state, report({}, 24 * 20), DAY)
    assert NOON + 20 * DAY in watched.world.reports.ends(MODEL)
    assert not due(watched.world, MODEL, 1, DAY, now=NOON + 20 * DAY)


def test_reports_written_before_there_was_anything_left_out_are_still_read() -> None:
    text = to_json(report({"x": column(0.1)}, 0)).replace(',"left_out":{}', "")
    assert "left_out" not in text
    assert from_json(text, MonitorReport).left_out == {}


def test_a_look_counts_what_arrived_and_says_how_many_rows_were_answered(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOON - HOUR] * 600))
    found = watched.report(NOON)
    assert (found.rows, found.columns["x"].rows, found.columns["x"].state) == (600, 600, "ok")
    assert watched.report(NOON + 2 * DAY).columns["x"].rows == 600, "two days later it is part of a longer window"


def test_a_look_at_nothing_has_no_columns(watched: Watched) -> None:
    found = watched.report(NOON)
    assert (found.rows, dict(found.columns), found.dataset) == (0, {}, None)


def test_a_reference_of_ten_rows_and_few_rows_are_told_and_nothing_is_nan(tmp_path_factory: pytest.TempPathFactory) -> None:
    small = Watched(tmp_path_factory.mktemp("small")).register(1, reference(rows=10)).promote(1)
    small.world.predictions.add(rows("p", [NOON - HOUR] * 37))
    columns = small.report(NOON).columns
    assert {one.state for one in columns.values()} == {"insufficient data"}
    numbers = [value for one in columns.values() for value in (one.distance, one.lower, one.upper, one.first, one.missing)]
    assert all(value is not None and 0.0 <= value <= 1.0 for value in numbers)


def test_another_window_is_cut_from_the_same_counts(watched: Watched) -> None:
    watched.world.predictions.add(rows("p", [NOON - HOUR] * 600))
    watched.world.predictions.add(rows("q", [NOON - 3 * HOUR] * 700, seed=1))
    assert watched.report(NOON, window=2 * HOUR).rows == 600
    assert watched.report(NOON, window=4 * HOUR).rows == 1300
    assert replace(watched.report(NOON, window=90 * DAY), columns={}).rows == 1300
