"""Tests that a project declares, asked of versions that keep them and of versions that do not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from behaving import Score, by_age, of_three, people, subject
from flyball.core.errors import DataError, SpecError
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.loop.behaviour.declared import Declared, guarded
from flyball.loop.behaviour.records import Behaved, Subject
from flyball.spec.load_behaviour import parse_behaviours
from flyball.words.sentences import sentence

PASS, FAIL, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED


def ask(lines: str, one: Subject | None = None) -> list[Behaved]:
    """What comes of one declaration."""
    version = subject() if one is None else one
    (test,) = parse_behaviours(f"[[test]]\n{lines}", version.manifest.task).tests
    features = version.rows.select(version.manifest.schema.names) if version.rows.rows else version.rows
    return Declared(version, version.rows, features).run(test)  # type: ignore[arg-type]  # none of these is a latency


def verdict(lines: str, one: Subject | None = None) -> Verdict:
    (found,) = ask(lines, one)
    assert sentence(found.reason)
    assert sentence(found.reason, "zh")
    return found.verdict


def with_plan(table: Table) -> NDArray[np.float64]:
    more = np.array([0.2 if plan == "plus" else 0.0 for plan in table["plan"].tolist()])
    return np.asarray(np.clip(by_age(table) + more, 0, 1), dtype=np.float64)


@pytest.mark.parametrize(
    ("lines", "score", "expected"),
    [
        ("kind='invariance'\ncolumn='plan'\nmost=0.0", by_age, PASS),
        ("kind='invariance'\ncolumn=['plan','member']\nmost=0.0", by_age, PASS),
        ("kind='invariance'\ncolumn='plan'\nmost=0.1", with_plan, FAIL),
        ("kind='invariance'\ncolumn='plan'\nmost=0.3", with_plan, PASS),
        ("kind='invariance'\ncolumn='plan'\nmost=0.1\nshare=1.0", with_plan, PASS),
        ("kind='invariance'\ncolumn='plan'\nsame_label=true", with_plan, FAIL),
        ("kind='invariance'\ncolumn='plan'\nmissing=true\nmost=0.0", by_age, PASS),
        ("kind='invariance'\ncolumn='calls'\nadd=2\nmost=0.0", by_age, PASS),
        ("kind='directional'\ncolumn='age'\nadd=5\nexpect='not_lower'", by_age, PASS),
        ("kind='directional'\ncolumn='age'\nadd=5\nexpect='not_higher'", by_age, FAIL),
        ("kind='directional'\ncolumn='age'\nadd=5\nexpect='not_higher'\ntolerance=0.1", by_age, PASS),
        ("kind='directional'\ncolumn='age'\ntimes=1.1\nexpect='not_lower'\nby='mean'", by_age, PASS),
        ("kind='directional'\ncolumn='age'\ntimes=0.9\nexpect='not_lower'\nby='mean'", by_age, FAIL),
        ("kind='directional'\ncolumn='age'\nadd=5\nexpect='not_lower'\nof=0", by_age, FAIL),
        ("kind='directional'\ncolumn='plan'\nto='plus'\nexpect='not_lower'", with_plan, PASS),
        ("kind='minimum'\nrows=[{age=79}]\nanswer=1\nat_least=0.7", by_age, PASS),
        ("kind='minimum'\nrows=[{age=79},{age=21}]\nanswer=1", by_age, FAIL),
        ("kind='minimum'\nrows=[{age=79}]\nat_most=0.5", by_age, FAIL),
        ("kind='minimum'\nrows=[{age=79}]\nmissing=['plan','calls']\nanswer=1", by_age, PASS),
        ("kind='slice'\ncolumn='plan'\nvalue='plus'\nmetric='roc_auc'\nat_least=0.6", by_age, PASS),
        ("kind='slice'\ncolumn='plan'\nvalue='plus'\nmetric='roc_auc'\nat_least=0.99", by_age, FAIL),
        ("kind='slice'\ncolumn='plan'\nvalue='plus'\nmetric='brier'\nat_most=0.01", by_age, FAIL),
        ("kind='slice'\ncolumn='plan'\nvalue='plus'\nmetric='roc_auc'\nat_least=0.6\nrows=1000", by_age, UNDECIDED),
        ("kind='slice'\ncolumn='plan'\nvalue='none'\nmetric='roc_auc'\nat_least=0.6", by_age, UNDECIDED),
        ("kind='slice'\ncolumn='plan'\nmetric='roc_auc'\nat_least=0.6\nrows=1000", by_age, UNDECIDED),
    ],
)
def test_a_version_is_judged_by_what_it_does(lines: str, score: Score, expected: Verdict) -> None:
    assert verdict(lines, subject(score)) is expected


def test_a_failure_names_the_rows_that_are_furthest_off() -> None:
    (found,) = ask("kind='invariance'\ncolumn='plan'\nto='plus'\nmost=0.1", subject(with_plan))
    assert len(found.examples) == 3
    first = found.examples[0]
    assert str(first["row"]).startswith("p")
    assert first["change"] == "plan = plus"
    assert first["after"] == pytest.approx(float(str(first["before"])) + 0.2)


def test_every_slice_has_a_verdict_of_its_own() -> None:
    found = ask("name='ranks'\nkind='slice'\ncolumn='plan'\nmetric='roc_auc'\nat_least=0.6")
    assert [(one.name, one.verdict) for one in found] == [
        ("ranks [plan=basic]", PASS),
        ("ranks [plan=plus]", PASS),
        ("ranks [plan: the rest]", Verdict.NOT_APPLICABLE),
    ] or {one.verdict for one in found} == {PASS, Verdict.NOT_APPLICABLE}


def test_a_score_that_is_no_number_is_never_a_pass() -> None:
    def broken(table: Table) -> NDArray[np.float64]:
        return np.where(np.array([plan == "plus" for plan in table["plan"].tolist()]), np.nan, by_age(table))

    assert verdict("kind='invariance'\ncolumn='plan'\nto='plus'\nmost=1.0", subject(broken)) is FAIL
    assert verdict("kind='directional'\ncolumn='plan'\nto='plus'\nexpect='not_lower'", subject(broken)) is FAIL
    assert verdict("kind='minimum'\nrows=[{plan='plus'}]\nat_least=0.0", subject(broken)) is FAIL


def test_without_rows_nothing_is_decided() -> None:
    bare = subject(rows=Table({}))
    for lines in (
        "kind='invariance'\ncolumn='plan'\nmost=0.0",
        "kind='directional'\ncolumn='age'\nadd=5\nexpect='not_lower'",
        "kind='slice'\ncolumn='plan'\nmetric='roc_auc'\nat_least=0.6",
        "kind='minimum'\nrows=[{age=79}]\nanswer=1",
    ):
        assert verdict(lines, bare) is UNDECIDED
    whole = "kind='minimum'\nrows=[{age=79, calls=1, member=true, plan='plus'}]\nanswer=1"
    assert verdict(whole, bare) is PASS


def test_a_change_that_changes_no_row_decides_nothing() -> None:
    plus = people().with_columns({"plan": np.full(400, "plus", dtype=object)})
    assert verdict("kind='invariance'\ncolumn='plan'\nto='plus'\nmost=0.0", subject(rows=plus)) is UNDECIDED


def test_models_of_several_classes_are_asked_by_class() -> None:
    def three(table: Table) -> NDArray[np.float64]:
        a = by_age(table)
        return np.column_stack([a, (1 - a) / 2, (1 - a) / 2])

    rows = people().with_columns({"gone": np.array(["a", "b"] * 200, dtype=object)})
    version = subject(three, rows, of_three())
    assert verdict("kind='directional'\ncolumn='age'\nadd=5\nexpect='not_lower'\nof='a'", version) is PASS
    assert verdict("kind='directional'\ncolumn='age'\nadd=5\nexpect='not_lower'\nof='b'", version) is FAIL
    assert verdict("kind='minimum'\nrows=[{age=79}]\nanswer='a'", version) is PASS
    assert verdict("kind='slice'\ncolumn='plan'\nvalue='plus'\nmetric='accuracy'\nat_least=0.9", version) is FAIL


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("kind='invariance'\ncolumn='plam'\nmost=0.0", "did you mean 'plan'?"),
        ("kind='invariance'\ncolumn='age'\nmost=0.0", "does not say how 'age' is changed"),
        ("kind='invariance'\ncolumn='plan'\nadd=1\nmost=0.0", "which is a category"),
        ("kind='invariance'\ncolumn='age'\nto='old'\nmost=0.0", "'age' must be a number"),
        ("kind='invariance'\ncolumn='calls'\nto=1.5\nmost=0.0", "'calls' must be an integer"),
        ("kind='invariance'\ncolumn='age'\nmissing=true\nmost=0.0", "never missing in training"),
        ("kind='directional'\ncolumn='age'\nadd=1\nexpect='not_lower'\nof='x'", "asks for the score of 'x'"),
        ("kind='minimum'\nrows=[{agee=1}]\nanswer=1", "did you mean 'age'?"),
        ("kind='minimum'\nrows=[{age='x'}]\nanswer=1", "'age' must be a number"),
        ("kind='minimum'\nrows=[{age=1}]\nanswer=7", "expects 7"),
        ("kind='slice'\ncolumn='plam'\nmetric='roc_auc'\nat_least=0.6", "did you mean 'plan'?"),
    ],
)
def test_a_test_that_this_model_cannot_be_asked_is_refused(lines: str, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        ask(lines)
    assert told in refused.value.message
    assert "tests.toml" in refused.value.message


def test_a_model_that_fails_in_a_test_has_failed_it() -> None:
    def dead(_: Table) -> NDArray[np.float64]:
        raise DataError("the process is gone")

    version = subject(dead)
    make: Callable[[], list[Behaved]] = lambda: ask("kind='invariance'\ncolumn='plan'\nmost=0.0", version)  # noqa: E731
    (found,) = guarded(make, "a", "invariance")
    assert found.verdict is FAIL
    assert "the process is gone" in sentence(found.reason)
