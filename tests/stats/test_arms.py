"""The bounds of two arms: published shape, blocks, weights, and the level they hold."""

import numpy as np
import pytest

from flyball.stats.arms import ROWS_OF_ARM, Arms, by_day, by_unit, sequence_factor, spread_of
from flyball.stats.boundaries import asymptotic
from flyball.stats.sequential import block_sequence
from flyball.stats.significance import sample, welch


def arms(loss: object, challenger: object, **columns: object) -> Arms:
    values = np.asarray(loss, dtype=np.float64)
    none = np.zeros(len(values), dtype=np.int64)
    given = {"phase": none, "day": none, "unit": np.arange(len(values)), **columns}
    return Arms(
        loss=values,
        challenger=np.asarray(challenger, dtype=np.bool_),
        phase=np.asarray(given["phase"], dtype=np.int64),
        day=np.asarray(given["day"], dtype=np.int64),
        unit=np.asarray(given["unit"], dtype=np.int64),
    )


def test_one_row_units_in_one_phase_are_the_published_sequence() -> None:
    """With equally many in both arms: the one-sided asymptotic sequence, but for Student's quantile and common variance."""
    chance = np.random.default_rng(0)
    side = np.arange(4000) % 2 == 1
    loss = chance.normal(1.0, 1.0, 4000) - 0.2 * side
    found = by_unit(arms(loss, side))
    theirs = asymptotic(sample(-loss[~side]), sample(-loss[side]), tuning=5000, sides="greater")
    lower, upper = found.bounds(0.05)
    assert found.gain == pytest.approx(theirs.effect)
    assert found.error == pytest.approx(theirs.error, rel=1e-3)
    assert lower == pytest.approx(theirs.lower, rel=0.01)
    assert upper is not None and lower is not None and upper - found.gain == pytest.approx(found.gain - lower)
    fixed, once = welch(sample(-loss[~side]), sample(-loss[side]), alpha=0.1), found.fixed(0.05)
    assert once is not None and once[0] == pytest.approx(fixed.lower, rel=0.01)


def test_days_of_one_size_are_the_paired_sequence_over_the_daily_differences() -> None:
    chance = np.random.default_rng(1)
    day = np.repeat(np.arange(14), 200)
    side = np.arange(2800) % 2 == 1
    loss = chance.normal(size=2800) + chance.normal(size=14)[day] - 0.5 * chance.normal(size=14)[day] * side
    found = by_day(arms(loss, side, day=day))
    daily = np.array([loss[(day == one) & ~side].mean() - loss[(day == one) & side].mean() for one in range(14)])
    expected = block_sequence(daily)
    assert found.gain == pytest.approx(expected.mean)
    assert found.bounds(0.05)[0] == pytest.approx(expected.lower, rel=1e-6)


def test_a_busy_day_of_an_uneven_split_counts_by_what_it_is_worth() -> None:
    day = np.repeat([0, 1], [1000, 1000])
    side = np.concatenate([np.arange(1000) < 20, np.arange(1000) < 500])
    loss = np.where(side, 0.0, np.where(day == 0, 10.0, 1.0))
    found = by_day(arms(loss, side, day=day))
    assert found.gain == pytest.approx((10 * 19.6 + 1 * 250) / 269.6)


def test_days_are_joined_within_a_phase_and_the_rest_waits() -> None:
    day = np.repeat(np.arange(10), 100)
    side = np.arange(1000) % 100 < 8
    joined = by_day(arms(np.zeros(1000), side, day=day))
    assert joined.blocks == 3, f"eight rows a day make {ROWS_OF_ARM} in three days; the tenth day waits"
    assert joined.rows == 900
    phases = by_day(arms(np.zeros(1000), side, day=day, phase=day // 5))
    assert (phases.blocks, phases.days) == (3, 9), "a day of the next phase completes a block, each phase compared within itself"
    assert set(phases.phases) == {0, 1}


def test_a_day_without_one_of_the_arms_waits_for_one_that_has_both() -> None:
    day = np.repeat(np.arange(4), 100)
    side = (np.arange(400) % 2 == 1) & (day != 1)
    found = by_day(arms(np.ones(400), side, day=day, phase=(day == 1).astype(int)))
    assert (found.blocks, found.rows, set(found.phases)) == (3, 300, {0})


def weather(chance: np.random.Generator, shares: list[float], hours: float, days: int) -> Arms:
    """A canary of short steps: each day 2400 rows, and a difference of the arms of its own that is nothing on average."""
    rows = 2400 * days
    time = np.sort(chance.random(rows)) * 24 * days
    day = (time // 24).astype(int)
    phase = np.minimum((time // hours).astype(int), len(shares) - 1)
    side = chance.random(rows) < np.array(shares)[phase]
    return arms(0.05 * chance.normal(size=rows) + 0.02 * chance.normal(size=days)[day] * side, side, day=day, phase=phase)


def test_steps_of_one_day_are_one_day() -> None:
    found = by_day(weather(np.random.default_rng(0), np.linspace(0.2, 0.5, 12).tolist(), 2, 1))
    assert (found.blocks, found.days, found.bounds(0.05)) == (1, 1, (None, None))
    six = by_day(weather(np.random.default_rng(0), np.linspace(0.2, 0.5, 12).tolist(), 2, 6))
    assert (six.blocks, six.bounds(0.05)) == (6, (None, None))


@pytest.mark.parametrize(("steps", "hours"), [(4, 24), (5, 4), (12, 2), (20, 1), (9, 36)])
def test_a_canary_between_equal_versions_rarely_ends_however_short_its_steps(steps: int, hours: int) -> None:
    shares, called = np.linspace(0.2, 0.5, steps).tolist(), np.zeros(2)
    for seed in range(60):
        whole = weather(np.random.default_rng(seed), shares, hours, 9)
        ended = np.zeros(2, dtype=bool)
        for until in range(1, 10):
            seen = whole.day < until
            part = Arms(**{name: getattr(whole, name)[seen] for name in ("loss", "challenger", "phase", "day", "unit")})
            lower, upper = by_day(part).bounds(0.05)
            ended |= [lower is not None and lower > 0, upper is not None and upper < 0]
        called += ended
    assert called.max() <= 5  # at 5 % three of 60; counted as days of their own, steps of two hours make it 25


def test_what_units_add_is_what_both_clusters_say_less_what_they_share() -> None:
    """Cameron, Gelbach and Miller (2011): days and units, less units within days. Rows of a unit on one day alone add nothing."""
    chance = np.random.default_rng(4)
    day, side = np.repeat(np.arange(10), 200), np.arange(2000) % 2 == 1
    once = arms(
        np.repeat(chance.normal(size=500), 4), np.repeat(side[::4] ^ (np.arange(500) % 2 == 1), 4), day=day, unit=np.arange(2000) // 4
    )
    again = arms(once.loss, once.challenger, day=day, unit=np.arange(2000))
    assert by_day(once).freedom == by_day(again).freedom == pytest.approx(9, rel=0.01)
    ways = chance.normal(size=40)
    unit = chance.integers(0, 40, 2000)
    loss = ways[unit] + chance.normal(size=2000)
    found = by_day(arms(loss, unit % 2 == 1, day=day, unit=unit))
    sides = unit % 2 == 1
    n = np.array([[np.sum((day == one) & (sides == arm)) for arm in (False, True)] for one in range(10)])
    mean = np.array([[loss[(day == one) & (sides == arm)].mean() for arm in (False, True)] for one in range(10)])
    weight = n.prod(axis=1) / n.sum(axis=1)
    weight = weight / weight.sum()
    gain = weight @ (mean[:, 0] - mean[:, 1])
    arm = sides.astype(int)
    influence = np.where(sides, -1, 1) * weight[day] * (loss - mean[day, arm]) / n[day, arm]
    squares = [np.square(np.bincount(codes, weights=influence)).sum() for codes in (unit, unit * 10 + day)]
    worth = 1 / np.square(weight).sum()
    days = max(np.square(weight * (mean[:, 0] - mean[:, 1] - gain)).sum() * worth / (worth - 1), squares[1])
    assert found.error == pytest.approx(np.sqrt(days + (squares[0] - squares[1]) * 20 / 19), rel=1e-6)


def test_units_that_keep_their_ways_are_not_taken_for_days_that_agree() -> None:
    """Thirty units in all: each day says the same, because the same units say it."""
    called = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        ways, half = chance.normal(size=30), chance.permutation(30) < 15
        unit, day = chance.integers(0, 30, 3000), np.repeat(np.arange(20), 150)
        found = by_day(arms(ways[unit] + 0.1 * chance.normal(size=3000), half[unit], day=day, unit=unit))
        lower, upper = found.bounds(0.05)
        called += lower is not None and upper is not None and not lower <= 0 <= upper
    assert called <= 3


def test_a_factor_grows_without_end_and_is_smallest_near_its_tuning() -> None:
    sizes = np.array([100, 1000, 5000, 50_000, 10**6])
    found = sequence_factor(sizes, sizes.astype(float), alpha=0.05, tuning=5000)
    assert int(np.argmin(found)) == 2
    assert (sequence_factor(sizes, sizes.astype(float), alpha=0.01, tuning=5000) > found).all()


def test_nothing_and_one_arm_alone_have_no_error() -> None:
    for block in ("day", "unit"):
        none = spread_of(arms([], []), block)
        alone = spread_of(arms([1.0] * 100, [True] * 100), block)
        assert (none.error, none.bounds(0.05), alone.error, alone.rows) == (None, (None, None), None, 0)
    same = by_unit(arms([1.0] * 400, np.arange(400) % 2 == 1))
    assert (same.gain, same.error, same.fixed(0.05)) == (0.0, 0.0, None)
