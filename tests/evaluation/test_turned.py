"""Labels that turned round are seen: on rows that nobody learned from, and on what the champion says of new rows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check
from flyball.evaluation.turned import inverted, still_knows
from flyball.words.sentences import sentence

ROWS, DAYS = 300, 30
Floats = NDArray[np.float64]


def world(seed: int = 0, rows: int = ROWS) -> tuple[NDArray[np.int64], Floats]:
    """Labels, and the probability that each was drawn with."""
    chance = np.random.default_rng(seed)
    truth = 1 / (1 + np.exp(-chance.normal(-1.0, 1.5, rows)))
    return (chance.random(rows) < truth).astype(np.int64), truth


def known(candidate: Floats, champion: Floats, actual: NDArray[np.int64], **more: object) -> Check:
    return still_knows(
        actual,
        candidate,
        champion,
        task="binary",
        classes=(0, 1),
        blocks=np.arange(len(actual)) % DAYS,
        **more,  # type: ignore[arg-type]  # keywords of the function
    )


def test_a_candidate_that_learned_from_inverted_labels_has_lost_what_the_champion_knows() -> None:
    actual, truth = world()
    found = known(1 - truth, truth, actual)
    assert found.verdict is Verdict.FAIL
    assert "Are the new labels right?" in sentence(found.reason)


def test_a_candidate_that_learned_from_as_many_inverted_as_honest_labels_has_lost_it_too() -> None:
    actual, truth = world()
    found = known(np.random.default_rng(1).random(ROWS), truth, actual)
    assert found.verdict is Verdict.FAIL


def test_other_rates_or_levels_are_no_loss_and_neither_is_a_somewhat_worse_ranking() -> None:
    actual, truth = world()
    assert known(truth / 3, truth, actual).verdict is Verdict.PASS
    noisy = truth + np.random.default_rng(2).normal(0, 0.2, ROWS)
    assert known(noisy, truth, actual).verdict is Verdict.PASS


def test_a_row_that_stands_for_many_counts_as_many() -> None:
    actual, truth = world()
    heavy = np.arange(ROWS) % 10 == 0
    candidate = np.where(heavy, 1 - truth, truth)  # wrong only of the tenth that stands for nearly everybody
    assert known(candidate, truth, actual).verdict is Verdict.PASS
    assert known(candidate, truth, actual, weight=np.where(heavy, 100.0, 1.0)).verdict is Verdict.FAIL
    assert known(candidate, truth, actual, weight=np.ones(ROWS)) == known(candidate, truth, actual)


def test_equal_candidates_hardly_ever_fail() -> None:
    failed = 0
    for seed in range(100):
        actual, truth = world(seed, 60)
        other = truth + np.random.default_rng(seed + 1000).normal(0, 0.05, 60)
        failed += known(other, truth, actual).verdict is Verdict.FAIL
    assert failed == 0


def test_too_few_rows_or_one_kind_of_label_say_nothing() -> None:
    actual, truth = world(rows=29)
    assert known(1 - truth, truth, actual).verdict is Verdict.NOT_APPLICABLE
    actual, truth = world()
    assert known(1 - truth, truth, np.zeros_like(actual)).verdict is Verdict.NOT_APPLICABLE
    nothing = known(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    assert nothing.verdict is Verdict.NOT_APPLICABLE


def test_a_regression_and_several_classes_are_ranked_likewise() -> None:
    chance = np.random.default_rng(0)
    value = chance.normal(size=ROWS)
    actual = value + chance.normal(size=ROWS)
    blocks = np.arange(ROWS) % DAYS
    for candidate, verdict in ((value * 2 + 5, Verdict.PASS), (-value, Verdict.FAIL)):
        assert still_knows(actual, candidate, value, task="regression", classes=(), blocks=blocks).verdict is verdict
    classes = ("a", "b", "c")
    truth = chance.integers(0, 3, ROWS)
    score = np.full((ROWS, 3), 0.2)
    score[np.arange(ROWS), truth] = 0.6
    names = np.array(classes, dtype=object)[truth]
    for candidate, verdict in ((score, Verdict.PASS), (0.4 - score / 2, Verdict.FAIL)):
        assert still_knows(names, candidate, score, task="multiclass", classes=classes, blocks=blocks).verdict is verdict


def found_in(actual: NDArray[np.int64], champion: Floats) -> tuple[int, int, float, int] | None:
    return inverted(actual, champion, np.arange(len(actual), dtype=np.int64), task="binary", classes=(0, 1))


def test_a_stretch_of_inverted_labels_is_found_in_time() -> None:
    actual, truth = world(rows=3_000)
    flipped = actual.copy()
    flipped[1_200:1_800] ^= 1
    found = found_in(flipped, truth)
    assert found is not None
    first, last, area, rows = found
    assert 1_200 <= first < last < 1_800 and area < 0.3 and rows == 300
    assert found_in(flipped[1_200:1_330], truth[1_200:1_330]) is not None


def test_a_world_that_became_unpredictable_is_not_taken_for_inverted_labels() -> None:
    alarms = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        alarms += found_in((chance.random(2_000) < 0.3).astype(np.int64), chance.random(2_000)) is not None
    assert alarms <= 1  # at .001 each


@pytest.mark.parametrize("rows", [0, 1, 20])
def test_few_rows_are_never_inverted(rows: int) -> None:
    actual, truth = world(rows=rows)
    assert found_in(1 - actual, truth) is None
