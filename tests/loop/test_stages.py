"""The six stages say how they stand, why, when they ran, and what comes next."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import AlertFired, Entry, Event, Frozen, Promoted, RetrainEnded, RetrainStarted, Suppressed
from flyball.journal.moves import ApprovalAsked, RolloutPaused
from flyball.journal.state import fold
from flyball.loop.stages import PAST, Stage, coming, pace, scheduled, stages, stands_still
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from rollouts import CANDIDATE, CHAMPION, DAY, T0, WHY, registered, rollout, spec_of

NOW = T0 + DAY
HOURLY = tuple(NOW - timedelta(hours=hours) for hours in range(4, -1, -1))
SPEC = spec_of("shadow", shapes=False)
STARTED = RetrainStarted(action="a", cause="drift", reason=because("retrain.schedule", every="1d", days=1.0))


def written(*events: tuple[datetime, Event]) -> list[Entry]:
    return [Entry(model="m", seq=seq, at=at, actor="loop", event=event, prev_hash="", hash="") for seq, (at, event) in enumerate(events, 1)]


def stood(*events: tuple[datetime, Event], spec: Spec = SPEC, looks: Sequence[datetime] = HOURLY, now: datetime = NOW) -> dict[str, Stage]:
    entries = written(*events)
    found = stages(fold("m", entries), spec, entries, looks=looks, now=now)
    assert [one.name for one in found] == ["prepare", "train", "evaluate", "deploy", "monitor", "retrain"]
    assert all(sentence(reason, language) != reason.code for one in found for reason in one.reasons for language in ("en", "zh"))
    assert all(one.reasons for one in found)
    return {one.name: one for one in found}


def states(found: dict[str, Stage]) -> list[str]:
    return [one.state for one in found.values()]


def codes(stage: Stage) -> list[str]:
    return [reason.code for reason in stage.reasons]


def test_before_the_first_training_nothing_has_happened_yet() -> None:
    found = stood(looks=())
    assert states(found) == ["idle"] * 6
    assert codes(found["train"]) == ["stage.never"] and found["train"].last_at is None


def test_a_calm_loop_has_done_everything_and_watches() -> None:
    found = stood(*CHAMPION)
    assert states(found) == ["done", "done", "done", "done", "work", "idle"]
    assert found["monitor"].last_at == NOW and found["monitor"].next_at == NOW + timedelta(hours=1)
    assert codes(found["evaluate"]) == ["stage.gate_pass"] and found["deploy"].last_at == T0


def test_a_training_that_runs_is_at_work_in_all_it_consists_of() -> None:
    found = stood(*CHAMPION, (NOW, STARTED))
    assert [found[name].state for name in ("prepare", "train", "evaluate", "retrain")] == ["work"] * 4
    assert found["train"].last_at == NOW and found["retrain"].reasons[1] == STARTED.reason


def test_a_training_that_came_to_nothing_is_shown_until_one_comes_to_something() -> None:
    failed = RetrainEnded(action="a", outcome="failed", version=0, reason=WHY)
    assert stood(*CHAMPION, (T0, STARTED), (NOW, failed))["train"].state == "failed"
    assert stood(*CHAMPION, (T0, STARTED), (NOW, failed), (NOW, registered(2)))["train"].state == "done"


@pytest.mark.parametrize(("verdict", "state"), [(Verdict.FAIL, "failed"), (Verdict.UNDECIDED, "done"), (Verdict.PASS, "done")])
def test_the_gate_of_the_newest_version_is_how_evaluation_stands(verdict: Verdict, state: str) -> None:
    found = stood(*CHAMPION, (NOW, registered(2, verdict=verdict)))["evaluate"]
    assert found.state == state and codes(found) == [f"stage.gate_{verdict.value}"]


def test_a_comparison_is_at_work_until_it_is_paused_or_waits_for_a_person() -> None:
    running = (*CANDIDATE, (T0, rollout("canary")))
    found = stood(*running)["deploy"]
    assert found.state == "work" and found.next_at == T0 + DAY
    paused = stood(*running, (T0, RolloutPaused(version=2, reason=WHY, until=NOW + DAY)))["deploy"]
    assert paused.state == "waits" and paused.next_at == NOW + DAY
    asked = stood(*running, (NOW, ApprovalAsked(version=2, reason=WHY, evidence={})))["deploy"]
    assert asked.state == "waits" and codes(asked)[-1] == "stage.approval"


def test_a_stopped_loop_neither_deploys_nor_trains_and_goes_on_watching() -> None:
    found = stood(*CANDIDATE, (T0, rollout("canary")), (NOW, Frozen(reason="audit", until=None)))
    assert found["deploy"].state == found["retrain"].state == "stopped" and found["monitor"].state == "work"
    assert sentence(found["retrain"].reasons[0]) == "the loop was stopped: audit"


def test_faulty_rows_stop_the_preparation() -> None:
    found = stood(*CHAMPION, (NOW, AlertFired(key="quality:temp", reason=WHY)), (NOW, AlertFired(key="quality:dewp", reason=WHY)))
    assert found["prepare"].state == "failed" and "2 columns, such as dewp" in sentence(found["prepare"].reasons[0])
    assert sentence(found["monitor"].reasons[0]) == "2 alerts fire"


def test_what_was_put_off_says_what_it_waits_for() -> None:
    put_off = Suppressed(cause="drift", reason=WHY, because=because("suppressed.rollout", version=2))
    found = stood(*CHAMPION, (NOW, put_off))["retrain"]
    assert found.state == "waits" and codes(found) == ["stage.put_off", "suppressed.rollout"]


def test_a_loop_that_should_have_looked_stands_still() -> None:
    assert stood(*CHAMPION, now=NOW + timedelta(hours=9))["monitor"].state == "work"
    late = stood(*CHAMPION, now=NOW + timedelta(hours=11))["monitor"]
    assert late.state == "waits" and codes(late)[0] == "stage.stands_still"
    assert stood(*CHAMPION, looks=())["monitor"].state == "waits"


def test_a_replay_of_the_past_has_a_time_of_its_own() -> None:
    now = NOW + PAST + DAY
    assert not stands_still(HOURLY, now) and stood(*CHAMPION, now=now)["monitor"].state == "work"
    over = stood(*CHAMPION, (NOW, Frozen(reason="the demo is over", until=None)), now=now)["monitor"]
    assert over.state == "done" and over.next_at is None


def test_the_pace_of_the_looks_is_not_moved_by_one_gap() -> None:
    assert pace(()) is None and pace(HOURLY[:1]) is None
    assert pace((T0, *HOURLY)) == timedelta(hours=1)


def test_what_is_due_comes_in_order() -> None:
    promoted = Promoted(version=2, replaced=1, reason=WHY, forced=False, watch_until=NOW + 3 * DAY)
    events = (*CANDIDATE, (T0, promoted), (NOW, Frozen(reason="audit", until=NOW + DAY)))
    known = fold("m", written(*events))
    assert [(one.at, one.reason.code) for one in coming(known, SPEC, now=NOW)] == [
        (NOW + DAY, "coming.thaw"),
        (NOW + 3 * DAY, "coming.watch"),
    ]
    assert scheduled(known, SPEC) is None


def test_the_schedule_counts_from_the_last_training_of_the_loop() -> None:
    spec = replace(SPEC, retrain=replace(SPEC.retrain, on=("schedule",), every=7 * DAY))
    assert scheduled(fold("m", written(*CHAMPION)), spec) == T0 + 7 * DAY
    assert scheduled(fold("m", written(*CHAMPION, (NOW, STARTED))), spec) == NOW + 7 * DAY
    assert scheduled(fold("m", []), spec) is None
    (due,) = coming(fold("m", written(*CHAMPION)), spec, now=NOW)
    assert sentence(due.reason) == "training by the schedule (every 7d)"
    assert stood(*CHAMPION, spec=spec)["train"].next_at == T0 + 7 * DAY


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("shadow", ["coming.deadline"]),
        ("canary", ["coming.step", "coming.deadline"]),
        ("bandit", ["coming.weights", "coming.deadline"]),
    ],
)
def test_a_comparison_says_its_next_step_and_its_end(strategy: str, expected: list[str]) -> None:
    events = (*CANDIDATE, (T0, rollout(strategy)))
    assert [one.reason.code for one in coming(fold("m", written(*events)), SPEC, now=T0)] == expected


def test_a_paused_comparison_goes_on_or_ends() -> None:
    for until, code in ((NOW + DAY, "coming.resume"), (None, "coming.given_up")):
        events = (*CANDIDATE, (T0, rollout("canary")), (T0, RolloutPaused(version=2, reason=WHY, until=until)))
        assert code in [one.reason.code for one in coming(fold("m", written(*events)), SPEC, now=NOW)]
