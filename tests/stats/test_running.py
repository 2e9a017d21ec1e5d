"""Bounds that a server looks at while numbers run in: they hold as often as they say, and need no scipy."""

import math
import subprocess
import sys

import numpy as np
import pytest

from flyball.stats.running import (
    distance_lower,
    mixture,
    quantile_lower,
    quantile_upper,
    rate_lower,
    rate_upper,
    spent,
    tail_above,
    tail_below,
)


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_a_rate_looked_at_after_every_request_is_rarely_excluded(rate: float) -> None:
    chance, alpha, excluded = np.random.default_rng(0), 0.05, 0
    for _ in range(1_000):
        hits = np.cumsum(chance.random(300) < rate).tolist()
        excluded += any(mixture(number, trials, rate) > math.log(1 / alpha) for trials, number in enumerate(hits, 1))
    assert excluded <= 1_000 * alpha


def test_the_ends_of_a_rate_are_where_the_mixture_excludes() -> None:
    for hits, trials in ((40, 50), (3, 1_000), (1, 1)):
        lower, upper = rate_lower(hits, trials, 0.001), rate_upper(hits, trials, 0.001)
        assert 0.0 <= lower < hits / trials <= upper <= 1.0
        assert mixture(hits, trials, lower) == pytest.approx(math.log(1000), abs=1e-3)
    assert rate_lower(0, 100, 0.001) == 0.0 and rate_upper(100, 100, 0.001) == 1.0
    assert (rate_lower(0, 0, 0.001), rate_upper(0, 0, 0.001)) == (0.0, 1.0)


def test_tails_are_no_smaller_than_the_binomial_ones() -> None:
    from scipy.stats import binom

    for trials, rate in ((50, 0.01), (1_000, 0.01), (200, 0.3)):
        for hits in range(trials + 1):
            assert tail_above(hits, trials, rate) >= binom.sf(hits - 1, trials, rate) - 1e-12
            assert tail_below(hits, trials, rate) >= binom.cdf(hits, trials, rate) - 1e-12


def test_bounds_of_a_quantile_hold_the_quantile() -> None:
    chance = np.random.default_rng(0)
    edges = np.linspace(0.0, 1.0, 101)
    wrong = 0
    for _ in range(300):
        counts = np.bincount(np.searchsorted(edges, chance.random(2_000)), minlength=102)
        upper = quantile_upper(counts, 0.99, 0.01)
        assert upper is not None
        wrong += not edges[quantile_lower(counts, 0.99, 0.01) - 1] <= 0.99 <= edges[upper]
    assert wrong <= 6
    assert quantile_upper(np.array([100, 0, 0]), 0.99, 0.001) is None, "a hundred values say nothing of one in a hundred"
    assert quantile_lower(np.array([3, 0, 0]), 0.99, 0.001) == 0


def test_a_distance_is_only_what_is_certain() -> None:
    chance = np.random.default_rng(0)
    edges = np.linspace(0.0, 1.0, 64)

    def buckets(values: np.ndarray) -> np.ndarray:
        return np.bincount(np.searchsorted(edges, values), minlength=65)

    for _ in range(200):
        assert distance_lower(buckets(chance.random(500)), buckets(chance.random(500)), 0.001) == 0.0
    far = distance_lower(buckets(chance.random(5_000) * 0.5), buckets(chance.random(5_000)), 0.001)
    assert 0.4 < far < 0.5 and distance_lower(buckets(np.empty(0)), buckets(chance.random(5)), 0.001) == 0.0


def test_all_looks_together_spend_no_more_than_alpha() -> None:
    assert sum(spent(0.05, look) for look in range(1, 10_000)) <= 0.05


def test_it_needs_no_scipy() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, flyball.stats.running; print('scipy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "False"
