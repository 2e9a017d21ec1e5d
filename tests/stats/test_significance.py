"""Fixed-horizon and sequential tests give the published numbers."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from flyball.core.errors import DataError
from flyball.stats.boundaries import asymptotic
from flyball.stats.significance import Sample, Sides, ratio_mismatch, sample, table_test, welch

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
        share = total / rows
        return Sample(mean=share, variance=share * (1 - share), rows=int(rows))
    return Sample(mean=total / rows, variance=(squares - total**2 / rows) / (rows - 1), rows=int(rows))


def test_the_verified_frequentist_vectors_are_reproduced(vectors: Any) -> None:
    cases = [case for case in vectors["gbstats_frequentist"]["cases"] if case["verified"]]
    assert len(cases) >= 13
    for case in cases:
        proportion = case.get("statistic") == "proportion"
        a, b = arm(case["a"], proportion), arm(case["b"], proportion)
        named: dict[str, Sides] = {"greater": "greater", "lesser": "lesser"}
        sides = named.get(case["test"].split("_")[-1], "two")
        if "tuning" in case:
            found = asymptotic(a, b, tuning=case["tuning"], difference=case["difference"], sides=sides, alpha=case["alpha"])
        else:
            found = welch(a, b, difference=case["difference"], sides=sides, alpha=case["alpha"])
        ours = {
            "expected": found.effect,
            "stddev": found.error,
            "ci_low": found.lower,
            "ci_high": found.upper,
            "p_value": found.p_value,
        }
        for name, expected in case["expected"].items():
            assert ours[name] == (None if expected is None else pytest.approx(expected, abs=1e-5)), (case["name"], name)


def test_the_verified_sample_ratio_vectors_are_reproduced(vectors: Any) -> None:
    cases = [case for case in vectors["srm"]["cases"] if case["verified"]]
    assert len(cases) >= 10
    for case in cases:
        assert ratio_mismatch(case["users"], case["weights"]) == pytest.approx(case["p_value"], abs=1e-9), case


def test_the_certified_means_and_deviations_of_nist_are_reproduced(vectors: Any) -> None:
    for case in vectors["nist_strd_univariate"]["cases"]:
        made = case["generator"]
        pair = [float(value) for value in made["then_alternate"]]
        values = np.array([float(made["first"]), *(pair * made["repeats"])])
        assert len(values) == case["n"]
        half = len(values) // 2
        for found in (sample(values), sample(values[:half]).joined(sample(values[half:]))):
            assert found.rows == case["n"]
            assert found.mean == pytest.approx(float(case["mean"]), rel=1e-12)
            assert found.variance**0.5 == pytest.approx(float(case["stdev"]), rel=1e-7)


@given(st.integers(0, 10**6), st.integers(2, 50), st.integers(2, 50))
@settings(max_examples=50, deadline=None)
def test_welch_is_that_of_scipy(seed: int, m: int, n: int) -> None:
    chance = np.random.default_rng(seed)
    x, y = chance.normal(1, 2, m), chance.normal(1.5, 1, n)
    theirs = scipy_stats.ttest_ind(x, y, equal_var=False)
    ours = welch(sample(x), sample(y))
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-8, abs=1e-14)
    interval = theirs.confidence_interval(0.95)
    assert (ours.lower, ours.upper) == pytest.approx((-interval.high, -interval.low))


def test_joining_with_an_empty_sample_changes_nothing() -> None:
    some, none = sample(np.array([1.0, 2.0, 4.0])), sample(np.zeros(0))
    assert some.joined(none) == some == none.joined(some)


def test_a_relative_effect_of_nothing_is_refused() -> None:
    zero, one = Sample(mean=0.0, variance=1.0, rows=10), Sample(mean=1.0, variance=1.0, rows=10)
    with pytest.raises(DataError, match="not zero"):
        welch(zero, one, difference="relative")
    with pytest.raises(DataError, match="constant"):
        welch(Sample(mean=0.0, variance=0.0, rows=5), Sample(mean=1.0, variance=0.0, rows=5))


def test_chi_square_and_g_equal_scipy_where_no_cell_is_rare() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        f, g = rng.integers(30, 300, 6), rng.integers(30, 300, 6)
        found = table_test(f, g)
        chi2 = scipy_stats.chi2_contingency([f, g], correction=False)
        likelihood = scipy_stats.chi2_contingency([f, g], correction=False, lambda_="log-likelihood")
        assert [found.chi2, found.chi2_p_value] == pytest.approx([chi2.statistic, chi2.pvalue])
        assert [found.g, found.g_p_value, found.degrees] == pytest.approx([likelihood.statistic, likelihood.pvalue, 5])


def test_a_table_that_cannot_be_tested_has_a_p_value_of_one() -> None:
    for f, g in (([0, 0], [3, 4]), ([50, 0], [70, 0]), ([1, 1, 1], [1, 1, 1])):
        found = table_test(np.array(f), np.array(g))
        assert (found.chi2, found.chi2_p_value, found.g_p_value) == (0.0, 1.0, 1.0)


def test_rare_cells_are_taken_together() -> None:
    f, g = np.array([100, 100, *([1] * 30)]), np.array([100, 100, *([0] * 15), *([2] * 15)])
    assert table_test(f, g).degrees == 2
