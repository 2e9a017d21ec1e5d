"""`tests.toml`: what it means, and that whatever it does not understand is refused with what to write instead."""

from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.behaviour import Behaviours, BuiltIn, Change, Directional, Invariance, Latency, Minimum, SliceBound
from flyball.spec.load_behaviour import load_behaviours, parse_behaviours
from flyball.spec.records import Task

WHOLE = """
[built_in]
unseen = false
rows = 50

[[test]]
kind = "invariance"
column = "plan"
most = 0.1

[[test]]
name = "the older the riskier"
kind = "directional"
column = "age"
add = 10
expect = "not_lower"
tolerance = 0.01
share = 0.05
by = "mean"

[[test]]
name = "a sure one"
kind = "minimum"
rows = [ { age = 90, plan = "a" } ]
answer = 1
at_least = 0.6
missing = ["income"]

[[test]]
kind = "slice"
metric = "roc_auc"
column = "plan"
at_least = 0.6

[[test]]
kind = "latency"
median_ms = 2
"""


def test_every_kind_of_test_is_read() -> None:
    found = parse_behaviours(WHOLE, "binary")
    assert found.built_in == BuiltIn(unseen=False, rows=50)
    assert found.tests == (
        Invariance(name="plan does not matter", change=Change(columns=("plan",)), most=0.1, same_label=False, share=0.0),
        Directional(
            name="the older the riskier",
            change=Change(columns=("age",), add=10.0),
            raises=True,
            of=None,
            tolerance=0.01,
            share=0.05,
            mean=True,
        ),
        Minimum(
            name="a sure one",
            rows=({"age": 90, "plan": "a"},),
            missing=("income",),
            answer=1,
            of=None,
            at_least=0.6,
            at_most=None,
        ),
        SliceBound(name="roc_auc by plan", metric="roc_auc", column="plan", value=None, at_least=0.6, at_most=None, rows=100),
        Latency(name="latency budget", median=2.0, p99=None),
    )


def test_a_project_without_the_file_has_what_is_built_in(tmp_path: Path) -> None:
    assert load_behaviours(tmp_path, "binary") == Behaviours()
    (tmp_path / "model_tests.py").write_text("")
    assert load_behaviours(tmp_path, "binary") == Behaviours(python=True)


@pytest.mark.parametrize(
    ("text", "task", "told"),
    [
        ("[[tests]]\nkind = 'latency'", "binary", "unknown key tests; did you mean 'test'?"),
        ("[test]\nkind = 'latency'", "binary", "[test] is one table"),
        ("[built_in]\nround_tripp = true", "binary", "unknown key built_in.round_tripp; did you mean 'round_trip'?"),
        ("[[test]]\nkind = 'invarianse'", "binary", "test[0].kind"),
        ("[[test]]\nkind = 'invariance'\nmost = 1", "binary", "column is missing"),
        ("[[test]]\nkind = 'invariance'\ncolumn = 'a'", "binary", "neither most nor same_label"),
        ("[[test]]\nkind = 'invariance'\ncolumn = 'a'\nsame_label = true", "regression", "same_label"),
        ("[[test]]\nkind = 'invariance'\ncolumn = 'a'\nmost = 1\nadd = 1\ntimes = 2", "binary", "add and times"),
        ("[[test]]\nkind = 'invariance'\ncolumn = 'a'\nmost = 1\nto = []", "binary", "test[0].to"),
        ("[[test]]\nkind = 'invariance'\ncolumn = 'a'\nmost = 1\nshare = 2", "binary", "test[0].share"),
        ("[[test]]\nkind = 'directional'\ncolumn = 'a'\nexpect = 'not_lower'", "binary", "changes nothing"),
        ("[[test]]\nkind = 'directional'\ncolumn = 'a'\nadd = 1\nexpect = 'up'", "binary", "test[0].expect"),
        ("[[test]]\nkind = 'directional'\ncolumn = 'a'\nadd = 1\nexpect = 'not_lower'", "multiclass", "test[0].of is missing"),
        ("[[test]]\nkind = 'minimum'\nrows = []\nanswer = 1", "binary", "test[0].rows"),
        ("[[test]]\nkind = 'minimum'\nrows = [{ a = [1] }]\nanswer = 1", "binary", "rows[0].a"),
        ("[[test]]\nkind = 'minimum'\nrows = [{ a = 1 }]", "binary", "neither at_least nor at_most"),
        ("[[test]]\nkind = 'minimum'\nrows = [{ a = 1 }]\nat_least = 2\nat_most = 1", "binary", "test[0].at_least"),
        ("[[test]]\nkind = 'slice'\ncolumn = 'a'\nmetric = 'roc_aux'\nat_least = 1", "binary", "did you mean 'roc_auc'?"),
        ("[[test]]\nkind = 'slice'\ncolumn = 'a'\nmetric = 'rmse'\nat_least = 1", "binary", "does not fit task"),
        ("[[test]]\nkind = 'latency'", "binary", "sets no budget"),
        ("[[test]]\nkind = 'latency'\nmedian_ms = nan", "binary", "median_ms"),
        ("[[test]]\nkind = 'latency'\nmedian_ms = 1\n[[test]]\nkind = 'latency'\np99_ms = 1", "binary", "two tests are called"),
        ("x = [", "binary", "is not TOML"),
    ],
)
def test_what_it_does_not_understand_is_refused(text: str, task: Task, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_behaviours(text, task)
    assert told in refused.value.message
    assert "tests.toml" in refused.value.message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tests.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="cannot be read"):
        load_behaviours(tmp_path, "binary")
