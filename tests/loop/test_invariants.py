"""What no sequence of evidence, looks and moves of people can bring about."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import FlyballError
from flyball.core.verdict import Verdict
from flyball.journal.events import Entry, Frozen, Promoted, RolledBack, RolloutEnded, RolloutStarted, Staged, Thawed
from flyball.journal.known import State
from flyball.journal.moves import Approved, GuardrailTripped, RolloutPaused, ShareMoved
from flyball.journal.state import fold
from flyball.loop.policy import decide
from flyball.loop.records import Evidence, Promote
from flyball.loop.steer import freeze, promote, roll_back, stage, thaw
from flyball.loop.steer_rollout import abort, approve, decline, pause, resume
from flyball.monitoring.records import ArmsEvidence, PairedEvidence
from flyball.spec.records import Spec
from rollouts import CANDIDATE, DAY, T0, TROUBLE, Small, arms, fallen, paired, registered, seen, spec_of, trip

STRATEGIES = ("immediate", "canary", "experiment", "bandit")
SPECS = [
    spec_of(strategy, *lines)
    for strategy in STRATEGIES
    for lines in ((), ('approve = "manual"',), ('approve = "manual"', "four_eyes = true"))
]
SPECS += [spec_of("shadow", shapes=False), spec_of("canary", shapes=False)]
bounds = st.sampled_from([(0.001, 0.02), (-0.001, 0.02), (0.002, 0.02), (0.0, 0.0), (-0.02, -0.001), (None, None)])


@st.composite
def evidences(draw: Any) -> dict[str, Any]:
    """What a look may find, about whatever version is being compared then."""
    lower, upper = draw(bounds)
    return {
        "kind": draw(st.sampled_from(["arms", "arms", "arms", "paired", "none"])),
        "lower": lower,
        "upper": upper,
        "live_blocks": draw(st.sampled_from([40, 7, 40, 6])),
        "trouble": draw(st.sampled_from([None, None, None, TROUBLE])),
        "preferred": draw(st.sampled_from([None, 0.001, 0.5, 0.97])),
        "identical": draw(st.sampled_from([0, 0, 0, 9000])),
        "tripped": draw(st.sampled_from(["", "", "", "", "", "challenger", "champion"])),
        "fallen": draw(st.sampled_from([False, False, False, True])),
    }


BY_HAND = ("pause", "resume", "abort", "approve", "decline", "freeze", "thaw", "promote", "stage", "roll back")
MOVES = (*["look"] * 12, "train", "train", "approve", "thaw", "resume", *BY_HAND)
steps = st.lists(
    st.tuples(st.sampled_from(MOVES), evidences(), st.sampled_from([1.0, 5.0, 0.3, 2.0, 0.0, 20.0]), st.sampled_from(["ada", "eve"])),
    min_size=8,
    max_size=20,
)


def evidence_for(known: State, drawn: dict[str, Any], now: datetime) -> Evidence:
    """The evidence that was drawn, about the versions that are compared."""
    version, against = (known.rollout.version, known.rollout.champion) if known.rollout is not None else (2, 1)
    made: PairedEvidence | ArmsEvidence | None = None
    if drawn["kind"] == "arms":
        made = arms(0.0, drawn["lower"], drawn["upper"], trouble=drawn["trouble"], preferred=drawn["preferred"])
    elif drawn["kind"] == "paired":
        made = paired(0.0, drawn["lower"], drawn["upper"], identical=drawn["identical"])
    if made is not None:
        made = replace(made, version=version, against=against, live_blocks=drawn["live_blocks"])
    guarded = known.challenger if drawn["tripped"] == "challenger" else known.champion if drawn["tripped"] == "champion" else None
    trips = () if guarded is None else (trip(guarded, now, arm=drawn["tripped"]),)
    low = fallen(known.champion or 0, known.champion_since or T0, now) if drawn["fallen"] else {}
    return seen(made, trips=trips, **low)


def live(spec: Spec, found: list[Any]) -> tuple[Small, list[tuple[State, Evidence | None, list[Entry]]]]:
    """Each step: what was known before it, what was seen, and what was written down."""
    town = Small(Path("no such folder"), spec).happen(*(event for _, event in CANDIDATE))
    history: list[tuple[State, Evidence | None, list[Entry]]] = []
    day, version = 0.0, 2
    for move, drawn, later, who in found:
        day += later
        before, now = town.state, T0 + day * DAY
        evidence = None
        told: dict[str, Any] = {"reason": "x", "actor": who, "now": now}
        try:
            if move == "look":
                evidence = evidence_for(before, drawn, now)
                town.look(evidence, days=day)
            elif move == "train":
                version += 1
                verdict = Verdict.UNDECIDED if drawn["fallen"] else Verdict.PASS
                town.happen(registered(version, verdict=verdict, compared_with=before.champion), days=day)
            elif move == "freeze":
                freeze(town.world, "m", until=now + timedelta(days=3) if drawn["fallen"] else None, **told)
            elif move == "thaw":
                thaw(town.world, "m", **told)
            elif move == "promote":
                promote(town.world, spec, version, force=False, **told)
            elif move == "stage":
                stage(town.world, spec, version, share=0.2, force=False, **told)
            elif move in ("approve", "decline"):
                {"approve": approve, "decline": decline}[move](town.world, spec, before.waiting.version if before.waiting else 1, **told)
            elif move == "roll back":
                roll_back(town.world, spec, **told)
            else:
                {"pause": pause, "resume": resume, "abort": abort}[move](town.world, spec, **told)
        except FlyballError:
            pass
        history.append((before, evidence, town.entries[before.seq :]))
    return town, history


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(SPECS), steps)
def test_nothing_is_promoted_by_doubt_trouble_a_pause_a_freeze_or_without_approval(spec: Spec, found: list[Any]) -> None:
    _, history = live(spec, found)
    for before, evidence, entries in history:
        known = before
        for entry in entries:
            if isinstance(entry.event, Promoted):
                assert_allowed(before, known, entry, evidence, spec, [one.event for one in entries])
            known = fold("m", [entry], start=known)


def assert_allowed(before: State, known: State, entry: Entry, evidence: Evidence | None, spec: Spec, together: list[Any]) -> None:
    event = entry.event
    assert isinstance(event, Promoted)
    assert known.frozen(entry.at) is None
    assert known.paused is None
    assert not known.versions[event.version].refused, "nothing here is forced"
    if spec.rollout.approve == "manual":
        assert any(isinstance(one, Approved) and one.version == event.version for one in together)
        if spec.rollout.four_eyes:
            assert before.waiting is not None and entry.actor != before.waiting.actor
    if entry.actor != "loop":
        return
    assert known.versions[event.version].registered.gate.verdict is Verdict.PASS or spec.rollout.strategy == "shadow"
    ended = [one for one in together if isinstance(one, RolloutEnded) and one.version == event.version]
    if spec.rollout.strategy == "immediate" and not ended:
        return
    assert ended and ended[-1].verdict is Verdict.PASS and evidence is not None and evidence.rollout is not None
    assert evidence.rollout.lower is not None and evidence.rollout.lower > -spec.rollout.margin
    assert evidence.rollout.live_blocks >= spec.rollout.min_days
    assert not isinstance(evidence.rollout, ArmsEvidence) or evidence.rollout.trouble is None
    assert not isinstance(evidence.rollout, PairedEvidence) or not spec.model.influences_outcome
    assert not isinstance(evidence.rollout, PairedEvidence) or not evidence.rollout.identical


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(SPECS), steps)
def test_a_rollout_is_one_challenger_a_pause_is_no_traffic_and_its_end_leaves_nothing(spec: Spec, found: list[Any]) -> None:
    town, _ = live(spec, found)
    known = fold("m", [])
    for entry in town.entries:
        event = entry.event
        if isinstance(event, RolloutStarted):
            assert known.rollout is None and known.challenger is None, "one at a time"
        if isinstance(event, ShareMoved):
            assert known.rollout is not None and known.paused is None and known.frozen(entry.at) is None
        known = fold("m", [entry], start=known)
        if known.rollout is not None:
            assert known.challenger == known.rollout.version != known.champion
            assert known.phases
        if known.paused is not None:
            assert known.rollout is not None and known.challenger_share == 0.0
        if known.challenger is None:
            assert (known.challenger_share, known.phases, known.rollout, known.paused) == (0.0, (), None, None)
        assert 0.0 <= known.challenger_share < 1.0
        assert known.champion not in known.shadow
        if spec.rollout.strategy == "bandit" and isinstance(event, ShareMoved):
            assert spec.rollout.floor <= event.share <= 1 - spec.rollout.floor


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SPECS), steps)
def test_what_a_guardrail_took_out_answers_nobody_from_then_on_whatever_stands_still(spec: Spec, found: list[Any]) -> None:
    _, history = live(spec, found)
    for _, _, entries in history:
        events = [entry.event for entry in entries]
        for number, event in enumerate(events):
            if isinstance(event, GuardrailTripped):
                rest = [one for one in events[number:] if isinstance(one, RolloutEnded | RolledBack | Staged)]
                assert rest, "what follows stands in the same look"
                assert not isinstance(rest[0], RolloutEnded) or rest[0].verdict is Verdict.FAIL


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SPECS), steps)
def test_the_same_arguments_give_the_same_actions(spec: Spec, found: list[Any]) -> None:
    _, history = live(spec, found)
    for before, evidence, entries in history:
        if evidence is None:
            continue
        now = entries[0].at if entries else T0
        assert decide(before, evidence, spec, now=now) == decide(before, evidence, spec, now=now)
        assert all(not isinstance(one, Promote) for one in decide(replace(before, freeze=_frozen(now)), evidence, spec, now=now))


def _frozen(now: datetime) -> Any:
    return fold("m", [_entry(Frozen(reason="x", until=None), now)]).freeze


def _entry(event: Frozen | Thawed | RolloutPaused, at: datetime) -> Entry:
    return Entry(model="m", seq=1, at=at, actor="a", event=event, prev_hash="", hash="")
