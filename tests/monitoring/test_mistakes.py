"""Which class was answered where another was true, and how far the values of a regression were off, by hand."""

from typing import Any

import numpy as np
import pytest

from flyball.monitoring.mistakes import MOST_CLASSES, confusion, residuals
from flyball.monitoring.performance import Judged


def judged(score: Any, truth: Any, blocks: int = 10) -> Judged:
    rows = len(truth)
    day = np.arange(rows) % blocks
    return Judged(
        rows=np.arange(rows), truth=np.asarray(truth), score=np.asarray(score), day=day, labelled=rows, strange=0, broken=0, block=day,
        kind="days",
    )  # fmt: skip


def test_a_binary_answer_is_the_second_class_from_the_threshold_on() -> None:
    found = confusion(judged([0.1, 0.3, 0.3, 0.29, 0.9], [0, 0, 1, 1, 1]), ("no", "yes"), 0.3)
    assert found is not None
    assert found.classes == ("no", "yes")
    assert found.counts == ((1, 1), (1, 2))
    assert found.threshold == 0.3


def test_of_several_classes_the_most_probable_one_is_answered() -> None:
    score = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    found = confusion(judged(score, [0, 1, 1]), ("a", "b", "c"), 0.5)
    assert found is not None
    assert found.counts == ((1, 0, 0), (0, 1, 1), (0, 0, 0))
    assert found.threshold is None


def test_of_very_many_classes_the_rare_ones_are_counted_together() -> None:
    classes = tuple(range(40))
    truth = np.repeat(np.arange(40), np.arange(1, 41))
    found = confusion(judged(np.eye(40)[truth], truth), classes, 0.5)
    assert found is not None
    assert len(found.classes) == len(found.counts) == MOST_CLASSES
    assert found.classes[0] == "39" and found.classes[-1] == "(all other values)"
    assert found.counts[0][0] == 40
    assert sum(map(sum, found.counts)) == len(truth)


def test_without_judged_rows_there_is_nothing_to_tell() -> None:
    nothing = judged(np.empty(0), np.empty(0))
    assert confusion(nothing, ("no", "yes"), 0.5) is None
    assert residuals(nothing) is None


def test_residuals_are_answer_minus_truth_with_bounds_by_day() -> None:
    chance = np.random.default_rng(1)
    truth = chance.normal(10, 4, 2000)
    found = residuals(judged(truth + 1.5 + chance.normal(0, 0.5, 2000), truth))
    assert found is not None
    assert found.mean == pytest.approx(1.5, abs=0.05)
    assert found.lower is not None and found.upper is not None
    assert found.lower < 1.5 < found.upper
    assert found.quantiles[2] == pytest.approx(1.5, abs=0.06)
    assert found.quantiles[4] - found.quantiles[2] == pytest.approx(0.5 * 1.645, abs=0.1)
    assert [one.rows for one in found.bins] == [200] * 10
    answers = [one.answer for one in found.bins]
    assert answers == sorted(answers)


def test_equal_answers_stand_in_one_bin() -> None:
    score = np.repeat([1.0, 2.0, 3.0], [50, 100, 150])
    found = residuals(judged(score, np.ones(300)))
    assert found is not None
    assert [(one.answer, one.error, one.rows) for one in found.bins] == [(1.0, 0.0, 50), (2.0, 1.0, 100), (3.0, 2.0, 150)]


def test_residuals_of_few_rows_are_not_told() -> None:
    assert residuals(judged(np.arange(99.0), np.arange(99.0))) is None
