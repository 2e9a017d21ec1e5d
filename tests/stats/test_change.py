"""The newest change of daily means: found where it is, and not found where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flyball.stats.change import LEAST_DAYS, SEASON, Change, last_change

Floats = NDArray[np.float64]


def changed(means: Floats, *, seed: int = 0, effect: float = 0.0, rows: float = 100.0) -> Change | None:
    count = means.shape[1]
    weight = np.full(count, rows)
    return last_change(means * weight, weight, np.arange(count), np.random.default_rng(seed), effect=effect, draws=199)


def test_white_noise_is_called_a_change_in_at_most_one_of_twenty() -> None:
    for days in (28, 60):
        chance = np.random.default_rng(days)
        found = [changed(chance.standard_t(3, size=(4, days)), seed=trial) is not None for trial in range(400)]
        # 400 trials at a rate of .05 give more than 32 in one of a hundred cases
        assert sum(found) <= 32, (days, sum(found))


def test_weekdays_are_no_change() -> None:
    chance = np.random.default_rng(5)
    week = np.tile([3.0, 1.0, 0.0, 0.0, 0.0, 1.0, 4.0], 12)
    found = [changed(week + chance.normal(size=(2, 84)), seed=trial) is not None for trial in range(100)]
    assert sum(found) <= 10


def test_a_shift_is_found_within_days_of_where_it_is() -> None:
    chance = np.random.default_rng(1)
    days, right = [], 0
    for trial in range(40):
        means = chance.normal(size=(5, 90))
        means[2, 55:] += 2.5
        found = changed(means, seed=trial)
        assert found is not None
        right += found.series == 2 and found.after - found.before > 1.5
        days.append(found.day)
    assert right >= 37
    assert abs(float(np.median(days)) - 55) <= 1
    assert sum(abs(day - 55) <= 4 for day in days) >= 34


def test_of_several_changes_the_newest_counts() -> None:
    means = np.random.default_rng(2).normal(size=(1, 150))
    means[0, 50:] += 4
    means[0, 100:] += 4
    found = changed(means)
    assert found is not None
    assert abs(found.day - 100) <= 2


def test_a_change_that_is_certain_and_too_small_to_matter_is_none() -> None:
    means = np.random.default_rng(3).normal(scale=0.01, size=(1, 60))
    means[0, 30:] += 0.05
    assert changed(means) is not None
    assert changed(means, effect=0.1) is None


def test_fewer_than_four_weeks_say_nothing() -> None:
    means = np.concatenate([np.zeros(13), np.full(14, 9.0)])[None, :]
    assert means.shape[1] == LEAST_DAYS - 1
    assert changed(means) is None


@settings(max_examples=60, deadline=None)
@given(
    days=st.integers(0, 70),
    series=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    shift=st.sampled_from([0.0, 1.0, 50.0]),
    kind=st.sampled_from(["flat", "normal", "steps"]),
)
def test_a_change_lies_a_week_from_either_end_and_the_same_days_give_the_same(
    days: int, series: int, seed: int, shift: float, kind: str
) -> None:
    chance = np.random.default_rng(seed)
    means = {
        "flat": np.zeros((series, days)),
        "normal": chance.normal(size=(series, days)),
        "steps": chance.integers(0, 2, (series, days)).astype(np.float64),
    }[kind]
    means[:, days // 2 :] += shift
    found = changed(means, seed=seed)
    assert found == changed(means, seed=seed)
    if found is not None:
        assert SEASON <= found.day <= days - SEASON
        assert 0 < found.p_value <= 0.05
        assert np.isfinite([found.before, found.after]).all()


def test_days_may_lack_and_weigh_differently() -> None:
    days = np.delete(np.arange(80), [3, 4, 33, 60])
    rows = np.random.default_rng(4).integers(1, 200, len(days)).astype(np.float64)
    means = np.random.default_rng(4).normal(scale=0.3, size=(1, len(days))) + (days >= 40) * 2.0
    found = last_change(means * rows, rows, days, np.random.default_rng(0))
    assert found is not None
    assert abs(int(days[found.day]) - 40) <= 2
    assert found.after - found.before == pytest.approx(2.0, abs=0.3)
