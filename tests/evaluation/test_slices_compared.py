"""Candidate against champion slice by slice, and the gate's lines that ask for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import DataError
from flyball.core.verdict import Verdict
from flyball.evaluation.gate import gate
from flyball.evaluation.records import Check, Comparison, Evaluation, SliceComparison
from flyball.evaluation.slices import compare_slices
from flyball.spec.records import GateCheck
from flyball.words.sentences import sentence

DAYS, PER_DAY = 20, 100
LINE = GateCheck(metric="brier", not_worse="champion", margin=0.01, slice="carrier")
EVALUATION = Evaluation(rows=DAYS * PER_DAY, blocks=DAYS, metrics={}, lower={}, upper={}, slices={})


def sliced(worse: str = "", *, seed: int = 0, by: float = 0.1, alpha: float = 0.05, carriers: str = "ABCDE") -> tuple[SliceComparison, ...]:
    """Two versions that are equally good but for one carrier; what makes a day hard is hard for both."""
    chance = np.random.default_rng(seed)
    rows = DAYS * PER_DAY
    days = np.repeat(np.arange(DAYS), PER_DAY)
    carrier = np.array(list(carriers), dtype=object)[np.arange(rows) % len(carriers)]
    actual = (chance.random(rows) < 0.3).astype(np.int64)
    wind = chance.normal(0, 0.05, DAYS)[days]  # of each day, and for each version its own
    champion = np.clip(0.3 + chance.normal(0, 0.02, rows), 0, 1)
    candidate = np.clip(0.3 + wind / 20 + chance.normal(0, 0.02, rows), 0, 1)
    candidate = np.where(carrier == worse, np.where(actual == 1, candidate - by, candidate + by), candidate)
    return compare_slices("brier", actual, candidate, champion, (0, 1), 0.5, days, {"carrier": carrier}, alpha=alpha)


def judged(found: tuple[SliceComparison, ...], line: GateCheck = LINE) -> Check:
    return gate([line], EVALUATION, {"brier": None}, sliced={line: found}).checks[0]


def test_a_slice_that_is_certainly_worse_fails_the_gate_and_is_named() -> None:
    found = judged(sliced("C"))
    assert found.verdict is Verdict.FAIL
    assert "certainly worse in 1 of 5 slices, worst in carrier=C" in sentence(found.reason)


def test_slices_that_are_all_as_good_pass() -> None:
    found = judged(sliced())
    assert found.verdict is Verdict.PASS
    assert "certainly worse in none of 5 slices" in sentence(found.reason)


def test_slices_that_are_not_certain_are_named_and_do_not_fail() -> None:
    found = judged(sliced(), GateCheck(metric="brier", not_worse="champion", margin=0.0, slices=True))
    assert found.verdict is Verdict.PASS
    assert "not certain in carrier=" in sentence(found.reason)


def test_one_of_many_equal_slices_hardly_ever_fails_by_chance() -> None:
    line = GateCheck(metric="brier", not_worse="champion", margin=0.0, slice="carrier")
    failed = sum(judged(sliced(seed=seed, carriers="ABCDEFGHIJ"), line).verdict is Verdict.FAIL for seed in range(100))
    assert failed <= 11  # 5 % of 100 and two and a half standard deviations


def test_bounds_of_many_slices_are_wider_than_of_one() -> None:
    many, one = sliced(carriers="ABCDEFGHIJ"), sliced(carriers="A")
    assert len(many) == 10 and len(one) == 1
    few = many[0].comparison
    alone = sliced(carriers="ABCDEFGHIJ", alpha=0.5)[0].comparison  # a tenth of that for each
    assert few.upper - few.lower > alone.upper - alone.lower


def test_a_line_without_a_slice_that_is_large_enough_is_undecided() -> None:
    assert judged(()).verdict is Verdict.UNDECIDED
    rows = np.arange(90)
    small = compare_slices("brier", rows % 2, rows / 90, rows / 90, (0, 1), 0.5, rows, {"x": np.zeros(90)})
    assert small == ()
    rows = np.arange(400)
    few_days = compare_slices("brier", rows % 2, rows / 400, rows / 400, (0, 1), 0.5, rows % 4, {"x": np.zeros(400)})
    assert few_days == ()


def test_without_a_champion_or_with_one_that_cannot_be_opened_slices_say_what_the_whole_says() -> None:
    assert gate([LINE], EVALUATION, None).checks[0].verdict is Verdict.NOT_APPLICABLE
    found = gate([LINE], EVALUATION, {"brier": None}, trouble="its bundle is gone").checks[0]
    assert found.verdict is Verdict.UNDECIDED and "its bundle is gone" in sentence(found.reason)


def test_better_in_slices_fails_where_one_is_certainly_not_better() -> None:
    line = GateCheck(metric="brier", better="champion", margin=0.05, slice="carrier")
    assert judged(sliced(), line).verdict is Verdict.FAIL
    assert judged(sliced("C", by=-0.2), line).verdict is Verdict.FAIL  # only one of them is


def one(name: str, lower: float, upper: float, rows: int = 1000, blocks: int = 20) -> SliceComparison:
    found = Comparison(metric="brier", gain=(lower + upper) / 2, lower=lower, upper=upper, rows=rows, blocks=blocks)
    return SliceComparison(slice=f"carrier={name}", comparison=found)


def test_better_in_slices_passes_only_where_every_slice_proves_it() -> None:
    line = GateCheck(metric="brier", better="champion", margin=0.0, slice="carrier")
    proven = judged((one("A", 0.01, 0.02), one("B", 0.001, 0.02)), line)
    assert proven.verdict is Verdict.PASS and "certainly better in each of 2 slices; lowest in carrier=B" in sentence(proven.reason)
    for doubt in (one("B", -0.01, 0.008), one("B", 0.0, 0.02)):
        found = judged((one("A", 0.01, 0.02), doubt), line)
        assert found.verdict is Verdict.UNDECIDED
        assert "not certainly better in 1 of 2 slices (carrier=B)" in sentence(found.reason)
    failed = judged((one("A", 0.01, 0.02), one("B", -0.01, 0.0)), line)
    assert failed.verdict is Verdict.FAIL and "certainly not better by +0 in 1 of 2 slices, worst in carrier=B" in sentence(failed.reason)


def test_better_in_a_slice_of_few_rows_or_blocks_is_not_proven() -> None:
    line = GateCheck(metric="brier", better="champion", margin=0.0, slice="carrier")
    for few in (one("B", 0.01, 0.02, rows=499), one("B", 0.01, 0.02, blocks=4)):
        found = judged((one("A", 0.01, 0.02), few), line)
        assert found.verdict is Verdict.UNDECIDED and "on 500 rows in 5 blocks" in sentence(found.reason)


@given(st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(0, 0.1), st.integers(100, 2000)), min_size=1, max_size=6), st.floats(0, 0.05))
def test_a_line_that_says_better_never_passes_without_a_proof(drawn: list[tuple[float, float, int]], margin: float) -> None:
    slices = tuple(one(str(number), lower, lower + wide, rows) for number, (lower, wide, rows) in enumerate(drawn))
    found = judged(slices, GateCheck(metric="brier", better="champion", margin=margin, slices=True))
    assert (found.verdict is Verdict.PASS) == all(lower > margin and rows >= 500 for lower, _, rows in drawn)


def test_columns_of_another_length_are_refused() -> None:
    rows = np.arange(200)
    with pytest.raises(DataError, match="200 rows but slices"):
        compare_slices("brier", rows % 2, rows / 200, rows / 200, (0, 1), 0.5, rows, {"x": np.zeros(10)})
