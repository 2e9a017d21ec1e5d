"""Every entry is told in words, belongs to the versions it is about, and is a decision or not."""

from datetime import UTC, datetime

from flyball.core.reason import because
from flyball.journal.events import Entry, Event
from flyball.journal.explain import about, decisions, tell
from flyball.journal.moves import (
    ApprovalAsked,
    Approved,
    Declined,
    GuardrailTripped,
    RolloutPaused,
    RolloutResumed,
    ShareMoved,
    Verified,
)
from flyball.testing.samples import one_event_of_each_kind
from versions import registered

T0 = datetime(2026, 1, 1, tzinfo=UTC)
WHY = because("x")
MOVES: tuple[Event, ...] = (
    ShareMoved(version=2, share=0.5, reason=WHY, evidence={}),
    RolloutPaused(version=2, reason=WHY),
    RolloutResumed(version=2, reason=WHY),
    GuardrailTripped(version=2, guardrail="errors", worker="w", tripped_at=T0, reason=WHY, evidence={}),
    ApprovalAsked(version=2, reason=WHY, evidence={}),
    Approved(version=2, reason=WHY),
    Declined(version=2, reason=WHY),
    Verified(version=2, identical=True, reason=WHY),
)


def entries(*found: Event) -> list[Entry]:
    return [Entry(model="m", seq=seq, at=T0, actor="ann", event=event, prev_hash="", hash="") for seq, event in enumerate(found, start=1)]


def test_every_kind_of_event_is_told_in_a_word_or_a_few() -> None:
    assert all(tell(one).action for one in entries(*one_event_of_each_kind()))


def test_what_happens_to_a_rollout_belongs_to_its_version_and_to_no_other() -> None:
    found = entries(registered(1), registered(2), *MOVES)
    assert [one.entry.seq for one in about(found, 2)] == list(range(2, 3 + len(MOVES)))
    assert [one.entry.seq for one in about(found, 1)] == [1]


def test_a_guardrail_that_trips_is_a_decision_and_a_look_at_the_past_is_none() -> None:
    told = [one.action for one in decisions(entries(*MOVES))]
    assert told == ["move share", "pause", "resume", "guardrail trips", "ask for approval", "approve", "decline"]
