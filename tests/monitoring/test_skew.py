"""How a column that was served differs from the training data of the same rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import texts
from flyball.core.table import Array
from flyball.monitoring.skew import ColumnSkew, compare_column
from flyball.words.sentences import sentence


def compared(served: Array, training: Array) -> ColumnSkew:
    ids = [f"c{number}" for number in range(len(served))]
    found = compare_column("x", served, training, ids, [f"p{number}" for number in range(len(served))])
    assert found.differing == found.values + found.missing_served + found.missing_training + found.types
    assert 0 <= found.share <= 1
    for reason in (found.reason, found.pattern):
        if reason is not None:
            assert all("nan" not in sentence(reason, language).replace("'nan'", "") for language in ("en", "zh"))
    return found


def pattern(served: Array, training: Array) -> str:
    found = compared(served, training).pattern
    return "" if found is None else sentence(found)


NUMBERS = np.array([1.25, 2.5, 3.75, 10.125, -4.5])


def test_the_same_values_do_not_differ_however_they_were_stored_and_sent() -> None:
    exact = np.array([0.1, 1 / 3, 1e9 + 0.1, 1e-12, np.inf, -np.inf, np.nan])
    for served in (exact, exact.astype(np.float32).astype(np.float64), exact * (1 + 5e-7), texts(exact.tolist())):
        assert compared(served, exact).differing == 0
    assert compared(np.array([1.0, 0.0]), np.array([True, False])).differing == 0
    assert compared(np.array([3.0, 4.0]), np.array([3, 4])).differing == 0


def test_more_than_storing_does_to_a_number_is_a_difference() -> None:
    assert compared(np.array([1.00001, 2.0]), np.array([1.0, 2.0])).values == 1
    assert compared(np.array([np.inf]), np.array([1e300])).values == 1
    assert compared(np.array([1e39]), np.array([1e300])).values == 1  # both are infinite as 32-bit floats


def test_the_rest_of_a_difference_of_large_numbers_is_zero() -> None:
    assert compared(np.array([1e-8, 5e6]), np.array([0.0, 5e6])).differing == 0


def test_missing_on_one_side_is_counted_apart() -> None:
    found = compared(texts([None, "a", "", "b"]), texts(["a", None, None, "b"]))
    assert (found.missing_served, found.missing_training, found.values, found.types) == (1, 1, 0, 0)
    assert {(one.difference, one.served, one.training) for one in found.examples} == {
        ("missing_served", "", "'a'"),
        ("missing_training", "'a'", ""),
    }


def test_a_number_as_text_is_a_difference_of_type() -> None:
    found = compared(texts(["3", "4", "5", "x"]), np.array([3, 4, 6, 7]))
    assert (found.types, found.values) == (2, 2)
    assert [(one.served, one.training) for one in found.examples if one.difference == "type"] == [("'4'", "4"), ("'3'", "3")]
    assert pattern(texts(["3", "4", "5"]), np.array([3, 4, 5])) == "in all 3 of them it is the same number, served as text"
    assert pattern(np.array([3, 4, 5]), texts(["3", "4", "5"])) == "in all 3 of them it is the same number, text in the training data"


@pytest.mark.parametrize(
    ("served", "training", "said"),
    [
        (NUMBERS + 3600, NUMBERS, "the served value is the training value +3600"),
        (NUMBERS * 1.8, NUMBERS, "the served value is 1.8 times the training value"),
        (np.round(NUMBERS, 1), NUMBERS, "the served value is the training value rounded to 1 digits after the point"),
        (NUMBERS, np.round(NUMBERS, 0), "the training value is the served value rounded to 0 digits after the point"),
        (np.trunc(NUMBERS + 0.7), NUMBERS + 0.7, "the served value is the training value without its fraction"),
        (np.zeros(5), NUMBERS, "the served value is 0"),
        (np.zeros(5), np.array([np.nan, 3, np.nan, 4, 5]), "the served value is 0"),
        (texts(["A", "b", "C"]), texts(["a", "b", "c"]), ""),
        (texts(["A", "B", "C"]), texts(["a", "b", "c"]), "only upper and lower case differ"),
        (texts([" a", "b ", "c "]), texts(["a", "b", "c"]), "only spaces around the text differ"),
        (texts([" A", "b ", "C"]), texts(["a", "b", "c"]), "only case and spaces around the text differ"),
        (texts(["other"] * 3), texts(["a", "b", "c"]), "the served value is 'other'"),
        (np.full(3, np.nan), np.array([1.0, 2.0, 3.0]), "it was missing when it was served"),
        (np.zeros(3), np.full(3, np.nan), "it is missing in the training data, where 0 was served"),
        (np.array([1.0, 5.0, -2.0]), np.array([3.0, 4.5, 7.25]), ""),
        (NUMBERS[:2] + 1, NUMBERS[:2], ""),  # two rows make no pattern
    ],
)
def test_only_what_all_differences_have_in_common_is_said(served: Array, training: Array, said: str) -> None:
    found = pattern(served, training)
    assert said in found if said else found == ""
    assert not said or found.startswith(("in all 3 of them", "in all 5 of them"))


def test_without_rows_nothing_was_compared() -> None:
    found = compared(np.empty(0), np.empty(0, dtype=object))
    assert (found.share, found.pattern, found.examples) == (0.0, None, ())
    assert sentence(found.reason) == "x: no row to compare"


CELL = st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=4), st.booleans())


@given(cells=st.lists(st.tuples(CELL, CELL), max_size=30))
@settings(deadline=None)
def test_any_two_columns_can_be_compared(cells: list[tuple[object, object]]) -> None:
    compared(texts([one for one, _ in cells]), texts([two for _, two in cells]))


@given(values=st.lists(CELL, max_size=30))
@settings(deadline=None)
def test_a_column_never_differs_from_itself(values: list[object]) -> None:
    assert compared(texts(values), texts(values)).differing == 0


@given(
    served=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=20),
    training=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=20),
)
def test_numbers_of_any_size_can_be_compared(served: list[float], training: list[float]) -> None:
    rows = min(len(served), len(training))
    compared(np.array(served[:rows]), np.array(training[:rows]))
