"""The fold of the journal: what is known follows from what happened, and from nothing else."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

import versions as known_versions
from flyball.core.codec import from_json
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
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
    Silenced,
    SilenceEnded,
    Staged,
    Thawed,
    WatchEnded,
)
from flyball.journal.moves import ApprovalAsked, Approved, Declined, RolloutPaused, RolloutResumed, ShareMoved
from flyball.journal.state import fold
from flyball.spec.records import Strategy

T0 = datetime(2026, 1, 1, tzinfo=UTC)
WHY = because("x")


def registered(version: int) -> Registered:
    return known_versions.registered(version)


versions = st.integers(1, 4)
events: st.SearchStrategy[Event] = st.one_of(
    versions.map(registered),
    st.builds(
        Promoted,
        version=versions,
        replaced=st.none() | versions,
        reason=st.just(WHY),
        forced=st.booleans(),
        watch_until=st.none() | st.just(T0 + timedelta(days=30)),
    ),
    st.builds(RolledBack, version=versions, to=versions, reason=st.just(WHY), evidence=st.just({})),
    st.builds(Staged, version=st.none() | versions, share=st.floats(0, 1), reason=st.just(WHY)),
    st.builds(
        RolloutStarted,
        version=versions,
        champion=versions,
        strategy=st.just("shadow"),
        metric=st.just("brier"),
        spec_digest=st.just(""),
        start_at=st.just(T0),
        deadline_at=st.just(T0),
        reason=st.just(WHY),
    ),
    st.builds(RolloutEnded, version=versions, verdict=st.sampled_from(Verdict), reason=st.just(WHY), evidence=st.just({})),
    st.builds(WatchEnded, version=versions, reason=st.just(WHY), evidence=st.just({})),
    st.builds(
        RolloutStarted,
        version=versions,
        champion=versions,
        strategy=st.sampled_from(["canary", "experiment", "bandit"]),
        metric=st.just("brier"),
        spec_digest=st.just(""),
        start_at=st.just(T0),
        deadline_at=st.just(T0),
        reason=st.just(WHY),
        share=st.floats(0, 1),
    ),
    st.builds(ShareMoved, version=versions, share=st.floats(0, 1), reason=st.just(WHY), evidence=st.just({})),
    st.builds(RolloutPaused, version=versions, reason=st.just(WHY)),
    st.builds(RolloutResumed, version=versions, reason=st.just(WHY)),
    st.builds(ApprovalAsked, version=versions, reason=st.just(WHY), evidence=st.just({})),
    st.builds(Approved, version=versions, reason=st.just(WHY)),
    st.builds(Declined, version=versions, reason=st.just(WHY)),
    st.builds(Frozen, reason=st.just("r"), until=st.none()),
    st.builds(Thawed, reason=st.just("r")),
    st.builds(AlertFired, key=st.sampled_from(["a", "b"]), reason=st.just(WHY)),
    st.builds(AlertResolved, key=st.sampled_from(["a", "b"]), reason=st.just(WHY)),
    st.builds(Silenced, pattern=st.sampled_from(["a", "*"]), reason=st.just("r"), until=st.just(T0 + timedelta(hours=5))),
    st.builds(SilenceEnded, pattern=st.sampled_from(["a", "*"]), reason=st.just("r")),
    st.builds(RetrainRequested, key=st.sampled_from(["a", "b"]), reason=st.just(WHY)),
    st.builds(RequestClosed, key=st.sampled_from(["a", "b"])),
    st.builds(RetrainStarted, action=st.just("t"), cause=st.just("alert"), reason=st.just(WHY)),
    st.builds(RetrainEnded, action=st.just("t"), outcome=st.sampled_from(["failed", "registered"]), version=versions, reason=st.just(WHY)),
)


def entries(found: list[Event]) -> list[Entry]:
    return [
        Entry(model="m", seq=n, at=T0 + timedelta(hours=n), actor="a", event=event, prev_hash="", hash="")
        for n, event in enumerate(found, start=1)
    ]


@given(st.lists(events, max_size=12), st.integers(0, 12))
def test_a_fold_may_be_taken_in_two_steps(found: list[Event], cut: int) -> None:
    whole = entries(found)
    assert fold("m", whole) == fold("m", whole[cut:], start=fold("m", whole[:cut]))


@given(st.lists(events, max_size=12))
def test_the_champion_never_scores_in_its_own_shadow(found: list[Event]) -> None:
    state = fold("m", entries(found))
    assert state.champion not in state.shadow
    assert len(set(state.shadow)) == len(state.shadow)


def test_a_promotion_makes_the_old_champion_previous_and_watches_against_it() -> None:
    state = fold(
        "m",
        entries(
            [
                registered(1),
                Promoted(version=1, replaced=None, reason=WHY, forced=False, watch_until=None),
                registered(2),
                Promoted(version=2, replaced=1, reason=WHY, forced=False, watch_until=T0 + timedelta(days=30)),
            ]
        ),
    )
    assert (state.champion, state.previous, state.shadow) == (2, 1, (1,))


def test_the_challenger_of_a_rollout_scores_in_shadow_until_it_ends() -> None:
    begun: list[Event] = [
        registered(1),
        Promoted(version=1, replaced=None, reason=WHY, forced=False, watch_until=None),
        registered(2),
        RolloutStarted(version=2, champion=1, strategy="shadow", metric="brier", spec_digest="", start_at=T0, deadline_at=T0, reason=WHY),
    ]
    state = fold("m", entries(begun))
    assert (state.challenger, state.shadow) == (2, (2,))
    ended = fold("m", entries([*begun, RolloutEnded(version=2, verdict=Verdict.FAIL, reason=WHY, evidence={})]))
    assert (ended.challenger, ended.shadow, ended.champion) == (None, (), 1)


def test_an_alert_stands_until_it_resolves() -> None:
    fired = [AlertFired(key="drift:temp", reason=WHY)]
    assert set(fold("m", entries([*fired])).firing) == {"drift:temp"}
    assert not fold("m", entries([*fired, AlertResolved(key="drift:temp", reason=WHY)])).firing


@given(st.lists(events, max_size=12))
def test_what_fires_has_a_beginning_and_no_end(found: list[Event]) -> None:
    state = fold("m", entries(found))
    assert set(state.firing) == {key for key, one in state.standing.items() if one.over_at is None}


def test_severity_follows_from_the_kind_unless_the_event_says_otherwise() -> None:
    fired = [AlertFired(key=key, reason=WHY) for key in ("performance:brier", "deployment", "quality:age", "drift:temp", "new:kind")]
    state = fold("m", entries([*fired, AlertFired(key="drift:x", reason=WHY, severity="critical")]))
    assert [one.severity for one in state.standing.values()] == ["critical"] * 3 + ["warning"] * 2 + ["critical"]


def test_an_alert_of_the_last_version_is_still_read() -> None:
    event = from_json('{"key":"drift:temp","reason":{"code":"x","values":{}}}', AlertFired)
    assert event == AlertFired(key="drift:temp", reason=WHY)


def test_a_silence_covers_what_fits_it_until_it_ends() -> None:
    state = fold("m", entries([Silenced(pattern="drift:*", reason="r", until=T0 + timedelta(hours=5))]))
    assert state.silenced("drift:temp", T0 + timedelta(hours=4)) is not None
    assert state.silenced("drift:temp", T0 + timedelta(hours=5)) is None
    assert state.silenced("performance:brier", T0) is None
    longer = fold("m", entries([Silenced(pattern="*", reason="longer", until=T0 + timedelta(hours=9))]), start=state)
    found = longer.silenced("drift:temp", T0)
    assert found is not None and (found.reason, found.actor) == ("longer", "a")


def begun(strategy: Strategy, share: float) -> list[Event]:
    start = RolloutStarted(
        version=2,
        champion=1,
        strategy=strategy,
        metric="brier",
        spec_digest="",
        start_at=T0,
        deadline_at=T0 + timedelta(days=1),
        reason=WHY,
        share=share,
    )
    return [registered(1), Promoted(version=1, replaced=None, reason=WHY, forced=False, watch_until=None), registered(2), start]


def test_a_challenger_with_traffic_scores_nothing_in_shadow() -> None:
    state = fold("m", entries(begun("experiment", 0.5)))
    assert (state.challenger, state.challenger_share, state.shadow) == (2, 0.5, ())


def test_the_phases_of_a_rollout_are_its_shares_one_after_the_other_and_end_with_it() -> None:
    moved = [
        *begun("canary", 0.1),
        ShareMoved(version=2, share=0.5, reason=WHY, evidence={}),
        RolloutPaused(version=2, reason=WHY),
        RolloutResumed(version=2, reason=WHY),
    ]
    state = fold("m", entries(moved))
    assert [phase.share for phase in state.phases] == [0.1, 0.5, 0.0, 0.5]
    assert state.rollout is not None and state.rollout.deadline_at == T0 + timedelta(days=1, hours=1), "it stood still for an hour"
    ended = fold("m", entries([*moved, RolloutEnded(version=2, verdict=Verdict.UNDECIDED, reason=WHY, evidence={})]))
    assert (ended.phases, ended.rollout, ended.challenger, ended.challenger_share) == ((), None, None, 0.0)


def test_a_staged_challenger_has_a_phase_that_says_since_when() -> None:
    staged = [*begun("canary", 0.1)[:3], Staged(version=2, share=0.2, reason=WHY)]
    assert [(phase.share, phase.since) for phase in fold("m", entries(staged)).phases] == [(0.2, T0 + timedelta(hours=4))]
    assert fold("m", entries([*staged, Staged(version=None, share=0.0, reason=WHY)])).phases == ()
