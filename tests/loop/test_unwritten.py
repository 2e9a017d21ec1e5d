"""What a guardrail did while nobody ticked speaks against a version all the same."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flyball.core.errors import FlyballError, RefusedError, StoreError
from flyball.core.verdict import Verdict
from flyball.journal.events import Event, Promoted, RolledBack, RolloutEnded, Staged
from flyball.journal.moves import ApprovalAsked, Declined, GuardrailTripped
from flyball.loop.records import Written
from flyball.loop.steer import promote, roll_back, stage, unstage
from flyball.loop.steer_rollout import abort, approve, decline
from flyball.serving.records import Trip
from rollouts import CANDIDATE, DAY, T0, WHY, Small, promoted, rollout, spec_of, trip

MANUAL, AUTO = spec_of("experiment", 'approve = "manual"'), spec_of("experiment")
NOW = T0 + 9.6 * DAY
WHO: dict[str, Any] = {"reason": "because", "actor": "ada", "now": NOW}
STAGED = Staged(version=2, share=0.1, reason=WHY)


class Broken:
    """Guards that nobody can read."""

    def trip(self, trip: Trip) -> None:
        """Not kept."""

    def trips(self, model: str, *, since: datetime) -> list[Trip]:
        raise StoreError("the database is locked")


def small(folder: Path, *events: Event) -> Small:
    """Champion 1, version 2, what happened then, and a trip on day 9.5 that no tick has seen."""
    town = Small(folder, MANUAL).happen(*(event for _, event in CANDIDATE), *events)
    town.world.guards.trip(trip(2, T0 + 9.5 * DAY))
    return town


def happened(done: Written) -> list[type]:
    return [type(entry.event) for entry in done.entries]


@pytest.mark.parametrize("begun", [rollout("experiment", approve="manual"), STAGED], ids=["compared", "staged"])
def test_a_promotion_is_not_approved_after_a_guardrail_acted(begun: Event, tmp_path: Path) -> None:
    town = small(tmp_path, begun, ApprovalAsked(version=2, reason=WHY, evidence={}))
    with pytest.raises(RefusedError, match="guardrail errors took it out of traffic at 2026-03-10 12:00 UTC"):
        approve(town.world, MANUAL, 2, **WHO)
    assert town.state.champion == 1
    earlier = Small(tmp_path, MANUAL).happen(*(event for _, event in CANDIDATE), begun, ApprovalAsked(version=2, reason=WHY, evidence={}))
    earlier.world.guards.trip(trip(2, T0 - DAY))
    assert Promoted in happened(approve(earlier.world, MANUAL, 2, **WHO)), "that was before it began to answer"


def test_where_nobody_can_read_what_guardrails_did_nothing_is_approved_or_promoted_without_force(tmp_path: Path) -> None:
    town = small(tmp_path, STAGED, ApprovalAsked(version=2, reason=WHY, evidence={}))
    town.world = replace(town.world, guards=Broken())
    for act in (lambda: approve(town.world, MANUAL, 2, **WHO), lambda: promote(town.world, AUTO, 2, force=False, **WHO)):
        with pytest.raises(FlyballError, match="cannot be read"):
            act()
    assert happened(promote(town.world, AUTO, 2, force=True, **WHO)) == [Promoted]


def test_a_promotion_by_hand_needs_force_and_then_the_trip_is_on_record(tmp_path: Path) -> None:
    town = small(tmp_path, STAGED)
    with pytest.raises(RefusedError, match="guardrail errors took it out"):
        promote(town.world, AUTO, 2, force=False, **WHO)
    with pytest.raises(RefusedError, match="guardrail errors took it out"):
        stage(town.world, AUTO, 2, share=0.2, force=False, **WHO)
    done = promote(town.world, AUTO, 2, force=True, **WHO)
    assert happened(done) == [GuardrailTripped, Promoted]
    event = done.entries[-1].event
    assert isinstance(event, Promoted) and event.forced
    assert town.state.versions[2].refused


def test_whoever_takes_the_challenger_away_leaves_its_trip_on_record(tmp_path: Path) -> None:
    staged = small(tmp_path, STAGED)
    assert happened(unstage(staged.world, AUTO, 2, **WHO)) == [GuardrailTripped, Staged]
    compared = small(tmp_path, rollout("experiment"))
    assert happened(abort(compared.world, AUTO, **WHO)) == [GuardrailTripped, RolloutEnded]
    waits = small(tmp_path, rollout("experiment"), ApprovalAsked(version=2, reason=WHY, evidence={}))
    assert happened(decline(waits.world, AUTO, 2, **WHO)) == [GuardrailTripped, Declined, RolloutEnded]
    new = small(tmp_path, promoted(2, 1))
    assert happened(roll_back(new.world, AUTO, **WHO)) == [GuardrailTripped, RolledBack]
    for town in (staged, compared, waits, new):
        assert town.state.versions[2].refused and town.state.champion == 1
    blind = small(tmp_path, STAGED)
    assert happened(unstage(replace(blind.world, guards=Broken()), AUTO, 2, **WHO)) == [Staged], "always allowed"


def test_a_version_that_live_rows_spoke_against_is_not_approved(tmp_path: Path) -> None:
    lost = RolloutEnded(version=2, verdict=Verdict.FAIL, reason=WHY, evidence={})
    town = Small(tmp_path, MANUAL).happen(*(event for _, event in CANDIDATE), lost, ApprovalAsked(version=2, reason=WHY, evidence={}))
    with pytest.raises(RefusedError, match="live rows spoke against it"):
        approve(town.world, MANUAL, 2, **WHO)
