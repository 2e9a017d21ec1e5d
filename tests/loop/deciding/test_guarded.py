"""What guardrails did in servers becomes the loop's own, whatever else is stopped."""

from flyball.core.verdict import Verdict
from flyball.journal.events import Event, Frozen, Staged
from flyball.journal.moves import ApprovalAsked, GuardrailTripped, RolloutPaused
from flyball.loop.records import EndRollout, Evidence, RollBack, Unstage, Withdraw, WriteTrip
from rollouts import BETTER, CANDIDATE, CHAMPION, DAY, OPEN, T0, WHY, at, more, promoted, registered, running, seen, spec_of, state, trip

EXPERIMENT = spec_of("experiment")


def tripped(version: int = 2, *, days: float = 1.0) -> Evidence:
    return seen(OPEN, trips=(trip(version, T0 + days * DAY), trip(version, T0 + days * DAY, guardrail="latency")))


def test_a_challenger_that_a_guardrail_took_out_fails_at_once() -> None:
    first, second, ended = at(running("experiment"), tripped(), EXPERIMENT, days=1.1)
    assert isinstance(first, WriteTrip) and isinstance(second, WriteTrip)
    assert (first.trip.guardrail, second.trip.guardrail) == ("errors", "latency")
    assert isinstance(ended, EndRollout) and ended.verdict is Verdict.FAIL
    assert ended.reason.code == "rollout.tripped" and ended.evidence == {"failed": 5.0}


def test_it_goes_before_the_best_of_evidence() -> None:
    actions = at(running("experiment"), seen(BETTER, trips=(trip(2, T0 + DAY),)), EXPERIMENT, days=9)
    assert [type(one) for one in actions] == [WriteTrip, EndRollout]


def test_neither_a_pause_nor_a_freeze_puts_it_off() -> None:
    stops: tuple[Event, ...] = (RolloutPaused(version=2, reason=WHY), Frozen(reason="audit", until=None))
    for stop in stops:
        known = more(running("experiment"), (T0, stop))
        assert [type(one) for one in at(known, tripped(), EXPERIMENT, days=1.1)] == [WriteTrip, WriteTrip, EndRollout]


def test_a_promotion_that_waited_is_withdrawn_by_it() -> None:
    waiting = more(running("experiment"), (T0 + DAY, ApprovalAsked(version=2, reason=WHY, evidence={})))
    actions = at(waiting, tripped(days=2), EXPERIMENT, days=2.1)
    assert [type(one) for one in actions] == [WriteTrip, WriteTrip, Withdraw, EndRollout]


def test_a_new_champion_that_a_guardrail_took_out_gives_way_to_the_one_before_it_even_while_frozen() -> None:
    new = state(*CANDIDATE, (T0, promoted(2, 1)))
    for known in (new, more(new, (T0, Frozen(reason="audit", until=None)))):
        first, _, back = at(known, tripped(), EXPERIMENT, days=1.1)
        assert isinstance(first, WriteTrip)
        assert isinstance(back, RollBack) and (back.version, back.to, back.reason.code) == (2, 1, "rollback.tripped")


def test_a_champion_without_one_before_it_stays() -> None:
    assert at(state(*CHAMPION), tripped(1), EXPERIMENT, days=1.1) == []


def test_a_staged_challenger_is_taken_away() -> None:
    staged = state(*CANDIDATE, (T0 + DAY, Staged(version=2, share=0.1, reason=WHY)))
    actions = at(staged, tripped(days=2), EXPERIMENT, days=2.1)
    assert [type(one) for one in actions] == [WriteTrip, WriteTrip, Unstage]
    assert at(staged, tripped(days=0.5), EXPERIMENT, days=2.1) == [], "that was before it was staged"


def test_what_happened_before_or_to_others_is_over() -> None:
    late = running("experiment")
    assert at(late, tripped(days=-1), EXPERIMENT, days=1.1) == []
    assert at(late, tripped(7), EXPERIMENT, days=1.1) == []
    again = state(*CANDIDATE, (T0 + 2 * DAY, promoted(2, 1)))
    assert at(again, tripped(days=1), EXPERIMENT, days=3) == [], "it tripped as challenger, before a person made it champion"


def test_what_was_written_down_is_not_written_again() -> None:
    fact = GuardrailTripped(version=2, guardrail="errors", worker="w0", tripped_at=T0 + DAY, reason=WHY, evidence={})
    known = more(running("experiment"), (T0 + DAY, fact))
    assert known.challenger_share == 0.0 and known.versions[2].refused
    third = more(state(*CANDIDATE, (T0, registered(3))), (T0, promoted(3, 1)))
    assert at(third, tripped(2), EXPERIMENT, days=1.1) == []
