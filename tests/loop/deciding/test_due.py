"""A promotion that is due, where a person has to approve it."""

from dataclasses import replace

import pytest

from flyball.core.verdict import Verdict
from flyball.journal.known import State
from flyball.journal.moves import ApprovalAsked, Declined, RolloutPaused, RolloutResumed, ShareMoved
from flyball.loop.records import AskApproval, EndRollout, Promote, StartRollout, Withdraw
from rollouts import BETTER, CANDIDATE, DAY, OPEN, T0, TROUBLE, WHY, WORSE, at, more, registered, running, seen, spec_of, state

MANUAL = spec_of("experiment", 'approve = "manual"')
GATE = spec_of("immediate", 'approve = "manual"')


def asked(known: State, version: int = 2, *, days: float = 9) -> State:
    return more(known, (T0 + days * DAY, ApprovalAsked(version=version, reason=WHY, evidence={})))


def test_what_is_proven_on_live_rows_asks_instead_of_promoting_and_asks_once() -> None:
    (ask,) = at(running("experiment"), seen(BETTER), MANUAL, days=9)
    assert isinstance(ask, AskApproval) and ask.reason.code == "arms.better" and ask.evidence["lower"] == 0.001
    assert at(asked(running("experiment")), seen(BETTER), MANUAL, days=10) == []


def test_the_first_champion_and_a_promotion_by_gate_ask_too() -> None:
    first = state((T0, registered(1)))
    (ask,) = at(first, seen(), MANUAL, days=0)
    assert isinstance(ask, AskApproval) and ask.reason.code == "promote.first"
    (ask,) = at(state(*CANDIDATE), seen(), GATE, days=0)
    assert isinstance(ask, AskApproval) and ask.reason.code == "promote.gate"
    assert at(asked(state(*CANDIDATE)), seen(), GATE, days=10) == []


@pytest.mark.parametrize("spec", [MANUAL, spec_of("experiment")], ids=["the spec says so now", "it said so at the start"])
def test_the_stricter_of_the_rules_at_the_start_and_now_holds(spec: object) -> None:
    assert isinstance(spec, type(MANUAL))
    known = running("experiment", approve="auto" if spec is MANUAL else "manual")
    assert [type(one) for one in at(known, seen(BETTER), spec, days=9)] == [AskApproval]


def test_worse_evidence_meanwhile_withdraws_it() -> None:
    waiting = asked(running("experiment"))
    (withdrawn,) = at(waiting, seen(OPEN), MANUAL, days=10)
    assert isinstance(withdrawn, Withdraw) and withdrawn.reason.code == "approval.withdrawn"
    first, ended = at(waiting, seen(WORSE), MANUAL, days=10)
    assert isinstance(first, Withdraw) and isinstance(ended, EndRollout) and ended.verdict is Verdict.FAIL
    spoilt = [one for one in at(waiting, seen(replace(BETTER, trouble=TROUBLE)), MANUAL, days=10) if isinstance(one, Withdraw)]
    assert len(spoilt) == 1
    assert at(waiting, seen(None), MANUAL, days=10) == [], "what was not measured says nothing new"


def test_a_pause_meanwhile_does_not_make_a_canary_that_waits_climb_again() -> None:
    spec = spec_of("canary", 'approve = "manual"')
    top = more(running("canary", approve="manual"), (T0 + 3 * DAY, ShareMoved(version=2, share=0.5, reason=WHY, evidence={})))
    held = more(
        asked(top), (T0 + 29.5 * DAY, RolloutPaused(version=2, reason=WHY)), (T0 + 29.6 * DAY, RolloutResumed(version=2, reason=WHY))
    )
    assert at(held, seen(BETTER), spec, days=29.7) == []
    assert at(held, seen(BETTER), spec, days=40) == [], "nor does the deadline end it"
    (withdrawn,) = at(held, seen(OPEN), spec, days=29.7)
    assert isinstance(withdrawn, Withdraw)


def test_the_deadline_does_not_end_what_was_proven_before_it_and_waits_for_a_person() -> None:
    waiting = asked(running("experiment"))
    assert at(waiting, seen(BETTER), MANUAL, days=31) == []
    assert at(waiting, seen(None), MANUAL, days=31) == []
    withdrawn = more(waiting, (T0 + 31 * DAY, Declined(version=2, reason=WHY)))
    (ended,) = at(withdrawn, seen(OPEN), MANUAL, days=31)
    assert isinstance(ended, EndRollout) and ended.verdict is Verdict.UNDECIDED


def test_a_newer_version_takes_the_place_of_one_that_waits_by_its_gate() -> None:
    newer = more(asked(state(*CANDIDATE)), (T0 + 9 * DAY, registered(3)))
    first, second = at(newer, seen(), GATE, days=10)
    assert isinstance(first, Withdraw) and first.version == 2 and first.reason.code == "approval.superseded"
    assert isinstance(second, AskApproval) and second.version == 3


def test_what_waits_does_not_keep_the_next_from_being_compared() -> None:
    by_hand = more(asked(state(*CANDIDATE)), (T0 + 9 * DAY, registered(3)))
    (begun,) = at(by_hand, seen(), MANUAL, days=10)
    assert isinstance(begun, StartRollout) and begun.version == 3


def test_without_approval_nobody_is_asked() -> None:
    assert [type(one) for one in at(running("experiment"), seen(BETTER), spec_of("experiment"), days=9)] == [Promote]
