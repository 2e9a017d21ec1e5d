"""What a person may do to a rollout and to a promotion that waits, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.core.errors import FlyballError, NotFoundError, UsageError
from flyball.core.verdict import Verdict
from flyball.journal.events import Event, Frozen, Promoted, RolledBack, RolloutEnded, RolloutStarted, Staged
from flyball.journal.explain import tell
from flyball.journal.moves import ApprovalAsked, Approved, Declined, RolloutPaused, RolloutResumed
from flyball.loop.records import Written
from flyball.loop.steer import promote, roll_back, stage, unstage
from flyball.loop.steer_rollout import abort, approve, decline, pause, resume
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from rollouts import CANDIDATE, DAY, T0, WHY, Small, promoted, registered, rollout, seen, spec_of

MANUAL = spec_of("experiment", 'approve = "manual"')
FOUR_EYES = spec_of("experiment", 'approve = "manual"', "four_eyes = true")


def small(folder: Path, *events: Event, spec: Spec = MANUAL) -> Small:
    """Champion 1, version 2, and what happened then."""
    return Small(folder, spec).happen(*(event for _, event in CANDIDATE), *events)


def happened(done: Written) -> list[type]:
    return [type(entry.event) for entry in done.entries]


def said(act: Callable[..., object], *words: object, **named: object) -> str:
    with pytest.raises(FlyballError) as caught:
        act(*words, **named)
    assert caught.value.hint
    return str(caught.value)


WHO: dict[str, Any] = {"reason": "because", "actor": "ada"}


def test_a_rollout_is_paused_resumed_and_aborted_with_who_and_why(tmp_path: Path) -> None:
    town = small(tmp_path, rollout("experiment"))
    done = pause(town.world, MANUAL, **WHO, now=T0 + DAY)
    assert happened(done) == [RolloutPaused]
    assert "ada paused the rollout of version 2: because" in sentence(tell(done.entries[0]).reason)
    current = town.world.deployments.current("m")
    assert current is not None and current.challenger_share == 0.0
    assert "is paused since" in said(pause, town.world, MANUAL, **WHO, now=T0 + DAY)
    assert happened(resume(town.world, MANUAL, **WHO, now=T0 + 3 * DAY)) == [RolloutResumed]
    current = town.world.deployments.current("m")
    assert current is not None and current.challenger_share == 0.5
    assert town.state.rollout is not None and town.state.rollout.deadline_at == T0 + 32 * DAY
    assert "is not paused" in said(resume, town.world, MANUAL, **WHO, now=T0 + 3 * DAY)
    done = abort(town.world, MANUAL, **WHO, now=T0 + 4 * DAY)
    (ended,) = [entry.event for entry in done.entries]
    assert isinstance(ended, RolloutEnded) and ended.verdict is Verdict.UNDECIDED
    assert (town.state.champion, town.state.challenger, town.state.phases) == (1, None, ())


@pytest.mark.parametrize("act", [pause, resume, abort])
def test_without_a_rollout_there_is_nothing_to_pause_resume_or_abort(act: Callable[..., Written], tmp_path: Path) -> None:
    town = small(tmp_path)
    assert "no version of m is being compared" in said(act, town.world, MANUAL, **WHO, now=T0)
    stage(town.world, MANUAL, 2, share=0.1, force=False, reason="", actor="ada", now=T0)
    assert "m@2 is staged by hand" in said(act, town.world, MANUAL, **WHO, now=T0)


@pytest.mark.parametrize("act", [pause, resume, abort])
def test_each_needs_a_reason(act: Callable[..., Written], tmp_path: Path) -> None:
    town = small(tmp_path, rollout("experiment"))
    with pytest.raises(UsageError, match="needs --reason"):
        act(town.world, MANUAL, reason=" ", actor="ada", now=T0)


def test_while_frozen_nothing_is_resumed_or_approved_but_paused_aborted_and_declined(tmp_path: Path) -> None:
    town = small(tmp_path, rollout("experiment"), ApprovalAsked(version=2, reason=WHY, evidence={}), Frozen(reason="audit", until=None))
    assert "m is frozen (audit)" in said(approve, town.world, MANUAL, 2, **WHO, now=T0)
    pause(town.world, MANUAL, **WHO, now=T0)
    assert "m is frozen (audit)" in said(resume, town.world, MANUAL, **WHO, now=T0)
    assert happened(decline(town.world, MANUAL, 2, **WHO, now=T0)) == [Declined, RolloutEnded]


def test_an_approved_promotion_goes_through_with_the_evidence_it_waited_with(tmp_path: Path) -> None:
    town = small(tmp_path, rollout("experiment"))
    town.happen(ApprovalAsked(version=2, reason=WHY, evidence={"gain": 0.01}), days=9)
    done = approve(town.world, MANUAL, 2, **WHO, now=T0 + 10 * DAY)
    assert happened(done) == [Approved, RolloutEnded, Promoted]
    ended = done.entries[1].event
    assert isinstance(ended, RolloutEnded) and ended.verdict is Verdict.PASS and ended.evidence == {"gain": 0.01}
    assert (town.state.champion, town.state.previous, town.state.waiting) == (2, 1, None)
    current = town.world.deployments.current("m")
    assert current is not None and current.champion == 2 and current.watched


def test_a_declined_promotion_ends_the_rollout_and_the_champion_stays(tmp_path: Path) -> None:
    town = small(tmp_path, rollout("experiment"), ApprovalAsked(version=2, reason=WHY, evidence={}))
    done = decline(town.world, MANUAL, 2, **WHO, now=T0)
    assert happened(done) == [Declined, RolloutEnded]
    assert (town.state.champion, town.state.rollout, town.state.waiting) == (1, None, None)
    assert not town.state.versions[2].refused, "a person may have other reasons than the model"


def test_a_promotion_aborted_while_it_waits_waits_no_longer(tmp_path: Path) -> None:
    town = small(tmp_path, rollout("experiment"), ApprovalAsked(version=2, reason=WHY, evidence={}))
    assert happened(abort(town.world, MANUAL, **WHO, now=T0)) == [Declined, RolloutEnded]
    assert town.state.waiting is None


@pytest.mark.parametrize("act", [approve, decline])
def test_what_does_not_wait_is_neither_approved_nor_declined(act: Callable[..., Written], tmp_path: Path) -> None:
    town = small(tmp_path, registered(3))
    assert "nothing waits" in said(act, town.world, MANUAL, 2, **WHO, now=T0)
    town.happen(ApprovalAsked(version=2, reason=WHY, evidence={}))
    assert "m@2 does" in said(act, town.world, MANUAL, 3, **WHO, now=T0)
    with pytest.raises(NotFoundError):
        act(town.world, MANUAL, 9, **WHO, now=T0)


def test_a_promotion_is_not_approved_while_its_rollout_is_paused_or_another_version_is_compared(tmp_path: Path) -> None:
    town = small(tmp_path, rollout("experiment"), ApprovalAsked(version=2, reason=WHY, evidence={}), RolloutPaused(version=2, reason=WHY))
    assert "is paused" in said(approve, town.world, MANUAL, 2, **WHO, now=T0)
    other = small(tmp_path, registered(3), ApprovalAsked(version=2, reason=WHY, evidence={}), rollout("experiment", version=3))
    assert "m@3 is being compared" in said(approve, other.world, MANUAL, 2, **WHO, now=T0)


def test_a_promotion_held_against_a_champion_that_is_gone_is_not_approved(tmp_path: Path) -> None:
    town = small(tmp_path, promoted(2, 1), registered(3), ApprovalAsked(version=3, reason=WHY, evidence={}))
    town.happen(RolledBack(version=2, to=1, reason=WHY, evidence={}), days=1)
    assert "nothing waits" in said(approve, town.world, MANUAL, 3, **WHO, now=T0 + 2 * DAY)
    stale = small(tmp_path, registered(3), rollout("experiment", champion=7), ApprovalAsked(version=2, reason=WHY, evidence={}))
    assert "compared with champion 7, and the champion is 1 now" in said(approve, stale.world, MANUAL, 2, **WHO, now=T0)


def test_four_eyes_whoever_asked_or_trained_by_hand_does_not_approve(tmp_path: Path) -> None:
    town = Small(tmp_path, FOUR_EYES).happen(*(event for _, event in CANDIDATE[:2]))
    town.happen(registered(2, cause="manual"), actor="tom")
    promote(town.world, FOUR_EYES, 2, force=False, reason="it is good", actor="ada", now=T0)
    assert "'ada' asked for it" in said(approve, town.world, FOUR_EYES, 2, **WHO, now=T0)
    assert "'tom' trained it" in said(approve, town.world, FOUR_EYES, 2, reason="x", actor="tom", now=T0)
    assert Promoted in happened(approve(town.world, FOUR_EYES, 2, reason="x", actor="eve", now=T0))


def test_without_four_eyes_whoever_asked_may_approve(tmp_path: Path) -> None:
    town = small(tmp_path)
    promote(town.world, MANUAL, 2, force=False, reason="it is good", actor="ada", now=T0)
    assert Promoted in happened(approve(town.world, MANUAL, 2, **WHO, now=T0))


def test_promote_asks_where_promotions_are_approved_and_acts_when_it_is_forced(tmp_path: Path) -> None:
    town = small(tmp_path)
    done = promote(town.world, MANUAL, 2, force=False, reason="it is good", actor="ada", now=T0)
    assert happened(done) == [ApprovalAsked] and town.state.champion == 1
    assert town.state.waiting is not None and town.state.waiting.actor == "ada"
    assert "waits for approval already" in said(promote, town.world, MANUAL, 2, force=False, reason="", actor="ada", now=T0)
    done = promote(town.world, MANUAL, 2, force=True, reason="now", actor="ada", now=T0)
    (event,) = [entry.event for entry in done.entries]
    assert isinstance(event, Promoted) and event.forced
    after = town.state
    assert after.champion == 2 and after.waiting is None


def test_whoever_asks_for_another_version_takes_the_place_of_the_one_that_waits(tmp_path: Path) -> None:
    town = small(tmp_path, registered(3))
    promote(town.world, MANUAL, 2, force=False, reason="", actor="ada", now=T0)
    done = promote(town.world, MANUAL, 3, force=False, reason="", actor="ada", now=T0)
    assert happened(done) == [Declined, ApprovalAsked]
    done = promote(town.world, MANUAL, 2, force=True, reason="now", actor="ada", now=T0)
    assert happened(done) == [Declined, Promoted]


@pytest.mark.parametrize("strategy", ["shadow", "canary", "experiment", "bandit"])
def test_during_a_rollout_nothing_is_promoted_or_staged_by_hand(strategy: str, tmp_path: Path) -> None:
    spec = spec_of("experiment")
    town = small(tmp_path, registered(3), rollout(strategy), spec=spec)
    for version in (2, 3):
        told = said(promote, town.world, spec, version, force=False, reason="", actor="ada", now=T0)
        assert "m@2 is being compared with the champion until" in told
        told = said(stage, town.world, spec, version, share=0.1, force=True, reason="x", actor="ada", now=T0)
        assert "there is one challenger at a time" in told
    assert "is not staged" in said(unstage, town.world, spec, 2, reason="", actor="ada", now=T0)
    done = promote(town.world, spec, 3, force=True, reason="now", actor="ada", now=T0)
    assert happened(done) == [RolloutEnded, Promoted]


def test_going_back_by_hand_is_always_allowed_and_the_comparison_ends_with_it(tmp_path: Path) -> None:
    spec = spec_of("experiment")
    town = small(tmp_path, promoted(2, 1), registered(3), rollout("experiment", version=3, champion=2), spec=spec)
    done = roll_back(town.world, spec, reason="x", actor="ada", now=T0)
    assert happened(done) == [RolloutEnded, RolledBack]
    ended = done.entries[0].event
    assert isinstance(ended, RolloutEnded) and ended.reason.code == "rollout.champion_changed"
    assert town.look(seen(), days=1) == []


@pytest.mark.parametrize("share", [0.51, 0.999, 1.0])
def test_where_promotions_are_approved_nobody_stages_a_version_for_more_than_a_challenger_may_answer(share: float, tmp_path: Path) -> None:
    town = small(tmp_path)
    told = said(stage, town.world, MANUAL, 2, share=share, force=False, reason="", actor="ada", now=T0)
    assert "lets a challenger answer 50.0% of the units at most (rollout.share)" in told
    assert happened(stage(town.world, MANUAL, 2, share=0.5, force=False, reason="", actor="ada", now=T0)) == [Staged]
    assert happened(stage(town.world, MANUAL, 2, share=share, force=True, reason="a drill", actor="ada", now=T0)) == [Staged]
    free = small(tmp_path)
    assert happened(stage(free.world, spec_of("experiment"), 2, share=share, force=False, reason="", actor="ada", now=T0)) == [Staged]


def test_two_rollouts_never_run_at_once(tmp_path: Path) -> None:
    town = small(tmp_path, registered(3), rollout("experiment"), spec=spec_of("experiment"))
    assert town.look(seen(), days=1) == []
    abort(town.world, town.spec, **WHO, now=T0 + DAY)
    (begun,) = town.look(seen(), days=2)
    assert isinstance(begun, RolloutStarted) and begun.version == 3
