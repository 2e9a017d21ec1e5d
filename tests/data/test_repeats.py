"""Which rows are copies of others."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from flyball.data.repeats import repeated_rows

CELLS = st.tuples(
    st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]), st.sampled_from(["a", "b", None, ""]), st.integers(-1, 1), st.booleans()
)


def columns(rows: list[tuple[float, str | None, int, bool]]) -> list[np.ndarray]:
    return [
        np.array([row[0] for row in rows], dtype=np.float64),
        np.array([*(row[1] for row in rows), None], dtype=object)[:-1],
        np.array([row[2] for row in rows], dtype=np.int64),
        np.array([row[3] for row in rows], dtype=np.bool_),
    ]


@given(st.lists(CELLS, max_size=60))
def test_a_row_is_a_copy_exactly_if_an_earlier_row_has_all_its_values(rows: list[tuple[float, str | None, int, bool]]) -> None:
    seen: set[tuple[str, str | None, int, bool]] = set()
    wanted = []
    for number, text, whole, truth in rows:
        key = (str(number + 0.0), text, whole, truth)
        wanted.append(key in seen)
        seen.add(key)
    assert repeated_rows(columns(rows), len(rows)).tolist() == wanted


def test_columns_are_not_taken_for_one_another() -> None:
    assert not repeated_rows([np.array([1.0, 2.0]), np.array([2.0, 1.0])], 2).any()
    assert not repeated_rows([np.array([0.0, 1.0]), np.array([1.0, 0.0])], 2).any()


def test_values_that_python_hashes_alike_are_told_apart() -> None:
    values = np.array([-1, -2, "x", None, 0, "", False, float("nan"), pd.NA, -1.0, "0"], dtype=object)
    assert np.flatnonzero(repeated_rows([values], len(values))).tolist() == [6, 7, 8, 9], "False is 0, and missing is missing"


def test_a_million_rows_that_differ_in_little_are_all_different() -> None:
    number = np.arange(1_000_000)
    assert not repeated_rows([number % 1000, number // 1000], len(number)).any()
    assert repeated_rows([number % 1000, number // 2000], len(number)).sum() == 500_000
