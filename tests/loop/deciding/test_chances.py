"""Who gets a chance, and by which strategy."""

from dataclasses import replace

import pytest

from flyball.core.verdict import Verdict
from flyball.journal.events import Cause, RolloutEnded, Staged
from flyball.loop.deciding.chances import next_candidate
from flyball.loop.records import EndRollout, Promote, StartRollout
from flyball.words.sentences import sentence
from rollouts import CANDIDATE, CHAMPION, T0, WHY, at, more, promoted, registered, rollout, seen, spec_of, state

TRAFFIC = ("canary", "experiment", "bandit")


@pytest.mark.parametrize("strategy", TRAFFIC)
def test_a_version_that_passed_its_gate_begins_with_the_strategy_of_the_spec(strategy: str) -> None:
    (action,) = next_candidate(state(*CANDIDATE), spec_of(strategy))
    assert isinstance(action, StartRollout)
    assert (action.version, action.strategy, action.reason.code) == (2, strategy, f"rollout.start_{strategy}")
    assert action.reason.values["share"] == {"canary": 0.01, "experiment": 0.5, "bandit": 0.1}[strategy]


@pytest.mark.parametrize("strategy", TRAFFIC)
def test_a_version_answers_nobody_without_a_pass_of_its_gate(strategy: str) -> None:
    for verdict in (Verdict.UNDECIDED, Verdict.FAIL):
        assert next_candidate(state(*CHAMPION, (T0, registered(2, verdict=verdict))), spec_of(strategy)) == []


def test_in_shadow_it_may_be_compared_though_the_gate_left_it_undecided() -> None:
    undecided = state(*CHAMPION, (T0, registered(2, verdict=Verdict.UNDECIDED)))
    (action,) = next_candidate(undecided, spec_of("shadow", shapes=False))
    assert isinstance(action, StartRollout) and action.strategy == "shadow"


@pytest.mark.parametrize("cause", ["drift", "alert"])
def test_a_candidate_of_drift_alone_wins_on_live_rows_or_not_at_all(cause: Cause) -> None:
    moved = state(*CHAMPION, (T0, replace(registered(2), cause=cause)))
    (action,) = next_candidate(moved, spec_of("immediate", shapes=False))
    assert isinstance(action, StartRollout) and action.strategy == "shadow"
    (action,) = next_candidate(moved, spec_of("experiment"))
    assert isinstance(action, StartRollout) and action.strategy == "experiment"
    (action,) = next_candidate(moved, spec_of("immediate"))
    assert isinstance(action, Promote), "where answers change outcomes and nobody may experiment, the gate is all there is"


def test_a_spec_that_asks_for_shadow_where_answers_change_outcomes_gets_an_experiment() -> None:
    forged = spec_of("experiment")
    forged = replace(forged, rollout=replace(forged.rollout, strategy="shadow"))
    (action,) = next_candidate(state(*CANDIDATE), forged)
    assert isinstance(action, StartRollout) and action.strategy == "experiment"


@pytest.mark.parametrize("strategy", ["immediate", "shadow", *TRAFFIC])
def test_the_very_same_model_is_not_rolled_out(strategy: str) -> None:
    spec = spec_of(strategy, shapes=strategy != "shadow")
    twin = state(*CHAMPION, (T0, registered(2, bundle="bundle1")))
    (action,) = next_candidate(twin, spec)
    assert isinstance(action, EndRollout) and action.verdict is Verdict.UNDECIDED and action.reason.code == "rollout.same_bundle"
    ended = RolloutEnded(version=2, verdict=action.verdict, reason=action.reason, evidence={})
    settled = more(twin, (T0, ended))
    assert settled.versions[2].settled and not settled.versions[2].refused
    assert at(settled, seen(), spec, days=1) == [], "it is said once"


@pytest.mark.parametrize("strategy", ["shadow", *TRAFFIC])
def test_a_model_is_not_compared_with_itself_whatever_bundle_it_came_in(strategy: str) -> None:
    twin = state(*CHAMPION, (T0, registered(2, same_as=1)))
    (action,) = next_candidate(twin, spec_of(strategy, shapes=strategy != "shadow"))
    assert isinstance(action, EndRollout) and action.verdict is Verdict.UNDECIDED and action.reason.code == "rollout.same_scores"
    other = more(twin, (T0, promoted(3, 1)), (T0, registered(4, same_as=1)))
    (action,) = next_candidate(other, spec_of(strategy, shapes=strategy != "shadow"))
    assert isinstance(action, StartRollout), "it was the same as another champion"


def test_the_end_of_what_never_began_leaves_the_rollout_that_runs() -> None:
    known = more(state(*CANDIDATE, (T0, rollout("experiment")), (T0, registered(3))))
    after = more(known, (T0, RolloutEnded(version=3, verdict=Verdict.UNDECIDED, reason=WHY, evidence={})))
    assert after.rollout == known.rollout and after.challenger == 2 and after.challenger_share == 0.5


def test_there_is_one_challenger_at_a_time() -> None:
    known = state(*CANDIDATE, (T0, rollout("experiment")), (T0, registered(3)))
    assert next_candidate(known, spec_of("experiment")) == []
    staged = state(*CANDIDATE, (T0, Staged(version=2, share=0.1, reason=WHY)), (T0, registered(3)))
    assert next_candidate(staged, spec_of("experiment")) == []


@pytest.mark.parametrize("strategy", ["immediate", *TRAFFIC])
def test_a_newer_version_that_its_gate_left_undecided_does_not_keep_an_older_one_from_its_chance(strategy: str) -> None:
    known = state(*CANDIDATE, (T0, registered(3, verdict=Verdict.UNDECIDED)))
    (action,) = next_candidate(known, spec_of(strategy))
    assert isinstance(action, Promote if strategy == "immediate" else StartRollout) and action.version == 2


def test_the_first_champion_is_the_newest_that_passed() -> None:
    (action,) = next_candidate(state((T0, registered(1)), (T0, registered(2, verdict=Verdict.UNDECIDED))), spec_of("experiment"))
    assert isinstance(action, Promote) and action.version == 1


@pytest.mark.parametrize("compared", [9, None])
def test_a_pass_against_another_champion_is_settled_with_a_reason_and_older_ones_go_on(compared: int | None) -> None:
    spec = spec_of("immediate")
    known = state(*CANDIDATE, (T0, registered(3, compared_with=compared)))
    (settled,) = next_candidate(known, spec)
    assert isinstance(settled, EndRollout) and (settled.version, settled.verdict) == (3, Verdict.UNDECIDED)
    assert settled.reason.code == "rollout.other_champion" and sentence(settled.reason)
    after = more(known, (T0, RolloutEnded(version=3, verdict=settled.verdict, reason=settled.reason, evidence={})))
    (action,) = next_candidate(after, spec)
    assert isinstance(action, Promote) and action.version == 2, "it is said once, and the other one is not forgotten"


def test_a_twin_of_the_champion_does_not_keep_an_older_version_from_its_chance() -> None:
    twin = state(*CANDIDATE, (T0, registered(3, bundle="bundle1")))
    after = more(twin, (T0, RolloutEnded(version=3, verdict=Verdict.UNDECIDED, reason=WHY, evidence={})))
    (action,) = next_candidate(after, spec_of("experiment"))
    assert isinstance(action, StartRollout) and action.version == 2
