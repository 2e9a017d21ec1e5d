"""Windows of many lengths looked at together: what a short one may say, since when, at which hour, and all columns at once."""

import json
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.core.window import Window, to_micros
from flyball.data.profile import Reference, build_reference, reference_digest, reference_from_json
from flyball.data.season import Season, slots_of
from flyball.monitoring.counts import Counter, Counts, Span, count
from flyball.monitoring.drift import DriftFound, drift, drift_over
from flyball.monitoring.records import ColumnDrift
from flyball.monitoring.yardstick import Yardstick
from flyball.words.sentences import sentence

HOUR = timedelta(hours=1)
START = datetime(2024, 3, 1, tzinfo=UTC)
SCHEMA = Schema(columns=(Column(name="x", kind="number", nullable=True), Column(name="c", kind="category", nullable=True)))
OLD = json.loads((Path(__file__).parent / "reference_of_0_2.json").read_text())


def _times(start: datetime, length: timedelta, rows: int) -> Array:
    return to_micros(start) + np.arange(rows, dtype=np.int64) * (length // timedelta(microseconds=1)) // rows


def _span(counter: Counter, start: datetime, length: timedelta, values: Array, categories: Array | None = None) -> Span:
    """Rows evenly spread over a window, as one count."""
    table = Table({"x": values, "c": np.full(len(values), "a", dtype=object) if categories is None else categories})
    hours, rows = np.unique(_times(start, length, len(values)) // 3_600_000_000, return_counts=True)
    window = Window(start=start, end=start + length)
    return Span(window=window, counts=counter.count(table, {}), hours=dict(zip(hours.tolist(), rows.tolist(), strict=True)))


def _reference(values: Array, length: timedelta | None = None, season: Season = "none", zone: str = "UTC") -> Reference:
    times = None if length is None else _times(START - length, length, len(values))
    table = Table({"x": values, "c": np.full(len(values), "a", dtype=object)})
    return build_reference(table, SCHEMA, {}, times, season=season, zone=zone)


def _wave(start: datetime, length: timedelta, rows: int) -> Array:
    """One wave a day, highest at six in the morning."""
    return np.sin(2 * np.pi * (_times(start, length, rows) % 86_400_000_000) / 86_400_000_000)


def _hour(found: DriftFound) -> ColumnDrift:
    return found.columns["x"]


def test_a_reference_of_the_last_version_is_read_and_gives_the_same_alarms() -> None:
    reference = reference_from_json(json.dumps(OLD["reference"]).encode())
    assert reference.schema_version == 1
    for window in OLD["windows"]:
        columns = {name: np.array(values) for name, values in window["columns"].items()}
        found = drift(reference, Counts(reference=reference_digest(reference), rows=window["rows"], columns=columns))
        for name, before in window["expected"].items():
            now = found[name]
            kind = "drift.moved" if now.reason.code.startswith("drift.moved") else now.reason.code
            assert (now.state, kind) == (before["state"], before["code"])
            for field in ("distance", "threshold", "chance"):
                assert getattr(now, field) == pytest.approx(before[field], abs=1e-9), field
            # Half of the error is now for values that moved: their bounds are a little closer.
            assert before["lower"] - 1e-9 <= now.lower <= before["lower"] + 0.01
            assert before["upper"] - 0.01 <= now.upper <= before["upper"] + 1e-9
            assert now.distances == pytest.approx(before["distances"])


def _old(reference: Reference) -> Reference:
    """As the last version would have made it: without what hours say of windows shorter than a day."""
    columns = {
        name: replace(column, calibration=tuple(one for one in column.calibration if not one.pooled))
        for name, column in reference.columns.items()
    }
    return replace(reference, columns=columns)


def test_a_burst_after_a_thin_training_is_judged_by_days_and_by_hours() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=20_000), timedelta(days=200))  # a hundred rows a day
    calibration = reference.columns["x"].calibration
    assert next(one.days for one in calibration if not one.pooled) == 1
    assert calibration[0].pooled and calibration[0].distance < 0.2
    counter = Counter(reference)
    for values, state, code in (
        (rng.normal(size=2000), "ok", "drift.ok"),
        (rng.normal(0.8, 1, 2000), "drift", "drift.moved"),
        (np.where(rng.random(2000) < 0.02, np.nan, rng.normal(size=2000)), "drift", "drift.missing"),
        (np.where(rng.random(2000) < 0.05, np.inf, rng.normal(size=2000)), "drift", "drift.infinite"),
    ):
        burst = _span(counter, START, HOUR, values)
        week = Span(window=Window(start=START - timedelta(days=6), end=START + timedelta(days=1)), counts=burst.counts, hours=burst.hours)
        for span in (burst, week):
            found = _hour(drift_over(reference, [span], latest=None))
            assert (found.state, found.reason.code) == (state, code)


def test_a_thin_training_with_nights_unlike_days_makes_no_hour_of_dense_traffic_an_alarm() -> None:
    rng = np.random.default_rng(0)
    length = timedelta(days=60)
    rows = 60 * 24 * 10  # ten an hour
    reference = _reference(2.0 * _wave(START - length, length, rows) + rng.normal(size=rows), length)
    assert reference.columns["x"].calibration[0].pooled
    counter = Counter(reference)
    for hour in range(48):
        at = START + hour * HOUR
        for minutes in (5, 30, 60):
            part = timedelta(minutes=minutes)
            values = 2.0 * _wave(at, part, 100 * minutes) + rng.normal(size=100 * minutes)
            assert _hour(drift_over(reference, [_span(counter, at, part, values)], latest=None)).state != "drift"


def test_where_nobody_counted_hours_a_short_window_says_nothing_of_values_that_moved() -> None:
    rng = np.random.default_rng(0)
    reference = _old(_reference(rng.normal(size=20_000), timedelta(days=200)))
    counter = Counter(reference)
    for values, state, code in (
        (rng.normal(3, 1, 2000), "ok", "drift.short_window"),
        (np.where(rng.random(2000) < 0.3, np.nan, rng.normal(size=2000)), "ok", "drift.short_window"),
        (np.full(2000, np.nan), "drift", "drift.missing"),
        (np.where(rng.random(2000) < 0.05, np.inf, rng.normal(size=2000)), "drift", "drift.infinite"),
        (rng.normal(50, 1, 2000), "drift", "drift.out_of_range"),
    ):
        found = _hour(drift_over(reference, [_span(counter, START, HOUR, values)], latest=None))
        assert (found.state, found.reason.code) == (state, code)
    day = _span(counter, START, timedelta(days=1), rng.normal(3, 1, 2000))
    assert _hour(drift_over(reference, [day], latest=None)).state == "drift"


def test_a_column_that_was_not_calibrated_says_nothing_in_windows_shorter_than_those_of_the_others() -> None:
    rng = np.random.default_rng(0)
    table = Table({"x": rng.normal(size=20_000), "c": np.full(20_000, "a", dtype=object)})
    times = _times(START - timedelta(days=200), timedelta(days=200), 20_000)
    reference = build_reference(table, SCHEMA, {"score": rng.normal(size=500)}, times)
    assert reference.columns["score"].calibration == ()
    counts = count(reference, Table({"x": rng.normal(size=2000)}), {"score": rng.normal(1, 1, 2000)})
    for length, state in ((HOUR, "ok"), (timedelta(days=1), "drift")):
        span = Span(window=Window(start=START, end=START + length), counts=counts, hours={})
        assert drift_over(reference, [span], latest=None).columns["score"].state == state


def test_rows_of_two_hours_are_two_hours_in_whatever_window_they_stand() -> None:
    rng = np.random.default_rng(0)
    reference = _old(_reference(rng.normal(size=20_000), timedelta(days=200)))
    part = _span(Counter(reference), START, 2 * HOUR, rng.normal(3, 1, 2000))
    week = Span(window=Window(start=START - timedelta(days=6), end=START + timedelta(days=1)), counts=part.counts, hours=part.hours)
    assert _hour(drift_over(reference, [week], latest=None)).reason.code == "drift.short_window"


def test_the_most_serious_finding_is_told_by_the_shortest_window() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=50_000))
    counter, end = Counter(reference), START + timedelta(days=4)
    spans = [_span(counter, end - length, length, rng.normal(0.25, 1, rows)) for length, rows in ((HOUR, 600), (4 * HOUR, 30_000))]
    found = _hour(drift_over(reference, spans, latest=spans[0].counts))
    assert (found.state, found.rows, found.span) == ("drift", 30_000, spans[1].window)
    calm = [_span(counter, end - length, length, rng.normal(size=3000)) for length in (HOUR, timedelta(days=1), timedelta(days=7))]
    told = _hour(drift_over(reference, calm, latest=None)).span
    assert told is not None
    assert told.length == timedelta(days=1), "what is ok is told of the longest window up to a day"
    few = [_span(counter, end - length, length, rng.normal(size=rows)) for length, rows in ((HOUR, 3), (4 * HOUR, 37))]
    assert sentence(_hour(drift_over(reference, few, latest=None)).reason) == "x: insufficient data, 37 of 500 rows"


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda v, rng: v + 1.0, "drift.moved_since", "x moved by 0."),
        (lambda v, rng: v + 100.0, "drift.moved_above_since", "x moved by 1.00 [0."),
        (lambda v, rng: np.where(rng.random(len(v)) < 0.02, np.nan, v), "drift.missing_since", "x is missing in 2."),
        (lambda v, rng: np.where(rng.random(len(v)) < 0.02, np.inf, v), "drift.infinite_since", "x is infinite in "),
    ],
)
def test_the_onset_is_found_in_the_history(change: Any, code: str, said: str) -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=50_000))
    counter, onset = Counter(reference), 31
    values = [rng.normal(size=3000) for _ in range(48)]
    history = [_span(counter, START + HOUR * at, HOUR, change(one, rng) if at >= onset else one) for at, one in enumerate(values)]
    whole = _span(counter, START + 36 * HOUR, 12 * HOUR, np.concatenate([change(v, rng) for v in values[36:]]))
    found = _hour(drift_over(reference, [whole], latest=history[-1].counts, history=history))
    assert (found.state, found.since, found.reason.code) == ("drift", START + HOUR * onset, code)
    assert sentence(found.reason).startswith(said)
    assert "since 07:00 on 2 March 2024" in sentence(found.reason)
    assert "自 2024 年 3 月 2 日 07:00 起" in sentence(found.reason, "zh")
    without = _hour(drift_over(reference, [whole], latest=None))
    assert (without.since, without.reason.code) == (None, code.removesuffix("_since"))


def test_the_onset_is_said_in_local_time() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(rng.normal(size=50_000))
    counter = Counter(reference)
    days = [_span(counter, START + timedelta(days=at, hours=5), timedelta(days=1), rng.normal(at >= 5, 1, 2000)) for at in range(8)]
    found = _hour(drift_over(reference, days[-1:], latest=None, history=days, zone="America/New_York"))
    assert sentence(found.reason).startswith("x moved by 0.")
    assert " since 6 March 2024: its median went from 0" in sentence(found.reason).replace("-0", "0")


def test_categories_have_an_onset_too() -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list("abc"), dtype=object)

    def draw(late: bool) -> Array:
        return rng.choice(letters, 2000, p=[0.2, 0.3, 0.5] if late else [0.5, 0.3, 0.2])

    reference = build_reference(Table({"x": np.zeros(20_000), "c": np.concatenate([draw(False) for _ in range(10)])}), SCHEMA, {})
    counter = Counter(reference)
    history = [_span(counter, START + HOUR * at, HOUR, np.zeros(2000), draw(at >= 9)) for at in range(12)]
    found = drift_over(reference, history[-1:], latest=None, history=history).columns["c"]
    assert (found.state, found.since) == ("drift", START + 9 * HOUR)
    assert " since 09:00 on 1 March 2024: mostly " in sentence(found.reason)


def _seasonal(kind: Season, rng: np.random.Generator, zone: str = "UTC") -> Reference:
    three_weeks = timedelta(days=21)
    values = rng.normal(size=200_000) + 2.0 * _wave(START - three_weeks, three_weeks, 200_000)
    return _reference(values, three_weeks, kind, zone)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_a_strong_daily_season_is_no_alarm_and_a_change_within_its_hours_is(zone: str) -> None:
    rng = np.random.default_rng(0)
    reference = _seasonal("day", rng, zone)
    plain = replace(reference, columns={name: replace(one, calibration=()) for name, one in reference.columns.items()})
    counter = Counter(reference)
    hourly: list[str] = []
    alone: list[str] = []
    reversed_day: list[str] = []
    for hour in range(24):
        start, wave = START + HOUR * hour, 2.0 * _wave(START + HOUR * hour, HOUR, 2000)
        usual = _span(counter, start, HOUR, rng.normal(size=2000) + wave)
        turned = _span(counter, start, HOUR, rng.normal(size=2000) - wave)
        hourly.append(_hour(drift_over(reference, [usual], latest=usual, season="day", zone=zone)).state)
        alone.append(_hour(drift_over(plain, [usual], latest=usual)).state)
        reversed_day.append(_hour(drift_over(reference, [turned], latest=turned, season="day", zone=zone)).state)
    assert hourly == ["ok"] * 24
    assert alone.count("drift") >= 20
    assert reversed_day.count("drift") >= 20, "every day has the same values as ever, at other hours"
    day = _span(counter, START, timedelta(days=1), rng.normal(size=20_000) - 2.0 * _wave(START, timedelta(days=1), 20_000))
    assert _hour(drift_over(reference, [day], latest=None, season="day", zone=zone)).state == "ok", "nothing to see in a whole day"


def test_another_season_or_zone_than_that_of_the_reference_compares_with_all_of_it() -> None:
    rng = np.random.default_rng(0)
    reference = _seasonal("day", rng)
    usual = _span(Counter(reference), START + 6 * HOUR, HOUR, rng.normal(size=2000) + 2.0)
    by_hour = _hour(drift_over(reference, [usual], latest=None, season="day"))
    assert by_hour.distance < 0.1
    for season, zone in (("none", "UTC"), ("week", "UTC"), ("day", "Asia/Tokyo")):
        found = drift_over(reference, [usual], latest=None, season=season, zone=zone)  # type: ignore[arg-type]  # of a tuple
        assert _hour(found).distance > 0.3


def test_hours_that_training_hardly_had_fall_back_to_all_of_it() -> None:
    rng = np.random.default_rng(0)
    days = [_times(START + timedelta(days=at, hours=8), 8 * HOUR, 1600) for at in range(-30, 0) if at % 7]  # no Friday, as START is one
    times = np.concatenate(days)
    table = Table({"x": rng.normal(size=len(times)), "c": np.full(len(times), "a", dtype=object)})
    for season in ("day", "week"):
        reference = build_reference(table, SCHEMA, {}, times, season=season)
        counter = Counter(reference)
        for hour, seen in ((10, True), (2, False)):
            for shift, state in ((0.0, "ok"), (2.0, "drift")):
                span = _span(counter, START + HOUR * hour, HOUR, rng.normal(shift, 1, 2000))
                found = _hour(drift_over(reference, [span], latest=None, season=season))
                assert found.state == state, (season, seen, shift)


def test_values_that_are_always_missing_at_night_are_no_alarm_at_night() -> None:
    rng = np.random.default_rng(0)
    length = timedelta(days=30)
    times = _times(START - length, length, 100_000)
    night = times // 3_600_000_000 % 24 < 6
    values = np.where(night & (rng.random(100_000) < 0.98), np.nan, rng.normal(size=100_000))
    reference = build_reference(Table({"x": values, "c": np.full(100_000, "a", dtype=object)}), SCHEMA, {}, times, season="day")
    counter = Counter(reference)
    empty = np.where(rng.random(2000) < 0.98, np.nan, rng.normal(size=2000))
    states = {
        hour: _hour(drift_over(reference, [_span(counter, START + HOUR * hour, HOUR, empty)], latest=None, season="day")).state
        for hour in (3, 12)
    }
    assert states == {3: "ok", 12: "drift"}


def test_hours_are_those_of_the_zone() -> None:
    hours = np.array([to_micros(START) // 3_600_000_000 + at for at in range(3)])
    assert slots_of(hours, "day", "UTC").tolist() == [0, 1, 2]
    assert slots_of(hours, "day", "America/New_York").tolist() == [19, 20, 21]
    assert slots_of(hours, "week", "UTC").tolist() == [96, 97, 98], "1 March 2024 is a Friday"
    summer = hours + 180 * 24
    assert slots_of(summer, "day", "America/New_York").tolist() == [20, 21, 22]


def test_all_columns_together_name_those_that_moved() -> None:
    rng = np.random.default_rng(0)
    names = [f"f{at}" for at in range(20)]
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in names))
    reference = build_reference(Table({name: rng.normal(size=20_000) for name in names}), schema, {})

    def look(moved: int, rows: int = 2000, **options: Any) -> DriftFound:
        table = Table({name: rng.normal(0.7 * (at < moved), 1, rows) for at, name in enumerate(names)})
        span = Span(window=Window(start=START, end=START + HOUR), counts=count(reference, table, {}), hours={})
        return drift_over(reference, [span], latest=None, **options)

    calm, some, few = look(0).dataset, look(3).dataset, look(3, rows=30).dataset
    assert (calm.discoveries, calm.watched, calm.share, calm.rate) == ((), 20, 0.0, 0.05)
    assert sentence(calm.reason) == "none of 20 columns is beyond its threshold"
    assert (set(some.discoveries), some.share) == ({"f0", "f1", "f2"}, 0.15)
    assert sentence(some.reason).startswith("3 of 20 columns (15%) are beyond their thresholds: f")
    assert (few.watched, few.discoveries, few.reason.code) == (0, (), "drift.dataset_unknown")
    ignoring = look(3, ignore=("f1",))
    assert "f1" not in ignoring.columns
    assert set(ignoring.dataset.discoveries) == {"f0", "f2"}


def test_discrete_columns_have_chi_square_and_g() -> None:
    rng = np.random.default_rng(0)
    schema = Schema(columns=(*SCHEMA.columns, Column(name="n", kind="integer", nullable=False)))

    def table(rows: int) -> Table:
        return Table(
            {
                "x": rng.normal(size=rows),
                "c": rng.choice(np.array(list("abcd"), dtype=object), rows),
                "n": rng.poisson(1, rows).astype(float),
            }
        )

    reference = build_reference(table(5000), schema, {})
    found = drift(reference, count(reference, table(2000), {}))
    assert found["x"].tests == {}
    for name, degrees in (("c", 3), ("n", 6)):
        tests = found[name].tests
        assert set(tests) == {"chi2", "chi2_p_value", "g", "g_p_value", "degrees"}
        assert tests["degrees"] == degrees
        assert 0.001 < tests["chi2_p_value"] <= 1.0
        assert tests["g"] == pytest.approx(tests["chi2"], rel=0.2)


def test_ten_thousand_features_are_looked_at_in_bounded_memory() -> None:
    rng = np.random.default_rng(0)
    one = _reference(rng.normal(size=2000)).columns["x"]
    reference = Reference(schema_version=2, rows=2000, columns={f"f{at}": one for at in range(10_000)})
    cells = one.cells().count(rng.normal(size=1000))
    counts = Counts(reference=reference_digest(reference), rows=1000, columns=dict.fromkeys(reference.columns, cells))
    spans = [Span(window=Window(start=START - HOUR, end=START), counts=counts, hours={})]
    yard = Yardstick(reference)
    tracemalloc.start()
    found = drift_over(yard, spans, latest=counts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.columns) == 10_000
    assert {answer.state for answer in found.columns.values()} == {"ok"}
    assert peak < 120e6


def test_columns_of_all_shapes_never_abort_a_look() -> None:
    rng = np.random.default_rng(0)
    shapes: Mapping[str, Array] = {
        "missing": np.full(2000, np.nan),
        "constant": np.full(2000, 3.0),
        "infinite": np.where(rng.random(2000) < 0.5, np.inf, -np.inf),
        "normal": rng.normal(size=2000),
        "huge": rng.normal(size=2000) * 1e300,
        "letters": rng.choice(np.array(list("ab"), dtype=object), 2000),
        "nothing": np.full(2000, None, dtype=object),
    }
    kinds = {name: "category" if values.dtype == object else "number" for name, values in shapes.items()}
    schema = Schema(columns=tuple(Column(name=name, kind=kind, nullable=True) for name, kind in kinds.items()))  # type: ignore[arg-type]
    times = _times(START, timedelta(days=20), 2000)
    for season in ("none", "day", "week"):
        reference = build_reference(Table(dict(shapes)), schema, {}, times, season=season)
        counter = Counter(reference)
        numbers: Sequence[str] = [name for name, kind in kinds.items() if kind == "number"]
        for values in shapes.values():
            live = {name: values if (values.dtype == object) == (name not in numbers) else shapes[name] for name in shapes}
            span = Span(
                window=Window(start=START, end=START + timedelta(days=1)),
                counts=counter.count(Table(live), {}),
                hours={474_816 + hour: 83 for hour in range(24)},
            )
            found = drift_over(reference, [span], latest=span, history=[span], season=season)
            for name, answer in found.columns.items():
                numbers_of = (answer.distance, answer.lower, answer.upper, answer.threshold, answer.chance, *answer.distances.values())
                assert np.isfinite(numbers_of).all(), name
                assert "nan" not in sentence(answer.reason)
                assert np.isfinite(list(answer.tests.values())).all()


def test_what_changes_around_its_median_is_told_where_it_changed() -> None:
    rng = np.random.default_rng(0)
    reference = _reference(np.where(rng.random(20_000) < 0.1, rng.uniform(0, 9, 20_000), 10.0))
    found = _hour(drift_over(reference, [_span(Counter(reference), START, HOUR, np.where(rng.random(5000) < 0.4, 5.0, 10.0))], latest=None))
    assert (found.state, found.reason.code) == ("drift", "drift.moved_around")
    said = sentence(found.reason)
    assert "its median is still 10, but 4" in said and "(training: " in said


def test_a_version_of_four_days_is_judged_as_four_days_in_a_window_of_a_week() -> None:
    rng = np.random.default_rng(0)
    length = timedelta(days=56)
    weekday = (_times(START - length, length, 40_000) // 86_400_000_000 % 7).astype(float)
    reference = _reference(weekday + rng.normal(scale=0.01, size=40_000), length)
    counter, rows = Counter(reference), 4000
    values = (_times(START, timedelta(days=4), rows) // 86_400_000_000 % 7).astype(float) + rng.normal(scale=0.01, size=rows)
    young = _span(counter, START, timedelta(days=4), values)
    week = Span(window=Window(start=START - timedelta(days=3), end=START + timedelta(days=4)), counts=young.counts, hours=young.hours)
    assert _hour(drift_over(reference, [week], latest=None)).state == "ok", "four days of a week are no week that changed"
