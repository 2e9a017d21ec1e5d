"""Rules of the spec about the values of a column: which rows break them."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.table import Array, Table
from flyball.data.expectations import broken_rules, expected, faulty_rows
from flyball.spec.load import parse_spec
from flyball.spec.records import Expectation, Spec
from flyball.words.data import SENTENCES

SPEC = """
[model]
name = "m"
task = "binary"
[data]
source = "d.csv"
target = "y"
id = "who"
[train]
run = "pipeline:train"
[quality.expect]
"""
VALUES = st.one_of(
    st.lists(st.floats(), max_size=30).map(lambda values: np.array(values, dtype=np.float64)),
    st.lists(st.integers(-(2**53), 2**53), max_size=30).map(lambda values: np.array(values, dtype=np.int64)),
    st.lists(st.booleans(), max_size=30).map(lambda values: np.array(values, dtype=np.bool_)),
    st.lists(st.one_of(st.none(), st.text(max_size=5), st.floats(), st.integers()), max_size=30).map(
        lambda values: np.array([*values, None], dtype=object)[:-1]
    ),
    st.lists(st.integers(0, 2**50), max_size=30).map(lambda values: np.array(values, dtype="datetime64[us]")),
)


def spec(rules: str) -> Spec:
    return parse_spec(SPEC + rules, folder=Path("p"))


def found(column: Array, /, **rule: object) -> list[tuple[str, int]]:
    return [(one.rule, int(one.rows.sum())) for one in broken_rules(column, Expectation(**rule))]  # type: ignore[arg-type]  # a test's rule


def objects(*values: object) -> Array:
    return np.array([*values, None], dtype=object)[:-1]


def test_what_lies_within_the_rules_breaks_none() -> None:
    assert found(np.array([0.0, 120.0, np.nan]), min=0, max=120, missing=0.5) == []


def test_bounds_are_told_apart_and_infinities_break_them() -> None:
    assert found(np.array([-1.0, -np.inf, 5.0, np.inf]), min=0, max=10) == [("below", 2), ("above", 1)]
    (low, _) = broken_rules(np.array([-1.0, -7.0, 99.0]), Expectation(min=0, max=10))
    assert low.found == "-7.0"  # the furthest, not the first


def test_a_text_is_no_number_unless_it_reads_as_one() -> None:
    assert found(objects("3", "n/k", None, "", 200), max=100) == [("not_number", 1), ("above", 1)]
    assert found(np.array(["2024-01-01", "NaT"], dtype="datetime64[us]"), min=0) == [("not_number", 1)]


@pytest.mark.parametrize("values", [np.array([1.0, 0.0, np.nan]), np.array([True, False]), np.array([1, 0]), objects("1", "0", None)])
def test_allowed_values_are_the_same_however_they_are_written(values: Array) -> None:
    assert found(values, values=(0, 1)) == []
    assert found(values, values=(0,)) == [("not_allowed", 1)]


def test_true_and_false_are_one_and_zero_and_in_text_their_names() -> None:
    assert found(np.array([1.0, 0.0]), values=(True, False)) == []
    assert found(objects("True", "yes"), values=(True,)) == [("not_allowed", 1)]
    assert found(objects("b"), values=("a", 3)) == [("not_allowed", 1)]


def test_missing_is_a_share_of_the_column_and_breaks_nothing_else() -> None:
    assert found(np.array([1.0, np.nan, np.nan, np.nan]), missing=0.75, min=0, values=(1,), unique=True) == []
    assert found(np.array([1.0, np.nan, np.nan, np.nan]), missing=0.7) == [("missing", 3)]
    assert found(objects("", None, "x"), missing=0) == [("missing", 2)]


def test_every_row_of_a_repeated_value_is_counted() -> None:
    assert found(objects("a", "b", "a", None, None), unique=True) == [("repeated", 2)]
    assert found(np.array([1, 2, 1, 1]), unique=True) == [("repeated", 3)]


@given(values=VALUES, low=st.none() | st.floats(-100, 100), share=st.none() | st.floats(0, 1), unique=st.booleans())
def test_no_column_makes_a_rule_fail_and_every_broken_rule_names_rows(
    values: Array, low: float | None, share: float | None, unique: bool
) -> None:
    rule = Expectation(min=low, max=None if low is None else low + 1, missing=share, values=("a", 1, True), unique=unique)
    for one in broken_rules(values, rule):
        assert len(one.rows) == len(values)
        assert one.rows.any()
        assert isinstance(one.limit, str) or math.isfinite(one.limit)


@given(values=VALUES)
def test_a_row_that_breaks_a_rule_is_left_out_alone(values: Array) -> None:
    rules = spec("x = { min = 0, max = 1, values = [0, 1] }")
    table = Table({"x": values})
    kept = table.take(~faulty_rows(table, rules))
    assert not faulty_rows(kept, rules).any()


def test_the_rows_of_a_log_that_break_a_share_are_not_each_to_blame() -> None:
    table = Table({"x": np.array([np.nan, np.nan, 5.0])})
    assert faulty_rows(table, spec("x = { missing = 0, unique = true, max = 3 }")).tolist() == [False, False, True]


def test_findings_name_ids_and_numbers_and_absent_columns_the_nearest() -> None:
    table = Table({"who": objects("c1", "c2", "c3"), "age": np.array([20.0, -3.0, 200.0]), "y": np.array([0, 1, 0])})
    whole = table.with_columns({"region": objects("north", "south", "nowhere")})
    rules = 'age = { min = 0, max = 120 }\nregion = { values = ["north", "south"] }\nagge = { min = 0 }'
    said = {one.reason.code: one for one in expected(table, whole, spec(rules))}
    assert {code: (one.column, one.rows, one.examples) for code, one in said.items()} == {
        "data.expect_below": ("age", 1, ("c2",)),
        "data.expect_above": ("age", 1, ("c3",)),
        "data.expect_not_allowed": ("region", 1, ("c3",)),
        "data.expect_absent": ("agge", 0, ()),
    }
    texts = {code: SENTENCES[code][0].format(**one.reason.values) for code, one in said.items()}
    assert texts["data.expect_below"] == "age is below 0, the least that [quality] expect allows, in 1 rows, such as c2: -3.0"
    assert "did you mean 'age'?" in texts["data.expect_absent"]
    assert all(one.severity == "error" for one in said.values())


def test_a_million_different_texts_are_looked_through() -> None:
    values = np.array([f"category {number}" for number in range(1_000_000)], dtype=object)
    values[-1] = values[0]
    assert found(values, unique=True, values=("category 1",)) == [("not_allowed", 999_999), ("repeated", 2)]
