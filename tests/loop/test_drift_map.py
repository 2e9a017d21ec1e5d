"""The map of drift over time: units that fit, no more looks than can be seen, the worst first."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flyball.core.window import Window
from flyball.loop.drift_map import MOST, READ, Cell, drift_map, read_looks, stretch
from flyball.monitoring.records import ColumnDrift, MonitorReport
from reports import DAY, NOW, Counting, picture

ONE = picture().report.columns["price"]
MIDNIGHT = datetime(2026, 3, 29, tzinfo=UTC)


def column(state: Any, distance: float = 0.5) -> ColumnDrift:
    return replace(ONE, state=state, distance=distance, threshold=1.0)


def look(end: datetime, version: int = 3, **columns: ColumnDrift) -> MonitorReport:
    return MonitorReport(window=Window(start=end - DAY, end=end), version=version, rows=1, columns=columns, performance=None)


def kept(looks: Sequence[MonitorReport]) -> Counting:
    store = Counting()
    for one in looks:
        store.save("town", one)
    return store


@pytest.mark.parametrize(("length", "unit"), [(timedelta(hours=20), "hour"), (28 * DAY, "day"), (100 * DAY, "week"), (364 * DAY, "week")])
def test_a_stretch_is_told_in_units_that_fit_beside_each_other(length: timedelta, unit: str) -> None:
    found = stretch(NOW - length, NOW)
    assert found.unit == unit
    assert len(found.starts) <= MOST
    assert not found.cut
    assert found.starts[0] <= NOW - length and found.place(NOW) == len(found.starts) - 1


def test_of_a_stretch_that_is_too_long_the_newest_weeks_are_shown() -> None:
    found = stretch(NOW - 1000 * DAY, NOW)
    assert found.cut
    assert len(found.starts) == MOST
    assert found.window == Window(start=found.starts[0], end=NOW)


def test_a_look_that_ends_at_midnight_is_about_the_day_before() -> None:
    found = stretch(MIDNIGHT - 7 * DAY, MIDNIGHT)
    assert found.starts[found.place(MIDNIGHT)] == MIDNIGHT - DAY


def test_a_stretch_that_ends_before_it_begins_is_one_unit() -> None:
    assert len(stretch(NOW + DAY, NOW).starts) == 1


def test_of_a_year_of_looks_some_of_each_week_are_read_with_its_last() -> None:
    store = kept([look(MIDNIGHT - number * DAY) for number in range(364)])
    wanted = stretch(MIDNIGHT - 364 * DAY, MIDNIGHT)
    found = read_looks(store, "town", wanted, store.ends("town"))
    assert store.read == len(found) <= READ
    assert {wanted.place(one.window.end) for one in found} == set(range(len(wanted.starts)))
    assert found[-1].window.end == MIDNIGHT


def test_looks_before_and_after_the_stretch_are_not_read() -> None:
    store = kept([look(MIDNIGHT - number * DAY) for number in range(-5, 20)])
    wanted = stretch(MIDNIGHT - 7 * DAY, MIDNIGHT)
    found = read_looks(store, "town", wanted, store.ends("town"))
    assert [one.window.end for one in found] == [MIDNIGHT - number * DAY for number in reversed(range(7))]


def test_a_cell_is_the_worst_look_of_its_unit() -> None:
    looks = [
        look(MIDNIGHT - timedelta(hours=2), x=column("ok")),
        look(MIDNIGHT - timedelta(hours=1), x=column("drift")),
        look(MIDNIGHT, x=column("warn")),
    ]
    (row,) = drift_map(looks, stretch(MIDNIGHT - 7 * DAY, MIDNIGHT)).rows
    assert row.cells[-1] == Cell(at=MIDNIGHT - timedelta(hours=1), version=3, found=column("drift"))
    assert row.newest == row.cells[-1] and row.cells[0] is None
    assert (row.worst, row.moved) == ("drift", 1)


def test_what_is_worst_now_comes_first_then_what_was_worst_then_what_nobody_kept() -> None:
    before, now = MIDNIGHT - 3 * DAY, MIDNIGHT
    looks = [
        look(before, now_bad=column("ok"), was_bad=column("drift"), near=column("ok"), far=column("ok")),
        look(
            now,
            now_bad=column("drift"),
            was_bad=column("ok"),
            near=column("ok", 0.9),
            far=column("ok", 0.1),
            few=column("insufficient data"),
        ),
    ]
    found = drift_map(looks, stretch(now - 7 * DAY, now), ["never", "near"])
    assert [row.name for row in found.rows] == ["now_bad", "was_bad", "near", "far", "few", "never"]
    assert found.rows[-1].newest is None and found.rows[-1].worst is None


def test_the_version_of_each_unit_is_told() -> None:
    looks = [look(MIDNIGHT - 2 * DAY, 1, x=column("ok")), look(MIDNIGHT, 2, x=column("ok"))]
    assert drift_map(looks, stretch(MIDNIGHT - 3 * DAY, MIDNIGHT)).versions == (1, None, 2)
