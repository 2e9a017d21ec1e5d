"""The article's drift functions on frames and dicts."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from scipy import stats

import flyball
from flyball.api.drift import check_drift, detect_drift
from flyball.core.errors import ConflictError, DataError

KEYS = {"statistic", "p_value", "drift", "lower", "upper", "distances", "missing", "reason"}


def _frame(rng: np.random.Generator, rows: int, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tenure": rng.normal(shift, 1, rows),
            "calls": rng.poisson(2 + shift, rows),
            "plan": rng.choice(["basic", "pro", "max"], rows),
            "member": rng.random(rows) < 0.4,
        }
    )


def _sane(found: dict[str, dict[str, Any]]) -> None:
    for answer in found.values():
        assert set(answer) == KEYS
        assert 0.0 <= answer["lower"] <= answer["statistic"] <= answer["upper"] <= 1.0
        assert 0.0 <= answer["p_value"] <= 1.0
        assert isinstance(answer["drift"], bool)
        assert all(math.isfinite(value) for value in answer["distances"].values())
        assert answer["reason"]
        assert "nan" not in answer["reason"]


def test_the_public_names_are_these_functions() -> None:
    assert flyball.detect_drift is detect_drift
    assert flyball.check_drift is check_drift


def test_a_shifted_column_drifts_and_the_others_do_not() -> None:
    rng = np.random.default_rng(0)
    reference, current = _frame(rng, 2000), _frame(rng, 2000)
    current["tenure"] += 0.5
    found = detect_drift(reference, current)
    _sane(found)
    assert list(found) == list(reference.columns)
    assert [name for name, answer in found.items() if answer["drift"]] == ["tenure"]
    assert found["tenure"]["statistic"] == pytest.approx(stats.ks_2samp(reference["tenure"], current["tenure"]).statistic)
    assert found["tenure"]["reason"].startswith("tenure differs by 0.")
    assert {"psi", "js", "wasserstein"} <= set(found["tenure"]["distances"])


def test_a_million_rows_do_not_make_a_drift_of_nothing() -> None:
    rng = np.random.default_rng(0)
    found = detect_drift({"x": rng.normal(size=300_000)}, {"x": rng.normal(0.02, 1, 300_000)})["x"]
    assert found["p_value"] < 1e-4
    assert not found["drift"]
    assert "not certainly more than the margin" in found["reason"]


def test_the_family_wise_error_holds_over_fifty_columns() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(20):
        samples = [{f"f{i}": rng.poisson(1, 700) if i % 2 else rng.normal(size=700) for i in range(50)} for _ in range(2)]
        wrong += any(answer["drift"] for answer in detect_drift(samples[0], samples[1]).values())
    assert wrong <= 3


def test_the_threshold_is_an_error_and_the_margin_an_effect() -> None:
    rng = np.random.default_rng(0)
    reference, current = {"x": rng.normal(size=3000)}, {"x": rng.normal(0.25, 1, size=3000)}
    assert detect_drift(reference, current)["x"]["drift"]
    assert not detect_drift(reference, current, margin=0.2)["x"]["drift"]
    assert not detect_drift(reference, current, threshold=1e-30)["x"]["drift"]
    with pytest.raises(DataError, match="between 0 and 1"):
        detect_drift(reference, current, threshold=5)


def test_a_column_that_is_gone_is_named_with_what_is_there() -> None:
    with pytest.raises(DataError, match="column 'tenure' of the reference is not in the current data") as caught:
        detect_drift({"tenure": [1.0]}, {"tenur": [1.0], "age": [2.0]})
    assert caught.value.hint == "columns present: tenur, age; did you mean 'tenur'?"


def test_a_tenth_that_goes_missing_is_drift_and_says_so() -> None:
    rng = np.random.default_rng(0)
    current = rng.normal(size=1000)
    current[::10] = np.nan
    found = detect_drift({"x": rng.normal(size=1000)}, {"x": current})
    _sane(found)
    assert found["x"]["drift"]
    assert found["x"]["missing"] == 0.1
    assert found["x"]["reason"] == "x is missing in 10.00% of the current rows and in 0.00% of the reference"


@pytest.mark.parametrize("before", [[], [np.nan] * 50, [1.0] * 50, [np.inf] * 50, [None, 2, 3], ["a"] * 50, [None] * 50, [True] * 50])
@pytest.mark.parametrize("now", [[], [np.nan] * 50, [1.0] * 50, [-np.inf] * 50, ["b"] * 50, [None] * 50, [1, "x"]])
def test_empty_constant_and_mixed_columns_always_get_an_answer(before: list[object], now: list[object]) -> None:
    _sane(detect_drift({"x": before}, {"x": now}))


def test_columns_that_cannot_be_compared_say_why() -> None:
    found = detect_drift({"x": [np.nan, np.nan]}, {"x": [np.nan]})["x"]
    assert (found["statistic"], found["p_value"], found["drift"], found["missing"]) == (0.0, 1.0, False, 1.0)
    assert found["reason"] == "x cannot be compared: 0 reference and 0 current values"


def test_an_all_missing_current_column_is_drift() -> None:
    found = detect_drift({"x": np.arange(200.0)}, {"x": np.full(200, np.nan)})["x"]
    assert found["drift"]
    assert found["p_value"] < 1e-6
    assert "missing in 100.00%" in found["reason"]


def test_every_pandas_type_is_understood() -> None:
    rng = np.random.default_rng(0)

    def frame(rows: int) -> pd.DataFrame:
        numbers = rng.integers(0, 5, rows)
        return pd.DataFrame(
            {
                "nullable": pd.array(np.where(numbers == 0, 1, numbers), dtype="Int64"),
                "real": pd.array(rng.normal(size=rows), dtype="Float64"),
                "flag": pd.array(numbers > 2, dtype="boolean"),
                "text": pd.array(np.array(list("abcde"))[numbers], dtype="string"),
                "category": pd.Categorical(np.array(list("abcde"))[numbers]),
                "time": pd.date_range("2024-01-01", periods=rows, freq="h", tz="Europe/Berlin"),
                "naive": pd.date_range("2024-01-01", periods=rows, freq="h"),
                "object": pd.Series(numbers.tolist(), dtype=object),
            }
        )

    reference, current = frame(500), frame(500)
    for name in ("nullable", "real", "flag", "text"):
        reference.loc[0, name] = pd.NA
    found = detect_drift(reference, current)
    _sane(found)
    assert not any(answer["drift"] for answer in found.values())
    current["time"] += pd.Timedelta(days=30)
    assert detect_drift(reference, current)["time"]["drift"]


def test_anything_with_columns_will_do() -> None:
    class Frame:  # what polars and others offer
        columns = ("x",)

        def __getitem__(self, name: str) -> np.ndarray:
            return np.arange(100.0)

    assert not detect_drift(Frame(), Frame())["x"]["drift"]


@pytest.mark.parametrize("bad", [np.zeros((3, 2)), [1, 2], None, {}, {"x": np.zeros((2, 2))}])
def test_what_is_no_frame_is_refused(bad: object) -> None:
    with pytest.raises(DataError):
        detect_drift(bad, bad)


def test_check_drift_sets_the_gauge_and_may_be_called_again() -> None:
    rng = np.random.default_rng(0)
    registry = CollectorRegistry()
    reference = _frame(rng, 500)
    for shift in (0.0, 1.0):
        found = check_drift(_frame(rng, 500, shift), reference, registry)
        for name, answer in found.items():
            assert registry.get_sample_value("model_feature_drift", {"feature_name": name}) == answer["statistic"]
    assert found["tenure"]["drift"]


def test_check_drift_uses_the_gauge_a_user_made() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("model_feature_drift", "Feature drift score", ["feature_name"], registry=registry)
    check_drift({"x": np.ones(50)}, {"x": np.zeros(50)}, registry)
    assert gauge.labels(feature_name="x")._value.get() == 1.0


def test_check_drift_refuses_a_metric_of_another_kind() -> None:
    registry = CollectorRegistry()
    Counter("model_feature_drift", "something else", registry=registry)
    other = CollectorRegistry()
    Gauge("model_feature_drift", "no labels", registry=other)
    for wrong in (registry, other):
        with pytest.raises(ConflictError, match="another metric"):
            check_drift({"x": np.ones(5)}, {"x": np.ones(5)}, wrong)


def test_check_drift_uses_the_default_registry() -> None:
    from prometheus_client import REGISTRY

    check_drift({"a feature of this test": np.ones(5)}, {"a feature of this test": np.ones(5)})
    assert REGISTRY.get_sample_value("model_feature_drift", {"feature_name": "a feature of this test"}) == 0.0


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
def test_neither_unit_nor_zero_point_of_a_column_matters(scale: float) -> None:
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=3000), rng.normal(0.3, 1, 2000)
    plain = detect_drift({"x": before}, {"x": now})["x"]
    other = detect_drift({"x": scale * (before - 4.0)}, {"x": scale * (now - 4.0)})["x"]
    assert other["drift"] == plain["drift"]
    assert other["statistic"] == pytest.approx(plain["statistic"], abs=1e-3)
    assert other["distances"]["wasserstein"] == pytest.approx(plain["distances"]["wasserstein"], rel=1e-3)


@pytest.mark.parametrize("outlier", [1e300, -1e300, np.inf])
def test_one_huge_value_neither_makes_nor_hides_a_drift(outlier: float) -> None:
    rng = np.random.default_rng(0)
    before, same, moved = rng.normal(size=3000), rng.normal(size=2000), rng.normal(0.5, 1, 2000)
    for reference in (before, np.append(before, outlier)):
        assert not detect_drift({"x": reference}, {"x": np.append(same, outlier)})["x"]["drift"]
        assert detect_drift({"x": reference}, {"x": np.append(moved, outlier)})["x"]["drift"]


def test_counts_and_coins_are_tested_by_chi_square() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.poisson(1, 3000), rng.poisson(1, 3000)
    table = [np.bincount(values, minlength=9)[:9] for values in (before, now)]
    rare = (table[0] + table[1]) / 2 < 5
    cells = [np.append(one[~rare], one[rare].sum()) for one in table]
    cells = [one[(cells[0] + cells[1]) > 0] for one in cells]
    expected = stats.chi2_contingency(cells, correction=False).pvalue
    assert detect_drift({"x": before}, {"x": now})["x"]["p_value"] == pytest.approx(expected)
