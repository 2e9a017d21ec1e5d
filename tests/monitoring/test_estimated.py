"""Estimates without labels are near what labels show later, say how sure they are, and say what they cannot see."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from flyball.core.errors import DataError, UnsupportedError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.monitoring.estimated import Unlabelled, estimated, estimated_below_floor
from flyball.monitoring.estimation import Estimation, estimation_from_json, estimation_to_json, learn_classes, learn_losses
from flyball.monitoring.records import Estimated, Performance
from flyball.stats.scores import METRICS
from flyball.words.sentences import sentence

WINDOW = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 15, tzinfo=UTC))


def world(chance: np.random.Generator, days: int, per_day: int, *, luck: float = 0.0, shift: float = 0.0) -> tuple[Any, Any, Any]:
    """Scores that are too bold, their labels, and days; `luck`: what the rows of a day share that no score knows."""
    day = np.repeat(np.arange(days), per_day)
    odds = chance.normal(shift, 1.2, days * per_day)
    probability = 1 / (1 + np.exp(-(odds + chance.normal(0, luck, days)[day])))
    score = 1 / (1 + np.exp(-1.8 * odds))
    return score, (chance.random(len(day)) < probability).astype(np.int64), day


def learnt(seed: int = 0, days: int = 30, **more: Any) -> Estimation:
    score, truth, day = world(np.random.default_rng(seed), days, 200, **more)
    return learn_classes("binary", truth, score, 0.5, day, by_day=True)


def look(estimation: Estimation | None, score: Any, day: Any, metric: str = "brier", **changes: Any) -> Estimated:
    arguments: dict[str, Any] = {"task": "binary", "threshold": 0.5, "window": WINDOW}
    return estimated(estimation, Unlabelled(score=score, day=day), metric, **{**arguments, **changes})


@pytest.mark.parametrize("metric", ["brier", "log_loss", "roc_auc", "average_precision", "accuracy", "precision", "recall", "f1"])
def test_an_estimate_is_near_what_labels_show_later_also_where_the_scores_have_moved(metric: str) -> None:
    estimation = learnt()
    assert estimation.calibrated
    for shift in (0.0, 1.0):
        score, truth, day = world(np.random.default_rng(1), 10, 1000, shift=shift)
        found = look(estimation, score, day, metric)
        real = METRICS[metric].function(truth, score, 0.5)
        assert found.value is not None and found.lower is not None and found.upper is not None and real is not None
        assert found.lower <= real <= found.upper
        assert found.upper - found.lower < 0.12
        assert "concept drift" in sentence(found.reason)


@pytest.mark.parametrize("luck", [0.0, 1.0])
def test_bounds_hold_what_labels_show_as_often_as_they_say_also_where_days_have_luck_of_their_own(luck: float) -> None:
    """Each bound misses in 5 % of the cases, so both together in 10 %."""
    missed = 0
    for seed in range(60):
        estimation = learnt(seed, days=15, luck=luck)
        score, truth, day = world(np.random.default_rng(1000 + seed), 2, 200, luck=luck)
        found, real = look(estimation, score, day), METRICS["brier"].function(truth, score, 0.5)
        assert found.lower is not None and found.upper is not None and real is not None
        missed += not found.lower <= real <= found.upper
    assert missed / 60 < 0.2


def test_bounds_that_forget_the_luck_of_days_would_miss_often() -> None:
    """Many rows of one day: the chance of their labels is small, the luck of the day is not."""
    missed, missed_without = 0, 0
    for seed in range(30):
        estimation = learnt(seed, days=15, luck=1.0)
        score, truth, day = world(np.random.default_rng(1000 + seed), 1, 4000, luck=1.0)
        real = METRICS["brier"].function(truth, score, 0.5)
        for kept in (estimation, replace(estimation, scatter={"brier": 0.0})):
            found = look(kept, score, day)
            assert found.lower is not None and found.upper is not None and real is not None
            outside = not found.lower <= real <= found.upper
            missed, missed_without = missed + (outside and kept is estimation), missed_without + (outside and kept is not estimation)
    assert missed / 30 < 0.25 < missed_without / 30


def test_concept_drift_is_not_seen_and_the_sentence_says_so() -> None:
    score, truth, day = world(np.random.default_rng(2), 10, 300)
    turned = 1 - truth  # the same inputs mean the opposite
    found = look(learnt(), score, day)
    real = METRICS["brier"].function(turned, score, 0.5)
    assert found.upper is not None and real is not None
    assert real > found.upper + 0.1
    assert "concept drift" in sentence(found.reason)


def test_scores_that_are_probabilities_already_are_left_as_they_are() -> None:
    chance = np.random.default_rng(3)
    score = chance.beta(2, 3, 600)
    estimation = learn_classes("binary", (chance.random(600) < score).astype(np.int64), score, 0.5, np.arange(600), by_day=False)
    assert not estimation.calibrated
    found = look(estimation, score, np.zeros(600, dtype=np.int64))
    assert found.value == pytest.approx((score * (1 - score)).mean())


def test_three_classes_are_estimated_too() -> None:
    chance = np.random.default_rng(4)
    truth_of = chance.dirichlet((2.0, 1.0, 1.0), 9000)
    score = truth_of**1.7 / (truth_of**1.7).sum(axis=1, keepdims=True)
    truth = (chance.random(9000)[:, None] > truth_of.cumsum(axis=1)).sum(axis=1)
    day = np.arange(9000) // 450
    estimation = learn_classes("multiclass", truth[:6000], score[:6000], 0.5, np.arange(6000) // 450, by_day=True)
    for metric in ("accuracy", "brier", "log_loss", "roc_auc", "f1"):
        found = look(estimation, score[6000:], day[6000:], metric, task="multiclass")
        real = METRICS[metric].function(truth[6000:], score[6000:], 0.5)
        assert found.lower is not None and found.upper is not None and real is not None
        assert found.lower - 0.005 <= real <= found.upper + 0.005


def test_scores_of_another_number_of_classes_give_no_value() -> None:
    found = look(learnt(), np.full((200, 3), 1 / 3), np.zeros(200, dtype=np.int64), task="multiclass")
    assert found.value is None and found.reason.code == "estimated.no_value"


def test_without_the_bundles_part_there_is_no_estimate_and_no_error() -> None:
    found = look(None, np.full(500, 0.5), np.zeros(500, dtype=np.int64))
    assert (found.value, found.lower, found.upper) == (None, None, None)
    assert "the next training adds it" in sentence(found.reason)


def test_too_few_rows_or_held_out_days_are_said() -> None:
    few = look(learnt(), np.full(99, 0.4), np.zeros(99, dtype=np.int64))
    assert few.value is None and "99 of 100 rows needed" in sentence(few.reason)
    score, _, day = world(np.random.default_rng(5), 3, 200)
    short = look(learnt(days=4), score, day)
    assert short.value is not None and short.lower is None
    assert "4 held-out days" in sentence(short.reason)


def test_scores_that_are_not_finite_are_left_out() -> None:
    score, _, day = world(np.random.default_rng(6), 3, 200)
    score[:9] = np.nan
    found = look(learnt(), score, day)
    assert found.rows == 591 and found.value is not None and np.isfinite(found.value)
    assert found.reason.values["broken"] == 9


def losses(chance: np.random.Generator, days: int, *, luck: float = 0.0) -> tuple[Any, Any, Any]:
    day = np.repeat(np.arange(days), 150)
    forecast = np.exp(chance.normal(0, 0.5, len(day)))
    return forecast, forecast * chance.exponential(1.0, len(day)) * np.exp(chance.normal(0, luck, days) - luck**2 / 2)[day], day


@pytest.mark.parametrize("luck", [0.0, 0.3])
def test_forecast_losses_are_estimated_with_bounds_that_hold(luck: float) -> None:
    missed = 0
    for seed in range(100):
        chance = np.random.default_rng(seed)
        forecast, loss, day = losses(chance, 20, luck=luck)
        estimation = learn_losses({"absolute_error": loss}, {"absolute_error": forecast}, day, by_day=True)
        forecast, loss, day = losses(chance, 3, luck=luck)
        rows = Unlabelled(score=np.zeros(len(day)), day=day, forecasts={"absolute_error": forecast})
        found = estimated(estimation, rows, "mae", "regression", 0.5, WINDOW)
        assert found.method == "dle" and found.lower is not None and found.upper is not None
        missed += not found.lower <= loss.mean() <= found.upper
    assert missed / 100 < 0.2


def test_of_a_regression_only_mean_losses_can_be_estimated() -> None:
    forecast, loss, day = losses(np.random.default_rng(0), 20)
    estimation = learn_losses({"squared_error": loss}, {"squared_error": forecast}, day, by_day=True)
    rows = Unlabelled(score=np.zeros(len(day)), day=day, forecasts={"squared_error": forecast})
    mse, rmse = (estimated(estimation, rows, name, "regression", 0.5, WINDOW) for name in ("mse", "rmse"))
    assert mse.value is not None and rmse.value == pytest.approx(mse.value**0.5)
    r2 = estimated(estimation, rows, "r2", "regression", 0.5, WINDOW)
    assert r2.value is None and "mae, mse and rmse can" in sentence(r2.reason)
    unlogged = estimated(estimation, replace(rows, forecasts={}), "mse", "regression", 0.5, WINDOW)
    assert unlogged.reason.code == "estimated.no_value"


def test_an_estimation_survives_its_file() -> None:
    for estimation in (learnt(), learnt(days=3)):
        assert estimation_from_json(estimation_to_json(estimation)) == estimation
    with pytest.raises(UnsupportedError, match="format 2"):
        estimation_from_json(estimation_to_json(replace(learnt(), format=2)))
    with pytest.raises(DataError, match="not a Estimation"):
        estimation_from_json(b"[]")


def test_a_model_of_many_classes_keeps_a_small_file() -> None:
    chance = np.random.default_rng(7)
    score = chance.dirichlet(np.full(100, 0.1), 3000)
    truth = chance.integers(0, 100, 3000)
    learned = learn_classes("multiclass", truth, score, 0.5, np.arange(3000) // 300, by_day=True)
    assert len(estimation_to_json(learned)) < 1_000_000


def newest(value: float | None, lower: float | None, upper: float | None, metric: str = "brier") -> Estimated:
    reason = because("estimated.value")
    told = Estimated(metric=metric, method="cbpe", window=WINDOW, rows=500, value=value, lower=lower, upper=upper, reason=reason)
    return replace(told, alarm_bound=upper if metric == "roc_auc" else lower, alarm_level=0.05)


def real(value: float | None) -> Performance:
    return Performance(
        metric="brier",
        version=1,
        window=WINDOW,
        matured=900,
        labelled=800,
        blocks=14,
        value=value,
        lower=None,
        upper=None,
        reason=because("performance.realised"),
    )


@pytest.mark.parametrize(
    ("value", "lower", "upper", "verdict"),
    [
        (0.15, 0.14, 0.16, Verdict.PASS),
        (0.19, 0.17, 0.21, Verdict.UNDECIDED),
        (0.20, 0.19, 0.21, Verdict.FAIL),
        (0.30, None, None, Verdict.UNDECIDED),
    ],
)
def test_an_estimate_is_below_the_floor_when_its_better_bound_is(
    value: float, lower: float | None, upper: float | None, verdict: Verdict
) -> None:
    found, reason = estimated_below_floor(newest(value, lower, upper), 0.16, 0.02, past=None, realised=None, covered=False)
    assert found is verdict
    if lower is not None:
        assert "floor 0.1800" in sentence(reason)


def test_an_auc_is_below_its_floor_when_its_upper_bound_is() -> None:
    for value, verdict in ((0.6, Verdict.FAIL), (0.8, Verdict.PASS)):
        told = newest(value, value - 0.02, value + 0.02, "roc_auc")
        assert estimated_below_floor(told, 0.7, 0.02, past=None, realised=None, covered=False)[0] is verdict


def test_an_estimate_that_was_certainly_too_gloomy_where_labels_are_known_is_not_believed() -> None:
    gloomy, right = newest(0.20, 0.19, 0.21), newest(0.16, 0.15, 0.17)
    found, reason = estimated_below_floor(newest(0.2, 0.19, 0.21), 0.16, 0.02, past=gloomy, realised=real(0.15), covered=False)
    assert found is Verdict.UNDECIDED
    assert "contradict the estimate" in sentence(reason)
    assert estimated_below_floor(newest(0.2, 0.19, 0.21), 0.16, 0.02, past=right, realised=real(0.16), covered=False)[0] is Verdict.FAIL
    assert estimated_below_floor(newest(0.2, 0.19, 0.21), 0.16, 0.02, past=right, realised=real(None), covered=False)[0] is Verdict.FAIL


def test_a_realised_value_within_the_floor_on_the_same_rows_settles_it() -> None:
    below = newest(0.2, 0.19, 0.21)
    assert estimated_below_floor(below, 0.16, 0.02, past=None, realised=real(0.17), covered=True)[0] is Verdict.UNDECIDED
    assert estimated_below_floor(below, 0.16, 0.02, past=None, realised=real(0.19), covered=True)[0] is Verdict.FAIL
