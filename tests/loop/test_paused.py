"""A rollout that stands still does so for a time, and says for how long."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flyball.core.errors import UsageError
from flyball.core.verdict import Verdict
from flyball.journal.events import Event, Frozen, RolloutEnded, RolloutStarted
from flyball.journal.moves import ApprovalAsked, Declined, RolloutPaused, RolloutResumed
from flyball.loop.records import Resume
from flyball.loop.rollout import rollout_line, rollout_status
from flyball.loop.steer_rollout import pause
from flyball.words.sentences import sentence
from rollouts import BETTER, CANDIDATE, DAY, OPEN, T0, WHY, Small, at, more, registered, rollout, running, seen, spec_of

SPEC = spec_of("experiment")


def paused(until: datetime | None = None) -> RolloutPaused:
    return RolloutPaused(version=2, reason=WHY, until=until)


def small(folder: Path, *events: Event) -> Small:
    return Small(folder, SPEC).happen(*(event for _, event in CANDIDATE), rollout("experiment"), *events)


def test_a_pause_with_an_end_goes_on_by_itself_and_the_deadline_moves(tmp_path: Path) -> None:
    town = small(tmp_path)
    done = pause(town.world, SPEC, reason="audit", actor="ada", now=T0 + DAY, length=timedelta(hours=24))
    (event,) = [entry.event for entry in done.entries]
    assert isinstance(event, RolloutPaused) and event.until == T0 + 2 * DAY
    assert sentence(event.reason).endswith("goes on by itself at 2026-03-03 00:00 UTC")
    assert town.look(seen(BETTER), days=1.9) == []
    (resumed,) = town.look(seen(OPEN), days=2)
    assert isinstance(resumed, RolloutResumed) and sentence(resumed.reason)
    assert town.state.rollout is not None and town.state.rollout.deadline_at == T0 + 31 * DAY and town.state.challenger_share == 0.5


def test_a_pause_that_outlasts_the_rollout_ends_it_undecided_and_the_next_version_gets_its_chance(tmp_path: Path) -> None:
    town = small(tmp_path, ApprovalAsked(version=2, reason=WHY, evidence={}), registered(3))
    done = pause(town.world, SPEC, reason="holidays", actor="ada", now=T0 + DAY)
    event = done.entries[0].event
    assert isinstance(event, RolloutPaused) and "ends undecided at 2026-04-01 00:00 UTC" in sentence(event.reason)
    assert town.look(seen(BETTER), days=30.9) == []
    declined, ended, begun = town.look(seen(BETTER), days=31)
    assert isinstance(declined, Declined) and isinstance(begun, RolloutStarted) and begun.version == 3
    assert isinstance(ended, RolloutEnded) and (ended.verdict, ended.reason.code) == (Verdict.UNDECIDED, "rollout.paused_out")
    assert not town.state.versions[2].refused and sentence(ended.reason)


def test_neither_happens_while_frozen_or_while_nobody_knows_what_guardrails_did() -> None:
    short, long = (more(running("experiment"), (T0 + DAY, paused(until))) for until in (T0 + 2 * DAY, None))
    for known in (short, long):
        frozen = more(known, (T0 + DAY, Frozen(reason="audit", until=None)))
        assert at(frozen, seen(OPEN), SPEC, days=50) == []
    assert at(short, seen(OPEN, trips=None), SPEC, days=2) == []
    (action,) = at(short, seen(OPEN), SPEC, days=2)
    assert isinstance(action, Resume)


@pytest.mark.parametrize("length", [timedelta(0), timedelta(days=-1), timedelta(days=31)])
def test_a_pause_lasts_no_longer_than_the_rollout(length: timedelta, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no longer than the rollout itself: 30d"):
        pause(small(tmp_path).world, SPEC, reason="x", actor="ada", now=T0, length=length)


def test_how_it_stands_says_since_when_and_until_when() -> None:
    known = more(running("experiment"), (T0 + DAY, paused()))
    found = rollout_status(known, now=T0 + 2 * DAY)
    assert found is not None and (found.paused_since, found.paused_until, found.resumes) == (T0 + DAY, T0 + 31 * DAY, False)
    assert str(rollout_line(known, now=T0)).endswith(
        "paused since 2026-03-02 00:00 UTC: ends undecided unless resumed at 2026-04-01 00:00 UTC"
    )
    assert "if nobody does by 2026-04-01 00:00 UTC, it ends undecided" in sentence(found.waits_for)
    short = more(running("experiment"), (T0 + DAY, paused(T0 + 2 * DAY)))
    assert str(rollout_line(short, now=T0)).endswith("goes on by itself at 2026-03-03 00:00 UTC")
    found = rollout_status(short, now=T0)
    assert found is not None and found.resumes and "2026-03-03 00:00 UTC" in sentence(found.waits_for)
