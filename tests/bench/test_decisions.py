"""The bench of decisions measures what the product does, in small, and its page says what it measured."""

import numpy as np
import pytest
from bench.decisions import aa, page
from bench.decisions.power import power
from bench.decisions.vectors import published

from flyball.stats.arms import Arms, by_unit


def test_the_bench_reckons_all_looks_at_once_as_the_product_does_one() -> None:
    chance = np.random.default_rng(0)
    side = np.random.default_rng(1).random(600) < 0.3
    loss = chance.normal(size=600)
    gain, error, size, freedom = aa.paths(600, 0.3, np.random.default_rng(1), lambda count: loss[:count])
    none = np.zeros(600, dtype=np.int64)
    found = by_unit(Arms(loss=loss, challenger=side, phase=none, day=none, unit=np.arange(600)))
    assert found.error is not None
    assert (gain[-1], error[-1], size[-1]) == pytest.approx((found.gain, found.error, found.size))
    assert freedom[-1] == pytest.approx(found.freedom, rel=0.01)


def test_equally_good_versions_are_rarely_promoted_and_an_honest_split_never_rings() -> None:
    """Each at most 5 % in the long run; of so few runs three standard deviations more are allowed."""
    for found in (aa.by_outcome(60, 3000), aa.by_days(12, 12, 100), aa.by_steps(20, 9, 1200), aa.paired(60, 30)):
        assert found.hits <= 0.05 * found.runs + 3 * (0.05 * 0.95 * found.runs) ** 0.5, found.what
    assert aa.split(100, 3000).hits <= 1


def test_three_points_are_found_within_two_and_a_half_times_the_fixed_size() -> None:
    found = power(12, most=40_000)
    assert found.found >= 0.9
    assert found.ratio <= 2.5
    assert found.fixed == pytest.approx(6263, rel=0.001)
    assert found.alike == pytest.approx((2159, 4933), rel=0.001)
    assert found.median <= found.eighty <= found.ninety


def test_peeking_fools_the_naive_test_and_not_the_sequence() -> None:
    found = aa.peeking(100, 3000)
    assert found.naive > 0.3
    assert found.sequence <= 0.05
    assert found.looks[1] < found.looks[50]


def test_the_page_says_which_goals_are_met() -> None:
    share = aa.Share(what="units", runs=100, hits=6, looks=10)
    quiet = aa.Share(what="sample ratio", runs=1000, hits=1, looks=10)
    run = page.Run(
        date="2026-01-01", quick=True, promoted=[share], ringing=[quiet], powers=[power(2, most=20_000)], peeks=aa.peeking(5, 500),
        vectors=published(), absent="flights",
    )  # fmt: skip
    text = page.markdown(run)
    assert "| A/A: units | ≤ 5% promoted | 6 of 100 (6.0%) | **no** |" in text
    assert "1 of 1000 (0.10%) | yes |" in text
    assert "Not measured: flights" in text
    assert all(one.same for one in published())
