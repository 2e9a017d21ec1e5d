"""Many tests at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flyball.stats.multiplicity import benjamini_hochberg, e_bh, e_value, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_benjamini_hochberg_equals_scipy(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))


@given(P_VALUES, st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float], alpha: float) -> None:
    rejected = set()
    for step, at in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[at] * (len(p_values) - step) > alpha:
            break
        rejected.add(int(at))
    assert set(np.flatnonzero(holm(p_values) <= alpha).tolist()) == rejected


@given(P_VALUES)
def test_holm_is_never_bolder_than_benjamini_hochberg(p_values: list[float]) -> None:
    assert (holm(p_values) >= benjamini_hochberg(p_values) - 1e-12).all()


def test_e_bh_keeps_the_false_discovery_rate_under_full_dependence() -> None:
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(2000):
        shared = 0.5 / np.sqrt(rng.random())  # an e-value: its mean is 1
        false += bool(e_bh([shared] * 20, 0.1).any())
    assert false / 2000 <= 0.1


def test_no_tests_give_no_rejections() -> None:
    assert len(holm([])) == len(benjamini_hochberg([])) == len(e_bh([], 0.05)) == 0


@pytest.mark.parametrize("bad", [[float("nan")], [-0.1], [1.1]])
def test_what_is_no_p_value_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values"):
        holm(bad)


def test_an_e_value_is_at_most_one_on_average_where_nothing_differs() -> None:
    p_values = (np.arange(200_000) + 0.5) / 200_000
    assert np.mean([e_value(float(p)) for p in p_values]) <= 1.0
    assert e_value(0.0) > 1e290


@given(small=st.floats(1e-250, 1.0), factor=st.floats(1.0, 1e6))
def test_a_smaller_p_value_is_never_less_evidence(small: float, factor: float) -> None:
    assert e_value(small) >= e_value(min(1.0, small * factor)) * (1 - 1e-6)
