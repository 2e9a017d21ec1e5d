"""What the loop decides, given what is known and what was measured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import versions
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
    Cause,
    Entry,
    Event,
    Frozen,
    Promoted,
    Registered,
    RequestClosed,
    RetrainEnded,
    RetrainRequested,
    RetrainStarted,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Staged,
    Suppressed,
    Thawed,
)
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.policy import decide
from flyball.loop.records import (
    Action,
    CloseTraining,
    EndRollout,
    EndWatch,
    Evidence,
    Finished,
    Floored,
    Notify,
    Promote,
    Resolve,
    Retrain,
    RollBack,
    StartRollout,
    Suppress,
)
from flyball.monitoring.records import ColumnDrift, PairedEvidence, Performance, QualityFinding
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from versions import judged

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPEC_TEXT = """
[model]
name = "m"
task = "binary"
[data]
source = "d.csv"
target = "y"
time = "t"
[train]
run = "pipeline:train"
[rollout]
strategy = "shadow"
deadline = "14d"
watch = "30d"
[monitor]
floor = { metric = "brier", drop = 0.02 }
[retrain]
on = ["performance", "drift", "schedule"]
every = "30d"
cooldown = "7d"
min_outcomes = 1000
"""
SPEC = parse_spec(SPEC_TEXT, folder=Path("p"))


def entries(*events: tuple[datetime, Event]) -> list[Entry]:
    return [
        Entry(model="m", seq=seq, at=at, actor="loop", event=event, prev_hash="", hash="")
        for seq, (at, event) in enumerate(events, start=1)
    ]


def state(*events: tuple[datetime, Event]) -> State:
    return fold("m", entries(*events))


def registered(version: int, *, verdict: Verdict = Verdict.PASS, cause: Cause = "schedule", action: str = "") -> Registered:
    return versions.registered(
        version, gate=judged(verdict), cause=cause, action=action, metrics={"brier": 0.15}, lower={"brier": 0.14}, upper={"brier": 0.16}
    )


def promoted(version: int, replaced: int | None, *, watch_until: datetime | None = None) -> Promoted:
    return Promoted(
        version=version, replaced=replaced, reason=because("promote.first", version=version), forced=False, watch_until=watch_until
    )


def rollout(version: int, champion: int, at: datetime = T0) -> RolloutStarted:
    return RolloutStarted(
        version=version,
        champion=champion,
        strategy="shadow",
        metric="brier",
        spec_digest="",
        start_at=at,
        deadline_at=at + 14 * DAY,
        reason=because("rollout.start"),
    )


def paired(version: int, against: int, gain: float, lower: float | None, upper: float | None) -> PairedEvidence:
    return PairedEvidence(
        version=version,
        against=against,
        metric="brier",
        gain=gain,
        lower=lower,
        upper=upper,
        alpha=0.05,
        rows=9000,
        blocks=10,
        live_blocks=10,
    )


def evidence(
    *,
    rollout: PairedEvidence | None = None,
    watch: PairedEvidence | None = None,
    drifted: tuple[str, ...] = (),
    calm: tuple[str, ...] = (),
    below_floor: bool = False,
    new_outcomes: int = 10_000,
    finished: Finished | None = None,
) -> Evidence:
    columns = {
        name: ColumnDrift(
            state="drift",
            distance=0.4,
            lower=0.3,
            upper=0.5,
            threshold=0.1,
            rows=900,
            missing=0.0,
            out_of_range=0.0,
            new_categories=0.0,
            distances={},
            reason=because("drift.moved", column=name),
        )
        for name in drifted
    }
    performance = Performance(
        metric="brier",
        version=1,
        window=Window(start=T0, end=T0 + DAY),
        matured=900,
        labelled=900,
        blocks=14,
        value=0.2,
        lower=0.19,
        upper=0.21,
        reason=because("performance.value"),
    )
    verdict = Verdict.FAIL if below_floor else Verdict.PASS
    return Evidence(
        drift=columns,
        calm={key: because("alert.resolved", key=key) for key in calm},
        performance=performance,
        floor=Floored(verdict=verdict, reason=because("performance.floor")),
        rollout=rollout,
        watch=watch,
        new_outcomes=new_outcomes,
        finished=finished,
    )


CHAMPION = ((T0, registered(1)), (T0, promoted(1, None)))


def at(known: State, seen: Evidence, *, days: float, spec: Spec = SPEC) -> list[Action]:
    return decide(known, seen, spec, now=T0 + days * DAY)


def test_nothing_happens_without_a_reason() -> None:
    assert at(state(*CHAMPION), evidence(), days=10) == []


def test_the_first_version_that_passed_its_gate_becomes_champion() -> None:
    (action,) = at(state((T0, registered(1))), evidence(), days=0)
    assert isinstance(action, Promote)
    assert action.version == 1


def test_a_version_that_failed_its_gate_never_gets_a_chance() -> None:
    assert at(state((T0, registered(1, verdict=Verdict.FAIL))), evidence(), days=0) == []
    assert at(state(*CHAMPION, (T0, registered(2, verdict=Verdict.FAIL))), evidence(), days=1) == []


def test_what_the_gate_left_undecided_may_be_compared_but_never_promoted_by_the_gate() -> None:
    undecided = registered(2, verdict=Verdict.UNDECIDED, cause="schedule")
    assert at(state((T0, registered(1, verdict=Verdict.UNDECIDED))), evidence(), days=0) == []
    (action,) = at(state(*CHAMPION, (T0, undecided)), evidence(), days=1)
    assert isinstance(action, StartRollout)
    immediate = replace(SPEC, rollout=replace(SPEC.rollout, strategy="immediate"))
    assert at(state(*CHAMPION, (T0, undecided)), evidence(), days=1, spec=immediate) == []


def test_a_margin_lets_a_fresher_equal_replace_the_champion() -> None:
    trying = state(*CHAMPION, (T0, registered(2)), (T0, rollout(2, 1)))
    equal = evidence(rollout=paired(2, 1, 0.0, -0.001, 0.001))
    assert at(trying, equal, days=9) == []
    generous = state(*CHAMPION, (T0, registered(2)), (T0, replace(rollout(2, 1), margin=0.002)))
    (action,) = at(generous, equal, days=9)
    assert isinstance(action, Promote)
    assert action.reason.code == "rollout.not_worse"


def test_no_promotion_before_the_live_days_the_spec_asks_for() -> None:
    trying = state(*CHAMPION, (T0, registered(2)), (T0, rollout(2, 1)))
    early = replace(paired(2, 1, 0.01, 0.001, 0.02), live_blocks=6)
    assert at(trying, evidence(rollout=early), days=9) == []


def test_a_candidate_is_compared_with_the_champion_before_it_may_replace_it() -> None:
    (action,) = at(state(*CHAMPION, (T0, registered(2))), evidence(), days=1)
    assert isinstance(action, StartRollout)
    assert action.version == 2


def test_a_candidate_gets_one_chance() -> None:
    tried = state(
        *CHAMPION,
        (T0, registered(2)),
        (T0, rollout(2, 1)),
        (T0, RolloutEnded(version=2, verdict=Verdict.UNDECIDED, reason=because("x"), evidence={})),
    )
    assert at(tried, evidence(), days=1) == []


def test_of_several_candidates_the_newest_is_tried() -> None:
    (action,) = at(state(*CHAMPION, (T0, registered(2)), (T0, registered(3))), evidence(), days=1)
    assert isinstance(action, StartRollout)
    assert action.version == 3


def test_an_older_candidate_never_follows_a_newer_one() -> None:
    for event in (promoted(3, 1), rollout(3, 1)):
        known = state(*CHAMPION, (T0, registered(2)), (T0, registered(3)), (T0, event))
        assert known.versions[2].settled
    promoted_ = state(*CHAMPION, (T0, registered(2)), (T0, registered(3)), (T0, promoted(3, 1)))
    assert at(promoted_, evidence(), days=1) == []


def test_a_version_that_a_person_staged_is_not_pushed_aside() -> None:
    staged = state(*CHAMPION, (T0, registered(2)), (T0, Staged(version=2, share=0.5, reason=because("x"))), (T0, registered(3)))
    assert at(staged, evidence(), days=1) == []
    freed = fold("m", entries((T0, Staged(version=None, share=0.0, reason=because("x")))), start=staged)
    assert [type(action) for action in at(freed, evidence(), days=1)] == [StartRollout]


def test_a_rollout_goes_by_the_rules_it_began_with() -> None:
    trying = state(*CHAMPION, (T0, registered(2)), (T0, replace(rollout(2, 1), margin=0.002)))
    (action,) = at(trying, evidence(rollout=paired(2, 1, 0.0, -0.001, 0.001)), days=9)
    assert isinstance(action, Promote)


def test_servers_that_cannot_take_over_a_version_are_an_alert() -> None:
    known = state(*CHAMPION)
    (action,) = at(known, replace(evidence(), refused=("version 2 needs trusted code",)), days=1)
    assert isinstance(action, Notify)
    assert action.alert.key == "deployment"


def test_certain_gain_promotes_certain_loss_rejects_and_doubt_waits() -> None:
    trying = state(*CHAMPION, (T0, registered(2)), (T0, rollout(2, 1)))
    (action,) = at(trying, evidence(rollout=paired(2, 1, 0.01, 0.001, 0.02)), days=9)
    assert isinstance(action, Promote)
    (action,) = at(trying, evidence(rollout=paired(2, 1, -0.01, -0.02, -0.001)), days=9)
    assert isinstance(action, EndRollout)
    assert action.verdict is Verdict.FAIL
    assert at(trying, evidence(rollout=paired(2, 1, 0.01, -0.001, 0.02)), days=9) == []
    assert at(trying, evidence(rollout=paired(2, 1, 0.01, None, None)), days=9) == []
    assert at(trying, evidence(rollout=None), days=9) == []


def test_a_version_that_cannot_score_a_part_of_the_requests_does_not_take_over_however_good_it_is_on_the_rest() -> None:
    trying = state(*CHAMPION, (T0, registered(2)), (T0, rollout(2, 1)))
    better = replace(paired(2, 1, 0.01, 0.001, 0.02), missed=1000)
    assert at(trying, evidence(rollout=better), days=9) == []
    (action,) = at(trying, evidence(rollout=better), days=15)
    assert isinstance(action, EndRollout) and action.verdict is Verdict.UNDECIDED
    assert action.reason.code == "rollout.left_out" and action.reason.values["missed"] == 1000
    (action,) = at(trying, evidence(rollout=replace(better, missed=9)), days=9)
    assert isinstance(action, Promote), "a few rows are lost at every swap"


def test_undecided_at_the_deadline_keeps_the_champion() -> None:
    trying = state(*CHAMPION, (T0, registered(2)), (T0, rollout(2, 1)))
    for found, days in ((paired(2, 1, 0.01, -0.001, 0.02), 14), (None, 15)):
        (action,) = at(trying, evidence(rollout=found), days=days)
        assert isinstance(action, EndRollout)
        assert action.verdict is Verdict.UNDECIDED


def test_a_comparison_with_a_champion_that_is_gone_ends() -> None:
    known = state(*CHAMPION, (T0, registered(2)), (T0, registered(3)), (T0, rollout(3, 1)))
    (action,) = at(replace(known, champion=2), evidence(rollout=paired(3, 1, 0.1, 0.05, 0.2)), days=1)
    assert isinstance(action, EndRollout)
    assert action.verdict is Verdict.UNDECIDED


def test_a_new_champion_that_is_certainly_worse_than_the_old_one_is_rolled_back() -> None:
    watched = state(*CHAMPION, (T0, registered(2)), (T0, promoted(2, 1, watch_until=T0 + 30 * DAY)))
    (action,) = at(watched, evidence(watch=paired(2, 1, -0.01, -0.02, -0.001)), days=9)
    assert isinstance(action, RollBack)
    assert (action.version, action.to) == (2, 1)
    assert at(watched, evidence(watch=paired(2, 1, -0.01, -0.02, 0.001)), days=9) == []
    (action,) = at(watched, evidence(watch=paired(2, 1, -0.01, -0.02, 0.001)), days=30)
    assert isinstance(action, EndWatch)


def test_after_a_rollback_the_old_champion_serves_and_nothing_is_watched() -> None:
    back = state(
        *CHAMPION,
        (T0, registered(2)),
        (T0, promoted(2, 1, watch_until=T0 + 30 * DAY)),
        (T0, RolledBack(version=2, to=1, reason=because("x"), evidence={"upper": -0.001})),
    )
    assert (back.champion, back.previous, back.watch) == (1, None, None), "what was given up is nothing to go back to"
    assert back.versions[2].refused
    assert at(back, evidence(watch=paired(2, 1, -0.01, -0.02, -0.001)), days=9) == []


def test_immediate_promotes_on_the_gate_but_never_a_candidate_of_drift_alone() -> None:
    spec = replace(SPEC, rollout=replace(SPEC.rollout, strategy="immediate"))
    fresh = replace(registered(2, cause="performance"), compared_with=1)
    (action,) = at(state(*CHAMPION, (T0, fresh)), evidence(), days=1, spec=spec)
    assert isinstance(action, Promote)
    (settled,) = at(state(*CHAMPION, (T0, replace(fresh, compared_with=7))), evidence(), days=1, spec=spec)
    assert isinstance(settled, EndRollout) and settled.reason.code == "rollout.other_champion", "judged against another"
    (action,) = at(state(*CHAMPION, (T0, registered(2, cause="drift"))), evidence(), days=1, spec=spec)
    assert isinstance(action, StartRollout)


def test_a_freeze_stops_every_change_and_still_writes_alerts_down() -> None:
    frozen = state(*CHAMPION, (T0, registered(2)), (T0, rollout(2, 1)), (T0, Frozen(reason="audit", until=None)))
    actions = at(frozen, evidence(rollout=paired(2, 1, 0.01, 0.001, 0.02), drifted=("temp",), below_floor=True), days=9)
    assert {type(action) for action in actions} == {Notify}
    thawed = fold("m", entries((T0, Thawed(reason="")))[:1], start=frozen)
    assert any(isinstance(action, Promote) for action in at(thawed, evidence(rollout=paired(2, 1, 0.01, 0.001, 0.02)), days=9))


def test_a_freeze_ends_by_itself_when_it_said_so() -> None:
    frozen = state(*CHAMPION, (T0, registered(2)), (T0, Frozen(reason="audit", until=T0 + DAY)))
    assert at(frozen, evidence(), days=0.5) == []
    assert at(frozen, evidence(), days=1) != []


def causes(actions: list[Action]) -> list[Cause]:
    return [action.cause for action in actions if isinstance(action, Retrain)]


def test_performance_is_a_stronger_reason_than_drift_and_drift_than_the_schedule() -> None:
    known = state(*CHAMPION)
    assert causes(at(known, evidence(below_floor=True, drifted=("temp",)), days=40)) == ["performance"]
    assert causes(at(known, evidence(drifted=("temp",)), days=40)) == ["drift"]
    assert causes(at(known, evidence(), days=40)) == ["schedule"]
    assert causes(at(known, evidence(), days=29)) == []


def test_a_trigger_the_spec_does_not_name_is_only_an_alert() -> None:
    spec = replace(SPEC, retrain=replace(SPEC.retrain, on=("schedule",)))
    actions = at(state(*CHAMPION), evidence(below_floor=True, drifted=("temp",)), days=10, spec=spec)
    assert {type(action) for action in actions} == {Notify}


def test_each_obstacle_puts_a_training_off_and_is_said_once() -> None:
    running = (T0, RetrainStarted(action="a", cause="drift", reason=because("x")))
    ended = (T0, RetrainEnded(action="a", outcome="failed", version=0, reason=because("x")))
    for known, seen, code in (
        (state(*CHAMPION), evidence(below_floor=True), "suppressed.cooldown"),
        (state(*CHAMPION, running, ended), evidence(below_floor=True), "suppressed.cooldown"),
        (state(*CHAMPION, running), evidence(below_floor=True), "suppressed.running"),
        (state(*CHAMPION, (T0, registered(2)), (T0, rollout(2, 1))), evidence(below_floor=True), "suppressed.rollout"),
        (state(*CHAMPION), evidence(below_floor=True, new_outcomes=3), "suppressed.outcomes"),
    ):
        days = 10 if code == "suppressed.outcomes" else 1
        waits = [action for action in at(known, seen, days=days) if isinstance(action, Suppress)]
        assert [one.because.code for one in waits] == [code]
        event = Suppressed(cause=waits[0].cause, reason=waits[0].reason, because=waits[0].because)
        said = fold("m", entries((T0, event)), start=known)
        assert not [action for action in at(said, seen, days=days) if isinstance(action, Suppress)]


def test_what_people_train_neither_puts_the_loops_trainings_off_nor_replaces_them() -> None:
    known = state(*CHAMPION, (T0 + 29 * DAY, registered(2, verdict=Verdict.FAIL, cause="manual")))
    assert causes(at(known, evidence(below_floor=True), days=30)) == ["performance"]
    assert causes(at(known, evidence(), days=30)) == ["schedule"]


def test_drift_that_a_training_answered_does_not_ask_again_until_it_was_over_or_the_champion_changed() -> None:
    started = RetrainStarted(action="a", cause="drift", reason=because("x"))
    ended = RetrainEnded(action="a", outcome="registered", version=2, reason=because("x"))
    answered = state(*CHAMPION, (T0, AlertFired(key="drift:temp", reason=because("x"))), (T0, started), (T0, ended))
    assert causes(at(answered, evidence(drifted=("temp",)), days=20)) == []
    assert causes(at(answered, evidence(drifted=("temp", "wind")), days=20)) == ["drift"]
    lost = RetrainEnded(action="a", outcome="lost", version=0, reason=because("x"))
    nothing = state(*CHAMPION, (T0, AlertFired(key="drift:temp", reason=because("x"))), (T0, started), (T0, lost))
    assert causes(at(nothing, evidence(drifted=("temp",)), days=20)) == ["drift"], "a training that came to nothing answered nothing"
    over = fold("m", entries((T0, AlertResolved(key="drift:temp", reason=because("x")))), start=answered)
    assert causes(at(over, evidence(drifted=("temp",)), days=20)) == ["drift"]
    changed = fold("m", entries((T0, registered(2)), (T0, promoted(2, 1))), start=answered)
    assert causes(at(changed, evidence(drifted=("temp",)), days=20)) == ["drift"]


def test_an_alert_fires_once_and_resolves_when_calm() -> None:
    known = state(*CHAMPION)
    (action,) = at(known, evidence(drifted=("temp",)), days=1)[:1]
    assert isinstance(action, Notify)
    firing = fold("m", entries((T0, AlertFired(key=action.alert.key, reason=action.alert.reason))), start=known)
    assert not [one for one in at(firing, evidence(drifted=("temp",)), days=1) if isinstance(one, Notify)]
    (gone,) = at(firing, evidence(calm=("drift:temp",)), days=2)
    assert isinstance(gone, Resolve)


def test_the_end_of_a_training_is_written_down_before_another_is_asked_for() -> None:
    running = state(*CHAMPION, (T0, RetrainStarted(action="a", cause="drift", reason=because("x"))))
    finished = Finished(action="a", outcome="failed", version=0, reason=because("retrain.failed", message="boom"))
    actions = at(running, evidence(finished=finished, below_floor=True), days=20)
    assert [type(action) for action in actions if not isinstance(action, Notify)] == [CloseTraining]


def test_without_a_champion_nothing_is_retrained() -> None:
    assert at(state(), evidence(below_floor=True), days=99) != []
    assert causes(at(state(), evidence(below_floor=True), days=99)) == []


ASKING = replace(SPEC, retrain=replace(SPEC.retrain, on=("performance", "drift", "alert")))


def asked(key: str = "k") -> tuple[datetime, Event]:
    return T0, RetrainRequested(key=key, reason=because("retrain.alert_bare", alerts=key, sender="x"))


def test_an_alert_from_outside_asks_after_performance_and_before_drift_if_the_spec_lets_it() -> None:
    known = state(*CHAMPION, asked())
    assert causes(at(known, evidence(), days=10)) == [], "the spec does not name it"
    assert causes(at(known, evidence(), days=10, spec=ASKING)) == ["alert"]
    assert causes(at(known, evidence(drifted=("temp",)), days=10, spec=ASKING)) == ["alert"]
    assert causes(at(known, evidence(below_floor=True), days=10, spec=ASKING)) == ["performance"]


def test_an_alert_from_outside_is_one_training_for_as_long_as_it_fires() -> None:
    started = RetrainStarted(action="a", cause="alert", reason=because("x"))
    ended = RetrainEnded(action="a", outcome="registered", version=2, reason=because("x"))
    answered = state(*CHAMPION, asked(), (T0, started), (T0, ended))
    assert causes(at(answered, evidence(), days=20, spec=ASKING)) == []
    promoted_since = fold("m", entries((T0, registered(2)), (T0, promoted(2, 1))), start=answered)
    assert causes(at(promoted_since, evidence(), days=20, spec=ASKING)) == [], "not again because the champion changed"
    other = fold("m", entries(asked("other")), start=answered)
    assert causes(at(other, evidence(), days=20, spec=ASKING)) == ["alert"]
    again = fold("m", entries((T0, RequestClosed(key="k")), asked()), start=answered)
    assert causes(at(again, evidence(), days=20, spec=ASKING)) == ["alert"]
    lost = state(*CHAMPION, asked(), (T0, started), (T0, RetrainEnded(action="a", outcome="lost", version=0, reason=because("x"))))
    assert causes(at(lost, evidence(), days=20, spec=ASKING)) == ["alert"], "a training that came to nothing answered nothing"


def test_an_alert_from_outside_is_put_off_by_the_same_obstacles_and_no_longer_waits_when_it_is_over() -> None:
    known = state(*CHAMPION, asked())
    (waits,) = at(known, evidence(new_outcomes=3), days=10, spec=ASKING)
    assert isinstance(waits, Suppress) and waits.cause == "alert"
    event = Suppressed(cause=waits.cause, reason=waits.reason, because=waits.because)
    fired = (AlertFired(key="drift:a", reason=because("x")), AlertResolved(key="drift:a", reason=because("x")))
    said = fold("m", entries((T0, event), *((T0, one) for one in fired)), start=known)
    assert at(said, evidence(new_outcomes=3), days=10, spec=ASKING) == [], "said once, also when another alert is over"
    assert fold("m", entries((T0, RequestClosed(key="k"))), start=said).suppressed == {}
    frozen = fold("m", entries((T0, Frozen(reason="audit", until=None))), start=known)
    assert at(frozen, evidence(), days=10, spec=ASKING) == []
    thawed = fold("m", entries((T0, Thawed(reason="x"))), start=frozen)
    assert causes(at(thawed, evidence(), days=10, spec=ASKING)) == ["alert"]


def test_immediate_never_promotes_on_the_gate_what_an_alert_from_outside_asked_for() -> None:
    spec = replace(SPEC, rollout=replace(SPEC.rollout, strategy="immediate"))
    fresh = replace(registered(2, cause="alert"), compared_with=1)
    (action,) = at(state(*CHAMPION, (T0, fresh)), evidence(), days=1, spec=spec)
    assert isinstance(action, StartRollout)


def test_errors_in_the_data_are_alerts_and_what_is_wrong_at_this_look_is_never_over() -> None:
    findings = (
        QualityFinding(severity="error", column="age", reason=because("x"), rows=3, examples=("p1",)),
        QualityFinding(severity="error", column="age", reason=because("y"), rows=1, examples=()),
        QualityFinding(severity="warning", column="plan", reason=because("z"), rows=9, examples=()),
    )
    seen = replace(evidence(calm=("quality:age",)), quality=findings)
    (action,) = at(state(*CHAMPION), seen, days=1)
    assert isinstance(action, Notify) and (action.alert.key, action.alert.reason.code) == ("quality:age", "x")
    firing = state(*CHAMPION, (T0, AlertFired(key="quality:age", reason=because("x"))))
    assert at(firing, seen, days=1) == []
    (over,) = at(firing, evidence(calm=("quality:age",)), days=1)
    assert isinstance(over, Resolve)


def finding(column: str, severity: Literal["error", "warning"] = "error") -> QualityFinding:
    reason = because("quality.infinite", column=column, rows=3, of=9, examples="p1")
    return QualityFinding(severity=severity, column=column, reason=reason, rows=3, examples=("p1",), share=1 / 3, limit=0.002)


def test_faulty_data_blocks_a_training_while_it_lasts_whatever_asks_for_it() -> None:
    faulty = replace(evidence(below_floor=True, drifted=("x",)), quality=(finding("x"), finding("y")))
    (suppressed,) = [one for one in at(state(*CHAMPION), faulty, days=40) if isinstance(one, Suppress | Retrain)]
    assert isinstance(suppressed, Suppress)
    assert suppressed.because == because("suppressed.quality", columns="x, y", count=2)
    told = replace(evidence(below_floor=True), quality=(finding("x", "warning"),))
    assert [type(one) for one in at(state(*CHAMPION), told, days=40)] == [Notify, Retrain]


def test_each_faulty_column_is_an_alert_of_its_own_and_told_once() -> None:
    faulty = replace(evidence(), quality=(finding("x"), finding("x"), finding(""), finding("y", "warning")))
    fired = at(state(*CHAMPION), faulty, days=1)
    assert [one.alert.key for one in fired if isinstance(one, Notify)] == ["quality:x", "quality:*"]
    known = state(*CHAMPION, *((T0, AlertFired(key=key, reason=because("x"))) for key in ("quality:x", "quality:*")))
    assert at(known, faulty, days=1) == []
    (over,) = at(known, evidence(calm=("quality:x",)), days=1)
    assert isinstance(over, Resolve)


def test_an_estimate_below_the_floor_asks_for_a_training_only_with_a_column_in_drift() -> None:
    known, on = state(*CHAMPION), replace(SPEC, retrain=replace(SPEC.retrain, on=("performance",)))
    told = because("estimated.below_floor", metric="brier", value=0.3, lower=0.25, upper=0.35, floor=0.18, rows=900)
    for verdict, drifted, expected in (
        (Verdict.FAIL, ("temp", "age"), ["performance"]),
        (Verdict.FAIL, (), []),
        (Verdict.UNDECIDED, ("temp",), []),
        (Verdict.PASS, ("temp",), []),
    ):
        seen = replace(evidence(drifted=drifted), estimated_floor=Floored(verdict=verdict, reason=told))
        assert causes(at(known, seen, days=10, spec=on)) == expected
    seen = replace(evidence(drifted=("temp", "age")), estimated_floor=Floored(verdict=Verdict.FAIL, reason=told))
    (asked,) = (action for action in at(known, seen, days=10, spec=on) if isinstance(action, Retrain))
    assert (asked.reason.code, asked.reason.values["columns"]) == ("retrain.estimated", "age, temp")
    realised = replace(seen, floor=Floored(verdict=Verdict.FAIL, reason=because("performance.floor")))
    (asked,) = (action for action in at(known, realised, days=10, spec=on) if isinstance(action, Retrain))
    assert asked.reason.code == "performance.floor"
    only_drift = replace(SPEC, retrain=replace(SPEC.retrain, on=("drift",)))
    (asked,) = (action for action in at(known, seen, days=10, spec=only_drift) if isinstance(action, Retrain))
    assert asked.cause == "drift"
