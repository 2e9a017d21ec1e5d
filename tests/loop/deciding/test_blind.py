"""Where something cannot be read or measured, that is not the same as nothing."""

import pytest

from flyball.core.verdict import Verdict
from flyball.loop.records import EndRollout, EndWatch, MoveShare, Promote, RollBack
from flyball.words.sentences import sentence
from rollouts import (
    BETTER,
    CANDIDATE,
    DAY,
    OPEN,
    T0,
    WORSE,
    arms,
    at,
    paired,
    promoted,
    running,
    seen,
    spec_of,
    state,
)

EXPERIMENT, MANUAL, SHADOW = spec_of("experiment"), spec_of("experiment", 'approve = "manual"'), spec_of("shadow", shapes=False)
WATCHED = state(*CANDIDATE, (T0, promoted(2, 1, watch_until=T0 + 10 * DAY)))


def test_trips_that_cannot_be_read_are_not_none_and_nobody_is_given_more() -> None:
    canary = spec_of("canary")
    cases = (
        (running("experiment"), BETTER, EXPERIMENT, 9.0),
        (running("experiment"), BETTER, MANUAL, 9.0),
        (running("canary"), OPEN, canary, 2.0),
        (state(*CANDIDATE), None, EXPERIMENT, 0.0),
        (state(*CANDIDATE), None, spec_of("immediate"), 0.0),
    )
    for known, found, spec, days in cases:
        assert at(known, seen(found), spec, days=days), "readable, it goes on"
        assert at(known, seen(found, trips=None), spec, days=days) == []


def test_what_protects_the_champion_goes_on_without_trips() -> None:
    (ended,) = at(running("experiment"), seen(WORSE, trips=None), EXPERIMENT, days=9)
    assert isinstance(ended, EndRollout) and ended.verdict is Verdict.FAIL
    (back,) = at(WATCHED, seen(watch=paired(-0.01, -0.02, -0.001), trips=None), SHADOW, days=5)
    assert isinstance(back, RollBack)


@pytest.mark.parametrize("strategy", ["experiment", "canary", "bandit"])
def test_one_measurement_that_fails_at_the_deadline_ends_nothing(strategy: str) -> None:
    known, spec = running(strategy), spec_of(strategy)
    failed = seen(None, trouble="the database is locked")
    assert at(known, failed, spec, days=30) == []
    assert at(known, failed, spec, days=30.9) == []
    (ended,) = at(known, failed, spec, days=31)
    assert isinstance(ended, EndRollout) and ended.verdict is Verdict.UNDECIDED and ended.reason.code == "rollout.unmeasured"
    assert "the database is locked" in sentence(ended.reason)
    (measured,) = at(known, seen(WORSE), spec, days=30.5)
    assert isinstance(measured, EndRollout) and measured.verdict is Verdict.FAIL, "it was measured in time after all"


def test_a_proof_that_was_there_at_the_deadline_is_not_lost_to_one_failed_look() -> None:
    assert at(running("experiment"), seen(None), EXPERIMENT, days=30) == []
    (action,) = at(running("experiment"), seen(BETTER), EXPERIMENT, days=30.1)
    assert isinstance(action, Promote)


def test_nothing_matured_by_the_deadline_is_another_thing_than_nothing_measured() -> None:
    nothing = arms(0.0, None, None, rows=0, blocks=0, live_blocks=0)
    (ended,) = at(running("experiment"), seen(nothing), EXPERIMENT, days=30)
    assert isinstance(ended, EndRollout) and ended.reason.code == "rollout.no_evidence"


def test_a_watch_does_not_end_by_one_measurement_that_fails() -> None:
    failed = seen(None, trouble="the database is locked")
    assert at(WATCHED, failed, SHADOW, days=10.5) == []
    (ended,) = at(WATCHED, failed, SHADOW, days=11)
    assert isinstance(ended, EndWatch) and ended.reason.code == "watch.unmeasured" and "locked" in sentence(ended.reason)
    (back,) = at(WATCHED, seen(watch=paired(-0.01, -0.02, -0.001)), SHADOW, days=10.5)
    assert isinstance(back, RollBack)
    (empty,) = at(WATCHED, seen(watch=paired(0.0, None, None, rows=0, blocks=0, live_blocks=0)), SHADOW, days=10)
    assert isinstance(empty, EndWatch) and empty.reason.code == "watch.no_evidence"


def test_a_share_is_not_moved_by_what_could_not_be_measured() -> None:
    assert not any(isinstance(one, MoveShare) for one in at(running("canary"), seen(None), spec_of("canary"), days=5))
