"""The gate passes what is proven, fails what is refuted, and is undecided about everything else."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import SpecError
from flyball.core.reason import Reason
from flyball.core.verdict import Verdict
from flyball.evaluation.gate import gate
from flyball.evaluation.records import Comparison, Decision, Evaluation
from flyball.spec.records import GateCheck
from flyball.words.evaluation import SENTENCES

HELD_OUT = Evaluation(rows=1000, blocks=20, metrics={"roc_auc": 0.72, "brier": 0.15}, lower={}, upper={}, slices={})
AT_LEAST = GateCheck(metric="roc_auc", at_least=0.6)
BETTER = GateCheck(metric="brier", better="champion", margin=0.001)
NOT_WORSE = GateCheck(metric="brier", not_worse="champion", margin=0.002)


def comparison(lower: float, upper: float, rows: int = 1000, blocks: int = 20) -> Comparison:
    return Comparison(metric="brier", gain=(lower + upper) / 2, lower=lower, upper=upper, rows=rows, blocks=blocks)


def sentence(reason: Reason) -> tuple[str, str]:
    english, chinese = SENTENCES[reason.code]
    return english.format(**reason.values), chinese.format(**reason.values)


def said(decision: Decision) -> list[str]:
    return [sentence(check.reason)[0] for check in decision.checks]


def test_a_bound_that_is_met_passes_and_says_what_was_found_and_needed() -> None:
    found = gate([AT_LEAST], HELD_OUT, None)
    assert found.verdict is Verdict.PASS
    assert said(found) == ["roc_auc is 0.7200, at least 0.6."]


def test_a_bound_that_is_not_met_fails() -> None:
    found = gate([GateCheck(metric="brier", at_most=0.1)], HELD_OUT, None)
    assert found.verdict is Verdict.FAIL
    assert said(found) == ["brier is 0.1500, needed at most 0.1."]


def test_a_bound_on_a_value_that_could_not_be_computed_is_undecided() -> None:
    found = gate([GateCheck(metric="recall", at_least=0.1)], HELD_OUT, None)
    assert found.verdict is Verdict.UNDECIDED
    assert "could not be computed on the 1000 held-out rows" in said(found)[0]


def test_a_gate_without_checks_is_undecided_and_says_so() -> None:
    found = gate([], HELD_OUT, None)
    assert found.verdict is Verdict.UNDECIDED
    assert [check.reason.code for check in found.checks] == ["gate.empty"]


def test_without_a_champion_comparisons_are_not_applicable_and_a_bound_decides() -> None:
    found = gate([AT_LEAST, NOT_WORSE], HELD_OUT, None)
    assert found.verdict is Verdict.PASS
    assert [check.verdict for check in found.checks] == [Verdict.PASS, Verdict.NOT_APPLICABLE]


def test_a_first_version_that_only_comparisons_would_judge_is_undecided() -> None:
    found = gate([BETTER, NOT_WORSE], HELD_OUT, None)
    assert found.verdict is Verdict.UNDECIDED
    assert found.checks[-1].reason.code == "gate.first_without_bound"


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [(0.0011, 0.01, Verdict.PASS), (0.001, 0.01, Verdict.UNDECIDED), (-0.01, 0.0011, Verdict.UNDECIDED), (-0.01, 0.001, Verdict.FAIL)],
)
def test_better_needs_a_lower_bound_above_the_margin(lower: float, upper: float, verdict: Verdict) -> None:
    assert gate([BETTER], HELD_OUT, {"brier": comparison(lower, upper)}).verdict is verdict


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [(-0.0019, 0.01, Verdict.PASS), (-0.002, 0.01, Verdict.UNDECIDED), (-0.01, -0.002, Verdict.UNDECIDED), (-0.01, -0.0021, Verdict.FAIL)],
)
def test_not_worse_needs_a_lower_bound_above_minus_the_margin(lower: float, upper: float, verdict: Verdict) -> None:
    assert gate([NOT_WORSE], HELD_OUT, {"brier": comparison(lower, upper)}).verdict is verdict


def test_a_pass_needs_evidence() -> None:
    for comparisons in ({}, {"brier": None}, {"brier": comparison(0.1, 0.2, rows=499)}, {"brier": comparison(0.1, 0.2, blocks=4)}):
        assert gate([AT_LEAST, BETTER], HELD_OUT, comparisons).verdict is Verdict.UNDECIDED


def test_too_little_evidence_says_what_there_is_and_what_is_needed() -> None:
    found = gate([NOT_WORSE], HELD_OUT, {"brier": comparison(0.1, 0.2, rows=37, blocks=2)})
    assert "37 rows in 2 blocks, needed 500 rows in 5 blocks" in said(found)[0]


def test_too_little_evidence_never_fails_either() -> None:
    assert gate([NOT_WORSE], HELD_OUT, {"brier": comparison(-0.2, -0.1, rows=37)}).verdict is Verdict.UNDECIDED


def test_one_failed_check_fails_the_gate() -> None:
    found = gate([AT_LEAST, NOT_WORSE, GateCheck(metric="recall", at_least=0.1)], HELD_OUT, {"brier": comparison(-0.2, -0.1)})
    assert found.verdict is Verdict.FAIL


def test_a_margin_of_nothing_is_said_as_nothing() -> None:
    found = gate([GateCheck(metric="brier", not_worse="champion")], HELD_OUT, {"brier": comparison(0.001, 0.002)})
    assert said(found) == [
        "brier: certainly not worse: gain over the champion +0.0015 [+0.0010, +0.0020] on 1000 rows in 20 blocks, above +0."
    ]


def test_a_check_that_asks_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="asks nothing"):
        gate([GateCheck(metric="brier")], HELD_OUT, None)


checks = st.lists(
    st.one_of(
        st.builds(GateCheck, metric=st.sampled_from(["roc_auc", "brier", "recall"]), at_least=st.floats(0, 1)),
        st.builds(GateCheck, metric=st.sampled_from(["roc_auc", "brier"]), better=st.just("champion"), margin=st.floats(0, 0.1)),
        st.builds(GateCheck, metric=st.sampled_from(["roc_auc", "brier"]), not_worse=st.just("champion"), margin=st.floats(0, 0.1)),
    ),
    max_size=5,
)
bounds = st.tuples(st.floats(-0.2, 0.2), st.floats(0, 0.2), st.integers(0, 2000), st.integers(0, 20)).map(
    lambda drawn: comparison(drawn[0], drawn[0] + drawn[1], drawn[2], drawn[3])
)


@given(checks, st.one_of(st.none(), st.dictionaries(st.sampled_from(["roc_auc", "brier"]), st.one_of(st.none(), bounds))))
def test_a_gate_passes_only_if_a_check_passed_and_none_said_otherwise(
    asked: list[GateCheck], comparisons: dict[str, Comparison | None] | None
) -> None:
    found = gate(asked, HELD_OUT, comparisons)
    verdicts = {check.verdict for check in found.checks}
    assert (found.verdict is Verdict.PASS) == (Verdict.PASS in verdicts and verdicts <= {Verdict.PASS, Verdict.NOT_APPLICABLE})
    for check in found.checks:
        english, chinese = sentence(check.reason)
        assert english and chinese


def test_both_languages_name_the_same_values() -> None:
    for english, chinese in SENTENCES.values():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, chinese)]
        assert fields[0] == fields[1]
