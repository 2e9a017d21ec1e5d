"""The order of events: what is told in which hour."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.demo.stream import NEVER, Stream, days, hours, outcome_body, prediction_bodies

START = datetime(2013, 3, 1, tzinfo=UTC)
MINUTE = 60_000_000


def stream_of(flights: list[tuple[int, int | None]]) -> Stream:
    """Flights as (minutes after START of departure, minutes in the air or None for cancelled)."""
    flights = sorted(flights, key=lambda flight: flight[0])
    at = np.array([to_micros(START) + minute * MINUTE for minute, _ in flights], dtype=np.int64)
    landed = np.array(
        [NEVER if air is None else to_micros(START) + (minute + air) * MINUTE for minute, air in flights],
        dtype=np.int64,
    )
    return Stream(
        ids=np.array([f"f{i}" for i in range(len(flights))], dtype=object),
        units=np.array(["N1" if i % 2 else None for i in range(len(flights))], dtype=object),
        at=at,
        landed=landed,
        actual=np.array([i % 2 for i in range(len(flights))], dtype=np.int64),
        features=Table(
            {
                "carrier": np.array(["UA"] * len(flights), dtype=object),
                "hour": np.arange(len(flights)),
                "temp": np.where(np.arange(len(flights)) % 3 == 0, np.nan, 39.02),
            }
        ),
    )


FLIGHTS = st.lists(
    st.tuples(st.integers(0, 3 * 24 * 60 - 1), st.one_of(st.none(), st.integers(18, 30 * 60))),
    max_size=60,
)


@given(FLIGHTS)
def test_no_outcome_is_told_before_its_landing_or_its_prediction(flights: list[tuple[int, int | None]]) -> None:
    stream = stream_of(flights)
    predicted = 0
    for hour in hours(stream, START, START + timedelta(days=3)):
        assert hour.first == predicted
        predicted = hour.last
        assert (stream.at[hour.first : hour.last] >= hour.start).all()
        assert (stream.at[hour.first : hour.last] < hour.end).all()
        assert (stream.landed[hour.landings] <= hour.end).all()
        assert (hour.landings < hour.last).all()
        assert (np.diff(stream.landed[hour.landings]) >= 0).all()


@given(FLIGHTS)
def test_every_departure_and_every_landing_in_time_is_told_once(flights: list[tuple[int, int | None]]) -> None:
    stream = stream_of(flights)
    end = START + timedelta(days=3)
    told = list(hours(stream, START, end))
    assert [row for hour in told for row in range(hour.first, hour.last)] == list(range(len(stream)))
    landings = [row for hour in told for row in hour.landings.tolist()]
    assert sorted(landings) == np.flatnonzero(stream.landed <= to_micros(end)).tolist()


@given(FLIGHTS)
def test_a_landing_is_told_before_any_departure_of_a_later_hour(flights: list[tuple[int, int | None]]) -> None:
    stream = stream_of(flights)
    told: set[int] = set()
    for hour in hours(stream, START, START + timedelta(days=3)):
        due = set(np.flatnonzero(stream.landed <= hour.start).tolist())
        assert due <= told
        told |= set(hour.landings.tolist())


def test_days_cover_the_time_without_gaps_and_the_last_may_be_short() -> None:
    end = START + timedelta(days=2, hours=5)
    spans = list(days(START, end))
    assert [span[0] for span in spans[1:]] == [span[1] for span in spans[:-1]]
    assert (spans[0][0], spans[-1][1], len(spans)) == (START, end, 3)


def test_a_prediction_carries_features_by_name_id_unit_and_time() -> None:
    first, second = (msgspec.json.decode(body) for body in prediction_bodies(stream_of([(0, 20), (61, 30)]), 0, 2))
    assert first == {"features": {"carrier": "UA", "hour": 0, "temp": None}, "id": "f0", "at": "2013-03-01T00:00:00Z"}
    assert second == {"features": {"carrier": "UA", "hour": 1, "temp": 39.02}, "id": "f1", "unit": "N1", "at": "2013-03-01T01:01:00Z"}


def test_an_outcome_says_which_flight_what_and_when() -> None:
    stream = stream_of([(0, 20), (61, 30)])
    assert msgspec.json.decode(outcome_body(stream, np.array([1, 0]))) == [
        {"id": "f1", "actual": 1, "at": "2013-03-01T01:31:00Z"},
        {"id": "f0", "actual": 0, "at": "2013-03-01T00:20:00Z"},
    ]
