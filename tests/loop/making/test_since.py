"""From which day on the rows of a training are of one kind."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from flyball.core.table import Table
from flyball.data.snapshot import Rows
from flyball.loop.making.since import LEAST_SHARE, window_since_change
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from projects import SPEC

DAY = 86_400_000_000
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def spec(min_outcomes: int = 100) -> Spec:
    found = parse_spec(SPEC + '[retrain]\nwindow = "since_change"\n', folder=Path("a"))
    return replace(found, retrain=replace(found.retrain, min_outcomes=min_outcomes))


def rows(days: int = 60, *, a_day: int = 40, turn: int | None = None, shift: int | None = None, seed: int = 0) -> Rows:
    """Rows whose label follows x0; from `turn` on it follows -x0, from `shift` on x1 is one larger."""
    chance = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), a_day)
    x0, x1 = chance.normal(size=(2, len(day)))
    if shift is not None:
        x1 = x1 + (day >= shift)
    sign = np.where(day >= turn, -1.0, 1.0) if turn is not None else np.ones(len(day))
    label = (chance.uniform(size=len(day)) < 1 / (1 + np.exp(-2 * sign * x0))).astype(np.int64)
    at = START + day * DAY + np.arange(len(day)) % a_day * 1_000_000
    plan = np.array([f"p{number}" for number in chance.integers(0, 3, len(day))], dtype=object)
    table = Table(
        {
            "customer": np.array([f"c{number}" for number in range(len(day))], dtype=object),
            "seen_at": at.astype("datetime64[us]"),
            "x0": x0,
            "x1": x1,
            "plan": plan,
            "churned": label,
        }
    )
    return Rows(table=table, features=("x0", "x1", "plan"), booleans=frozenset(), logged=0)


def test_a_shift_of_a_feature_begins_the_window() -> None:
    found = window_since_change(rows(shift=35), spec())
    assert found.since == datetime(2024, 2, 5, tzinfo=UTC)
    assert found.reason.code == "train.window_since_change"
    said = sentence(found.reason)
    assert "since 5 February 2024" in said
    assert "x1 is another" in said
    assert found.reason.values["rows"] == 25 * 40


def test_values_that_come_to_mean_something_else_begin_it_although_none_of_them_moved() -> None:
    found = window_since_change(rows(turn=30), spec())
    assert found.reason.values["series"] == "x0 × churned"
    assert found.since is not None
    assert abs((found.since - datetime(2024, 1, 31, tzinfo=UTC)).days) <= 1


def test_where_nothing_changed_all_rows_are_used() -> None:
    found = window_since_change(rows(), spec())
    assert (found.since, found.reason.code) == (None, "train.window_no_change")


def test_a_month_is_needed_to_tell() -> None:
    found = window_since_change(rows(days=20, shift=10), spec())
    assert (found.since, found.reason.code) == (None, "train.window_too_short")


def test_the_window_never_has_fewer_rows_than_are_needed() -> None:
    given = rows(shift=35)
    found = window_since_change(given, spec(min_outcomes=1500))
    assert found.reason.code == "train.window_widened"
    assert found.since is not None
    kept = int(np.count_nonzero(given.table["seen_at"] >= np.datetime64(found.since.replace(tzinfo=None))))
    assert kept == found.reason.values["rows"] == 1520
    assert "there are only 1000, which is too few" in sentence(found.reason)
    few = window_since_change(rows(days=120, shift=110, seed=1), spec(min_outcomes=1))
    assert isinstance(kept_rows := few.reason.values["rows"], int) and kept_rows >= LEAST_SHARE * 120 * 40


def test_more_rows_than_there_are_cannot_be_asked_for() -> None:
    found = window_since_change(rows(shift=35), spec(min_outcomes=10_000))
    assert found.reason.values["rows"] == 60 * 40


def test_missing_values_that_begin_to_come_are_a_change() -> None:
    given = rows()
    x1 = given.table["x1"].copy()
    late = given.table["seen_at"] >= np.datetime64("2024-02-10")
    x1[late & (np.arange(len(x1)) % 3 == 0)] = np.nan
    found = window_since_change(replace(given, table=given.table.with_columns({"x1": x1})), spec())
    assert found.reason.values["series"] == "x1 missing"
