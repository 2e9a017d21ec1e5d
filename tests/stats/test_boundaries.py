"""Boundaries and ranks give the published numbers."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.stats.boundaries import asymptotic, gamma_bound, gamma_log_mixture, normal_rho, quantile_bound, stitched_bound
from flyball.stats.ranks import rank_shift, rank_sum_z
from flyball.stats.significance import Sample, Sides

_ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("FLYBALL_CONFORMANCE", _ROOT.parent / "shared" / "conformance")) / "stats" / "stats_vectors.json"


@pytest.fixture(scope="module")
def vectors() -> Any:
    if not VECTORS.exists():
        pytest.skip(f"no {VECTORS}: set FLYBALL_CONFORMANCE to the folder of conformance vectors")
    return json.loads(VECTORS.read_text())


def ours(function: str, args: dict[str, Any]) -> float | None:
    if function in ("gamma_exponential_log_mixture", "gamma_poisson_log_mixture"):
        rho = normal_rho(args["v_opt"], one_sided=True)
        return gamma_log_mixture(args["s"], args["v"], rho, args["c"], "exponential" if "exponential" in function else "poisson")
    if function in ("gamma_exponential_mixture_bound", "gamma_poisson_mixture_bound"):
        rho = normal_rho(args["v_opt"], one_sided=True)
        return gamma_bound(args["v"], rho, args["c"], "exponential" if "exponential" in function else "poisson", alpha=args["alpha"])
    if function == "poly_stitching_bound":
        return stitched_bound(args["v"], args["v_min"], args["c"], alpha=args["alpha"])
    if function == "double_stitching_bound":
        return quantile_bound(args["quantile_p"], args["t"], args["t_opt"], alpha=args["alpha"])
    return None


def test_the_verified_boundaries_are_reproduced(vectors: Any) -> None:
    seen = 0
    for case in vectors["confseq"]["cases"]:
        found = ours(case["function"], case["args"])
        if found is not None and case["verified"]:
            assert found == pytest.approx(case["expected"], rel=case["tolerance"], abs=case["tolerance"]), case
            seen += 1
    assert seen == 9


def test_the_verified_rank_sums_and_shifts_are_reproduced(vectors: Any) -> None:
    first, second, *_ = vectors["kayenta"]["mann_whitney"]
    x, y = np.array(first["x"]), np.array(first["y"])
    assert rank_sum_z(x, y) == pytest.approx(first["expected"]["wilcoxon_diff(mu=0)"], abs=1e-6)
    assert rank_sum_z(x, y, 5.0) == pytest.approx(first["expected"]["wilcoxon_diff(mu=5)"], abs=1e-5)
    found = rank_shift(np.array(second["experiment"]), np.array(second["control"]), 1.959964)
    expected = second["expected"]
    assert found == pytest.approx((expected["estimate"], expected["ci_low"], expected["ci_high"]), abs=1e-4)


def test_a_rank_sum_of_constants_is_nothing() -> None:
    assert rank_sum_z(np.ones(5), np.ones(7)) == 0.0


@pytest.mark.parametrize("sides", ["two", "greater", "lesser"])
@given(st.floats(0.001, 0.999))
def test_the_asymptotic_sequence_has_bounds_at_every_level_and_wider_ones_where_it_is_stricter(sides: Sides, alpha: float) -> None:
    a, b = Sample(mean=0.1, variance=1.0, rows=100), Sample(mean=0.2, variance=1.0, rows=100)

    def half(level: float) -> float:
        found = asymptotic(a, b, tuning=100, sides=sides, alpha=level)
        bounds = [one for one in (found.lower, found.upper) if one is not None]
        return abs(bounds[0] - found.effect)

    assert 0 < half(alpha) < float("inf")
    assert half(alpha / 2) > half(alpha)


def test_a_one_sided_asymptotic_sequence_at_one_half_has_a_bound() -> None:
    a, b = Sample(mean=0.1, variance=1.0, rows=100), Sample(mean=0.2, variance=1.0, rows=100)
    found = asymptotic(a, b, tuning=100, sides="greater", alpha=0.5)
    assert found.lower is not None and found.lower < found.effect and 0 < found.p_value <= 1
