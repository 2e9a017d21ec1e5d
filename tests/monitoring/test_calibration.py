"""The calibration curve shows whether scores are probabilities, by how much not, and what chance alone would make of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flyball.monitoring.calibration import calibration_curve
from flyball.monitoring.performance import Judged


def judged(score: Any, truth: Any, day: Any, kind: Any = "days") -> Judged:
    rows = len(truth)
    block = np.asarray(day) if kind != "rows" else np.arange(rows)
    return Judged(
        rows=np.arange(rows), truth=truth, score=score, day=np.asarray(day), labelled=rows, strange=0, broken=0, block=block, kind=kind
    )


def people(seed: int, rows: int = 4000, boldness: float = 1.0) -> Judged:
    chance = np.random.default_rng(seed)
    odds = chance.normal(0, 1.3, rows)
    truth = (chance.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return judged(1 / (1 + np.exp(-boldness * odds)), truth, np.arange(rows) % 14)


def test_ten_bins_of_equally_many_rows_with_rising_scores() -> None:
    kept = people(0)
    found = calibration_curve(kept)
    assert found is not None
    assert [one.rows for one in found.bins] == [400] * 10
    scores = [one.score for one in found.bins]
    assert scores == sorted(scores)
    first = np.sort(kept.score)[:400]
    assert found.bins[0].score == pytest.approx(first.mean())
    assert found.bins[0].actual == pytest.approx(kept.truth[kept.score <= first[-1]].mean())


def test_the_error_is_the_weighted_distance_of_score_and_share_by_hand() -> None:
    score = np.repeat([0.2, 0.7], [60, 140])
    truth = np.concatenate((np.repeat([1, 0], [18, 42]), np.repeat([1, 0], [70, 70])))
    found = calibration_curve(judged(score, truth, np.arange(200) % 10))
    assert found is not None
    assert [(one.actual, one.rows) for one in found.bins] == [(0.3, 60), (0.5, 140)]
    assert [one.score for one in found.bins] == pytest.approx([0.2, 0.7])
    assert found.error == pytest.approx(0.3 * 0.1 + 0.7 * 0.2)


def test_exact_probabilities_have_an_error_as_large_as_chance_makes_it() -> None:
    found = [calibration_curve(people(seed)) for seed in range(40)]
    errors, chance = np.mean([one.error for one in found if one]), np.mean([one.chance for one in found if one])
    assert errors == pytest.approx(chance, rel=0.1)
    bold = calibration_curve(people(0, boldness=2.0))
    assert bold is not None and bold.error > 4 * bold.chance


def test_the_bounds_of_bins_hold_the_share_as_often_as_they_say() -> None:
    outside, bins = 0, 0
    for seed in range(60):
        found = calibration_curve(people(seed))
        assert found is not None
        outside += sum(not one.lower <= one.score <= one.upper for one in found.bins)
        bins += len(found.bins)
    assert outside / bins < 0.12


def test_days_with_luck_of_their_own_have_wider_bounds_than_rows() -> None:
    chance = np.random.default_rng(1)
    day = np.repeat(np.arange(14), 300)
    score = chance.random(len(day))
    truth = (chance.random(len(day)) < np.clip(score + chance.normal(0, 0.3, 14)[day], 0, 1)).astype(np.int64)
    by_day = calibration_curve(judged(score, truth, day))
    by_row = calibration_curve(judged(score, truth, day, "rows"))
    assert by_day is not None and by_row is not None
    assert sum(one.upper - one.lower for one in by_day.bins) > 1.5 * sum(one.upper - one.lower for one in by_row.bins)


def test_of_several_classes_the_answered_one_is_looked_at() -> None:
    chance = np.random.default_rng(2)
    score = chance.dirichlet((1.0, 1.0, 1.0), 3000)
    truth = (chance.random(3000)[:, None] > score.cumsum(axis=1)).sum(axis=1)
    found = calibration_curve(judged(score, truth, np.arange(3000) % 10))
    assert found is not None
    assert min(one.score for one in found.bins) >= 1 / 3
    assert found.error < 3 * found.chance


def test_few_rows_have_no_curve_and_equal_scores_one_bin() -> None:
    kept = people(3, 99)
    assert calibration_curve(kept) is None
    same = calibration_curve(replace(people(3, 500), score=np.full(500, 0.5)))
    assert same is not None and [one.rows for one in same.bins] == [500]
    certain = calibration_curve(judged(np.ones(200), np.ones(200, dtype=np.int64), np.arange(200) % 7))
    assert certain is not None and certain.error == 0.0 and certain.bins[0].lower < 1.0
