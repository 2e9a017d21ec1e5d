"""Realised performance counts what is known, bounds what is certain, and alarms only then."""

import string
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.codec import from_json, to_json
from flyball.core.errors import SpecError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.monitoring.floor import HORIZON_DAYS, alarm_level
from flyball.monitoring.performance import NoOutcome, below_floor, realised
from flyball.monitoring.records import Performance
from flyball.serving.records import LoggedRows
from flyball.stats.blocked import value_with_neighbours
from flyball.stats.intervals import delong, wilson
from flyball.stats.scores import METRICS
from flyball.words.performance import SENTENCES
from flyball.words.sentences import sentence

WINDOW = Window(start=datetime(2013, 3, 1, tzinfo=UTC), end=datetime(2013, 3, 15, tzinfo=UTC))
DAY = 86_400_000_000


def logged(score: Any, actual: Sequence[object], day: Any) -> LoggedRows:
    rows = len(actual)
    outcome = np.empty(rows, dtype=object)
    outcome[:] = list(actual)
    nobody = np.full(rows, None, dtype=object)
    return LoggedRows(
        prediction_id=np.array([f"{row:032x}" for row in range(rows)], dtype=object),
        at=np.asarray(day) * DAY,
        day=np.asarray(day, dtype=np.int64),
        unit=nobody,
        entity=nobody,
        label=nobody,
        score=np.asarray(score, dtype=np.float64),
        actual=outcome,
        outcome_at=np.asarray(day) * DAY,
        features=None,
    )


def flights(rows: int = 700, days: int = 14, unlabelled: int = 0) -> LoggedRows:
    chance = np.random.default_rng(0)
    score = chance.beta(2, 5, rows)
    actual: list[object] = [int(late) for late in chance.random(rows) < score]
    actual[:unlabelled] = [None] * unlabelled
    return logged(score, actual, 15_765 + np.arange(rows) % days)


def judge(rows: LoggedRows, metric: str = "brier", no_outcome: NoOutcome = "exclude", classes: tuple[int, ...] = (0, 1)) -> Performance:
    task: Any = "binary" if classes else "regression"
    return realised(rows, metric, task, classes, 0.5, WINDOW, 3, no_outcome, seed=0)


def said(performance: Performance) -> str:
    assert sentence(performance.reason, "zh")
    return sentence(performance.reason)


@pytest.mark.parametrize("metric", ["brier", "roc_auc", "accuracy", "f1", "log_loss"])
def test_enough_rows_and_days_give_a_value_between_bounds(metric: str) -> None:
    found = judge(flights(), metric)
    assert found.value is not None and found.lower is not None and found.upper is not None
    assert found.lower < found.value < found.upper
    assert (found.matured, found.labelled, found.blocks, found.version) == (700, 700, 14, 3)
    assert "700 of 700 matured predictions have an outcome" in said(found)


def test_what_has_no_outcome_is_left_out_and_counted() -> None:
    for no_outcome in ("exclude", "unknown"):
        found = judge(flights(unlabelled=100), no_outcome=no_outcome)
        assert (found.matured, found.labelled) == (700, 600)
        assert found.reason.values["rows"] == 600


def test_what_has_no_outcome_can_be_negative_by_the_spec() -> None:
    found = judge(flights(unlabelled=100), no_outcome="negative")
    assert (found.matured, found.labelled, found.reason.values["rows"]) == (700, 600, 700)
    explicit = flights(unlabelled=100)
    explicit.actual[:100] = 0
    assert found.value == judge(explicit).value


def by_block(rows: LoggedRows, units: Sequence[object] | None, metric: str, *, timed: bool) -> Performance:
    unit = np.empty(len(rows.at), dtype=object)
    unit[:] = list(units) if units is not None else [None] * len(rows.at)
    return realised(replace(rows, unit=unit), metric, "binary", (0, 1), 0.5, WINDOW, 3, "exclude", timed=timed)


def test_without_a_time_the_unit_is_the_block_where_units_repeat() -> None:
    rows = flights()
    found = by_block(rows, [f"u{row % 40}" for row in range(700)], "brier", timed=False)
    assert found.blocks == 40
    assert "on 700 rows in 40 units" in said(found)
    assert by_block(rows, [f"u{row % 40}" for row in range(700)], "brier", timed=True).blocks == 14


@pytest.mark.parametrize("units", [None, [f"u{row}" for row in range(700)]])
def test_rows_that_share_no_block_are_bounded_by_wilson_and_delong(units: list[object] | None) -> None:
    rows = flights()
    accuracy, auc = (by_block(rows, units, metric, timed=False) for metric in ("accuracy", "roc_auc"))
    truth = np.array(rows.actual.tolist())
    hits = int(((rows.score >= 0.5) == (truth == 1)).sum())
    assert (accuracy.lower, accuracy.upper) == pytest.approx(wilson(hits, 700))
    placed = delong(truth == 1, rows.score)
    assert placed is not None and auc.value is not None and auc.lower is not None
    assert (auc.value, auc.value - auc.lower) == pytest.approx((placed[0], 1.6448536 * placed[1] ** 0.5))
    assert "on 700 rows;" in said(auc)


def test_the_sentence_of_a_floor_names_the_blocks_it_rests_on() -> None:
    found = by_block(flights(), None, "brier", timed=False)
    _, reason = below_floor(found, "brier", 0.3, 0.0)
    assert "over 700 independent rows" in sentence(reason)


def test_a_regression_has_no_negative() -> None:
    with pytest.raises(SpecError, match="needs classes"):
        judge(flights(), "mse", "negative", ())


@pytest.mark.parametrize(("rows", "days"), [(99, 14), (700, 4)])
def test_too_few_rows_or_days_give_a_value_without_bounds_and_say_what_is_missing(rows: int, days: int) -> None:
    found = judge(flights(rows, days))
    assert found.value is not None
    assert found.lower is None and found.upper is None
    assert f"{rows} rows in {days} days are too few" in said(found)
    assert "needed 100 rows in 5 days" in said(found)


def test_no_rows_or_one_class_give_no_value() -> None:
    assert judge(flights(0)).value is None
    one_class = flights()
    one_class.actual[:] = 1
    found = judge(one_class, "roc_auc")
    assert found.value is None
    assert "cannot be computed from 700 rows" in said(found)


def test_a_label_the_model_does_not_know_is_counted_and_aborts_nothing() -> None:
    rows = flights()
    rows.actual[:7] = "diverted"
    found = judge(rows)
    assert found.reason.values["strange"] == 7
    assert found.labelled == 700 and found.reason.values["rows"] == 693


def test_a_score_that_is_not_finite_is_counted_and_aborts_nothing() -> None:
    rows = flights()
    rows.score[:5] = np.nan
    found = judge(rows)
    assert found.reason.values["broken"] == 5
    assert found.value is not None and np.isfinite(found.value)


def test_a_regression_judges_numbers_and_counts_what_is_none() -> None:
    chance = np.random.default_rng(1)
    actual: list[object] = chance.normal(10, 2, 300).tolist()
    actual[:3] = ["ten", True, 10**400]
    found = judge(logged(np.full(300, 10.0), actual, np.arange(300) % 10), "mse", classes=())
    assert found.value == pytest.approx(4, rel=0.3)
    assert found.reason.values["strange"] == 3


def test_multiclass_performance_is_realised_too() -> None:
    chance = np.random.default_rng(2)
    score = chance.dirichlet(np.ones(3), 600)
    actual = [["a", "b", "c"][chance.choice(3, p=row)] for row in score]
    found = realised(logged(score, actual, np.arange(600) % 10), "roc_auc", "multiclass", ("a", "b", "c"), 0.5, WINDOW, 1, "exclude")
    assert found.lower is not None and found.lower > 0.5


def test_performance_survives_json() -> None:
    assert from_json(to_json(judge(flights(20))), Performance) == judge(flights(20))


def performance(value: float | None, lower: float | None, upper: float | None, metric: str = "brier") -> Performance:
    return Performance(
        metric=metric,
        version=3,
        window=WINDOW,
        matured=900,
        labelled=800,
        blocks=14,
        value=value,
        lower=lower,
        upper=upper,
        reason=because("performance.realised"),
        alarm_bound=upper if metric == "roc_auc" else lower,
        alarm_level=0.05,
    )


@pytest.mark.parametrize(
    ("value", "lower", "upper", "verdict"),
    [
        (0.15, 0.14, 0.16, Verdict.PASS),
        (0.19, 0.175, 0.21, Verdict.UNDECIDED),
        (0.20, 0.185, 0.21, Verdict.FAIL),
        (0.05, 0.04, 0.06, Verdict.PASS),
        (0.30, None, None, Verdict.UNDECIDED),
        (None, None, None, Verdict.UNDECIDED),
    ],
)
def test_a_loss_alarms_only_when_its_lower_bound_is_above_the_floor(
    value: float | None, lower: float | None, upper: float | None, verdict: Verdict
) -> None:
    found, reason = below_floor(performance(value, lower, upper), "brier", 0.16, 0.02)
    assert found is verdict
    if value is not None and lower is not None:
        assert "0.1800" in sentence(reason) and "0.1800" in sentence(reason, "zh")


@pytest.mark.parametrize(
    ("value", "lower", "upper", "verdict"),
    [
        (0.70, 0.69, 0.71, Verdict.PASS),
        (0.67, 0.66, 0.69, Verdict.UNDECIDED),
        (0.64, 0.62, 0.66, Verdict.FAIL),
        (0.9, 0.8, 1.0, Verdict.PASS),
    ],
)
def test_an_auc_alarms_only_when_its_upper_bound_is_below_the_floor(value: float, lower: float, upper: float, verdict: Verdict) -> None:
    assert below_floor(performance(value, lower, upper, "roc_auc"), "roc_auc", 0.70, 0.02)[0] is verdict


@given(st.floats(0, 0.5), st.floats(0, 0.1), st.floats(0, 0.1), st.floats(0, 0.5), st.floats(0, 0.1))
def test_an_improvement_never_alarms(reference: float, below: float, above: float, better: float, drop: float) -> None:
    value = reference - better
    assert below_floor(performance(value, value - below, value + above), "brier", reference, drop)[0] is Verdict.PASS


@pytest.mark.parametrize("metric", ["brier", "roc_auc"])
def test_the_alarm_asks_for_more_than_the_bounds_that_are_shown(metric: str) -> None:
    found = judge(flights(), metric)
    assert found.value is not None and found.lower is not None and found.upper is not None and found.alarm_bound is not None
    assert found.alarm_level == alarm_level(found.blocks) < 0.05
    shown, rising = (found.upper, 1) if metric == "roc_auc" else (found.lower, -1)
    assert (found.alarm_bound - shown) * rising > 0
    between = (found.alarm_bound + shown) / 2
    verdict, reason = below_floor(found, metric, between, 0.0)
    assert verdict is Verdict.UNDECIDED and "for a single look" in SENTENCES[reason.code][0].format(**reason.values)
    assert below_floor(found, metric, found.alarm_bound + 0.01 * rising, 0.0)[0] is Verdict.FAIL


def test_a_report_of_before_there_was_a_bound_for_the_alarm_does_not_alarm() -> None:
    old = replace(performance(0.20, 0.19, 0.21), alarm_bound=None, alarm_level=None)
    assert below_floor(old, "brier", 0.16, 0.02)[0] is Verdict.UNDECIDED


def test_half_a_year_of_looks_without_cause_alarms_in_one_of_twenty_at_most() -> None:
    chance, window, runs, alarms, singly = np.random.default_rng(5), 14, 60, 0, 0
    block, nothing = np.arange(window), np.zeros(window)
    for _ in range(runs):
        days = chance.normal(20, 1, HORIZON_DAYS + window)
        looks = [days[at : at + window] for at in range(HORIZON_DAYS)]
        mae = METRICS["mae"]
        for level in (alarm_level(window), 0.05):
            bounds = (value_with_neighbours(mae, seen, nothing, 0.5, block, chance, alpha=level) for seen in looks)
            hit = any(one is not None and one.lower is not None and one.lower > 20 for one in bounds)
            alarms, singly = (alarms, singly + hit) if level == 0.05 else (alarms + hit, singly)
    assert alarms <= 0.05 * runs + 3 and singly > 0.8 * runs


def test_the_level_of_an_alarm_is_bonferronis_where_windows_share_nothing_known() -> None:
    assert alarm_level(None) == alarm_level(1) == 0.05 / HORIZON_DAYS
    assert [alarm_level(days) for days in (7, 14, 60)] == sorted(alarm_level(days) for days in (7, 14, 60))


def test_a_floor_of_another_metric_is_refused() -> None:
    with pytest.raises(SpecError, match="the floor is about 'roc_auc'"):
        below_floor(performance(0.1, 0.1, 0.1), "roc_auc", 0.7, 0.02)
    with pytest.raises(SpecError, match="no metric 'bier'"):
        below_floor(performance(0.1, 0.1, 0.1, "bier"), "bier", 0.7, 0.02)


def test_both_languages_of_every_sentence_name_the_same_values() -> None:
    for english, chinese in SENTENCES.values():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, chinese)]
        assert fields[0] == fields[1]
