"""What was known when, and which rows ask for a prediction."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from flyball.core.errors import DataError, SpecError
from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.data.source import Prepared
from flyball.loop.backtest.history import default_end, default_start, known_by, make_stream, require_times, span_of
from flyball.loop.backtest.records import NEVER
from flyball.spec.load import parse_spec
from quarter import DAY, FIRST, SPEC
from replayed import plan

HOUR = timedelta(hours=1)
BASE = parse_spec(SPEC, folder=Path("p"))


def prepared(hours: list[float], known: list[float | None], left: list[float], *, names: list[str] | None = None) -> Prepared:
    """Rows at these hours of the quarter, with outcomes that came at those (None: never)."""
    seen = np.array([to_micros(FIRST + hour * HOUR) for hour in hours]).astype("datetime64[us]")
    told = np.array([np.datetime64("NaT") if at is None else np.datetime64(to_micros(FIRST + at * HOUR), "us") for at in known])
    count = len(hours)
    columns = {
        "customer": np.array(names or [f"c{number}" for number in range(count)], dtype=object),
        "seen_at": seen,
        "known_at": told.astype("datetime64[us]"),
        "price": np.arange(count),
        "calls": np.arange(count) / 2,
        "left": np.array(left),
    }
    return Prepared(table=Table(columns), booleans=frozenset(), files=(), steps=(), warnings=())


def test_what_is_known_at_a_time_has_no_later_row_and_no_later_outcome() -> None:
    all_of_it = prepared([-5, -1, 1], [-2, 3, 4], [1, 0, 1])
    found = known_by(all_of_it, BASE.data, FIRST).table
    assert found["customer"].tolist() == ["c0", "c1"]
    assert np.isnat(found["known_at"]).tolist() == [False, True]
    assert found["left"][0] == 1 and np.isnan(found["left"][1])
    assert all_of_it.table["left"].tolist() == [1, 0, 1]


def test_an_outcome_of_that_very_moment_is_not_known_yet() -> None:
    assert np.isnan(known_by(prepared([-5], [0], [1]), BASE.data, FIRST).table["left"][0])


def test_rows_ask_in_order_of_time_from_the_start_to_before_the_end() -> None:
    stream = make_stream(prepared([3, -1, 1, 24 * 60], [4, 2, 5, 24 * 61], [1, 0, 0, 1]), BASE, plan())
    assert stream.entity.tolist() == ["c2", "c0"]
    assert stream.actual.tolist() == [0, 1]
    assert all(type(label) is int for label in stream.actual.tolist())
    assert stream.features["price"].dtype == np.float64


def test_an_outcome_that_comes_after_maturity_is_not_joined_by_id_but_true_all_the_same() -> None:
    stream = make_stream(prepared([1, 2], [24.5, 27], [1, 1]), BASE, plan())
    assert stream.outcome_at.tolist() == [to_micros(FIRST + 24.5 * HOUR), NEVER]
    assert stream.actual.tolist() == [1, None]
    assert stream.truth.tolist() == [1, 1]


def test_without_ids_an_outcome_is_told_by_its_prediction_however_late() -> None:
    spec = parse_spec(SPEC.replace('id = "customer"\n', ""), folder=Path("p"))
    rows = prepared([1], [100], [1])
    rows = replace(rows, table=rows.table.select(["seen_at", "known_at", "price", "calls", "left"]))
    assert make_stream(rows, spec, plan()).actual.tolist() == [1]


def test_an_outcome_before_its_prediction_is_refused() -> None:
    stream = make_stream(prepared([5], [4], [1]), BASE, plan())
    assert stream.outcome_at.tolist() == [NEVER]
    assert stream.actual.tolist() == [None]


def test_the_outcome_of_an_id_goes_to_its_latest_prediction_before() -> None:
    stream = make_stream(prepared([1, 5, 9], [2, 6, 12], [1, 0, 1], names=["a", "a", "a"]), BASE, plan())
    assert stream.actual.tolist() == [1, 0, 1]
    crossed = make_stream(prepared([1, 5], [6, 7], [1, 0], names=["a", "a"]), BASE, plan())
    assert crossed.actual.tolist() == [None, 1]  # the first outcome comes when the second prediction is the latest; the second is too late
    assert crossed.truth.tolist() == [1, 0]


def test_what_an_outcome_was_worth_goes_where_the_outcome_goes() -> None:
    rows = prepared([1, 5, 9], [6, 7, None], [1, 0, 1], names=["a", "a", "b"])
    valued = replace(rows, table=rows.table.with_columns({"value": np.array([3.5, 4.5, 5.5])}))
    stream = make_stream(valued, BASE, plan())
    assert [None if value != value else value for value in stream.value.tolist()] == [None, 3.5, None]
    feature = replace(BASE, data=replace(BASE.data, features=("price", "calls", "value")))
    assert np.isnan(make_stream(valued, feature, plan()).value).all()
    assert np.isnan(make_stream(rows, BASE, plan()).value).all()


def test_two_predictions_of_one_id_and_time_make_their_outcome_ambiguous() -> None:
    stream = make_stream(prepared([1, 1], [2, 3], [1, 0], names=["a", "a"]), BASE, plan())
    assert stream.actual.tolist() == [None, None]


def test_a_row_that_nothing_became_of_has_no_truth() -> None:
    stream = make_stream(prepared([1, 2], [None, 3], [1, np.nan]), BASE, plan())
    assert stream.truth.tolist() == [None, None]
    assert stream.truth_at.tolist() == [NEVER, NEVER]


def test_a_span_without_rows_is_refused_with_the_span_there_is() -> None:
    with pytest.raises(DataError) as refused:
        make_stream(prepared([-48, -24], [-40, -20], [1, 0]), BASE, plan())
    assert "no row of the history lies between 2026-01-01 and 2026-03-02" in refused.value.message
    assert "2025-12-30 to 2025-12-31" in refused.value.hint


def test_rows_without_time_are_refused() -> None:
    rows = prepared([1, 2], [3, 4], [1, 0])
    rows.table["seen_at"][0] = np.datetime64("NaT")
    with pytest.raises(DataError, match="1 rows of the history have no seen_at"):
        span_of(rows, BASE.data)


@pytest.mark.parametrize(("name", "told"), [("time", "no column of times"), ("outcome_time", "learn from the future")])
def test_a_spec_that_does_not_say_when_cannot_be_replayed(name: str, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        require_times(replace(BASE.data, time=None) if name == "time" else replace(BASE.data, outcome_time=None))


def test_by_default_a_fifth_is_learned_from_and_all_the_rest_replayed() -> None:
    first, last = FIRST + HOUR, FIRST + 100 * DAY
    assert default_start(first, last) == FIRST + 21 * DAY
    assert default_end(last + HOUR) == FIRST + 101 * DAY
