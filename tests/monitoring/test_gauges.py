"""A report as samples: bounded, stable, and never a number that is none."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flyball.core.window import Window
from flyball.monitoring.gauges import Sample, label_value, report_samples, shown_columns
from flyball.monitoring.records import ColumnDrift, MonitorReport
from flyball.monitoring.series import BY_NAME, MOST
from reported import column, full_report

END = datetime(2026, 4, 1, tzinfo=UTC)


def many(states: dict[str, int]) -> dict[str, ColumnDrift]:
    """So many columns in each state, named by number over all."""
    every = [state for state, number in states.items() for _ in range(number)]
    return {f"c{at:05}": column(state, distance=(at % 97) / 100) for at, state in enumerate(every)}  # type: ignore[arg-type]  # states


def with_columns(columns: dict[str, ColumnDrift]) -> MonitorReport:
    return replace(full_report(END, features=("age",)), columns=columns)


def values(samples: list[Sample], name: str) -> dict[str, float]:
    return {labels[0][1] if labels else "": value for found, labels, value in samples if found == name}


def test_a_full_report_has_samples_of_every_series_that_comes_from_reports() -> None:
    samples = report_samples(full_report(END, features=("age", "plan")), features=frozenset({"age", "plan"}))
    assert {one.name for one in samples} == {name for name, series in BY_NAME.items() if series.source == "report"}
    for name, labels, value in samples:
        assert {label for label, _ in labels} == set(BY_NAME[name].labels)
        assert math.isfinite(value)
    assert len({(name, labels) for name, labels, _ in samples}) == len(samples), "no series twice"
    assert values(samples, "model_score_drift") == {"score": 0.02}
    assert values(samples, "model_label_coverage_ratio") == {"": 0.75}
    assert values(samples, "model_performance_floor") == {"roc_auc": 0.65}
    assert values(samples, "model_performance_alarm_bound") == {"roc_auc": 0.62}, "of the metric that has a floor"
    assert values(samples, "model_features") == {"insufficient data": 0, "ok": 1, "warn": 0, "drift": 2}
    assert values(samples, "flyball_report_timestamp_seconds") == {"": END.timestamp()}


def test_a_report_as_the_last_version_wrote_it_says_what_it_has() -> None:
    old = replace(full_report(END, features=("age",)), dataset=None, details=None, quality=(), performance=None)
    names = {one.name for one in report_samples(old)}
    assert {"model_feature_drift", "model_feature_drift_lower", "flyball_report_rows"} <= names
    assert not {"model_performance", "model_dataset_drift_ratio", "model_label_coverage_ratio", "model_score_drift"} & names


def test_of_several_estimates_of_a_metric_the_newest_is_shown() -> None:
    report = full_report(END, features=("age",))
    assert report.details is not None
    (newest,) = report.details.estimated
    past = replace(newest, window=Window(start=END - timedelta(days=9), end=END - timedelta(days=2)), value=0.9)
    for order in ((past, newest), (newest, past)):
        samples = report_samples(replace(report, details=replace(report.details, estimated=order)))
        assert values(samples, "model_performance_estimated") == {"roc_auc": 0.62}


def test_what_is_not_known_is_absent_and_not_zero() -> None:
    report = full_report(END, features=("age",))
    assert report.performance is not None and report.details is not None
    unknown = replace(report.performance, value=None, lower=None, upper=None, floor=None)
    samples = report_samples(replace(report, performance=unknown, details=None))
    assert not [one for one in samples if one.name.startswith("model_performance")]
    nan = replace(report, columns={"age": column(distance=math.nan)})
    assert values(report_samples(nan), "model_feature_drift") == {}


def test_ten_thousand_columns_give_a_hundred_and_the_aggregates_speak_of_all() -> None:
    columns = many({"drift": 5_000, "warn": 10, "ok": 4_990})
    samples = report_samples(with_columns(columns), features=frozenset(columns))
    for name in {one.name for one in samples}:
        assert sum(one.name == name for one in samples) <= MOST
    assert values(samples, "model_features") == {"insufficient data": 0, "ok": 4990, "warn": 10, "drift": 5000}
    assert values(samples, "model_feature_drift_max") == {"": 0.96}


def test_what_drifts_is_shown_first_the_furthest_first_then_the_others_by_name() -> None:
    few = many({"ok": 200, "warn": 2, "drift": 3})
    shown = shown_columns(few)
    assert {name for name, one in few.items() if one.state != "ok"} <= set(shown)
    assert [name for name in shown if few[name].state == "ok"] == [f"c{at:05}" for at in range(MOST - 5)]
    crowd = many({"drift": 500})
    assert min(crowd[name].distance for name in shown_columns(crowd)) >= 0.7


def test_noise_of_columns_that_are_well_changes_nothing_of_what_is_shown() -> None:
    before = many({"drift": 3, "ok": 5_000})
    after = {name: replace(one, distance=one.distance * 0.5) if one.state == "ok" else one for name, one in before.items()}
    assert shown_columns(before) == shown_columns(after)


@given(names=st.lists(st.text(max_size=400), unique=True, max_size=30))
def test_different_names_stay_different_short_and_valid(names: list[str]) -> None:
    shown = [label_value(name) for name in names]
    assert len(set(shown)) == len(names)
    for text in shown:
        text.encode()


@given(name=st.text(min_size=201, max_size=5_000))
def test_long_names_are_cut(name: str) -> None:
    assert len(label_value(name)) <= 2_000  # what is no valid Unicode is written out
    assert name.isascii() is False or len(label_value(name)) <= 200
