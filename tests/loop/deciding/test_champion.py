"""Whether a new champion stays."""

from dataclasses import replace
from typing import Any

from flyball.core.verdict import Verdict
from flyball.journal.known import Freeze, State
from flyball.loop.records import EndWatch, Evidence, Floored, Notify, RollBack
from rollouts import CANDIDATE, DAY, T0, WHY, at, fallen, paired, promoted, seen, spec_of, state

EXPERIMENT, SHADOW = spec_of("experiment"), spec_of("shadow", shapes=False)


def new(*, watched: bool = False) -> State:
    return state(*CANDIDATE, (T0, promoted(2, 1, watch_until=T0 + 30 * DAY if watched else None)))


def broken(*, since: float = 0.0, version: int = 2, **changes: Any) -> Evidence:
    return replace(seen(**fallen(version, T0 + since * DAY, T0 + 20 * DAY)), **changes)


def rolled(known: State, evidence: Evidence, spec: object = EXPERIMENT, *, days: float = 20) -> list[RollBack]:
    assert isinstance(spec, type(EXPERIMENT))
    return [one for one in at(known, evidence, spec, days=days) if isinstance(one, RollBack)]


def test_a_new_champion_that_fell_below_its_floor_gives_way_to_the_one_before_it() -> None:
    (back,) = rolled(new(), broken())
    assert (back.version, back.to, back.reason.code) == (2, 1, "rollback.fallen")
    assert back.evidence == {"value": 0.3, "lower": 0.28, "upper": 0.32, "floor": 0.18, "rows": 900, "blocks": 14}


def test_only_rows_of_its_own_time_speak_against_it() -> None:
    assert rolled(new(), broken(since=-1)) == [], "some are from before it took over"
    assert rolled(new(), broken(version=1)) == []
    assert rolled(new(), broken(since=31), days=60) == [], "it is a new champion no longer"


def test_doubt_and_a_floor_that_holds_change_nothing() -> None:
    for verdict in (Verdict.UNDECIDED, Verdict.PASS):
        assert rolled(new(), broken(floor=Floored(verdict=verdict, reason=WHY))) == []


def test_a_champion_without_one_before_it_stays() -> None:
    assert rolled(replace(new(), previous=None), broken()) == []


def test_where_the_one_before_it_scores_the_same_rows_it_must_look_better_on_them() -> None:
    known = new(watched=True)
    assert rolled(known, broken(), SHADOW) == [], "nothing is known of the one before"
    assert rolled(known, broken(watch=paired(0.01, -0.1, 0.1)), SHADOW) == [], "that one would be worse: the world moved"
    (back,) = rolled(known, broken(watch=paired(-0.01, -0.1, 0.1)), SHADOW)
    assert back.reason.code == "rollback.fallen"
    (certain,) = rolled(known, broken(watch=paired(-0.01, -0.02, -0.001)), SHADOW)
    assert certain.reason.code == "watch.worse", "the pairs alone are proof enough"


def test_a_freeze_keeps_the_champion() -> None:
    assert rolled(new(), broken()), "not frozen"
    stopped = replace(new(), freeze=Freeze(at=T0, reason="audit", until=None))
    assert {type(one) for one in at(stopped, broken(), EXPERIMENT, days=20)} == {Notify}


def test_where_answers_change_outcomes_pairs_never_roll_back() -> None:
    known = new(watched=True)
    assert rolled(known, seen(watch=paired(-0.01, -0.02, -0.001))) == []
    (ended,) = at(known, seen(watch=paired(-0.01, -0.02, -0.001)), EXPERIMENT, days=30)
    assert isinstance(ended, EndWatch) and ended.reason.code == "watch.no_evidence"
