"""Clocks that run ahead, rows that come late, the same question again and again, and silence."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asked import DAY, NOW, logged, texts
from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.core.window import to_micros
from flyball.data.profile import build_reference
from flyball.monitoring.clocks import HABIT, Silence, ahead_findings, late_findings, repeat_findings, silence, silence_finding
from flyball.words.sentences import sentence

HOUR = timedelta(hours=1)
ROWS = 200
CHANCE = np.random.default_rng(1)
SCHEMA = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in ("x", "y")))
REFERENCE = build_reference(Table({name: CHANCE.normal(size=2000) for name in SCHEMA.names}), SCHEMA, {})
FEW = build_reference(Table({name: CHANCE.integers(0, 3, 2000) for name in SCHEMA.names}), SCHEMA, {})


def micros(span: timedelta) -> int:
    return round(span.total_seconds() * 1e6)


def times(*before: timedelta) -> Array:
    return np.array([to_micros(NOW - span) for span in before], dtype=np.int64)


def test_an_event_after_the_time_the_server_got_it_is_told_with_how_far_ahead_it_is() -> None:
    rows = logged({}, rows=3, at=times(2 * HOUR, HOUR, HOUR / 2), made_at=times(2 * HOUR, 3 * HOUR, HOUR / 2 + timedelta(minutes=4)))
    (one,) = ahead_findings(rows, now=NOW)
    assert (one.severity, one.rows, one.examples) == ("warning", 1, ("p1",))
    assert "up to 2.0 h after the time at which the server got it" in sentence(one.reason)


def test_events_that_have_not_come_yet_are_found_by_the_time_they_were_told() -> None:
    (one,) = ahead_findings(logged({}, rows=1, at=times(-30 * DAY), made_at=times(HOUR)), now=NOW)
    assert "30.0 d" in sentence(one.reason)


def test_who_looks_back_is_not_told_about_clocks() -> None:
    later = logged({}, rows=1, at=times(-30 * DAY), made_at=times(-30 * DAY - HOUR))
    assert list(ahead_findings(later, now=NOW)) == []
    assert list(late_findings(logged({}, rows=1, at=times(DAY), made_at=times(-90 * DAY)), now=NOW, length=DAY)) == []


def test_rows_that_come_after_the_window_they_belong_to_are_told() -> None:
    rows = logged({}, rows=3, at=times(30 * HOUR, 29 * HOUR, 28 * HOUR), made_at=times(30 * HOUR, HOUR, 27 * HOUR))
    (one,) = late_findings(rows, now=NOW, length=DAY)
    assert (one.severity, one.examples) == ("warning", ("p1",))
    assert "up to 1.2 d after they happened, later than a window (1d)" in sentence(one.reason)


def test_a_row_without_the_time_it_was_made_says_nothing() -> None:
    from dataclasses import replace

    rows = replace(logged({}, rows=2), made_at=None)
    assert [*ahead_findings(rows, now=NOW), *late_findings(rows, now=NOW, length=DAY)] == []


def test_the_same_question_again_and_again_is_told_with_how_often() -> None:
    x = np.where(np.arange(ROWS) < 150, 1.0, CHANCE.normal(size=ROWS))
    (one,) = repeat_findings(logged({"x": x, "y": x}), SCHEMA, REFERENCE)
    assert (one.severity, one.rows) == ("warning", 150)
    assert sentence(one.reason).startswith("149 of 200 rows ask what was asked before")


def test_features_that_repeat_by_chance_are_repeats_only_of_the_same_unit_or_id() -> None:
    x = CHANCE.integers(0, 3, ROWS).astype(float)
    assert list(repeat_findings(logged({"x": x, "y": x}), SCHEMA, FEW)) == []
    apart = logged({"x": x, "y": x}, unit=[f"u{row}" for row in range(ROWS)])
    assert list(repeat_findings(apart, SCHEMA, FEW)) == []
    same = logged({"x": np.ones(ROWS), "y": np.ones(ROWS)}, entity=["order 1"] * ROWS)
    assert [one.rows for one in repeat_findings(same, SCHEMA, FEW)] == [ROWS]


def test_nothing_repeats_where_nothing_was_asked() -> None:
    assert list(repeat_findings(logged({"x": np.empty(0), "y": np.empty(0)}), SCHEMA, REFERENCE)) == []


def quiet(since: timedelta | None, *, length: timedelta = DAY) -> Silence | None:
    return silence(None if since is None else to_micros(NOW - since), now=NOW, length=length)


def test_silence_is_wondered_about_from_a_quarter_of_the_window_on() -> None:
    assert quiet(HOUR) is None
    found = quiet(6 * HOUR)
    assert found is not None
    assert (found.span.start, found.span.end) == (NOW - 3 * HOUR, NOW)
    assert (found.daily, found.weekly) == ((1, 2, 3, 4, 5, 6, 7), (7, 14, 21))


def test_what_a_long_silence_is_held_against_lies_before_it() -> None:
    found = quiet(4 * DAY, length=7 * DAY)
    assert found is not None
    assert (found.daily, found.weekly) == ((4, 5, 6, 7, 8, 9, 10), (7, 14, 21))
    whole = quiet(None, length=10 * DAY)
    assert whole is not None
    assert (whole.daily[0], whole.weekly) == (10, (14, 21, 28))


def told(found: Silence, usual: dict[int, int], newest: datetime | None = None) -> str:
    rows = {days: usual.get(days, 0) for days in (*found.daily, *found.weekly)}
    one = silence_finding(found, None if newest is None else to_micros(newest), rows)
    if one is None:
        return ""
    assert (one.severity, one.key) == ("error", "quality:*")
    return sentence(one.reason)


def test_silence_is_an_error_where_the_same_hours_of_a_week_or_of_three_weeks_had_predictions() -> None:
    found = quiet(8 * HOUR)
    assert found is not None
    every_day = dict.fromkeys(range(1, 8), 90)
    text = told(found, every_day, NOW - 8 * HOUR)
    assert text.startswith(
        "nothing was asked since 2026-03-01 16:00 UTC; from 2026-03-01 20:00 to 2026-03-02 00:00 UTC one would expect 90"
    )
    assert told(found, {7: 40, 14: 60, 21: 50}).startswith("nothing was asked in this window")
    assert told(found, {**every_day, 3: HABIT - 1}) == ""  # a day without: such days are usual
    assert told(found, {}) == ""


@given(since=st.none() | st.timedeltas(timedelta(0), timedelta(days=40)), length=st.timedeltas(timedelta(minutes=5), timedelta(days=28)))
def test_a_silence_is_never_held_against_itself(since: timedelta | None, length: timedelta) -> None:
    found = silence(None if since is None else to_micros(NOW - since), now=NOW, length=length)
    if found is not None:
        gap = length if since is None else min(since, length)
        for days in (*found.daily, *found.weekly):
            assert found.span.end - timedelta(days=days) <= NOW - gap + timedelta(microseconds=1)


def test_nothing_is_said_of_units_of_nobody() -> None:
    nobody = logged({"x": np.ones(ROWS), "y": np.ones(ROWS)}, unit=texts([None] * ROWS).tolist())
    assert list(repeat_findings(nobody, SCHEMA, FEW)) == []
