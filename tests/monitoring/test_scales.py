"""Windows and slots: fine when young, coarse with age, and never across one another."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.window import to_micros
from flyball.monitoring.scales import GRAINS, SCALES, coarser, floored, slots_of, window_end, window_start

TIMES = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
AGES = st.timedeltas(timedelta(hours=-1), timedelta(days=40))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def slot(at: datetime, now: datetime) -> tuple[int, int]:
    starts, lengths = slots_of(np.array([to_micros(at)], dtype=np.int64), now)
    return int(starts[0]), int(lengths[0])


@given(now=TIMES, age=AGES)
def test_a_row_lies_in_its_slot_and_the_slot_is_as_long_as_its_age_allows(now: datetime, age: timedelta) -> None:
    at = now - age
    start, length = slot(at, now)
    assert start <= to_micros(at) < start + length
    assert start % length == 0
    end_age = to_micros(now) - start - length
    for younger, grain in pairwise(GRAINS):
        if length >= grain.slot // timedelta(microseconds=1):
            assert end_age >= younger.age // timedelta(microseconds=1), "the whole slot is old enough"


@settings(deadline=None)
@given(now=TIMES, age=AGES, later=st.timedeltas(timedelta(0), timedelta(days=40)))
def test_the_slot_of_an_earlier_look_is_whole_in_that_of_a_later_one(now: datetime, age: timedelta, later: timedelta) -> None:
    start, length = slot(now - age, now)
    after, longer = slot(now - age, now + later)
    assert after <= start and start + length <= after + longer


@given(now=TIMES, length=st.sampled_from([*SCALES, timedelta(days=90), 37 * MINUTE]))
def test_a_window_starts_with_a_slot_and_ends_with_the_minute(now: datetime, length: timedelta) -> None:
    start = window_start(length, now)
    assert (to_micros(start), to_micros(start)) == (slot(start, now)[0], slot(now - length, now)[0])
    assert timedelta(0) <= now - length - start < DAY
    assert timedelta(0) <= window_end(now) - now < MINUTE
    assert window_end(window_end(now)) == window_end(now)


def test_slots_grow_with_age() -> None:
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    ages = (MINUTE, 2 * HOUR, 4 * HOUR, 47 * HOUR, 3 * DAY, 9 * DAY)
    lengths = [slot(now - age, now)[1] // 60_000_000 for age in ages]
    assert lengths == [1, 1, 15, 15, 60, 1440]
    assert [length for length, _ in coarser(now)] == [15 * MINUTE, HOUR, DAY]
    assert all(before == floored(before, length) for length, before in coarser(now))
    for finer, grain in pairwise(GRAINS):
        assert grain.slot % finer.slot == timedelta(0), "each slot is whole in the next"
