"""What live rows or a guardrail spoke against never becomes champion by itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from flyball.core.verdict import Verdict
from flyball.journal.events import Promoted, RolloutStarted, Staged
from flyball.journal.moves import GuardrailTripped
from flyball.loop.deciding.chances import next_candidate
from rollouts import CANDIDATE, DAY, T0, WHY, Small, more, promoted, registered, seen, spec_of, state, trip

STRATEGIES = [("immediate", True), ("canary", True), ("experiment", True), ("bandit", True), ("shadow", False)]


@pytest.mark.parametrize(("strategy", "shapes"), STRATEGIES)
def test_a_staged_version_that_a_guardrail_took_out_gets_no_chance_in_the_same_look(strategy: str, shapes: bool, tmp_path: Path) -> None:
    spec = spec_of(strategy, shapes=shapes)
    town = Small(tmp_path, spec).happen(registered(1), promoted(1, None), registered(2), Staged(version=2, share=0.05, reason=WHY))
    found = town.look(seen(trips=(trip(2, T0 + DAY / 2),)), days=1)
    assert [type(event) for event in found] == [GuardrailTripped, Staged]
    assert not any(isinstance(event, Promoted | RolloutStarted) for event in town.look(seen(), days=2))
    assert town.state.champion == 1 and town.state.versions[2].refused and town.state.versions[2].settled


@pytest.mark.parametrize(("strategy", "shapes"), STRATEGIES)
def test_a_refused_version_is_no_candidate_and_the_one_before_it_is(strategy: str, shapes: bool) -> None:
    known = state(*CANDIDATE, (T0, registered(3)))
    refused = replace(known, versions={**known.versions, 3: replace(known.versions[3], refused=True)})
    (action,) = next_candidate(refused, spec_of(strategy, shapes=shapes))
    assert action.version == 2


def test_a_trip_settles_the_version_it_is_about_and_no_other() -> None:
    tripped = GuardrailTripped(version=3, guardrail="errors", worker="w0", tripped_at=T0, reason=WHY, evidence={})
    known = more(state(*CANDIDATE), (T0, registered(3)), (T0, registered(4, verdict=Verdict.UNDECIDED)), (T0, tripped))
    assert [known.versions[number].settled for number in (2, 3, 4)] == [False, True, False]
