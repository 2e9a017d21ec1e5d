"""Bounds on distances and shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flyball.stats.bounds import ks_radii, ks_radius, ks_tail, share_lower, share_upper, square_tail, unseen_share
from flyball.stats.distances import ks_exact


@given(n=st.integers(1, 10**7), m=st.integers(1, 10**7), alpha=st.floats(1e-9, 0.2))
def test_the_ks_radius_is_never_under_that_of_the_smaller_sample_and_never_over_both_added_at_half_the_error(
    n: int, m: int, alpha: float
) -> None:
    def single(rows: int, level: float) -> float:
        return float(np.sqrt(np.log(2.0 / level) / (2.0 * rows)))

    radius = ks_radius(n, m, alpha)
    assert radius >= min(1.0, single(min(n, m), alpha)) - 1e-12
    # Tighter than two radii where both samples matter, about as wide as one where one of them is huge.
    assert radius <= min(1.0, 1.25 * (single(n, alpha / 2) + single(m, alpha / 2))) + 1e-12


def test_the_ks_radius_holds_for_samples_of_different_distributions() -> None:
    rng = np.random.default_rng(0)
    true = 2 * stats.norm.cdf(0.25) - 1  # distance of N(0, 1) and N(.5, 1)
    errors = np.array([abs(ks_exact(rng.normal(size=300), rng.normal(0.5, 1, size=500))[0] - true) for _ in range(600)])
    assert (errors > ks_radius(300, 500, 0.05)).mean() <= 0.05


@given(rows=st.integers(1, 10_000), part=st.floats(0, 1), alpha=st.floats(1e-6, 0.2))
def test_share_bounds_are_those_of_clopper_and_pearson(rows: int, part: float, alpha: float) -> None:
    hits = int(part * rows)
    exact = stats.binomtest(hits, rows, alternative="two-sided").proportion_ci(1 - 2 * alpha, method="exact")
    assert share_lower(hits, rows, alpha) == pytest.approx(exact.low, abs=1e-9)
    assert share_upper(hits, rows, alpha) == pytest.approx(exact.high, abs=1e-9)


def test_without_rows_nothing_is_known() -> None:
    assert ks_radius(0, 100, 0.05) == 1.0
    assert (share_lower(0, 0, 0.05), share_upper(0, 0, 0.05)) == (0.0, 1.0)
    assert unseen_share(0, 0, 0.05) == 1.0


def test_the_unseen_share_covers_what_new_rows_show() -> None:
    rng = np.random.default_rng(0)
    shares = 1.0 / np.arange(1, 3000)
    shares /= shares.sum()
    failures = 0
    for _ in range(100):
        seen = rng.multinomial(2000, shares)
        failures += bool(shares[seen == 0].sum() > unseen_share(int((seen == 1).sum()), 2000, 0.05))
    assert failures <= 5


@given(n=st.integers(1, 10**6), m=st.integers(1, 10**6), alpha=st.floats(1e-9, 0.2))
def test_the_ks_tail_is_the_radius_turned_round(n: int, m: int, alpha: float) -> None:
    radius = ks_radius(n, m, alpha)
    tail = float(ks_tail(np.array([float(n)]), np.array([float(m)]), np.array([radius]))[0])
    assert radius == 1.0 or tail == pytest.approx(alpha, rel=1e-3)


def test_rows_of_different_hours_keep_the_radius_of_mixed_rows() -> None:
    rng = np.random.default_rng(0)
    hours, weight = np.linspace(-2, 2, 8), np.arange(1, 9) / 36
    sizes = (weight * 400).astype(int)
    errors = []
    for _ in range(400):
        reference = [rng.normal(mean, 1, 300) for mean in hours]
        now = np.concatenate([rng.normal(mean, 1, size) for mean, size in zip(hours, sizes, strict=True)])
        at = np.linspace(-5, 5, 200)
        part = sizes / sizes.sum()
        mixture = sum(p * (values[:, None] <= at).mean(axis=0) for p, values in zip(part, reference, strict=True))
        errors.append(np.abs(mixture - (now[:, None] <= at).mean(axis=0)).max())
    worth = 1.0 / float((part**2 / 300).sum())
    radius = ks_radii(np.array([float(sizes.sum())]), np.array([worth]), 0.05, mixed=True)[0]
    assert (np.array(errors) > radius).mean() <= 0.05
    assert radius < 0.2


@pytest.mark.parametrize("wave", [0.0, 2.0])
@pytest.mark.parametrize(("thin", "heavy"), [(100, 8.0), (300, 1.0), (100, 60.0)])
def test_the_radius_of_a_mixture_holds_where_one_hour_of_few_rows_has_most_of_the_weight(wave: float, thin: int, heavy: float) -> None:
    rng = np.random.default_rng(0)
    at = np.linspace(-6, 6, 241)
    below = stats.norm.cdf(at - np.linspace(-wave, wave, 8)[:, None])
    cells = np.diff(below, axis=1, prepend=0.0, append=1.0)
    held = np.array([thin] + [3000] * 7)
    for rows in (600, 20_000):
        sizes = (np.array([heavy] + [1.0] * 7) / (heavy + 7.0) * rows).astype(int)
        part = sizes / sizes.sum()
        radius = ks_radii(np.array([float(sizes.sum())]), np.array([1.0 / float((part**2 / held).sum())]), 0.2, mixed=True)[0]
        over = 0
        for _ in range(300):
            mixture = part @ (rng.multinomial(held, cells).cumsum(axis=1) / held[:, None])
            now = rng.multinomial(sizes, cells).sum(axis=0).cumsum() / sizes.sum()
            over += bool(np.abs(mixture - now).max() > radius)
        assert over <= 0.25 * 0.2 * 300, "far fewer than one run in five"


def test_the_tail_of_distances_is_carried_on_as_that_of_their_squares() -> None:
    rng = np.random.default_rng(0)
    found = [square_tail(np.sqrt(rng.exponential(0.02, 400)), 1e-5) for _ in range(200)]
    truth = np.sqrt(0.02 * np.log(1e5))
    assert np.median(found) == pytest.approx(truth, rel=0.05)
    assert np.quantile(found, 0.05) > 0.8 * truth
    assert square_tail(np.full(100, 0.3), 1e-5) == pytest.approx(0.3), "what never changes has no tail"
