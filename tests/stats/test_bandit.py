"""Bandits move by what is probable, and give the published numbers."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.stats.bandit import beta_superiority, compare, posterior, thompson_share
from flyball.stats.significance import Sample

_ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("FLYBALL_CONFORMANCE", _ROOT.parent / "shared" / "conformance")) / "stats" / "stats_vectors.json"


@pytest.fixture(scope="module")
def vectors() -> Any:
    if not VECTORS.exists():
        pytest.skip(f"no {VECTORS}: set FLYBALL_CONFORMANCE to the folder of conformance vectors")
    return json.loads(VECTORS.read_text())


def arm(entry: list[float], proportion: bool) -> Sample:
    total, squares, rows = entry
    if proportion:
        return Sample(mean=total / rows, variance=total / rows * (1 - total / rows), rows=int(rows))
    return Sample(mean=total / rows, variance=(squares - total**2 / rows) / (rows - 1), rows=int(rows))


def test_the_verified_chances_of_beta_posteriors_are_reproduced(vectors: Any) -> None:
    cases = [case for case in vectors["beta_thompson"]["cases"] if case["verified"]]
    assert len(cases) >= 5
    for case in cases:
        assert beta_superiority(tuple(case["A"]), tuple(case["B"])) == pytest.approx(case["p_B_beats_A"], abs=1e-9), case


def test_the_verified_bayesian_vectors_are_reproduced(vectors: Any) -> None:
    cases = [case for case in vectors["gbstats_bayesian"]["cases"] if case["verified"]]
    assert len(cases) >= 4
    for case in cases:
        if "mu" in case:
            found = posterior(case["mu"], case["sigma"])
        else:
            prior = (case["prior"]["mean"], case["prior"]["variance"]) if isinstance(case["prior"], dict) else None
            proportion = case.get("statistic") == "proportion"
            found = compare(arm(case["a"], proportion), arm(case["b"], proportion), prior=prior)
        ours = {"expected": found.mean, "stddev": found.deviation, "ci_low": found.lower, "ci_high": found.upper}
        ours |= {"chance_to_win": found.chance, "risk_control": found.risk_control, "risk_treatment": found.risk_treatment}
        for name, expected in case["expected"].items():
            assert ours[name] == pytest.approx(expected, abs=1e-5), (case["name"], name)


@given(st.floats(0.5, 300), st.floats(0.5, 300), st.floats(0.5, 300), st.floats(0.5, 300))
def test_one_of_two_rates_is_higher(a: float, b: float, c: float, d: float) -> None:
    there, back = beta_superiority((a, b), (c, d)), beta_superiority((c, d), (a, b))
    assert 0 <= there <= 1
    assert there + back == pytest.approx(1.0, abs=1e-3)


def test_parameters_that_are_not_whole_are_integrated() -> None:
    chance = np.random.default_rng(0)
    drawn = (chance.beta(7.3, 40.2, 200_000) > chance.beta(4.6, 38.9, 200_000)).mean()
    assert beta_superiority((4.6, 38.9), (7.3, 40.2)) == pytest.approx(drawn, abs=0.005)


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_no_arm_of_a_bandit_ever_gets_less_than_its_floor(preferred: float, floor: float) -> None:
    share = thompson_share(preferred, floor)
    assert floor - 1e-12 <= share <= 1 - floor + 1e-12
