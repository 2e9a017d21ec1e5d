"""What the gate makes of a replay."""

from dataclasses import replace

import numpy as np
import pytest

from flyball.core.verdict import Verdict
from flyball.evaluation.replay_gate import replay_checks
from flyball.evaluation.replay_records import Latency, ReplayReport, Trouble
from flyball.spec.records import ReplaySpec
from flyball.words.sentences import sentence
from replays import compared, said

SLOW = Latency(rows=100, champion_median=1e-5, champion_p99=2e-5, candidate_median=2e-4, candidate_p99=3e-4)


def report(rows: int = 100, *, apart: float = 0.1) -> ReplayReport:
    """Two versions whose labels differ in this share."""
    new = np.where(np.arange(rows) < apart * rows, 0.6, 0.41)
    return compared(said(np.full(rows, 0.4)), said(new, version=2))


def test_a_version_that_answers_everything_passes_and_the_difference_is_told() -> None:
    (found,) = replay_checks(report(), ReplaySpec())
    assert found.verdict is Verdict.PASS
    assert "100 logged requests without error; 10.0% of the labels differ" in sentence(found.reason)


@pytest.mark.parametrize("field", ["errors", "not_finite"])
def test_one_request_that_only_the_champion_answers_fails_the_gate_however_few_there_are(field: str) -> None:
    trouble = Trouble(rows=1, examples=("p7",), message="it cannot do that")
    (found,) = replay_checks(replace(report(5), **{field: trouble}), ReplaySpec())
    assert found.verdict is Verdict.FAIL
    assert "p7" in sentence(found.reason) and "p7" in sentence(found.reason, "zh")


def test_too_few_requests_are_not_applicable() -> None:
    (found,) = replay_checks(report(29), ReplaySpec())
    assert found.verdict is Verdict.NOT_APPLICABLE


def test_labels_that_differ_more_often_than_the_spec_allows_are_undecided() -> None:
    assert replay_checks(report(), ReplaySpec(disagree=0.1))[0].verdict is Verdict.PASS
    (found,) = replay_checks(report(apart=0.3), ReplaySpec(disagree=0.2))
    assert found.verdict is Verdict.UNDECIDED
    assert "more than 20.0%" in sentence(found.reason)


def test_a_row_that_takes_too_long_fails() -> None:
    slow = replace(report(), latency=SLOW)
    assert replay_checks(slow, ReplaySpec())[0].verdict is Verdict.PASS
    assert replay_checks(slow, ReplaySpec(latency=30))[0].verdict is Verdict.PASS
    (found,) = replay_checks(slow, ReplaySpec(latency=10))
    assert found.verdict is Verdict.FAIL
    assert "20.0 times as long, allowed are 10" in sentence(found.reason)


def test_a_challenger_that_equals_the_champion_is_told_and_neither_passes_nor_fails_by_that() -> None:
    scores = np.linspace(0, 1, 100)
    found = replay_checks(compared(said(scores), said(scores, version=2)), ReplaySpec())
    assert [check.verdict for check in found] == [Verdict.PASS, Verdict.NOT_APPLICABLE]
    assert found[1].reason.code == "replay.identical"
