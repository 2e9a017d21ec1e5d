"""Two versions that give the very same scores are told apart from two that do equally well."""

from typing import Any

import numpy as np

from flyball.monitoring.experiment import paired
from flyball.monitoring.records import PairedEvidence
from flyball.serving.records import LoggedRows


def rows(score: Any) -> LoggedRows:
    count = len(score)
    day = np.arange(count) % 10
    nothing = np.full(count, None, dtype=object)
    return LoggedRows(
        prediction_id=np.array([f"p{number}" for number in range(count)], dtype=object),
        at=day * 86_400_000_000,
        day=day,
        unit=nothing,
        entity=nothing,
        label=np.array([1] * count, dtype=object),
        score=np.asarray(score),
        actual=np.array([number % 2 for number in range(count)], dtype=object),
        outcome_at=day * 86_400_000_000,
        features=None,
    )


def compared(first: Any, second: Any) -> PairedEvidence:
    return paired(rows(first), rows(second), "brier", "binary", [0, 1], 0.5, (2, 1), 0.05, "exclude")


def test_the_same_scores_on_every_row_are_counted() -> None:
    score = np.random.default_rng(0).random(600)
    assert compared(score, score).identical == 600


def test_one_score_that_differs_makes_two_models() -> None:
    score = np.random.default_rng(0).random(600)
    other = score.copy()
    other[7] += 1e-9
    assert compared(other, score).identical == 0


def test_without_rows_nothing_is_known() -> None:
    assert compared(np.zeros(0), np.zeros(0)).identical == 0
