"""Two samples: p-values that are right with and without ties."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from flyball.stats.two_samples import compare_categories, compare_missing, compare_numbers

Draw = Callable[[np.random.Generator, int], np.ndarray]
NULLS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "coin": lambda rng, n: (rng.random(n) < 0.5).astype(float),
    "counts": lambda rng, n: rng.poisson(1, n).astype(float),
    "zero inflated": lambda rng, n: rng.normal(size=n) * (rng.random(n) < 0.5),
}


def test_tiny_samples_always_get_a_p_value() -> None:
    for first, second in (([0.0] * 5, [1.0, 0.0, 0.0, 0.0, 0.0]), ([1.0], [1.0]), ([1.0, 2.0], [3.0])):
        found = compare_numbers(np.array(first), np.array(second), 0.02, 0.05)
        assert 0.05 < found.p_value <= 1.0


@pytest.mark.parametrize("name", NULLS)
def test_one_in_twenty_samples_of_one_distribution_has_p_under_5_percent(name: str) -> None:
    rng = np.random.default_rng(3)
    p_values = [compare_numbers(NULLS[name](rng, 600), NULLS[name](rng, 800), 0.02, 0.05).p_value for _ in range(600)]
    assert 0.025 < (np.array(p_values) <= 0.05).mean() < 0.08


def test_categories_have_right_p_values_too() -> None:
    rng = np.random.default_rng(0)
    names = np.array(list("abcdefghij"))
    shares = np.arange(1, 11) / 55
    p_values = [
        compare_categories(rng.choice(names, 300, p=shares).tolist(), rng.choice(names, 500, p=shares).tolist(), 0.02, 0.05).p_value
        for _ in range(500)
    ]
    assert 0.025 < (np.array(p_values) <= 0.05).mean() < 0.08


def test_without_ties_distance_and_p_value_equal_scipy() -> None:
    rng = np.random.default_rng(0)
    for n, m in ((20, 30), (900, 1000), (5000, 100)):
        first, second = rng.normal(size=n), rng.normal(0.2, 1, size=m)
        found, expected = compare_numbers(first, second, 0.02, 0.05), stats.ks_2samp(first, second, method="exact" if n < 100 else "asymp")
        assert found.distance == pytest.approx(expected.statistic)
        assert found.p_value == pytest.approx(expected.pvalue, rel=0.1)


def test_the_interval_covers_the_true_distance() -> None:
    rng = np.random.default_rng(0)
    true = 2 * stats.norm.cdf(0.25) - 1
    covered = 0
    for _ in range(400):
        found = compare_numbers(rng.normal(size=500), rng.normal(0.5, 1, size=500), 0.02, 0.05)
        covered += found.lower <= true <= found.upper
    assert covered >= 0.92 * 400


def test_equal_samples_do_not_prove_that_nothing_differs() -> None:
    for found in (
        compare_numbers(np.arange(1.0, 401.0), np.arange(1.0, 401.0), 0.02, 0.05),
        compare_categories(["a", "b"] * 200, ["a", "b"] * 200, 0.02, 0.05),
    ):
        assert (found.distance, found.lower) == (0.0, 0.0)
        assert 0.05 < found.upper < 0.1


def test_ids_that_never_repeat_are_no_drift() -> None:
    found = compare_categories([f"a{i}" for i in range(1000)], [f"b{i}" for i in range(1000)], 0.02, 0.05)
    assert (found.distance, found.lower, found.p_value) == (1.0, 0.0, 1.0)


def test_missing_shares_are_compared_exactly_where_they_are_small() -> None:
    found = compare_missing((0, 50), (4, 50), 0.002, 0.05)
    assert found.p_value == pytest.approx(stats.fisher_exact(np.array([[0, 50], [4, 46]])).pvalue)
    assert compare_missing((0, 50), (0, 70), 0.002, 0.05).p_value == 1.0
    assert compare_missing((0, 5000), (250, 5000), 0.002, 0.05).p_margin < 1e-10


def test_nothing_on_one_side_is_a_comparison_without_rows() -> None:
    found = compare_numbers(np.empty(0), np.ones(5), 0.02, 0.05)
    assert (found.rows, found.p_value, found.lower, found.upper) == (0, 1.0, 0.0, 1.0)
