"""Edges at quantiles and the fast lookup over them."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flyball.stats.bins import Lookup, atoms, quantile_edges

ANY_FLOAT = st.floats(allow_nan=False, width=64)


def _samples(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=20_000)
    return {
        "normal": normal,
        "far from zero": 1e9 + normal,
        "tiny": 1e-300 * normal,
        "heavy tail": rng.standard_cauchy(20_000),
        "log-normal": rng.lognormal(0, 3, 20_000),
        "counts": rng.poisson(3, 20_000).astype(float),
        "zero inflated": normal * (rng.random(20_000) < 0.3),
        "many integers": rng.integers(0, 5000, 20_000).astype(float),
        "one huge value": np.append(normal, 1e300),
        "constant": np.full(100, 7.0),
        "two values": (rng.random(1000) < 0.1).astype(float),
        "both ends of the floats": np.append(normal, [-1.7e308, 1.7e308]),
    }


@pytest.mark.parametrize("name", _samples(0))
def test_the_lookup_equals_searchsorted_on_every_kind_of_column(name: str) -> None:
    values = _samples(0)[name]
    edges = quantile_edges(values, 256)
    lookup = Lookup(edges)
    around = np.concatenate([values, edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf), [-np.inf, np.inf, 0.0, -0.0]])
    expected = np.searchsorted(edges, around, side="left")
    assert (lookup.index(around) == expected).all()
    assert (lookup.counts(around) == np.bincount(expected, minlength=len(edges) + 1)).all()


def test_a_grid_is_found_for_ordinary_columns() -> None:
    # Without one the answer is still right, and ten times slower.
    for name in ("normal", "far from zero", "heavy tail", "log-normal", "counts", "zero inflated", "many integers", "one huge value"):
        assert Lookup(quantile_edges(_samples(1)[name], 256)).rounds >= 1, name


@settings(max_examples=300, deadline=None)
@given(
    sample=hnp.arrays(np.float64, st.integers(0, 60), elements=ANY_FLOAT),
    more=hnp.arrays(np.float64, st.integers(0, 60), elements=ANY_FLOAT),
    bins=st.integers(1, 20),
)
@example(sample=np.array([5e-324, 0.0, -5e-324]), more=np.array([1e-323]), bins=4)
def test_the_lookup_always_equals_searchsorted(sample: np.ndarray, more: np.ndarray, bins: int) -> None:
    edges = quantile_edges(sample, bins)
    assert (np.diff(edges) > 0).all()
    assert (Lookup(edges).index(np.concatenate([sample, more])) == np.searchsorted(edges, np.concatenate([sample, more]))).all()


def test_nan_lies_in_the_first_cell_of_the_lookup() -> None:
    assert Lookup(np.arange(50.0)).index(np.array([np.nan, 3.0])).tolist() == [0, 3]
    assert Lookup(np.array([1.0])).index(np.array([np.nan, 3.0])).tolist() == [0, 1]


@pytest.mark.parametrize("name", _samples(0))
def test_a_cell_of_several_values_never_holds_more_than_its_part(name: str) -> None:
    values = _samples(2)[name]
    edges = quantile_edges(values, 64)
    counts = Lookup(edges).counts(values)
    shared = ~atoms(edges)
    assert counts[shared].max() <= len(values) / 64
    assert counts[0] == counts[-1] == 0  # nothing of the sample itself is below or above
    assert len(edges) <= 3 * 64 + 1


def test_few_distinct_values_have_a_cell_each() -> None:
    edges = quantile_edges(np.array([0.0, 0.0, 1.0, 5.0, np.nan, np.inf]), 10)
    counts = Lookup(edges).counts(np.array([0.0, 0.0, 1.0, 5.0]))
    assert counts[atoms(edges)].tolist() == [2, 1, 1]


def test_no_finite_value_gives_no_edges() -> None:
    edges = quantile_edges(np.array([np.nan, np.inf, -np.inf]), 10)
    assert len(edges) == 0
    assert Lookup(edges).counts(np.array([1.0, 2.0])).tolist() == [2]
