"""A rollback leaves nothing behind that was held against the champion that is given up."""

from dataclasses import replace
from pathlib import Path

import pytest

from flyball.core.errors import RefusedError
from flyball.core.reason import because
from flyball.journal.events import Event, Frozen, Promoted, RolledBack, RolloutEnded, Staged
from flyball.journal.moves import ApprovalAsked, Declined, GuardrailTripped
from flyball.loop.deploy import deployment_of
from flyball.loop.local import settle_local
from flyball.loop.steer import roll_back
from flyball.loop.steer_rollout import approve
from flyball.serving.local import LocalRollback, read_local, write_local
from rollouts import CANDIDATE, DAY, T0, WHY, Small, fallen, more, promoted, registered, rollout, seen, spec_of, state, trip

SPEC = spec_of("experiment", 'approve = "manual"')
COMPARED: tuple[Event, ...] = (
    registered(1),
    promoted(1, None),
    registered(2),
    promoted(2, 1),
    registered(3),
    rollout("experiment", version=3, champion=2),
    ApprovalAsked(version=3, reason=WHY, evidence={}),
    Frozen(reason="audit", until=None),
)


def nobody_is_answered_by_three(town: Small) -> None:
    known = town.state
    assert (known.champion, known.challenger, known.challenger_share, known.rollout, known.waiting) == (1, None, 0.0, None, None)
    assert deployment_of(known).challenger is None
    assert town.look(seen(), days=40) == []


def test_by_hand_while_frozen_the_challenger_answers_nobody_any_more(tmp_path: Path) -> None:
    town = Small(tmp_path, SPEC).happen(*COMPARED)
    done = roll_back(town.world, SPEC, reason="x", actor="ada", now=T0 + DAY)
    assert [type(entry.event) for entry in done.entries] == [Declined, RolloutEnded, RolledBack]
    nobody_is_answered_by_three(town)


def test_by_a_guardrail_while_frozen_too(tmp_path: Path) -> None:
    town = Small(tmp_path, SPEC).happen(*COMPARED)
    found = town.look(seen(trips=(trip(2, T0 + DAY, arm="champion"),)), days=2)
    assert [type(event) for event in found] == [GuardrailTripped, Declined, RolloutEnded, RolledBack]
    nobody_is_answered_by_three(town)


def test_by_a_floor_that_is_broken_too(tmp_path: Path) -> None:
    town = Small(tmp_path, SPEC).happen(*COMPARED[:-1])
    found = town.look(seen(**fallen(2, T0, T0 + 15 * DAY)), days=15)
    assert [type(event) for event in found if not isinstance(event, Promoted)][-3:] == [Declined, RolloutEnded, RolledBack]
    nobody_is_answered_by_three(town)


def test_a_local_rollback_that_was_told_before_the_request_ends_it_all_the_same(tmp_path: Path) -> None:
    spec = replace(SPEC, folder=tmp_path)
    town = Small(tmp_path, spec).happen(*COMPARED[:5])
    town.happen(ApprovalAsked(version=3, reason=WHY, evidence={}), days=2)
    (tmp_path / ".flyball").mkdir()
    local = LocalRollback(model="m", version=2, to=1, seq=4, reason="x", actor="ada", at=T0 + 1.9 * DAY)
    write_local(tmp_path / ".flyball", local)
    _, entries = settle_local(town.world, spec, town.state, [])
    assert [type(entry.event) for entry in entries] == [Declined, RolledBack] and read_local(tmp_path / ".flyball") is None
    assert town.state.waiting is None
    with pytest.raises(RefusedError, match="nothing waits"):
        approve(town.world, spec, 3, reason="ok", actor="bob", now=T0 + 3 * DAY)


def test_a_rollback_that_others_wrote_alone_leaves_no_request_and_no_traffic() -> None:
    alone = RolledBack(version=2, to=1, reason=because("rollback.local", version=2, to=1), evidence={})
    known = more(state(*((T0, event) for event in COMPARED)), (T0 - DAY, alone))
    assert known.waiting is None and known.challenger_share == 0.0


def test_a_challenger_that_a_person_staged_stays_and_one_that_comes_back_is_none() -> None:
    new = more(state(*CANDIDATE), (T0, promoted(2, 1)), (T0, registered(3)))
    back = RolledBack(version=2, to=1, reason=WHY, evidence={})
    staged = more(new, (T0, Staged(version=3, share=0.1, reason=WHY)), (T0, back))
    assert (staged.challenger, staged.challenger_share) == (3, 0.1)
    itself = more(new, (T0, Staged(version=1, share=0.1, reason=WHY)), (T0, back))
    assert (itself.challenger, itself.challenger_share, itself.phases) == (None, 0.0, ())


def test_a_promotion_of_another_version_ends_the_rollout_against_the_champion_it_replaces() -> None:
    known = more(state(*CANDIDATE, (T0, registered(3)), (T0, rollout("experiment"))), (T0, promoted(3, 1)))
    assert (known.champion, known.rollout, known.challenger, known.phases) == (3, None, None, ())
