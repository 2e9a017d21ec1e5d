"""Intervals agree with independent implementations and cover what they promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from flyball.stats.blocked import gain_with_bounds, gap_with_bounds, mean_gap, value_with_bounds, value_with_neighbours
from flyball.stats.intervals import block_t, blocks_of, delong, delong_difference, joined, wilson
from flyball.stats.ranks import Floats, midranks
from flyball.stats.scores import METRICS

seeds = st.integers(0, 10**6)


@given(st.integers(0, 200), st.integers(1, 200), st.sampled_from([0.1, 0.05, 0.01]))
@settings(max_examples=60, deadline=None)
def test_wilson_is_that_of_scipy(successes: int, trials: int, alpha: float) -> None:
    successes = min(successes, trials)
    theirs = binomtest(successes, trials).proportion_ci(confidence_level=1 - alpha, method="wilson")
    assert wilson(successes, trials, alpha=alpha / 2) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_nothing_knows_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.lists(st.integers(0, 5), max_size=30))
def test_midranks_share_ties_evenly(values: list[int]) -> None:
    array = np.array(values, dtype=float)
    below = (array[None, :] < array[:, None]).sum(axis=1)
    same = (array[None, :] == array[:, None]).sum(axis=1)
    assert midranks(array) == pytest.approx(below + (same + 1) / 2)


@given(seeds, st.integers(3, 25), st.integers(3, 25), st.sampled_from([3, 1000]))
@settings(max_examples=40, deadline=None)
def test_delong_is_its_definition_over_all_pairs(seed: int, m: int, n: int, grid: int) -> None:
    chance = np.random.default_rng(seed)
    positive = np.arange(m + n) < m
    one, two = (np.round((chance.random(m + n) + 0.3 * positive) * grid) for _ in range(2))

    def pairs(score: Floats) -> Floats:
        up, down = score[:m, None], score[None, m:]
        return np.asarray((up > down) + 0.5 * (up == down))

    def variance(psi: Floats) -> float:
        return float(psi.mean(axis=1).var(ddof=1) / m + psi.mean(axis=0).var(ddof=1) / n)

    assert delong(positive, one) == pytest.approx((pairs(one).mean(), variance(pairs(one))), abs=1e-12)
    difference = pairs(one) - pairs(two)
    assert delong_difference(positive, one, two) == pytest.approx((difference.mean(), variance(difference)), abs=1e-12)


def test_delong_needs_two_rows_of_each_class() -> None:
    assert delong(np.array([True, False, False]), np.array([0.1, 0.2, 0.3])) is None
    assert delong_difference(np.zeros(3, dtype=bool), np.zeros(3), np.zeros(3)) is None


def test_one_block_gives_a_value_without_bounds() -> None:
    found = block_t(np.array([3.0]), np.array([4.0]))
    assert found is not None
    assert (found.value, found.lower, found.upper) == (0.75, None, None)
    assert block_t(np.zeros(0), np.zeros(0)) is None


def test_equal_blocks_of_one_row_give_students_t_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, 4.5, 7.0])
    found = block_t(values, np.ones(5), alpha=0.025)
    assert found is not None
    assert found.upper == pytest.approx(values.mean() + 2.7764451 * values.std(ddof=1) / 5**0.5)


def test_bounds_by_block_cover_where_bounds_by_row_do_not() -> None:
    """Rows of a day share its luck: 20 days of 50 rows, lower bounds at 5 %."""
    chance = np.random.default_rng(3)
    metric, missed, missed_by_row = METRICS["mse"], 0, 0
    for _ in range(300):
        day = np.repeat(np.arange(20), 50)
        error = np.sqrt(np.exp(chance.normal(0, 0.4, 20))[day]) * chance.normal(0, 1, 1000)
        truth = np.exp(0.08)
        found = value_with_bounds(metric, error, np.zeros(1000), 0.5, day, chance)
        by_row = value_with_bounds(metric, error, np.zeros(1000), 0.5, np.arange(1000), chance)
        assert found is not None and found.lower is not None and found.upper is not None
        assert by_row is not None and by_row.lower is not None and by_row.upper is not None
        missed += not found.lower <= truth <= found.upper
        missed_by_row += not by_row.lower <= truth <= by_row.upper
    assert 0.04 < missed / 300 < 0.17  # 10 % promised; skewed days cost a little
    assert missed_by_row / 300 > 0.18


def test_bootstrap_bounds_of_an_auc_cover_it() -> None:
    chance = np.random.default_rng(4)
    metric, missed = METRICS["roc_auc"], 0
    day = np.repeat(np.arange(15), 60)
    truth = 0.7602  # P(Z < 1 / sqrt 2): two normals one apart
    for _ in range(200):
        actual = chance.integers(0, 2, 900)
        score = chance.normal(actual, 1.0)
        found = value_with_bounds(metric, actual, score, 0.5, day, chance)
        assert found is not None and found.lower is not None and found.upper is not None
        missed += not found.lower <= truth <= found.upper
    assert 0.03 < missed / 200 < 0.17


def test_block_bootstrap_and_delong_agree_on_independent_rows() -> None:
    chance = np.random.default_rng(5)
    actual = chance.integers(0, 2, 4000)
    first = chance.normal(actual, 1.0)
    second = first + chance.normal(0, 0.5, 4000)
    by_row = gain_with_bounds(METRICS["roc_auc"], actual, first, second, 0.5, np.arange(4000), chance)
    by_block = gain_with_bounds(METRICS["roc_auc"], actual, first, second, 0.5, np.arange(4000) // 4, chance)
    assert by_row is not None and by_row.lower is not None and by_block is not None and by_block.lower is not None
    assert by_row.value == pytest.approx(by_block.value)
    assert by_row.value - by_row.lower == pytest.approx(by_block.value - by_block.lower, rel=0.2)


def test_cells_change_the_spread_of_an_auc_by_less_than_one_percent() -> None:
    chance = np.random.default_rng(6)
    actual = chance.integers(0, 2, 12_000)
    score = chance.normal(actual, 1.0)
    day = np.arange(12_000) // 400
    weights = chance.multinomial(30, np.full(30, 1 / 30), size=40).astype(float)
    binned = METRICS["roc_auc"].prepare(actual, score, 0.5, day, 30)(weights)
    rows = [np.repeat(np.arange(12_000), weight[day].astype(int)) for weight in weights]
    exact = np.array([METRICS["roc_auc"].function(actual[kept], score[kept]) for kept in rows])
    assert np.abs(binned - exact).max() < 5e-5
    assert binned.std() == pytest.approx(exact.std(), rel=0.01)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_value_always_stands_between_its_bounds_and_inside_its_limits(name: str) -> None:
    metric, chance = METRICS[name], np.random.default_rng(7)
    for task, days in itertools.product(metric.tasks, (2, 30, 300)):
        actual = chance.normal(size=300) if task == "regression" else chance.integers(0, 3 if task == "multiclass" else 2, 300)
        score = chance.dirichlet(np.ones(3), 300) if task == "multiclass" else chance.random(300)
        found = value_with_bounds(metric, actual, score, 0.5, blocks_of(chance.integers(0, days, 300)), chance)
        assert found is not None and found.lower is not None and found.upper is not None
        assert metric.low <= found.lower <= found.value <= found.upper <= metric.high


@given(seeds, st.sampled_from(sorted(METRICS)), st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_swapping_the_arguments_flips_the_sign_of_a_gain(seed: int, name: str, days: int) -> None:
    metric, chance = METRICS[name], np.random.default_rng(seed)
    actual = chance.normal(size=80) if metric.tasks == ("regression",) else chance.integers(0, 2, 80)
    one, two, day = chance.random(80), chance.random(80), blocks_of(chance.integers(0, days, 80))
    forth = gain_with_bounds(metric, actual, one, two, 0.5, day, np.random.default_rng(0))
    back = gain_with_bounds(metric, actual, two, one, 0.5, day, np.random.default_rng(0))
    assert (forth is None) == (back is None)
    if forth is not None and back is not None and forth.lower is not None:
        assert back.value == pytest.approx(-forth.value, abs=1e-12)
        assert back.upper == pytest.approx(-forth.lower, abs=1e-12)


def test_blocks_are_numbered_without_gaps_whatever_names_them() -> None:
    assert blocks_of(np.array([15_801, 15_700, 15_801])).tolist() == [1, 0, 1]
    assert blocks_of(np.array(["N1", None, "N2", None, "N1", float("nan")], dtype=object)).tolist() == [0, 1, 2, 1, 0, 1]


def test_many_blocks_are_joined_and_never_split() -> None:
    codes = np.arange(5000) % 2500
    found, count = joined(codes, 100, np.random.default_rng(0))
    assert count == 100
    assert set(found.tolist()) == set(range(100))
    assert (found[:2500] == found[2500:]).all()
    assert joined(codes, 2500, np.random.default_rng(0))[0] is codes


def test_a_slice_on_few_of_many_days_is_called_worse_as_rarely_as_promised() -> None:
    chance, wrong, runs = np.random.default_rng(3), 0, 4000
    for _ in range(runs):
        ours, rows = np.zeros(60), np.zeros(60)
        rows[:5], ours[:5] = 20, 20 * chance.normal(0, 0.3, 5)
        found = mean_gap(ours, rows, 1000 * chance.normal(0, 0.05, 60), np.full(60, 1000.0), alpha=0.01)
        assert found is not None and found.lower is not None
        wrong += found.lower > 0
    assert wrong / runs <= 0.015


def test_on_one_day_nothing_is_known_of_a_slice() -> None:
    block = np.repeat(np.arange(10), 40)
    actual, score = np.arange(400) % 2, np.linspace(0.1, 0.9, 400)
    for name in ("brier", "f1"):
        found = gap_with_bounds(METRICS[name], actual, score, 0.5, block, block == 0, np.random.default_rng(0))
        assert found is not None and found.lower is None and found.upper is None


def test_days_that_resemble_each_other_widen_the_bounds_and_days_that_alternate_do_not_narrow_them() -> None:
    mae, block, nothing = METRICS["mae"], np.arange(20), np.zeros(20)

    def width(losses: Floats, lags: int) -> float:
        found = value_with_neighbours(mae, losses, nothing, 0.5, block, np.random.default_rng(0), lags=lags)
        assert found is not None and found.lower is not None and found.upper is not None
        return found.upper - found.lower

    runs, turns = 5.0 + np.repeat([0.0, 1.0, 0.0, 1.0], 5), 5.0 + (np.arange(20) % 2).astype(np.float64)
    assert width(runs, 2) > 1.3 * width(runs, 0)
    assert width(turns, 2) == width(turns, 0)
    alone = block_t(runs, np.ones(20))
    assert alone is not None and alone.lower is not None and alone.upper is not None
    assert width(runs, 0) == pytest.approx(alone.upper - alone.lower)


def test_leaving_days_out_tells_of_an_auc_what_redrawing_days_tells() -> None:
    chance = np.random.default_rng(1)
    block, actual = np.repeat(np.arange(40), 50), chance.integers(0, 2, 2000)
    score = 1 / (1 + np.exp(-(actual - 0.5 + chance.normal(0, 1, 2000))))
    drawn = value_with_bounds(METRICS["roc_auc"], actual, score, 0.5, block, np.random.default_rng(0), draws=2000)
    left = value_with_neighbours(METRICS["roc_auc"], actual, score, 0.5, block, np.random.default_rng(0), lags=0)
    assert drawn is not None and left is not None and drawn.lower is not None and left.lower is not None
    assert left.value == drawn.value and left.value - left.lower == pytest.approx(drawn.value - drawn.lower, rel=0.1)
