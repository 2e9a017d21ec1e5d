"""What two versions say of the same requests, compared."""

import numpy as np
import pytest
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.table import Table
from flyball.evaluation.replay import ask, replay_reasons
from flyball.words.sentences import sentence
from replays import ROWS, compared, requests, said


def test_labels_are_compared_each_by_its_own_threshold() -> None:
    scores = np.linspace(0.0, 1.0, ROWS, endpoint=False)
    found = compared(said(scores), said(scores, version=2, threshold=0.6))
    assert found.disagreement is not None
    assert found.disagreement.share == pytest.approx(0.1, abs=0.002)
    assert found.disagreement.lower < 0.1 < found.disagreement.upper
    assert found.confusion is not None
    assert found.confusion.counts == ((500, 0), (100, 400))
    assert found.identical  # the scores are


def test_equal_scores_are_said_to_be_equal() -> None:
    scores = np.linspace(0.0, 1.0, ROWS)
    found = compared(said(scores), said(scores, version=2))
    assert found.identical
    assert found.disagreement is not None and found.disagreement.differing == 0
    assert found.where == ()
    assert any("nothing can be gained" in sentence(reason) for reason in replay_reasons(found))
    assert not compared(said(scores), said(np.nextafter(scores, 1.0), version=2)).identical


def test_where_they_disagree_is_found_among_columns_that_have_nothing_to_do_with_it() -> None:
    chance = np.random.default_rng(0)
    plan = np.array(["monthly", "yearly"], dtype=object)[chance.integers(0, 2, ROWS)]
    age = chance.uniform(18, 80, ROWS)
    noise = {f"n{number}": chance.normal(size=ROWS) for number in range(30)}
    old = np.full(ROWS, 0.4)
    new = np.where((age > 60) & (chance.random(ROWS) < 0.6), 0.6, 0.4)
    found = compared(said(old), said(new, version=2), requests(plan=plan, age=age, **noise))
    assert [place.column for place in found.where] == ["age"]
    place = found.where[0]
    assert place.share > 0.5 and place.excess > 0.3
    assert float(str(place.reason.values["low"])) == pytest.approx(60, abs=6)


def test_no_place_stands_out_where_they_disagree_at_random() -> None:
    stood_out = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        columns = {f"n{number}": chance.normal(size=400) for number in range(20)}
        new = np.where(chance.random(400) < 0.2, 0.6, 0.4)
        stood_out += bool(compared(said(np.full(400, 0.4)), said(new, version=2), requests(400, **columns)).where)
    assert stood_out <= 4  # 5 % of 40, and chance


def test_days_that_differ_widen_the_share_of_labels_that_differ() -> None:
    new = np.where(np.arange(ROWS) % 100 < 10, 0.6, 0.4)
    even = compared(said(np.full(ROWS, 0.4)), said(new, version=2), requests(days=10)).disagreement
    odd = compared(said(np.full(ROWS, 0.4)), said(np.where(np.arange(ROWS) < 100, 0.6, 0.4), version=2), requests(days=10)).disagreement
    assert even is not None and odd is not None
    assert even.share == odd.share == 0.1
    assert odd.upper - odd.lower > 4 * (even.upper - even.lower)


def test_scores_that_moved_are_told_by_mean_distance_and_quantiles() -> None:
    scores = np.linspace(0.0, 0.8, ROWS)
    found = compared(said(scores), said(scores + 0.1, version=2)).shift
    assert found is not None
    assert found.mean == pytest.approx(0.1)
    assert found.distance == pytest.approx(0.125, abs=0.002)
    assert found.quantiles["0.5"] == pytest.approx((0.4, 0.5))
    assert sum(found.champion) == sum(found.candidate) == ROWS


def test_a_regression_differs_where_its_answers_are_a_tenth_of_a_deviation_apart() -> None:
    values = np.random.default_rng(0).normal(10.0, 5.0, ROWS)
    new = values + np.where(np.arange(ROWS) < 250, 1.0, 0.01)
    found = compared(said(values, task="regression", classes=()), said(new, version=2, task="regression", classes=()))
    assert found.disagreement is not None
    assert found.disagreement.share == 0.25
    assert found.disagreement.tolerance == pytest.approx(0.1 * values.std())
    assert found.confusion is None


def test_of_many_classes_the_rare_ones_are_put_together_and_every_row_is_counted() -> None:
    classes = tuple(f"c{number:02}" for number in range(30))
    chance = np.random.default_rng(0)
    old, new = chance.dirichlet(np.ones(30), ROWS), chance.dirichlet(np.ones(30), ROWS)
    found = compared(said(old, task="multiclass", classes=classes), said(new, version=2, task="multiclass", classes=classes))
    assert found.confusion is not None and found.shift is not None
    assert len(found.confusion.labels) == 20 and found.confusion.labels[-1] == "others"
    assert sum(map(sum, found.confusion.counts)) == ROWS
    assert found.shift.of in classes


def test_rows_it_fails_on_are_found_one_by_one_and_named() -> None:
    def score(table: Table) -> NDArray[np.float64]:
        if (table["x"] == 7).any() or (table["x"] == 500).any():
            raise DataError("it cannot do 7")
        return table["x"] / ROWS

    asked = requests()
    answered = ask(score, asked.features, version=2, task="binary", classes=(0, 1), threshold=0.5)
    assert np.flatnonzero(answered.failed).tolist() == [7, 500]
    found = compared(said(np.arange(ROWS) / ROWS), answered, asked)
    assert found.errors.rows == 2 and found.errors.examples == ("p7", "p500") and found.errors.message == "it cannot do 7"
    assert found.compared == ROWS - 2


def test_a_version_that_fails_everywhere_is_not_asked_for_ever() -> None:
    calls = 0

    def score(table: Table) -> NDArray[np.float64]:
        nonlocal calls
        calls += 1
        raise DataError("no")

    answered = ask(score, requests().features, version=2, task="binary", classes=(0, 1), threshold=0.5, calls=50)
    assert answered.failed.all() and calls == 50
    found = compared(said(np.full(ROWS, 0.5)), answered)
    assert found.errors.rows == ROWS and found.compared == 0 and found.disagreement is None


def test_scores_that_are_no_numbers_count_where_the_champion_has_one() -> None:
    old, new = np.full(100, 0.5), np.full(100, 0.5)
    new[:4] = np.nan
    old[:1] = np.inf
    found = compared(said(old), said(new, version=2))
    assert found.not_finite.rows == 3 and found.not_finite.examples == ("p1", "p2", "p3")
    assert found.compared == 96


def test_the_gain_counts_only_rows_that_neither_learned_from_and_whose_outcome_is_known() -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 2, ROWS).astype(object)
    truth[:200] = None
    good, bad = np.where(truth == 1, 0.9, 0.1).astype(np.float64), chance.random(ROWS)
    found = compared(said(bad), said(good, version=2), requests(actual=truth, days=10), metrics=["brier"])
    assert found.outcomes == 800
    assert found.gains[0].lower > 0.2 and found.gains[0].rows == 800
    learned = compared(said(bad), said(good, version=2), requests(actual=truth, fresh=False), metrics=["brier"])
    assert learned.outcomes == 0 and learned.gains == ()


def test_nothing_to_compare_says_so_without_failing() -> None:
    found = compared(said(np.empty(0)), said(np.empty(0), version=2), requests(0, x=np.empty(0)))
    assert found.compared == 0 and found.disagreement is None and found.shift is None
    assert sentence(replay_reasons(found)[0]) == "0 of 0 logged requests were answered by both."


def test_outcomes_of_unknown_labels_are_no_evidence() -> None:
    actual = np.array(["maybe"] * 50 + [None] * 50, dtype=object)
    found = compared(said(np.full(100, 0.2)), said(np.full(100, 0.3), version=2), requests(100, actual=actual), metrics=["brier"])
    assert found.outcomes == 0 and found.gains == ()
