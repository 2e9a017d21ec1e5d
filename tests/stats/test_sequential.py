"""Sequences keep their level under endless looking, find what is there, and give the published numbers."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.stats.boundaries import (
    bernoulli_bounds,
    beta_binomial_bound,
    beta_binomial_log_mixture,
    normal_bound,
    normal_log_mixture,
    normal_rho,
)
from flyball.stats.losses import Floats
from flyball.stats.sequential import block_sequence, ratio_evidence

_ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("FLYBALL_CONFORMANCE", _ROOT.parent / "shared" / "conformance")) / "stats" / "stats_vectors.json"


@pytest.fixture(scope="module")
def cases() -> Any:
    if not VECTORS.exists():
        pytest.skip(f"no {VECTORS}: set FLYBALL_CONFORMANCE to the folder of conformance vectors")
    return json.loads(VECTORS.read_text())["confseq"]["cases"]


def ours(function: str, args: dict[str, Any]) -> float | tuple[float, float] | None:
    one_sided = args.get("is_one_sided", True)
    rho = normal_rho(args.get("v_opt", 1), one_sided=one_sided)
    if function == "two_sided_normal.best_rho":
        return normal_rho(args["v_opt"], alpha=args["alpha_opt"])
    if function == "normal_log_mixture":
        return normal_log_mixture(args["s"], args["v"], rho, one_sided=one_sided)
    if function == "normal_mixture_bound":
        return normal_bound(args["v"], rho, alpha=args["alpha"], one_sided=one_sided)
    if function == "beta_binomial_log_mixture":
        return beta_binomial_log_mixture(args["s"], args["v"], args["g"], args["h"], rho, one_sided=one_sided)
    if function == "beta_binomial_mixture_bound":
        return beta_binomial_bound(args["v"], args["g"], args["h"], rho, alpha=args["alpha"], one_sided=one_sided)
    if function == "bernoulli_confidence_interval":
        return bernoulli_bounds(args["num_successes"], args["num_trials"], tuning=args["t_opt"], alpha=args["alpha"])
    return None


def test_the_verified_confidence_sequence_vectors_are_reproduced(cases: Any) -> None:
    seen = 0
    for case in cases:
        found = ours(case["function"], case["args"])
        if found is not None and case["verified"]:
            expected = tuple(case["expected"]) if isinstance(case["expected"], list) else case["expected"]
            # The vectors are printed to 5 to 7 digits: the stated tolerance is of that order, relative above one.
            assert found == pytest.approx(expected, rel=case["tolerance"], abs=case["tolerance"]), case
            seen += 1
    assert seen == 18


def looked_at(blocks: Floats, rows: Floats, alpha: float) -> tuple[int | None, int | None]:
    """After how many blocks the lower bound first rose above zero, and the upper first fell below."""
    above = below = None
    for count in range(1, len(blocks) + 1):
        found = block_sequence(blocks[:count], rows[:count], alpha=alpha)
        if above is None and found.lower is not None and found.lower > 0:
            above = count
        if below is None and found.upper is not None and found.upper < 0:
            below = count
    return above, below


def test_a_null_looked_at_after_every_block_is_rarely_called_better() -> None:
    """60 days, uneven traffic, 400 runs: each side errs in at most 5 %, however often one looks."""
    chance, above, below = np.random.default_rng(11), 0, 0
    for _ in range(400):
        up, down = looked_at(chance.normal(0, 1, 60), chance.uniform(500, 1000, 60), 0.05)
        above, below = above + (up is not None), below + (down is not None)
    assert above / 400 <= 0.05
    assert below / 400 <= 0.05


def test_heavy_tailed_days_do_not_break_the_level() -> None:
    chance, above = np.random.default_rng(12), 0
    for _ in range(400):
        up, _ = looked_at(chance.standard_t(3, 40), np.ones(40), 0.05)
        above += up is not None
    assert above / 400 <= 0.05


def test_a_real_gain_is_found_in_time() -> None:
    """A gain of half a day's standard deviation is found within 60 days in most runs, one of a whole within 15."""
    chance = np.random.default_rng(13)
    half = [looked_at(chance.normal(0.5, 1, 60), np.ones(60), 0.05)[0] for _ in range(100)]
    whole = [looked_at(chance.normal(1.0, 1, 60), np.ones(60), 0.05)[0] for _ in range(100)]
    assert sum(found is not None for found in half) >= 80
    assert float(np.median([found or 61 for found in whole])) <= 15


def test_no_bounds_are_given_from_fewer_than_seven_blocks() -> None:
    found = block_sequence(np.array([1.0, 1.1, 0.9, 1.0, 1.0, 1.1]))
    assert (found.blocks, found.lower, found.upper) == (6, None, None)
    assert block_sequence(np.zeros(0), np.zeros(0)).blocks == 0


def test_the_block_sequence_gives_its_worked_values() -> None:
    """A worked example: fourteen days, one-sided at .10, narrowest at 14 blocks."""
    days = np.array([0.01, -0.004, 0.006, 0.012, 0.003, -0.002, 0.009, 0.005, 0.007, -0.001, 0.004, 0.008, 0.002, 0.006])
    for count, lower in ((7, -0.00354854), (10, -0.00082768), (14, 0.00104588)):
        found = block_sequence(days[:count], alpha=0.1)
        assert found.lower == pytest.approx(lower, abs=1e-8)
        assert found.upper == pytest.approx(2 * found.mean - lower, abs=1e-8)
        assert block_sequence(days[:count], np.full(count, 800.0), alpha=0.1).lower == pytest.approx(found.lower)


def test_a_block_counts_by_its_rows_where_rows_are_given() -> None:
    days, rows = np.linspace(-1, 1, 12), np.arange(12.0)
    found = block_sequence(days, rows)
    assert found.blocks == 11
    assert found.mean == pytest.approx(float(days @ rows / rows.sum()))


def test_a_level_of_one_half_is_the_loosest_and_still_a_bound() -> None:
    days = np.random.default_rng(1).normal(size=20)
    bounds = [block_sequence(days, alpha=alpha).lower for alpha in (0.01, 0.05, 0.2, 0.25, 0.3, 0.5)]
    assert all(one is not None and two is not None and one < two for one, two in itertools.pairwise(bounds))


def test_two_sided_bounds_are_wider_than_one_sided_ones() -> None:
    blocks = np.random.default_rng(14).normal(0.3, 1, 30)
    one, two = block_sequence(blocks, np.ones(30)), block_sequence(blocks, np.ones(30), two_sided=True)
    assert one.lower is not None and two.lower is not None and one.upper is not None and two.upper is not None
    assert two.lower < one.lower < one.mean < one.upper < two.upper


block_lists = st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 1000)), min_size=1, max_size=40)


@given(block_lists, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_the_order_of_blocks_never_matters_and_the_sign_flips_with_the_sides(blocks: list[tuple[float, int]], chance: Any) -> None:
    def bounds(entries: list[tuple[float, int]], sign: float) -> list[float | None]:
        means, rows = np.array([sign * mean for mean, _ in entries]), np.array([float(count) for _, count in entries])
        found = block_sequence(means, rows)
        return [found.mean, found.lower, found.upper]

    mean, lower, upper = bounds(blocks, 1.0)
    shuffled = list(blocks)
    chance.shuffle(shuffled)
    close = [None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9) for value in (mean, lower, upper)]
    assert bounds(shuffled, 1.0) == close
    flipped = [None if value is None else pytest.approx(-value, rel=1e-6, abs=1e-9) for value in (mean, upper, lower)]
    assert bounds(blocks, -1.0) == flipped
    if lower is not None and upper is not None and mean is not None:
        assert lower <= mean + 1e-12 and mean - 1e-12 <= upper


@given(block_lists, st.floats(-5, 5), st.floats(0.01, 100))
@settings(max_examples=80, deadline=None)
def test_bounds_move_and_scale_with_the_blocks(blocks: list[tuple[float, int]], shift: float, scale: float) -> None:
    means, rows = np.array([mean for mean, _ in blocks]), np.array([float(count) for _, count in blocks])
    found, moved = block_sequence(means, rows), block_sequence(shift + scale * means, rows)
    if found.lower is not None:
        assert moved.lower == pytest.approx(shift + scale * found.lower, rel=1e-6, abs=1e-6)


def test_a_rate_is_covered_at_every_look() -> None:
    chance, missed = np.random.default_rng(15), 0
    for _ in range(60):
        heads = np.cumsum(chance.random(300) < 0.3)
        looks = [bernoulli_bounds(int(heads[n - 1]), n, tuning=100) for n in range(20, 301, 20)]
        missed += any(not lower <= 0.3 <= upper for lower, upper in looks)
    assert missed / 60 <= 0.05


def test_an_honest_split_rings_at_most_once_in_a_thousand_runs_and_a_broken_one_soon() -> None:
    chance, alarms = np.random.default_rng(16), 0
    for _ in range(300):
        arms = np.cumsum(chance.random(4000) < 0.5)
        alarms += any(ratio_evidence([int(arms[n - 1]), n - int(arms[n - 1])], [0.5, 0.5]) < 0.001 for n in range(50, 4001, 50))
    assert alarms <= 1
    assert ratio_evidence([5300, 4700], [0.5, 0.5]) < 0.001
    assert ratio_evidence([5300, 4700], [0.53, 0.47]) > 0.5


def test_a_split_without_two_arms_is_no_mismatch() -> None:
    assert ratio_evidence([1000, 900, 800], [1, 0, 0]) == 1
    assert ratio_evidence([0, 0], [0.5, 0.5]) == 1
