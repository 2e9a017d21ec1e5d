"""What guardrails did in servers reaches the journal at the next tick, and nothing older than what it is about."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import Frozen, RolledBack, RolloutEnded
from flyball.journal.moves import GuardrailTripped
from flyball.loop.engine import tick
from flyball.serving.records import Trip
from flyball.testing.samples import NOON
from rollouts import rollout
from watched import MODEL, Watched, reference, rows

HOUR = timedelta(hours=1)


@pytest.fixture
def town(tmp_path: Path) -> Watched:
    found = Watched(tmp_path).register(1, reference()).promote(1).register(2, reference(seed=1))
    found.world.predictions.add(rows("p", [NOON - HOUR] * 600))
    return found


def trip(town: Watched, version: int, at: datetime) -> None:
    reason = because("test.reason", count=5)
    town.world.guards.trip(
        Trip(
            model=MODEL, version=version, arm="challenger", guardrail="errors", worker="w0", at=at, reason=reason, evidence={"failed": 5.0}
        )
    )


def ticked(town: Watched, *, at: datetime) -> list[type]:
    return [type(entry.event) for entry in tick(town.world, town.spec, town.memory, now=at).entries]


@pytest.mark.parametrize("frozen", [False, True])
def test_a_rollout_ends_at_the_tick_after_its_challenger_was_taken_out(town: Watched, frozen: bool) -> None:
    town.world.journal.append(
        MODEL, [rollout("shadow", start_at=NOON, deadline_at=NOON + 30 * 24 * HOUR)], expected=town.state.seq, actor="t", at=NOON
    )
    if frozen:
        town.world.journal.append(MODEL, [Frozen(reason="audit", until=None)], expected=town.state.seq, actor="t", at=NOON)
    trip(town, 2, NOON - HOUR)
    assert RolloutEnded not in ticked(town, at=NOON + HOUR), "it tripped before the rollout began"
    trip(town, 2, NOON + 2 * HOUR)
    assert ticked(town, at=NOON + 3 * HOUR)[:2] == [GuardrailTripped, RolloutEnded]
    ended = town.world.journal.read(MODEL)[-1].event
    assert isinstance(ended, RolloutEnded) and ended.verdict is Verdict.FAIL
    assert ticked(town, at=NOON + 4 * HOUR) == [], "it is written down once"
    current = town.world.deployments.current(MODEL)
    assert current is not None and current.challenger is None


def test_a_champion_that_was_taken_out_gives_way_at_the_next_tick(town: Watched) -> None:
    town.promote(2)
    tick(town.world, town.spec, town.memory, now=NOON + HOUR)
    current = town.world.deployments.current(MODEL)
    assert current is not None and current.watched and current.previous == 1 and current.guardrails is not None
    trip(town, 2, NOON + 2 * HOUR)
    assert ticked(town, at=NOON + 3 * HOUR)[:2] == [GuardrailTripped, RolledBack]
    assert town.state.champion == 1
