"""A live comparison joins the same requests, counts days as evidence, and stays right however often it is looked at."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import DataError, SpecError
from flyball.evaluation.compare import day_gains
from flyball.journal.events import DayGain
from flyball.monitoring.experiment import paired
from flyball.monitoring.records import PairedEvidence
from flyball.serving.records import LoggedRows

DAY = 86_400_000_000


def logged(score: Any, actual: Any, day: Any, names: Any = None) -> LoggedRows:
    rows = len(actual)
    outcome = np.empty(rows, dtype=object)
    outcome[:] = list(actual)
    nobody = np.full(rows, None, dtype=object)
    return LoggedRows(
        prediction_id=np.array([f"{row:032x}" for row in (range(rows) if names is None else names)], dtype=object),
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


def two_versions(seed: int, days: int = 20, noise: float = 0.1, rows: int = 50) -> tuple[LoggedRows, LoggedRows]:
    """The second version answers as the first, but for noise that makes it worse."""
    chance = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    score = chance.beta(2, 5, days * rows)
    actual = (chance.random(days * rows) < score).astype(int).tolist()
    worse = np.clip(score + chance.normal(0, noise, days * rows), 0, 1)
    return logged(score, actual, day), logged(worse, actual, day)


def look(first: LoggedRows, second: LoggedRows, metric: str = "brier", **changes: Any) -> PairedEvidence:
    arguments: dict[str, Any] = {
        "task": "binary",
        "classes": (0, 1),
        "threshold": 0.5,
        "versions": (4, 3),
        "alpha": 0.05,
        "no_outcome": "exclude",
    }
    return paired(first, second, metric, **{**arguments, **changes})


def shuffled(rows: LoggedRows, order: Any) -> LoggedRows:
    columns: dict[str, Any] = {field.name: getattr(rows, field.name) for field in dataclasses.fields(rows)}
    moved: dict[str, Any] = {name: None if column is None else column[order] for name, column in columns.items()}
    return LoggedRows(**moved)


def test_the_better_version_is_found_and_named() -> None:
    found = look(*two_versions(0, noise=0.3))
    assert (found.version, found.against, found.metric, found.rows, found.blocks) == (4, 3, "brier", 1000, 20)
    assert found.lower is not None and found.upper is not None
    assert 0 < found.lower < found.gain < found.upper


@given(st.integers(0, 10**6), st.sampled_from(["brier", "log_loss", "accuracy"]))
@settings(max_examples=25, deadline=None)
def test_swapping_the_versions_flips_the_sign_of_everything(seed: int, metric: str) -> None:
    first, second = two_versions(seed, days=8, rows=20)
    forth, back = look(first, second, metric), look(second, first, metric)
    assert back.gain == pytest.approx(-forth.gain, abs=1e-12)
    if forth.lower is not None and forth.upper is not None:
        assert back.upper == pytest.approx(-forth.lower)
        assert back.lower == pytest.approx(-forth.upper)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    first, second = two_versions(seed, days=8, rows=20)
    chance = np.random.default_rng(seed)
    one, two = look(first, second), look(shuffled(first, chance.permutation(160)), shuffled(second, chance.permutation(160)))
    assert (two.gain, two.lower, two.upper) == pytest.approx((one.gain, one.lower, one.upper))


def test_only_requests_both_scored_and_whose_outcome_is_known_count() -> None:
    actual = [0, 1, None, 1, "diverted", 0]
    first = logged([0.1, 0.9, 0.5, 0.8, 0.3, float("nan")], actual, [0] * 6, names=range(6))
    second = logged([0.2, 0.9, 0.5, 0.8], [0, 1, None, 1], [0] * 4, names=[0, 1, 2, 9])
    found = look(first, second)
    assert (found.rows, found.blocks) == (2, 1)
    assert found.gain == pytest.approx((0.2**2 - 0.1**2) / 2)


def test_nothing_in_common_is_no_evidence() -> None:
    first, second = logged([0.1], [0], [0], names=[1]), logged([0.1], [0], [0], names=[2])
    assert look(first, second) == PairedEvidence(
        version=4, against=3, metric="brier", gain=0.0, lower=None, upper=None, alpha=0.05, rows=0, blocks=0, missed=1
    )


def test_six_days_give_a_gain_and_no_bounds() -> None:
    found = look(*two_versions(1, days=6))
    assert (found.blocks, found.lower, found.upper) == (6, None, None)
    assert found.gain != 0


def test_two_equal_versions_never_differ() -> None:
    first, _ = two_versions(2)
    found = look(first, first)
    assert (found.gain, found.lower, found.upper) in ((0.0, None, None), (0.0, 0.0, 0.0))


def test_a_missing_outcome_counts_as_negative_where_the_spec_says_so() -> None:
    first, second = logged([0.1, 0.9], [None, 1], [0, 0]), logged([0.3, 0.9], [None, 1], [0, 0])
    assert look(first, second, no_outcome="negative").rows == 2
    assert look(first, second, no_outcome="unknown").rows == 1


def test_a_metric_that_is_no_loss_per_row_is_refused() -> None:
    with pytest.raises(SpecError, match="not a mean over rows"):
        look(*two_versions(3), metric="roc_auc")


def test_contradicting_outcomes_of_one_prediction_are_refused() -> None:
    with pytest.raises(DataError, match="different outcomes"):
        look(logged([0.1], [0], [0]), logged([0.1], [1], [0]))


def test_regression_and_multiclass_are_compared_too() -> None:
    chance = np.random.default_rng(4)
    values, day = chance.normal(size=600), np.repeat(np.arange(12), 50)
    better = look(
        logged(0.5 * values, values.tolist(), day), logged(0 * values, values.tolist(), day), "mse", task="regression", classes=()
    )
    assert better.lower is not None and better.lower > 0
    score = chance.dirichlet(np.ones(3), 600)
    kinds = [int(chance.choice(3, p=row)) for row in score]
    flat = np.full((600, 3), 1 / 3)
    best = look(logged(score, kinds, day), logged(flat, kinds, day), task="multiclass", classes=(0, 1, 2))
    assert best.lower is not None and best.lower > 0


def test_two_equally_good_versions_looked_at_every_day_are_rarely_told_apart() -> None:
    """100 rollouts of 30 days between versions, each with bad days of its own: at most 5 % end in favour of the challenger."""
    chance, promoted = np.random.default_rng(5), 0
    for _ in range(100):
        day = np.repeat(np.arange(30), 20)
        truth = chance.normal(size=600)
        mine, other = chance.normal(0, 0.5, (2, 30))
        first, second = (logged(truth + luck[day], truth.tolist(), day) for luck in (mine, other))
        for seen in range(5, 31):
            kept = slice(0, 20 * seen)
            found = look(shuffled(first, kept), shuffled(second, kept), "squared_error", task="regression", classes=())
            if found.lower is not None and found.lower > 0:
                promoted += 1
                break
    assert promoted / 100 <= 0.05


def test_every_day_counts_the_same_however_many_rows_it_has() -> None:
    day = np.repeat(np.arange(8), [1000, 10, 10, 10, 10, 10, 10, 10])
    actual = [0] * len(day)
    better = np.where(day == 0, 0.3, 0.5)
    found = look(logged(better, actual, day), logged(np.full(len(day), 0.4), actual, day))
    assert found.gain == pytest.approx((0.07 - 7 * 0.09) / 8)


def test_held_out_days_give_a_head_start_and_count_once() -> None:
    first, second = two_versions(0, days=20, noise=0.3)
    early, late = slice(0, 600), slice(500, 1000)
    days, rows, gains = day_gains("brier", first.actual[early], first.score[early], second.score[early], (0, 1), 0.5, first.day[early])
    head = [DayGain(day=int(day), rows=int(count), gain=float(gain)) for day, count, gain in zip(days, rows, gains, strict=True)]
    whole = look(first, second)
    found = look(shuffled(first, late), shuffled(second, late), head_start=head)
    assert (found.rows, found.blocks, found.live_blocks) == (1000, 20, 10)
    assert (found.gain, found.lower, found.upper) == pytest.approx((whole.gain, whole.lower, whole.upper))
    assert (whole.blocks, whole.live_blocks) == (20, 20)


def test_a_head_start_alone_is_a_comparison_without_live_days() -> None:
    first, second = two_versions(0)
    head = [DayGain(day=day, rows=50, gain=0.01 + 0.001 * (day % 3)) for day in range(14)]
    found = look(shuffled(first, slice(0, 0)), shuffled(second, slice(0, 0)), head_start=head)
    assert (found.rows, found.blocks, found.live_blocks) == (700, 14, 0)
    assert found.lower is not None and found.lower > 0


def test_a_score_that_is_no_number_was_missed_by_the_challenger() -> None:
    first, second = two_versions(6, days=10, rows=100)
    score = first.score.copy()
    score[np.random.default_rng(0).random(1000) < 0.3] = np.nan
    broken = int(np.isnan(score).sum())
    found = look(dataclasses.replace(first, score=score), second)
    assert (found.missed, found.rows) == (broken, 1000 - broken)
    assert look(second, dataclasses.replace(first, score=score)).missed == 0, "what the champion could not score is nothing to be missed"
