"""What each training cost and bought, told from the journal alone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import (
    AlertFired,
    Entry,
    Event,
    Promoted,
    RetrainEnded,
    RetrainStarted,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Suppressed,
    WatchEnded,
)
from flyball.journal.moves import ApprovalAsked, Declined, GuardrailTripped
from flyball.loop.past.price import PutOff, Training, bought_words, comparisons_of, standings_of, training_of, trainings
from flyball.loop.past.story import story_of
from flyball.words.sentences import sentence
from versions import judged, registered

T0 = datetime(2026, 2, 1, tzinfo=UTC)
WHY = because("x", metric="brier")
BETTER = {"gain": 0.01, "lower": 0.004, "upper": 0.016, "rows": 900.0, "blocks": 9.0, "alpha": 0.05}
WORSE = {"gain": -0.01, "lower": -0.016, "upper": -0.004, "rows": 900.0, "blocks": 9.0, "alpha": 0.05}


def entries(*found: Event) -> list[Entry]:
    return [
        Entry(model="m", seq=seq, at=T0 + timedelta(hours=seq), actor="loop", event=event, prev_hash="", hash="")
        for seq, event in enumerate(found, start=1)
    ]


def rollout(version: int, champion: int = 1) -> RolloutStarted:
    return RolloutStarted(
        version=version,
        champion=champion,
        strategy="shadow",
        metric="brier",
        spec_digest="",
        start_at=T0,
        deadline_at=T0,
        reason=WHY,
    )


def promoted(version: int, replaced: int | None) -> Promoted:
    return Promoted(version=version, replaced=replaced, reason=WHY, forced=False, watch_until=None)


def ended(version: int, verdict: Verdict, evidence: Mapping[str, float]) -> RolloutEnded:
    return RolloutEnded(version=version, verdict=verdict, reason=WHY, evidence=evidence)


BEGUN: tuple[Event, ...] = (registered(1), promoted(1, None))
RETRAINED: tuple[Event, ...] = (
    *BEGUN,
    AlertFired(key="performance:brier", reason=WHY),
    RetrainStarted(action="a", cause="performance", reason=because("retrain.schedule", every="30d", days=31.0)),
    registered(2, cause="performance", action="a"),
    RetrainEnded(action="a", outcome="registered", version=2, reason=WHY, cost={"cpu_seconds": 41.0, "seconds": 14.0}),
    rollout(2),
    ended(2, Verdict.PASS, BETTER),
    promoted(2, 1),
)


def of(version: int, *found: Event) -> Training:
    made = training_of(entries(*found), version)
    assert made is not None
    return made


def test_a_training_of_the_loop_tells_its_trigger_its_price_and_what_it_bought() -> None:
    made = of(2, *RETRAINED)
    assert (made.cause, made.action, made.ended, made.gate, made.became) == ("performance", "a", "registered", Verdict.PASS, "champion")
    assert made.reason == because("retrain.schedule", every="30d", days=31.0)
    assert list(made.firing) == ["performance:brier"]
    assert (made.rows, made.cpu_seconds, made.seconds) == (100, 41.0, 14.0)
    bought = made.bought
    assert bought is not None
    assert (bought.by, bought.against, bought.gain, bought.lower, bought.upper, bought.days) == ("rollout", 1, 0.01, 0.004, 0.016, 9)
    assert "certainly better than 1" in sentence(bought_words(bought))


def test_the_comparison_while_it_answered_is_the_later_word() -> None:
    made = of(2, *RETRAINED, WatchEnded(version=2, reason=WHY, evidence={**BETTER, "gain": 0.02}))
    assert made.became == "kept"
    assert [(one.by, one.gain) for one in made.comparisons] == [("rollout", 0.01), ("watch", 0.02)]
    assert made.bought is not None and made.bought.gain == 0.02


def test_a_version_that_was_rolled_back_bought_a_loss() -> None:
    made = of(2, *RETRAINED, RolledBack(version=2, to=1, reason=WHY, evidence=WORSE))
    assert made.became == "rolled back"
    assert made.bought is not None and made.bought.verdict is Verdict.FAIL
    assert "certainly worse than 1" in sentence(bought_words(made.bought))
    assert of(1, *RETRAINED, RolledBack(version=2, to=1, reason=WHY, evidence=WORSE)).became == "champion"


def test_a_later_comparison_without_bounds_does_not_hide_an_earlier_one_with_them() -> None:
    made = of(2, *RETRAINED, WatchEnded(version=2, reason=WHY, evidence={"gain": 0.0, "rows": 3.0, "blocks": 1.0}))
    assert made.bought is not None and made.bought.by == "rollout"
    assert "too few live rows" in sentence(bought_words(made.comparisons[-1]))


@pytest.mark.parametrize(
    ("events", "became"),
    [
        ((registered(2, gate=judged(Verdict.FAIL)),), "refused by its gate"),
        ((registered(2),), "waits"),
        ((registered(2), rollout(2)), "in comparison"),
        ((registered(2), rollout(2), ended(2, Verdict.FAIL, WORSE)), "refused"),
        ((registered(2), rollout(2), ended(2, Verdict.UNDECIDED, {})), "undecided"),
        ((registered(2), registered(3), rollout(3)), "passed over"),
        ((registered(2), rollout(2), ApprovalAsked(version=2, reason=WHY, evidence={})), "waits for approval"),
        ((registered(2), ApprovalAsked(version=2, reason=WHY, evidence={}), Declined(version=2, reason=WHY)), "declined"),
        ((registered(2), promoted(2, 1), registered(3), promoted(3, 2)), "replaced"),
        (
            (
                registered(2),
                rollout(2),
                GuardrailTripped(version=2, guardrail="errors", worker="w", tripped_at=T0, reason=WHY, evidence={}),
            ),
            "tripped",
        ),
    ],
)
def test_what_became_of_a_version_is_the_last_thing_that_happened_to_it(events: tuple[Event, ...], became: str) -> None:
    assert of(2, *BEGUN, *events).became == became


def test_a_training_that_came_to_nothing_is_listed_with_its_price() -> None:
    begun = RetrainStarted(action="a", cause="drift", reason=WHY)
    failed = RetrainEnded(action="a", outcome="failed", version=0, reason=WHY, cost={"cpu_seconds": 2.0})
    (_, made) = trainings(entries(*BEGUN, begun, failed))
    assert isinstance(made, Training)
    assert (made.ended, made.version, made.became, made.cpu_seconds, made.bought) == ("failed", 0, "nothing", 2.0, None)
    (_, running) = trainings(entries(*BEGUN, begun))
    assert isinstance(running, Training) and running.ended == "running"


def test_a_training_of_a_person_is_listed_once_with_what_it_measured_itself() -> None:
    (made,) = trainings(entries(*BEGUN))
    assert isinstance(made, Training)
    assert (made.cause, made.reason, made.cpu_seconds, made.seconds) == ("manual", None, 30.0, 12.0)


def test_what_was_put_off_stands_between_with_why() -> None:
    told = trainings(entries(*BEGUN, Suppressed(cause="drift", reason=WHY, because=because("suppressed.outcomes", found=1, needed=2))))
    assert [type(one) for one in told] == [Training, PutOff]
    assert isinstance(told[1], PutOff) and told[1].because.code == "suppressed.outcomes"


def test_a_rollout_that_a_person_ended_compared_nothing() -> None:
    assert comparisons_of(entries(*BEGUN, registered(2), rollout(2), ended(2, Verdict.UNDECIDED, {})), 2) == ()


def test_a_story_holds_the_training_and_every_entry_about_the_version() -> None:
    story = story_of("m", entries(*RETRAINED), 2)
    assert story is not None and story.training is not None
    assert [one.action for one in story.told] == ["retrain", "registered", "retrain registered", "compare", "compared: pass", "promote"]
    assert story.standing == "champion"
    assert story_of("m", entries(*RETRAINED), 9) is None


def test_what_became_of_many_versions_is_found_at_one_look() -> None:
    first, second = registered(1), registered(2, action="go")
    found = entries(first, promoted(1, None), second, rollout(2), ended(2, Verdict.PASS, BETTER), promoted(2, 1))
    standings = standings_of(found, [first, second])
    assert {version: word for version, (word, _) in standings.items()} == {1: "replaced", 2: "champion"}
    assert standings[2][1] == found[-1].at


def test_the_training_of_one_version_is_the_one_among_all_trainings() -> None:
    started = [RetrainStarted(action=name, cause="drift", reason=WHY) for name in ("a", "b")]
    ends = [RetrainEnded(action=name, outcome="registered", version=n, reason=WHY) for name, n in (("a", 2), ("b", 3))]
    made = [registered(1), registered(2, action="a"), registered(3, action="b"), registered(4, source="elsewhere")]
    found = entries(made[0], started[0], made[1], ends[0], started[1], made[2], ends[1], made[3])
    every = {one.version: one for one in trainings(found) if isinstance(one, Training)}
    assert {version: training_of(found, version) for version in (1, 2, 3)} == every
    assert training_of(found, 4) is None
