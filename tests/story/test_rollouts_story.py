"""Rollouts from start to end, as the journal tells them: the real policy and engine over a world in memory, handed its evidence."""

from dataclasses import replace
from pathlib import Path

from flyball.core.verdict import Verdict
from flyball.journal.events import AlertFired, AlertResolved, Event, Promoted, RolloutEnded, RolloutStarted
from flyball.journal.explain import decisions, tell
from flyball.journal.moves import ApprovalAsked, Approved, Declined, ShareMoved
from flyball.loop.steer_rollout import approve, decline, pause, resume
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from rollouts import BETTER, CHAMPION, DAY, OPEN, T0, TROUBLE, WORSE, Small, arms, registered, seen, spec_of, trip


def town(folder: Path, spec: Spec) -> Small:
    """A champion, and a version that passed its gate."""
    return Small(folder, spec).happen(*(event for _, event in CHAMPION), registered(2))


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def sentences(small: Small) -> list[str]:
    return [sentence(told.reason) for told in decisions(small.entries)]


def test_a_canary_climbs_its_steps_and_is_promoted_when_it_is_proven(tmp_path: Path) -> None:
    small = town(tmp_path, spec_of("canary", "steps = [0.01, 0.1, 0.5]", 'hold = "2d"'))
    (begun,) = small.look(seen(), days=0)
    assert isinstance(begun, RolloutStarted)
    assert (begun.strategy, begun.share, begun.steps, begun.hold, begun.seed) == ("canary", 0.01, (0.01, 0.1, 0.5), 2 * DAY, "m:4")
    assert begun.guardrails == small.spec.rollout.guardrails and begun.approve == "auto"
    shares, early = [small.state.challenger_share], arms(0.004, None, None, live_blocks=2)
    for day in range(1, 7):
        found = small.look(seen(early), days=day)
        assert set(kinds(found)) <= {ShareMoved}
        shares.append(small.state.challenger_share)
    assert shares == [0.01, 0.01, 0.1, 0.1, 0.5, 0.5, 0.5]
    assert [phase.share for phase in small.state.phases] == [0.01, 0.1, 0.5]
    assert small.look(seen(OPEN), days=9) == []
    ended, promoted = small.look(seen(BETTER), days=10)
    assert isinstance(ended, RolloutEnded) and ended.verdict is Verdict.PASS
    assert isinstance(promoted, Promoted) and promoted.watch_until is None, "where answers change outcomes, nobody is watched in shadow"
    assert (small.state.champion, small.state.previous, small.state.challenger) == (2, 1, None)
    told = sentences(small)
    assert any(one.startswith("version 2 held 1.0% of the units for 2d and nothing speaks against it: step 2 of 3, 10.0%") for one in told)
    assert any(one.startswith("version 2 is certainly better on its units than 1 on the others: brier gain +0.01000") for one in told)


def test_an_experiment_that_is_certainly_worse_is_refused_and_the_next_is_assigned_anew(tmp_path: Path) -> None:
    small = town(tmp_path, spec_of("experiment"))
    (begun,) = small.look(seen(), days=0)
    assert isinstance(begun, RolloutStarted) and begun.share == 0.5
    assert small.look(seen(OPEN), days=5) == []
    (ended,) = small.look(seen(WORSE), days=9)
    assert isinstance(ended, RolloutEnded) and ended.verdict is Verdict.FAIL and small.state.versions[2].refused
    assert (small.state.champion, small.state.challenger, small.state.challenger_share) == (1, None, 0.0)
    small.happen(registered(3), days=10)
    (again,) = small.look(seen(), days=10)
    assert isinstance(again, RolloutStarted) and again.version == 3 and again.seed != begun.seed


def test_arms_that_do_not_fit_their_shares_are_told_of_and_the_deadline_says_why_nothing_was_decided(tmp_path: Path) -> None:
    small = town(tmp_path, spec_of("experiment"))
    small.look(seen(), days=0)
    spoilt = replace(BETTER, trouble=TROUBLE)
    assert kinds(small.look(seen(spoilt), days=8)) == [AlertFired]
    assert small.look(seen(spoilt), days=9) == []
    ended, over = small.look(seen(spoilt), days=14), small.look(seen(), days=15)
    assert kinds(ended) == [RolloutEnded] and kinds(over) == [AlertResolved]
    assert isinstance(ended[0], RolloutEnded) and (ended[0].verdict, ended[0].reason) == (Verdict.UNDECIDED, TROUBLE)
    assert small.state.champion == 1


def test_a_promotion_that_waits_is_approved_by_a_person(tmp_path: Path) -> None:
    small = town(tmp_path, spec_of("experiment", 'approve = "manual"', "four_eyes = true"))
    small.look(seen(), days=0)
    (asked,) = small.look(seen(BETTER), days=9)
    assert isinstance(asked, ApprovalAsked) and asked.evidence["lower"] == 0.001
    assert small.look(seen(BETTER), days=10) == [] and small.state.champion == 1
    done = approve(small.world, small.spec, 2, reason="looks right", actor="ada", now=T0 + 11 * DAY)
    assert kinds([entry.event for entry in done.entries]) == [Approved, RolloutEnded, Promoted]
    assert "ada approved the promotion of version 2: looks right" in sentences(small)


def test_a_promotion_that_waits_is_declined_withdrawn_or_taken_down_by_a_guardrail(tmp_path: Path) -> None:
    manual = spec_of("experiment", 'approve = "manual"')
    first = town(tmp_path, manual)
    first.look(seen(), days=0)
    first.look(seen(BETTER), days=9)
    decline(first.world, manual, 2, reason="not this week", actor="ada", now=T0 + 10 * DAY)
    assert (first.state.champion, first.state.rollout) == (1, None) and first.look(seen(BETTER), days=11) == []

    second = town(tmp_path, manual)
    second.look(seen(), days=0)
    second.look(seen(BETTER), days=9)
    assert kinds(second.look(seen(OPEN), days=10)) == [Declined]
    assert kinds(second.look(seen(BETTER), days=11)) == [ApprovalAsked], "proven again, it asks again"
    assert kinds(second.look(seen(WORSE), days=12)) == [Declined, RolloutEnded]

    third = town(tmp_path, manual)
    third.look(seen(), days=0)
    third.look(seen(BETTER), days=9)
    found = third.look(seen(BETTER, trips=(trip(2, T0 + 9.5 * DAY),)), days=10)
    assert [type(event).__name__ for event in found] == ["GuardrailTripped", "Declined", "RolloutEnded"]
    assert third.state.versions[2].refused and third.state.champion == 1


def test_a_pause_stops_the_clock_and_nothing_is_decided_meanwhile(tmp_path: Path) -> None:
    small = town(tmp_path, spec_of("canary", "steps = [0.1, 0.5]", 'hold = "1d"', 'deadline = "20d"'))
    small.look(seen(), days=0)
    pause(small.world, small.spec, reason="a holiday", actor="ada", now=T0 + 0.5 * DAY)
    for day in (2, 10, 19):
        assert small.look(seen(BETTER), days=day) == []
    resume(small.world, small.spec, reason="back", actor="ada", now=T0 + 20 * DAY)
    assert small.state.rollout is not None and small.state.rollout.deadline_at == T0 + 39.5 * DAY
    assert small.state.challenger_share == 0.1
    assert small.look(seen(BETTER), days=20.5) == [], "the step is held anew"
    assert kinds(small.look(seen(BETTER), days=21)) == [ShareMoved]
    assert kinds(small.look(seen(OPEN), days=39.5)) == [RolloutEnded]


def test_a_bandit_gives_the_better_arm_more_and_is_decided_as_an_experiment_is(tmp_path: Path) -> None:
    small = town(tmp_path, spec_of("bandit", "floor = 0.1", 'hold = "1d"'))
    small.look(seen(), days=0)
    shares = []
    for day, preferred in enumerate((0.4, 0.8, 0.97, 0.99), 1):
        small.look(seen(replace(OPEN, preferred=preferred)), days=day)
        shares.append(small.state.challenger_share)
    assert shares == [0.42, 0.74, 0.876, 0.892]
    assert kinds(small.look(seen(replace(BETTER, preferred=0.99)), days=9)) == [RolloutEnded, Promoted]


def test_every_event_of_a_rollout_is_told_in_both_languages(tmp_path: Path) -> None:
    small = town(tmp_path, spec_of("canary", 'approve = "manual"'))
    small.look(seen(), days=0)
    for day in (1, 2, 3, 4, 5):
        small.look(seen(replace(BETTER, live_blocks=9)), days=day)
    approve(small.world, small.spec, 2, reason="go", actor="ada", now=T0 + 6 * DAY)
    for entry in small.entries:
        told = tell(entry).reason
        for language in ("en", "zh"):
            assert "{" not in sentence(told, "zh" if language == "zh" else "en")
    assert small.state.champion == 2
