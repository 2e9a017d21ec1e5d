"""Distances from counts against exact ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial import distance as scipy_distance

from flyball.stats.bins import Lookup, atoms, quantile_edges
from flyball.stats.distances import (
    group_cells,
    grouped,
    jensen_shannon,
    ks_exact,
    ks_interval,
    largest_difference,
    middle,
    psi,
    total_variation,
    wasserstein,
)

COUNTS = hnp.arrays(np.int64, 7, elements=st.integers(0, 1000))


def _draw(rng: np.random.Generator, rows: int) -> np.ndarray:
    shift, scale = rng.normal(0, 0.3), rng.lognormal(0, 0.3)
    match int(rng.integers(0, 9)):
        case 0:
            return rng.normal(shift, scale, rows)
        case 1:
            return rng.standard_cauchy(rows) + shift
        case 2:
            return rng.lognormal(shift, 2, rows)
        case 3:
            return rng.poisson(abs(shift) + 1, rows).astype(float)
        case 4:
            return rng.normal(shift, 1, rows) * (rng.random(rows) < 0.4)
        case 5:
            return np.full(rows, round(shift, 1))
        case 6:
            return np.round(rng.normal(shift, 1, rows), int(rng.integers(0, 3)))
        case 7:
            return np.append(rng.normal(shift, 1, rows - 1), rng.choice([-1e300, 1e300, np.inf, -np.inf]))
        case _:
            return rng.choice([-np.inf, 0.0, 1.0, np.inf], rows)


def test_the_exact_ks_distance_lies_in_its_certified_interval_in_a_thousand_random_cases() -> None:
    rng = np.random.default_rng(1)
    widest = 0.0
    for case in range(1000):
        rows = [int(10 ** rng.uniform(0, 6 if case % 50 == 0 else 3.3)) for _ in range(2)]
        kind = rng.bit_generator.state
        first = _draw(rng, rows[0])
        if case % 2:  # half of the cases compare two samples of one kind
            rng.bit_generator.state = kind
        second = _draw(rng, rows[1])
        edges = quantile_edges(first, 64)
        alone = np.concatenate([[True], atoms(edges), [True]])
        f, g = (np.concatenate([[(x == -np.inf).sum()], _inner(edges, x), [(x == np.inf).sum()]]) for x in (first, second))
        lower, upper = ks_interval(f, g, alone)
        exact, _ = ks_exact(first, second)
        assert lower <= exact <= upper
        fits = np.minimum(f / f.sum(), g / g.sum())[~alone].max()
        assert upper <= lower + fits + 1e-12
        widest = max(widest, upper - lower)
    assert 0.0 < widest <= 1 / 64 + 1e-12


def _inner(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    return Lookup(edges).counts(values[np.isfinite(values)])


@settings(max_examples=100, deadline=None)
@given(
    first=hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-5, 5)),
    second=hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-5, 5)),
)
def test_ks_exact_is_the_largest_difference_of_the_distribution_functions(first: np.ndarray, second: np.ndarray) -> None:
    found = ks_exact(first, second)
    pooled = np.concatenate([first, second])
    assert found[0] == pytest.approx(max(abs((first <= at).mean() - (second <= at).mean()) for at in pooled))
    assert found[0] == pytest.approx(abs((first <= found[1]).mean() - (second <= found[1]).mean()))


@given(f=COUNTS, g=COUNTS)
def test_every_distance_is_always_finite_and_in_its_range(f: np.ndarray, g: np.ndarray) -> None:
    alone = np.zeros(7, dtype=bool)
    lower, upper = ks_interval(f, g, alone)
    assert 0.0 <= lower <= upper <= 1.0
    assert 0.0 <= total_variation(f, g) <= 1.0
    assert 0.0 <= largest_difference(f, g) <= 1.0
    assert 0.0 <= jensen_shannon(f, g) <= 1.0
    assert 0.0 <= psi(f, g) < 30.0
    assert 0.0 <= wasserstein(np.arange(6.0), f, g, 2.0) <= 2.5


@given(f=COUNTS)
def test_a_distribution_has_no_distance_to_itself(f: np.ndarray) -> None:
    twice = 2 * f
    assert ks_interval(f, twice, np.ones(7, dtype=bool)) == (0.0, 0.0)
    assert total_variation(f, twice) == jensen_shannon(f, twice) == wasserstein(np.arange(6.0), f, twice, 1.0) == 0.0


def test_jensen_shannon_equals_scipy() -> None:
    f, g = np.array([3, 0, 7, 10]), np.array([1, 5, 4, 0])
    assert jensen_shannon(f, g) == pytest.approx(scipy_distance.jensenshannon(f, g, base=2))


def test_psi_of_known_shares() -> None:
    assert psi(np.array([500_000, 500_000]), np.array([600_000, 400_000])) == pytest.approx(0.1 * np.log(1.5), rel=1e-4)


def test_wasserstein_from_fine_cells_is_that_of_the_values() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=30_000), rng.normal(0.3, 1.2, size=30_000)
    edges = np.linspace(-6, 7, 2000)
    found = wasserstein(edges, Lookup(edges).counts(first), Lookup(edges).counts(second), 1.0)
    assert found == pytest.approx(stats.wasserstein_distance(first, second), rel=1e-3)


def test_groups_hold_about_equal_shares_of_the_reference() -> None:
    counts = np.array([1, 1, 1, 1, 100, 1, 1, 1, 1, 50, 50])
    group = group_cells(counts, 4)
    assert (np.diff(group) >= 0).all()
    assert grouped(counts, group).sum() == counts.sum()
    assert group_cells(np.zeros(3, dtype=np.int64), 4).tolist() == [0, 0, 0]


def test_the_middle_scale_ignores_one_huge_value() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    assert middle(np.append(values, 1e300))[2] == pytest.approx(middle(values)[2], rel=0.02)
    assert middle(np.full(5, 3.0))[2] == 0.0
