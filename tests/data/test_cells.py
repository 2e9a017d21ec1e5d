"""From values to cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flyball.data.cells import CategoryCells, NumberCells, text_of
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
