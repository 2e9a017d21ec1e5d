"""From values to cells."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flyball.data.category import text_of
from flyball.data.cells import CategoryCells, NumberCells
from flyball.stats.bins import quantile_edges


@given(values=hnp.arrays(np.float64, st.integers(0, 80), elements=st.floats(width=64)), sample=st.lists(st.floats(-10, 10), max_size=60))
def test_counting_is_always_counting_codes(values: np.ndarray, sample: list[float]) -> None:
    cells = NumberCells(quantile_edges(np.array(sample), 8))
    assert cells.count(values).tolist() == np.bincount(cells.codes(values), minlength=cells.size).tolist()


def test_numbers_have_cells_for_everything_that_is_none() -> None:
    cells = NumberCells(np.array([0.0, 1.0, 2.0]))
    values = np.array([-np.inf, -1.0, 0.5, 1.0, 2.0, 3.0, np.inf, None, np.nan, "two", "1.5"], dtype=object)
    assert cells.count(values).tolist() == [1, 1, 2, 2, 1, 1, 2, 1]


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (np.array([1, 2], dtype=np.int64), [1.0, 2.0]),
        (np.array([True, False]), [1.0, 0.0]),
        (np.array(["1970-01-01T00:00:01", "NaT"], dtype="datetime64[s]"), [1e6, np.nan]),
        (np.array([True, None, 2], dtype=object), [1.0, np.nan, 2.0]),
        (np.array([10**400, -(10**400), "x"], dtype=object), [np.inf, -np.inf, np.nan]),
    ],
)
def test_numbers_are_read_from_every_type(values: np.ndarray, numbers: list[float]) -> None:
    assert NumberCells.as_numbers(values)[0] == pytest.approx(numbers, nan_ok=True)


def test_categories_are_known_other_or_missing() -> None:
    cells = CategoryCells(("a", "7"))
    values = np.array(["a", 7, "new", None, float("nan"), "", "a"], dtype=object)
    assert cells.count(values).tolist() == [2, 1, 1, 3]
    assert cells.codes(values).tolist() == [0, 1, 2, 3, 3, 3, 0]


def test_the_empty_text_is_missing_as_it_is_to_the_model() -> None:
    assert text_of("") is None
    assert text_of(0) == "0"
    assert text_of(False) == "False"


MIXED = st.sampled_from(
    ["a", "b", "", "nan", "None", "1", "1.0", 1, 1.0, True, False, 0, -0.0, 0.0, None, float("nan"), np.str_("a"), (1,)]
)


@given(
    values=st.lists(MIXED | st.text(max_size=2), max_size=60),
    known=st.lists(st.sampled_from(["a", "b", "1", "True", "", "-0.0"]), unique=True),
)
def test_counting_categories_is_always_counting_codes(values: list[object], known: list[str]) -> None:
    cells = CategoryCells(known)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    expected = [cells.size - 1 if text is None else known.index(text) if text in known else cells.size - 2 for text in map(text_of, values)]
    assert cells.codes(column).tolist() == expected
    assert cells.count(column).tolist() == np.bincount(np.array(expected, dtype=int), minlength=cells.size).tolist()


def test_a_million_distinct_categories_are_counted_without_keeping_any() -> None:
    values = np.array([f"id-{at}" for at in range(1_000_000)], dtype=object)
    tracemalloc.start()
    try:
        assert CategoryCells(("id-7", "b")).count(values).tolist() == [1, 0, 999_999, 0]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_column_of_numbers_is_counted_without_a_copy() -> None:
    cells = NumberCells(np.arange(10.0))
    for values in (np.zeros(500_000), np.zeros(500_000, np.float32), np.zeros(500_000, np.int64), np.zeros((500_000, 2))[:, 1]):
        tracemalloc.start()
        try:
            assert cells.count(values)[1] == len(values)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
