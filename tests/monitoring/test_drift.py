"""Alarms that stay right: none where nothing happened, one where something did, and a sentence for each."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import DataError
from flyball.core.schema import Column, Kind, Schema
from flyball.core.table import Array, Table
from flyball.core.window import Window
from flyball.data.profile import Reference, build_reference
from flyball.monitoring.counts import Counter, Counts, Span, count, merge
from flyball.monitoring.drift import Held, drift, drift_over, hysteresis
from flyball.monitoring.records import ColumnDrift, State
from flyball.monitoring.signals import SignalName
from flyball.monitoring.yardstick import Yardstick
from flyball.words.drift import SENTENCES

DAY = 86_400_000_000  # microseconds
NOW = datetime(2024, 7, 1, tzinfo=UTC)


def _days(days: Array) -> Array:
    """The times of rows of some days."""
    return days.astype(np.int64) * DAY + DAY // 2


def _over(reference: Reference | Yardstick, windows: Sequence[Counts], **options: Any) -> Mapping[str, ColumnDrift]:
    """Windows of a day each, the oldest first, looked at together as far as they go, the newest as the latest rows."""
    spans = [
        Span(window=Window(start=NOW - timedelta(days=days), end=NOW), counts=merge(windows[-days:]), hours={})
        for days in (1, 4, 7, 14, 28)
        if days <= len(windows)
    ]
    return drift_over(reference, spans, latest=windows[-1], **options).columns


def _schema(*names: str, kind: Kind = "number") -> Schema:
    return Schema(columns=tuple(Column(name=name, kind=kind, nullable=True) for name in names))


def _reference(values: Array, days: Array | None = None, kind: Kind = "number") -> Reference:
    return build_reference(Table({"x": values}), _schema("x", kind=kind), {}, None if days is None else _days(days))


def _drift(reference: Reference, values: Array, **options: float) -> ColumnDrift:
    found = drift(reference, count(reference, Table({"x": values}), {}), **options)["x"]  # type: ignore[arg-type]  # names are checked by drift
    _sane(found)
    return found


def _sane(found: ColumnDrift) -> None:
    """What holds for every answer: numbers in their ranges, never NaN, and a reason that can be said in both languages."""
    for field in fields(found):
        value = getattr(found, field.name)
        if isinstance(value, float):
            assert 0.0 <= value <= 1.0, field.name
    assert all(math.isfinite(value) for value in found.distances.values())
    assert found.lower <= found.distance <= found.upper
    for sentence in SENTENCES[found.reason.code]:
        assert "nan" not in sentence.format(**found.reason.values)


def _said(found: ColumnDrift) -> str:
    return SENTENCES[found.reason.code][0].format(**found.reason.values)


@pytest.mark.parametrize(("categories", "law"), [(600, 0.0), (2000, 0.0), (10_000, 0.0), (2000, 1.0), (20_000, 1.5)])
def test_more_categories_than_are_kept_do_not_drift_while_nothing_happens(categories: int, law: float) -> None:
    names = np.array([f"c{at}" for at in range(categories)], dtype=object)
    shares = 1.0 / np.arange(1, categories + 1) ** law
    shares /= shares.sum()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        reference = _reference(rng.choice(names, 20_000, p=shares), kind="category")
        for rows in (500, 10_000, 50_000):
            assert _drift(reference, rng.choice(names, rows, p=shares)).state == "ok"


def test_of_more_categories_than_are_kept_a_new_one_and_one_twice_as_frequent_are_found() -> None:
    rng = np.random.default_rng(0)
    names = np.array([f"c{at}" for at in range(800)], dtype=object)
    shares = np.append(0.15, np.full(799, 0.85 / 799))
    reference = _reference(rng.choice(names, 20_000, p=shares), kind="category")
    fresh = rng.choice(names, 10_000, p=shares)
    fresh[:2000] = "brand new"
    assert _drift(reference, fresh).state == "drift"
    twice = np.append(0.3, np.full(799, 0.7 / 799))
    found = _drift(reference, rng.choice(names, 20_000, p=twice))
    assert found.state == "drift"
    assert found.reason.values["category"] == "c0"


def test_fifty_features_looked_at_for_a_year_raise_no_alarm() -> None:
    rng = np.random.default_rng(0)
    names = [f"f{i}" for i in range(50)]
    draws: list[Callable[[int], Array]] = [
        lambda n: rng.normal(size=n),
        lambda n: rng.lognormal(0, 2, n),
        lambda n: rng.poisson(1, n).astype(float),
        lambda n: rng.normal(size=n) * (rng.random(n) < 0.2),
        lambda n: np.where(rng.random(n) < 0.05, np.nan, rng.standard_cauchy(n)),
    ]
    reference = build_reference(
        Table({name: draws[i % 5](10_000) for i, name in enumerate(names)}), _schema(*names), {}, _days(np.arange(10_000) // 500)
    )
    counter, yard = Counter(reference), Yardstick(reference)
    windows: list[Counts] = []
    for day in range(360):
        windows = [*windows[-27:], counter.count(Table({name: draws[i % 5](1000) for i, name in enumerate(names)}), {})]
        if day % 10 == 9:  # every look counts; a tenth of them keeps the test quick
            found = _over(yard, windows)
            assert [name for name in names if found[name].state == "drift"] == []
            assert sum(found[name].state == "warn" for name in names) <= 1


def test_a_quarter_of_a_deviation_is_found_within_few_days_at_a_thousand_rows_a_day() -> None:
    rng = np.random.default_rng(0)
    names = [f"f{i}" for i in range(20)]
    delays = []
    for _ in range(9):
        reference = build_reference(
            Table({name: rng.normal(size=20_000) for name in names}), _schema(*names), {}, _days(np.arange(20_000) // 1000)
        )
        counter = Counter(reference)
        windows: list[Counts] = []
        while not windows or _over(reference, windows, looks=100)["f7"].state != "drift":
            windows.append(counter.count(Table({name: rng.normal(0.25 * (name == "f7"), 1, 1000) for name in names}), {}))
        delays.append(len(windows))
    assert np.median(delays) <= 5


def test_a_million_rows_do_not_make_a_small_difference_an_alarm() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=200_000))
    found = _drift(reference, rng.normal(0.03, 1, 1_000_000))
    assert (found.state, found.reason.code) == ("ok", "drift.ok")
    assert 0.0 < found.lower < found.distance < 0.02


def test_what_moved_is_said_with_its_bounds_and_medians() -> None:
    rng = np.random.default_rng(0)
    found = _drift(_reference(rng.normal(5, 1, 20_000)), rng.normal(7, 1, 20_000))
    assert found.state == "drift"
    assert 0.64 < found.lower < found.distance < found.upper < 0.72
    assert _said(found).startswith("x moved by 0.68 [0.65, 0.71], threshold 0.05: its median went from 5")
    assert _said(found).endswith(", higher than 97.5% of what the model was trained on")
    assert found.distances["wasserstein"] == pytest.approx(2.0, rel=0.05)
    assert found.distances["psi"] > 1.0
    assert found.out_of_range > 0.0


def test_a_difference_that_is_not_certain_yet_is_a_warning() -> None:
    rng = np.random.default_rng(1)
    found = _drift(_reference(rng.normal(size=20_000)), rng.normal(0.28, 1, 600))
    assert found.state == "warn"
    assert _said(found).startswith("not certain yet: x moved by")
    assert 0.0 < found.lower < found.threshold < found.distance


@pytest.mark.parametrize(
    ("rows", "reference_rows", "code"), [(37, 5000, "drift.few_rows"), (0, 5000, "drift.few_rows"), (900, 10, "drift.small_reference")]
)
def test_too_little_data_is_a_state_of_its_own(rows: int, reference_rows: int, code: str) -> None:
    rng = np.random.default_rng(0)
    found = _drift(_reference(rng.normal(size=reference_rows)), rng.normal(3, 1, rows))
    assert (found.state, found.reason.code) == ("insufficient data", code)
    if rows == 37:
        assert _said(found) == "x: insufficient data, 37 of 500 rows"


def test_a_column_that_goes_missing_is_drift() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=5000), np.arange(5000) // 100)
    gone = _drift(reference, np.full(1000, np.nan))
    assert (gone.state, gone.reason.code, gone.missing, gone.distance) == ("drift", "drift.missing", 1.0, 0.0)
    absent = drift(reference, count(reference, Table({"other": np.zeros(1000)}), {}))["x"]
    assert absent.reason == gone.reason


@pytest.mark.parametrize(
    ("change", "code"),
    [(np.nan, "drift.missing"), (np.inf, "drift.infinite"), (-np.inf, "drift.infinite"), (1e300, "drift.out_of_range")],
)
def test_five_percent_that_are_no_values_are_drift_and_half_a_percent_is_with_more_rows(change: float, code: str) -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=20_000))
    for share, rows in ((0.05, 2000), (0.005, 20_000)):
        values = rng.normal(size=rows)
        values[: int(share * rows)] = change
        found = _drift(reference, values)
        assert (found.state, found.reason.code) == ("drift", code)


def test_missing_values_that_come_back_are_drift_too() -> None:
    rng = np.random.default_rng(0)
    found = _drift(_reference(np.where(rng.random(5000) < 0.3, np.nan, 1.0)), np.ones(1000))
    assert (found.state, found.reason.code) == ("drift", "drift.present")


def test_half_a_percent_of_a_new_category_is_seen() -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefgh"), dtype=object)
    values = rng.choice(letters, 20_000)
    reference = _reference(values, kind="category")
    now = rng.choice(letters, 20_000)
    now[:100] = "new"
    found = _drift(reference, now)
    assert (found.state, found.reason.code, found.new_categories) == ("drift", "drift.new_categories", 0.005)
    assert _drift(reference, rng.choice(letters, 20_000)).state == "ok"


def test_a_category_that_grows_is_named() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.choice(np.array(list("aab"), dtype=object), 5000), kind="category")
    found = _drift(reference, rng.choice(np.array(list("abb"), dtype=object), 5000))
    assert found.state == "drift"
    assert "mostly" in _said(found)
    assert found.reason.values["category"] in ("a", "b")


def test_a_million_distinct_categories_are_no_drift_of_their_own() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(np.array([f"id{i}" for i in rng.integers(0, 10**6, 20_000)], dtype=object), kind="category")
    found = _drift(reference, np.array([f"id{i}" for i in rng.integers(0, 10**6, 5000)], dtype=object))
    assert found.state == "ok"


def test_text_where_numbers_were_is_drift() -> None:
    rng = np.random.default_rng(0)
    found = _drift(_reference(rng.normal(size=5000)), np.array(["n/a", 1.0] * 500, dtype=object))
    assert (found.state, found.reason.code, found.unparsable) == ("drift", "drift.unparsable", 0.5)


@pytest.mark.parametrize("before", [np.full(1000, np.nan), np.full(1000, 3.0), np.full(1000, np.inf), np.empty(0)])
@pytest.mark.parametrize("now", [np.full(1000, np.nan), np.full(1000, 3.0), np.full(1000, 4.0), np.full(1000, -np.inf), np.empty(0)])
def test_missing_constant_and_infinite_columns_never_abort(before: Array, now: Array) -> None:
    found = _drift(_reference(before), now)
    enough = len(before) and len(now)
    same = enough and np.array_equal(before, now, equal_nan=True)
    assert found.state == ("insufficient data" if not enough else "ok" if same else "drift")


def test_one_outlier_neither_makes_nor_hides_drift() -> None:
    rng = np.random.default_rng(0)
    before, same, moved = rng.normal(size=20_000), rng.normal(size=5000), rng.normal(1, 1, 5000)
    for outlier in (1e300, -1e300, np.inf):
        for reference in (_reference(before), _reference(np.append(before, outlier))):
            assert _drift(reference, np.append(same, outlier)).state == "ok"
            found = _drift(reference, np.append(moved, outlier))
            assert found.state == "drift"
            assert found.distances["wasserstein"] == pytest.approx(1.0, rel=0.1)


@settings(max_examples=30, deadline=None)
@given(scale=st.sampled_from([1e-6, 0.5, 4.0, 1e9]), shift=st.sampled_from([-1e3, 0.0, 7.0]), sign=st.sampled_from([1, -1]))
def test_drift_is_invariant_to_scale_and_shift(scale: float, shift: float, sign: int) -> None:
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=2000).round(2), rng.normal(0.5, 1, 1000).round(2)

    def moved(values: Array) -> Array:
        return sign * scale * (values + shift)

    plain, changed = _drift(_reference(before), now), _drift(_reference(moved(before)), moved(now))
    assert changed.state == plain.state
    assert changed.distance == pytest.approx(plain.distance, abs=0.005)
    assert changed.distances["wasserstein"] == pytest.approx(plain.distances["wasserstein"], rel=0.05)


def test_a_season_seen_in_training_is_no_alarm_and_the_same_without_calibration_is() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(120), 500)
    values = rng.normal(size=60_000) + 1.2 * np.sin(days / 10)
    today = rng.normal(size=3000) + 1.2 * np.sin(125 / 10)
    assert _drift(_reference(values, days), today).state == "ok"
    assert _drift(_reference(values), today).state == "drift"
    assert _drift(_reference(values, days), today + 4).state == "drift"


def test_rows_that_hang_together_raise_no_alarm_against_a_calibrated_reference() -> None:
    rng = np.random.default_rng(0)

    def walk(rows: int) -> Array:
        noise, value, values = rng.normal(size=rows), 0.0, np.empty(rows)
        for at in range(rows):
            value = 0.9 * value + noise[at]
            values[at] = value
        return values

    reference = _reference(walk(30_000), np.arange(30_000) // 500)
    counter = Counter(reference)
    alarms = 0
    for _ in range(10):
        windows = [counter.count(Table({"x": walk(500)}), {}) for _ in range(14)]
        alarms += any(_over(reference, windows[: day + 1])["x"].state == "drift" for day in range(14))
    assert alarms == 0


def test_a_fault_that_is_over_does_not_alarm_for_a_month() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=20_000))
    counter = Counter(reference)
    windows = [counter.count(Table({"x": rng.normal(size=1000)}), {}) for _ in range(10)]
    assert _over(reference, windows)["x"].state == "ok"
    windows.append(counter.count(Table({"x": np.full(1000, np.nan)}), {}))
    assert _over(reference, windows)["x"].state == "drift"
    states = []
    for _ in range(8):
        windows.append(counter.count(Table({"x": rng.normal(size=1000)}), {}))
        states.append(_over(reference, windows)["x"].state)
    assert states == ["ok"] * 8


@pytest.mark.parametrize("name", get_args(SignalName))
def test_every_signal_has_its_sentences(name: str) -> None:
    assert {f"drift.{name}", f"drift.{name}_perhaps"} <= set(SENTENCES)


def test_counts_of_another_reference_are_refused() -> None:
    one, other = _reference(np.arange(500.0)), _reference(np.arange(600.0))
    with pytest.raises(DataError, match="another reference"):
        drift(one, count(other, Table({"x": np.zeros(3)}), {}))
    with pytest.raises(DataError, match="no window"):
        drift_over(one, [], latest=None)


def _now(state: State, lower: float = 0.0, distance: float = 0.0) -> dict[str, ColumnDrift]:
    reference = _reference(np.arange(1000.0))
    found = _drift(reference, np.arange(1000.0))
    return {"x": replace(found, state=state, lower=lower, distance=distance, threshold=0.05, chance=0.01)}


def test_a_drift_is_held_until_three_windows_in_a_row_were_quiet() -> None:
    held: dict[str, Held] = {}
    story: list[tuple[dict[str, ColumnDrift], State]] = [
        (_now("ok"), "ok"),
        (_now("warn"), "warn"),
        (_now("drift", 0.06, 0.09), "drift"),
        (_now("ok", 0.0, 0.02), "drift"),
        (_now("insufficient data"), "drift"),  # changes nothing
        (_now("ok", 0.0, 0.02), "drift"),
        (_now("ok", 0.0, 0.048), "drift"),  # over .7 × .05 after chance is taken off: from the beginning
        (_now("ok", 0.0, 0.02), "drift"),
        (_now("ok", 0.0, 0.02), "drift"),
        (_now("ok", 0.0, 0.02), "ok"),
        (_now("insufficient data"), "insufficient data"),
    ]
    for now, expected in story:
        held = hysteresis(held, now)
        assert held["x"].state == expected


def _texts(rows: int, of: str, templates: float = 0.0) -> Array:
    rng = np.random.default_rng(len(of))
    found = np.empty(rows, dtype=object)
    found[:] = [f"template {rng.integers(5)}" if rng.random() < templates else f"{of} {number}" for number in range(rows)]
    return found


@pytest.mark.parametrize("rows", [150, 300, 3000])  # few enough that every text could be kept by name, and more
@pytest.mark.parametrize("templates", [0.0, 0.5])
def test_free_texts_that_nobody_wrote_before_are_no_drift_of_their_column(rows: int, templates: float) -> None:
    reference = _reference(_texts(rows, "a text", templates), kind="category")
    for now in (500, 5000):
        found = _drift(reference, _texts(now, "one more text", templates))
        assert found.state == "ok", _said(found)
    emptied = _texts(5000, "one more text", templates)
    emptied[:1500] = None
    assert _said(_drift(reference, emptied)).startswith("x is missing in ")
