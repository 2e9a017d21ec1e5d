"""What makes two trainings the same."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from flyball.training.identity import identity_of, origin, repetition, training_digest
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
