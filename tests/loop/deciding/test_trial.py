"""A rollout that runs: what is refused, promoted, moved on, or waited for, by strategy."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import Frozen
from flyball.journal.known import State
from flyball.journal.moves import RolloutPaused, RolloutResumed, ShareMoved
from flyball.loop.records import EndRollout, MoveShare, Notify, Promote, Resolve
from rollouts import BETTER, DAY, OPEN, T0, TROUBLE, WHY, WORSE, arms, at, more, paired, registered, running, seen, spec_of

EXPERIMENT, CANARY, BANDIT = (spec_of(strategy) for strategy in ("experiment", "canary", "bandit"))
SPECS = {"experiment": EXPERIMENT, "canary": CANARY, "bandit": BANDIT}


def moved(known: State, share: float, *, days: float) -> State:
    return more(known, (T0 + days * DAY, ShareMoved(version=2, share=share, reason=WHY, evidence={})))


def at_the_top(strategy: str) -> State:
    return moved(running(strategy), 0.5, days=3) if strategy == "canary" else running(strategy)


@pytest.mark.parametrize("strategy", SPECS)
def test_certain_gain_promotes_certain_loss_refuses_and_doubt_waits(strategy: str) -> None:
    known, spec = at_the_top(strategy), SPECS[strategy]
    (action,) = at(known, seen(BETTER), spec, days=9)
    assert isinstance(action, Promote) and action.version == 2
    assert action.reason.code == "arms.better" and action.evidence["lower"] == 0.001
    (refused,) = at(known, seen(WORSE), spec, days=9)
    assert isinstance(refused, EndRollout) and refused.verdict is Verdict.FAIL and refused.reason.code == "arms.worse"
    for found in (OPEN, arms(0.01, None, None), None):
        assert at(known, seen(found), spec, days=9) == []


@pytest.mark.parametrize("strategy", SPECS)
def test_nothing_is_promoted_before_enough_live_days(strategy: str) -> None:
    assert at(at_the_top(strategy), seen(replace(BETTER, live_blocks=6)), SPECS[strategy], days=9) == []


@pytest.mark.parametrize("strategy", SPECS)
def test_a_margin_lets_an_equal_take_over(strategy: str) -> None:
    known = at_the_top(strategy)
    assert known.rollout is not None
    generous = replace(known, rollout=replace(known.rollout, margin=0.002))
    (action,) = at(generous, seen(OPEN), SPECS[strategy], days=9)
    assert isinstance(action, Promote) and action.reason.code == "arms.not_worse"


@pytest.mark.parametrize("strategy", SPECS)
def test_undecided_at_the_deadline_keeps_the_champion(strategy: str) -> None:
    for found, code, days in ((OPEN, "arms.undecided", 30), (None, "rollout.unmeasured", 31)):
        (action,) = at(at_the_top(strategy), seen(found), SPECS[strategy], days=days)
        assert isinstance(action, EndRollout) and action.verdict is Verdict.UNDECIDED and action.reason.code == code


@pytest.mark.parametrize("strategy", SPECS)
@pytest.mark.parametrize("found", [BETTER, WORSE, OPEN], ids=["better", "worse", "open"])
def test_arms_that_cannot_be_compared_decide_nothing_and_are_told_of_once(strategy: str, found: object) -> None:
    assert isinstance(found, type(BETTER))
    spoilt = seen(replace(found, trouble=TROUBLE, preferred=0.9))
    (told,) = at(at_the_top(strategy), spoilt, SPECS[strategy], days=9)
    assert isinstance(told, Notify) and (told.alert.key, told.alert.reason) == ("experiment:2", TROUBLE)
    late = [one for one in at(at_the_top(strategy), spoilt, SPECS[strategy], days=30) if isinstance(one, EndRollout)]
    assert [(one.verdict, one.reason) for one in late] == [(Verdict.UNDECIDED, TROUBLE)]


def test_the_alert_about_arms_is_over_when_they_can_be_compared_or_the_rollout_ended() -> None:
    firing = replace(running("experiment"), firing={"experiment:2": TROUBLE})
    assert at(firing, seen(replace(OPEN, trouble=TROUBLE)), EXPERIMENT, days=9) == []
    assert at(firing, seen(None), EXPERIMENT, days=9) == [], "what was not measured is not over"
    assert at(firing, seen(None, calm={"experiment:2": WHY}), EXPERIMENT, days=9) == [], "whoever says so"
    (over,) = at(firing, seen(OPEN), EXPERIMENT, days=9)
    assert isinstance(over, Resolve) and over.alert.reason.code == "experiment.sound"
    ended = replace(firing, rollout=None, challenger=None)
    (over,) = at(ended, seen(None), EXPERIMENT, days=9)
    assert isinstance(over, Resolve) and over.alert.reason.code == "experiment.ended"


def test_a_canary_moves_to_the_next_share_when_it_has_held_this_one() -> None:
    known = running("canary")
    assert at(known, seen(OPEN), CANARY, days=0.9) == []
    (step,) = at(known, seen(OPEN), CANARY, days=1)
    assert isinstance(step, MoveShare) and step.share == 0.1
    assert (step.reason.values["number"], step.reason.values["of"]) == (2, 3)
    second = moved(known, 0.1, days=1)
    assert at(second, seen(OPEN), CANARY, days=1.9) == []
    (step,) = at(second, seen(OPEN), CANARY, days=2)
    assert isinstance(step, MoveShare) and step.share == 0.5
    assert at(moved(second, 0.5, days=2), seen(OPEN), CANARY, days=20) == [], "there is no step after the last"


def test_a_canary_needs_no_proof_to_climb_but_something_that_was_measured() -> None:
    assert [type(one) for one in at(running("canary"), seen(arms(0.0, None, None)), CANARY, days=1)] == [MoveShare]
    assert at(running("canary"), seen(None), CANARY, days=1) == []


def test_a_canary_is_promoted_only_after_its_last_step_was_held() -> None:
    first = running("canary")
    assert [type(one) for one in at(first, seen(BETTER), CANARY, days=9)] == [MoveShare], "however good it looks"
    top = moved(first, 0.5, days=9)
    assert at(top, seen(BETTER), CANARY, days=9.5) == []
    assert [type(one) for one in at(top, seen(BETTER), CANARY, days=10)] == [Promote]


def test_a_step_of_a_canary_in_which_nobody_was_answered_is_held_on() -> None:
    alone = replace(BETTER, answered=0)
    assert at(running("canary"), seen(alone), CANARY, days=9) == []
    assert at(moved(running("canary"), 0.5, days=9), seen(alone), CANARY, days=12) == [], "nor is it promoted after such a last step"


def test_a_canary_that_is_certainly_worse_ends_at_any_step() -> None:
    (action,) = at(running("canary"), seen(WORSE), CANARY, days=0.1)
    assert isinstance(action, EndRollout) and action.verdict is Verdict.FAIL


def test_a_bandit_weighs_anew_once_per_hold_between_its_floors() -> None:
    known = running("bandit")
    assert at(known, seen(replace(OPEN, preferred=0.7)), BANDIT, days=0.5) == []
    for preferred, share in ((0.7, 0.68), (0.999, 0.9491), (1.0, 0.95), (0.001, 0.0509), (0.0, 0.05)):
        (action,) = at(known, seen(replace(OPEN, preferred=preferred)), BANDIT, days=1)
        assert isinstance(action, MoveShare) and action.share == share
        assert action.evidence["preferred"] == preferred
    assert at(known, seen(replace(OPEN, preferred=0.06)), BANDIT, days=1) == [], "hardly another share"
    assert at(known, seen(OPEN), BANDIT, days=1) == [], "nothing is known of who is better"
    assert at(moved(known, 0.7, days=1), seen(replace(OPEN, preferred=0.2)), BANDIT, days=1.5) == []


def test_where_answers_change_outcomes_paired_evidence_decides_nothing() -> None:
    for strategy, spec in SPECS.items():
        for found in (paired(0.01, 0.001, 0.02), paired(-0.01, -0.02, -0.001), paired(0.0, 0.0, 0.0, identical=9000)):
            assert at(at_the_top(strategy), seen(found), spec, days=9) == []
            (late,) = at(at_the_top(strategy), seen(found), spec, days=30)
            assert isinstance(late, EndRollout) and late.reason.code == "rollout.no_evidence"
    changed = at(running("shadow"), seen(paired(0.01, 0.001, 0.02)), EXPERIMENT, days=9)
    assert changed == [], "also in a rollout that began before the spec said so"


def test_where_answers_change_nothing_a_canary_may_also_be_decided_on_the_same_rows() -> None:
    spec = spec_of("canary", shapes=False)
    (action,) = at(at_the_top("canary"), seen(paired(0.01, 0.001, 0.02)), spec, days=9)
    assert isinstance(action, Promote)


def test_a_shadow_answers_nobody_so_arms_say_nothing_about_it() -> None:
    assert at(running("shadow"), seen(BETTER), spec_of("shadow", shapes=False), days=9) == []


def test_evidence_about_other_versions_decides_nothing() -> None:
    for found in (replace(BETTER, version=3), replace(BETTER, against=7), replace(WORSE, version=3)):
        assert at(running("experiment"), seen(found), EXPERIMENT, days=9) == []


def test_a_challenger_that_scores_every_row_as_the_champion_does_is_the_same_model() -> None:
    spec = spec_of("shadow", "margin = 0.01", shapes=False)
    (action,) = at(running("shadow", margin=0.01), seen(paired(0.0, 0.0, 0.0, identical=500)), spec, days=9)
    assert isinstance(action, EndRollout) and action.verdict is Verdict.UNDECIDED
    assert action.reason.code == "rollout.same_answers" and action.reason.values["rows"] == 500
    (few,) = at(running("shadow", margin=0.01), seen(paired(0.0, 0.0, 0.0, identical=499)), spec, days=9)
    assert isinstance(few, Promote), "too few rows to say so: certainly not worse"


@pytest.mark.parametrize("strategy", SPECS)
def test_a_paused_rollout_decides_nothing_and_its_deadline_moves(strategy: str) -> None:
    paused = more(at_the_top(strategy), (T0 + 5 * DAY, RolloutPaused(version=2, reason=WHY)))
    assert paused.challenger_share == 0.0
    for found in (BETTER, WORSE, replace(OPEN, preferred=0.9), None):
        assert at(paused, seen(found), SPECS[strategy], days=40) == []
    again = more(paused, (T0 + 15 * DAY, RolloutResumed(version=2, reason=WHY)))
    assert again.rollout is not None and again.rollout.deadline_at == T0 + 40 * DAY
    assert again.challenger_share == at_the_top(strategy).challenger_share
    assert at(again, seen(OPEN), SPECS[strategy], days=39) == []
    assert [type(one) for one in at(again, seen(OPEN), SPECS[strategy], days=40)] == [EndRollout]


def test_a_step_is_held_anew_after_a_pause() -> None:
    paused = more(running("canary"), (T0 + 0.9 * DAY, RolloutPaused(version=2, reason=WHY)))
    again = more(paused, (T0 + 3 * DAY, RolloutResumed(version=2, reason=WHY)))
    assert at(again, seen(OPEN), CANARY, days=3.5) == []
    assert [type(one) for one in at(again, seen(OPEN), CANARY, days=4)] == [MoveShare]


def test_a_rollout_against_a_champion_that_is_gone_ends_even_if_it_is_paused() -> None:
    paused = more(running("experiment"), (T0, RolloutPaused(version=2, reason=WHY)))
    (action,) = at(replace(paused, champion=7), seen(BETTER), EXPERIMENT, days=1)
    assert isinstance(action, EndRollout) and action.reason.code == "rollout.champion_changed"


@pytest.mark.parametrize("strategy", SPECS)
def test_a_freeze_stops_steps_weights_and_decisions(strategy: str) -> None:
    frozen = more(at_the_top(strategy), (T0, Frozen(reason="audit", until=T0 + 20 * DAY)))
    for found in (BETTER, WORSE, replace(OPEN, preferred=0.9)):
        assert at(frozen, seen(found), SPECS[strategy], days=10) == []
    assert at(frozen, seen(BETTER), SPECS[strategy], days=20) != [], "and they follow when it is over"


def test_a_rollout_goes_by_the_rules_it_began_with() -> None:
    spec = spec_of("canary", 'hold = "9d"', 'deadline = "90d"', "steps = [0.3]")
    (step,) = at(running("canary"), seen(OPEN), spec, days=1)
    assert isinstance(step, MoveShare) and step.share == 0.1


def test_a_newer_version_waits_for_the_end_of_a_rollout() -> None:
    known = more(running("experiment"), (T0, registered(3)))
    assert at(known, seen(OPEN), EXPERIMENT, days=1) == []


def test_the_evidence_of_a_move_is_kept_with_its_units() -> None:
    (step,) = at(running("canary"), seen(OPEN), CANARY, days=1)
    assert isinstance(step, MoveShare)
    assert step.evidence["challenger_units"] == 900 and step.evidence["ratio_p"] == 0.5


def test_pausing_twice_moves_the_deadline_by_both() -> None:
    known = running("experiment")
    for begin in (2, 6):
        known = more(known, (T0 + begin * DAY, RolloutPaused(version=2, reason=because("x"))))
        known = more(known, (T0 + (begin + 1) * DAY, RolloutResumed(version=2, reason=because("x"))))
    assert known.rollout is not None and known.rollout.deadline_at - T0 == timedelta(days=32)
