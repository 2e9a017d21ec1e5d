"""What is unlike the champion's training data."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.table import Array, Table
from flyball.data.past import Past, since_then
from flyball.data.profile import build_reference
from flyball.data.source import infer_schema
from flyball.spec.load import parse_spec
from flyball.words.data import SENTENCES

SPEC = parse_spec(
    """
[model]
name = "m"
task = "binary"
[data]
source = "d.csv"
target = "y"
[train]
run = "pipeline:train"
""",
    folder=Path("p"),
)
ROWS = 1000


def texts(*values: str | None) -> Array:
    return np.array([values[row % len(values)] for row in range(ROWS)], dtype=object)


BEFORE: Mapping[str, Array] = {"age": np.arange(ROWS) % 80 * 1.0, "plan": texts("basic", "pro"), "y": np.arange(ROWS) % 2}


def past(*, same_code: bool = True, rows: int = ROWS) -> Past:
    table = Table(dict(BEFORE)).take(slice(0, rows))
    schema = infer_schema(table, ("age", "plan"))
    return Past(schema=schema, reference=build_reference(table, schema, {}), same_code=same_code)


def found(known: Past | None = None, *, without: str = "", rules: str = "", **columns: Array) -> list[tuple[str, str, str]]:
    table = Table({name: values for name, values in {**BEFORE, **columns}.items() if name != without})
    spec = SPEC if not rules else replace(SPEC, quality=parse_spec(_text(rules), folder=Path("p")).quality)
    names = tuple(name for name in table.columns if name != "y")
    said = list(since_then(table, names, known or past(), spec))
    for one in said:
        for sentence in SENTENCES[one.reason.code]:
            assert "nan" not in sentence.format(**one.reason.values)
    return [(one.severity, one.column, one.reason.code) for one in said]


def _text(rules: str) -> str:
    return f'[model]\nname="m"\ntask="binary"\n[data]\nsource="d"\ntarget="y"\n[train]\nrun="a:b"\n[quality.expect]\n{rules}'


def test_the_same_data_has_no_findings() -> None:
    assert found() == []


def test_a_column_that_is_gone_stops_a_training_and_a_new_one_is_told() -> None:
    assert found(without="plan", region=texts("n")) == [("error", "plan", "data.column_gone"), ("warning", "region", "data.column_new")]


def test_a_column_of_another_kind_stops_a_training_unless_somebody_changed_the_code() -> None:
    words = texts(*map(str, range(99)), "n/k")
    assert found(age=words) == [("error", "age", "data.number_to_text")]
    assert found(plan=np.arange(ROWS) % 2) == [("error", "plan", "data.text_to_number")]
    assert found(past(same_code=False), age=words) == [("warning", "age", "data.number_to_text")]


def test_the_rows_that_made_text_of_a_number_are_named() -> None:
    table = Table({**BEFORE, "age": texts(*map(str, range(99)), "n/k")})
    (one,) = since_then(table, ("age", "plan"), past(), SPEC)
    assert (one.rows, one.examples[0]) == (10, "99")
    assert one.reason.values["found"] == "n/k"


def test_shares_far_beyond_those_of_the_champion_are_warnings_with_numbers() -> None:
    holes = np.where(np.arange(ROWS) % 5 == 0, np.nan, BEFORE["age"])
    assert found(age=holes) == [("warning", "age", "data.more_missing")]
    assert found(age=BEFORE["age"] * 100) == [("warning", "age", "data.more_outside")]
    assert found(plan=texts("basic", "pro", "gold")) == [("warning", "plan", "data.more_unknown")]


def test_what_the_spec_says_of_a_column_stands_instead_of_the_comparison() -> None:
    holes = np.where(np.arange(ROWS) % 5 == 0, np.nan, BEFORE["age"])
    assert found(age=holes, rules="age = { missing = 0.5 }") == []
    assert found(age=BEFORE["age"] * 100, rules="age = { max = 9000 }") == []
    assert found(plan=texts("basic", "gold"), rules='plan = { values = ["basic", "gold"] }') == []


def test_a_reference_of_ten_rows_says_nothing_about_shares() -> None:
    assert found(past(rows=10), age=np.full(ROWS, 900.0)) == []


@given(st.lists(st.floats() | st.none() | st.text(max_size=3), min_size=1, max_size=40))
def test_whatever_the_values_the_comparison_ends_in_sentences(values: list[float | str | None]) -> None:
    column: Array = np.array([values[row % len(values)] for row in range(ROWS)] + [None], dtype=object)[:-1]
    if not any(isinstance(value, str) for value in values):
        column = column.astype(np.float64)
    found(age=column, plan=column)
