"""`[evaluate]`: replay, untouched rows, and comparisons in slices."""

from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.load import parse_spec
from flyball.spec.records import EvaluateSpec, ReplaySpec


def evaluate(text: str = "", task: str = "binary") -> EvaluateSpec:
    spec = parse_spec(
        f"""
[model]
name = "m"
task = "{task}"
[data]
source = "d.csv"
target = "y"
time = "t"
[train]
run = "p:t"
[evaluate]
{text}
""",
        folder=Path("project"),
    )
    return spec.evaluate


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ReplaySpec(rows=2000)),
        ("replay = true", ReplaySpec(rows=2000)),
        ("replay = false", ReplaySpec(rows=0)),
        ("replay = 500", ReplaySpec(rows=500)),
        ("replay = { disagree = 0.2 }", ReplaySpec(rows=2000, disagree=0.2)),
        ("replay = { rows = 100, disagree = 0.2, latency = 10 }", ReplaySpec(rows=100, disagree=0.2, latency=10.0)),
    ],
)
def test_replay_is_a_number_of_rows_or_a_table_or_switched_off(text: str, wanted: ReplaySpec) -> None:
    assert evaluate(text).replay == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("replay = 0", "evaluate.replay = 0"),
        ('replay = "all"', "evaluate.replay"),
        ("replay = { rows = false }", "evaluate.replay.rows"),
        ("replay = { disagree = 2 }", "evaluate.replay.disagree"),
        ("replay = { latency = 0.5 }", "evaluate.replay.latency"),
        ("replay = { rowz = 5 }", "did you mean 'rows'"),
        ("untouched = 0.9", "evaluate.untouched"),
        ("untouched = -0.1", "evaluate.untouched"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        evaluate(text)
    assert told in str(refused.value)


def test_a_regression_has_no_labels_to_disagree_in() -> None:
    with pytest.raises(SpecError, match="goes with labels"):
        evaluate("replay = { disagree = 0.2 }", task="regression")
    assert evaluate("replay = { latency = 5 }", task="regression").replay.latency == 5


def test_untouched_rows_are_two_percent_unless_said_otherwise() -> None:
    assert evaluate().untouched == 0.02
    assert evaluate("untouched = 0").untouched == 0.0


def test_a_comparison_may_be_asked_for_in_every_slice_and_its_column_is_a_slice_then() -> None:
    found = evaluate('gate = [{ metric = "brier", not_worse = "champion", margin = 0.01, slice = "carrier" }]')
    assert found.gate[0].slice == "carrier" and found.slices == ("carrier",)
    found = evaluate('slices = ["a", "b"]\ngate = [{ metric = "brier", not_worse = "champion", slices = true }]')
    assert found.gate[0].slices and found.slices == ("a", "b")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('at_least = 0.5, slice = "carrier"', "goes with better and not_worse"),
        ("at_most = 0.5, slices = true", "goes with better and not_worse"),
        ('not_worse = "champion", slices = true', "evaluate.slices names no column"),
        ('not_worse = "champion", slice = "a", slices = true', "both slice and slices"),
        ('not_worse = "champion", slice = 5', "evaluate.gate[0].slice"),
        ('not_worse = "champion", slices = "a"', "true or false"),
    ],
)
def test_slices_that_cannot_be_asked_for_are_refused(line: str, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        evaluate(f'gate = [{{ metric = "brier", {line} }}]')
    assert told in str(refused.value)
