"""How a rollout stands, in words."""

from dataclasses import replace

from flyball.journal.events import AlertFired, Frozen
from flyball.journal.moves import ApprovalAsked, RolloutPaused, ShareMoved
from flyball.loop.rollout import rollout_line, rollout_status, waiting_status
from flyball.words.sentences import sentence
from rollouts import CHAMPION, DAY, T0, TROUBLE, WHY, more, running, state


def waits(known: object, *, days: float = 0.5) -> str:
    assert isinstance(known, type(running("shadow")))
    found = rollout_status(known, now=T0 + days * DAY)
    assert found is not None
    return sentence(found.waits_for)


def test_without_a_rollout_there_is_nothing_to_say() -> None:
    assert rollout_status(state(*CHAMPION), now=T0) is None
    assert rollout_line(state(*CHAMPION), now=T0) is None
    assert waiting_status(state(*CHAMPION)) is None


def test_a_canary_says_its_share_and_when_the_next_step_is_due() -> None:
    found = rollout_status(running("canary"), now=T0)
    assert found is not None
    assert (found.strategy, found.share, found.next_share, found.next_at) == ("canary", 0.01, 0.1, T0 + DAY)
    assert rollout_line(running("canary"), now=T0) == (
        "version 2 against 1 by brier, until 2026-03-31 00:00 UTC; canary, 1.0% of the units since 2026-03-01 00:00 UTC, "
        "10.0% from 2026-03-02 00:00 UTC"
    )
    assert waits(running("canary")) == "the end of this step at 2026-03-02 00:00 UTC, then 10.0% of the units if nothing speaks against it"
    top = more(running("canary"), (T0 + 2 * DAY, ShareMoved(version=2, share=0.5, reason=WHY, evidence={})))
    assert waits(top, days=2.5).startswith("the end of the last step at 2026-03-04")
    assert waits(top, days=4).startswith("proof: a lower bound above 0 on at least 7 live days")


def test_the_others_say_what_they_wait_for() -> None:
    assert rollout_line(running("shadow"), now=T0) == "version 2 against 1 by brier, until 2026-03-31 00:00 UTC"
    assert waits(running("experiment", margin=0.002)) == "proof: a lower bound above -0.002 on at least 7 live days"
    assert "new weights" in waits(running("bandit"))


def test_a_stop_is_what_it_waits_for() -> None:
    paused = more(running("canary"), (T0, RolloutPaused(version=2, reason=WHY)))
    assert "resume" in waits(paused)
    found = rollout_status(paused, now=T0)
    assert found is not None and (found.next_share, found.next_at, found.share) == (None, None, 0.0)
    assert "paused since 2026-03-01" in str(rollout_line(paused, now=T0))
    frozen = more(running("canary"), (T0, Frozen(reason="audit", until=None)))
    assert waits(frozen) == "the loop is frozen: audit"


def test_what_waits_for_a_person_says_who_asked() -> None:
    asked = more(running("experiment"), (T0 + DAY, ApprovalAsked(version=2, reason=WHY, evidence={})), actor="ada")
    assert "flyball approve m@2" in waits(asked)
    found = waiting_status(asked)
    assert found is not None and (found.version, found.asked_by, found.since) == (2, "ada", T0 + DAY)
    other = replace(asked, rollout=None)
    assert waiting_status(other) is not None


def test_a_step_that_is_held_on_says_that_nobody_was_answered() -> None:
    found = rollout_status(running("canary"), now=T0 + 2 * DAY, answered=0)
    assert found is not None and found.waits_for.code == "waits.answer"
    for now, answered in ((T0 + DAY / 2, 0), (T0 + 2 * DAY, 7), (T0 + 2 * DAY, None)):
        found = rollout_status(running("canary"), now=now, answered=answered)
        assert found is not None and found.waits_for.code == "waits.step"


def test_a_rollout_whose_arms_cannot_be_compared_waits_until_they_can() -> None:
    rings = AlertFired(key="experiment:2", reason=TROUBLE, severity="critical")
    found = rollout_status(more(running("experiment"), (T0 + DAY, rings)), now=T0 + 2 * DAY)
    assert found is not None and found.waits_for.code == "waits.trouble"
