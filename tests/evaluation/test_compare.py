"""A comparison is paired, blocked and symmetric."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import DataError, SpecError
from flyball.evaluation.compare import compare, day_gains
from flyball.stats.losses import Codes, Floats


def scored(seed: int, rows: int = 2000) -> tuple[Codes, Floats, Floats, Codes]:
    chance = np.random.default_rng(seed)
    actual = chance.integers(0, 2, rows)
    good = np.clip(0.5 + 0.3 * (actual - 0.5) + chance.normal(0, 0.1, rows), 0, 1)
    bad = np.clip(good + chance.normal(0, 0.2, rows), 0, 1)
    return actual, good, bad, np.arange(rows) // 50


@pytest.mark.parametrize("metric", ["roc_auc", "brier", "log_loss", "accuracy", "f1"])
def test_the_better_candidate_has_a_positive_gain_whatever_the_direction(metric: str) -> None:
    actual, good, bad, day = scored(0)
    found = compare(metric, actual, good, bad, (0, 1), 0.5, day)
    assert found is not None
    assert 0 < found.lower < found.gain < found.upper
    assert (found.rows, found.blocks) == (2000, 40)


@given(st.integers(0, 10**6), st.sampled_from(["roc_auc", "brier", "accuracy", "f1", "average_precision"]))
@settings(max_examples=30, deadline=None)
def test_swapping_candidate_and_champion_changes_the_sign_and_nothing_else(seed: int, metric: str) -> None:
    actual, good, bad, day = scored(seed, 300)
    forth, back = compare(metric, actual, good, bad, (0, 1), 0.5, day, 1), compare(metric, actual, bad, good, (0, 1), 0.5, day, 1)
    assert forth is not None and back is not None
    assert (back.gain, back.lower, back.upper) == pytest.approx((-forth.gain, -forth.upper, -forth.lower), abs=1e-12)


def test_a_candidate_equal_to_the_champion_gains_exactly_nothing() -> None:
    actual, good, _, day = scored(1)
    for metric in ("roc_auc", "brier", "f1"):
        found = compare(metric, actual, good, good, (0, 1), 0.5, day)
        assert found is not None
        assert (found.gain, found.lower, found.upper) == (0, 0, 0)


def test_rows_of_one_day_are_one_piece_of_evidence() -> None:
    """Days that favour one or the other as a whole: by row the gain looks certain, by day it does not."""
    chance = np.random.default_rng(0)
    day = np.repeat(np.arange(12), 200)
    actual = chance.integers(0, 2, 2400)
    champion = np.full(2400, 0.5)
    shift = chance.normal(0.02, 0.15, 12)[day]
    candidate = np.clip(0.5 + shift * (2 * actual - 1), 0, 1)
    by_day, by_row = (compare("brier", actual, candidate, champion, (0, 1), 0.5, blocks) for blocks in (day, None))
    assert by_day is not None and by_row is not None
    assert by_day.gain == pytest.approx(by_row.gain)
    assert by_day.upper - by_day.lower > 5 * (by_row.upper - by_row.lower)


@pytest.mark.parametrize(("blocks", "rows"), [(12, 1200), (150, 900)], ids=["days", "units"])
@pytest.mark.parametrize("metric", ["brier", "roc_auc"])
def test_equal_candidates_look_certainly_better_in_one_run_of_twenty_at_the_most(metric: str, blocks: int, rows: int) -> None:
    """Each block has a rate of its own, which by chance suits one or the other; blocks are of very different sizes."""
    better, runs = {"block": 0, "row": 0}, 200 if metric == "brier" else 30  # redrawing whole blocks takes its time
    for seed in range(runs):
        chance = np.random.default_rng(seed)
        block = np.sort(chance.choice(blocks, rows, p=chance.dirichlet(np.full(blocks, 5.0))))
        rate = np.clip(0.5 + chance.normal(0, 0.2, blocks), 0.05, 0.95)[block]
        actual = (chance.random(rows) < rate).astype(np.int64)
        leaning = chance.normal(0, 0.15, blocks)[block]
        candidate, champion = (np.clip(0.5 + sign * leaning + chance.normal(0, 0.05, rows), 0, 1) for sign in (1, -1))
        for name, given_blocks in (("block", block), ("row", None)):
            found = compare(metric, actual, candidate, champion, (0, 1), 0.5, given_blocks, seed)
            better[name] += found is not None and found.lower > 0
    assert better["block"] <= 0.05 * runs + 3 * (0.05 * 0.95 * runs) ** 0.5
    assert better["row"] > better["block"], "rows of one block are not independent"


def test_no_comparison_is_made_without_rows_blocks_or_both_classes() -> None:
    actual, good, bad, day = scored(2)
    assert compare("roc_auc", np.ones(2000, dtype=int), good, bad, (0, 1), 0.5, day) is None
    assert compare("brier", actual, good, bad, (0, 1), 0.5, np.zeros(2000)) is None
    assert compare("brier", actual[:0], good[:0], bad[:0], (0, 1), 0.5, day[:0]) is None


def test_multiclass_and_regression_compare_too() -> None:
    chance = np.random.default_rng(3)
    score = chance.dirichlet(np.ones(3), 900)
    kinds = np.array([chance.choice(3, p=row) for row in score])
    found = compare("roc_auc", kinds, score, np.full((900, 3), 1 / 3), (0, 1, 2), 0.5, np.arange(900) // 30)
    assert found is not None and found.lower > 0
    values = chance.normal(size=900)
    fitted = compare("squared_error", values, 0.5 * values, 0 * values, (), 0.5, np.arange(900) // 30)
    assert fitted is not None and fitted.lower > 0


def test_scores_that_do_not_fit_each_other_are_refused() -> None:
    actual, good, bad, day = scored(4)
    with pytest.raises(DataError, match="shape"):
        compare("brier", actual, good, bad[:10], (0, 1), 0.5, day)
    with pytest.raises(DataError, match="not finite"):
        compare("brier", actual, good, bad * np.nan, (0, 1), 0.5, day)


def test_the_gain_of_each_day_is_that_of_its_rows_alone() -> None:
    actual, good, bad, day = scored(5)
    names, rows, gains = day_gains("brier", actual, good, bad, (0, 1), 0.5, 15_700 + day)
    assert names.tolist() == list(range(15_700, 15_740))
    assert rows.tolist() == [50] * 40
    found = compare("brier", actual, good, bad, (0, 1), 0.5, day)
    assert found is not None and float(gains.mean()) == pytest.approx(found.gain)


def test_days_have_no_gain_by_a_metric_that_is_no_mean_over_rows() -> None:
    actual, good, bad, day = scored(6)
    with pytest.raises(SpecError, match="not a mean over rows"):
        day_gains("roc_auc", actual, good, bad, (0, 1), 0.5, day)
    assert [len(part) for part in day_gains("brier", actual[:0], good[:0], bad[:0], (0, 1), 0.5, day[:0])] == [0, 0, 0]
