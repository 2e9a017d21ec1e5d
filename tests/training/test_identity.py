"""What makes two trainings the same."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from flyball.spec.load import parse_spec
from flyball.spec.records import External, ReplaySpec, Spec
from flyball.training.identity import asked_for, identity_of, origin, recorded_as, repetition, training_digest
from projects import SPEC

SAME = parse_spec(SPEC, folder=Path("a"))


def identity(spec: Spec = SAME, snapshot: str = "s", code: str = "c", sklearn: str = "1.6") -> str:
    return identity_of(spec=spec, snapshot=snapshot, code=code, versions={"scikit-learn": sklearn})


def test_spec_rows_code_and_versions_each_make_another_training() -> None:
    other = replace(SAME, train=replace(SAME.train, params={"C": 2.0}))
    found = {identity(), identity(other), identity(snapshot="t"), identity(code="d"), identity(sklearn="1.7")}
    assert len(found) == 5


def test_serving_and_monitoring_may_change_without_a_new_training() -> None:
    moved = replace(SAME, serve=replace(SAME.serve, port=9000), monitor=replace(SAME.monitor, margin=0.1), folder=Path("b"))
    assert training_digest(moved) == training_digest(SAME)
    assert training_digest(replace(SAME, retrain=replace(SAME.retrain, window=timedelta(days=90)))) != training_digest(SAME)


def test_a_repetition_is_told_apart_and_led_back() -> None:
    assert repetition("abc", 0) == "abc"
    assert repetition("abc", 2) != repetition("abc", 1)
    assert origin(repetition("abc", 2)) == origin("abc") == "abc"


def test_how_a_model_is_made_counts_where_it_is_said_and_changes_nothing_where_it_is_not() -> None:
    ways = [
        SAME,
        replace(SAME, train=replace(SAME.train, python=".venv/bin/python")),
        replace(SAME, train=replace(SAME.train, command=("make", "model"))),
        replace(SAME, train=replace(SAME.train, external=External(kind="webhook", url="http://a"))),
        replace(SAME, retrain=replace(SAME.retrain, since_change=True)),
    ]
    assert len({training_digest(spec) for spec in ways}) == len(ways)
    moved = replace(SAME, train=replace(SAME.train, external=External(kind="webhook", url="http://b")))
    assert training_digest(moved) == training_digest(ways[3])


BEFORE = "bbb4c3dd0ba6e06207addada399ca3dbd929d6c3b69f3262affddad404cc79e1"


def test_a_key_that_came_later_left_older_trainings_what_they_were() -> None:
    assert training_digest(replace(SAME, evaluate=replace(SAME.evaluate, untouched=0.0))) == BEFORE


def test_rows_that_nobody_learns_from_make_another_training_and_what_was_recorded_before_there_were_any_is_known_again() -> None:
    assert training_digest(SAME) != BEFORE
    assert recorded_as(SAME, training_digest(SAME)) and recorded_as(SAME, BEFORE)
    assert not recorded_as(replace(SAME, train=replace(SAME.train, params={"C": 2.0})), BEFORE)


def test_what_a_gate_asks_on_logged_requests_and_in_slices_counts_where_it_is_said() -> None:
    (first, *others) = SAME.evaluate.gate
    ways = [
        SAME.evaluate,
        replace(SAME.evaluate, replay=ReplaySpec(rows=100)),
        replace(SAME.evaluate, gate=(replace(first, slices=True), *others)),
    ]
    assert len({training_digest(replace(SAME, evaluate=one)) for one in ways}) == len(ways)


def test_what_another_system_makes_is_another_training_every_time_it_is_asked() -> None:
    assert asked_for("abc", "retrain-7") == asked_for("abc", "retrain-7") != asked_for("abc", "retrain-8")
