"""A table is held to the same contract as a request: what one refuses, the other refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import DataError, RequestError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.serving.check import Problem, check_table, require_columns
from flyball.serving.contract import Contract

SCHEMA = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="temp", kind="number", nullable=True),
        Column(name="wind", kind="number", nullable=False),
        Column(name="carrier", kind="category", nullable=True, categories=("AA", "UA")),
    )
)
CONTRACT = Contract([SCHEMA])


def table(rows: list[tuple[Any, Any, Any, Any]]) -> Table:
    hour, temp, wind, carrier = zip(*rows, strict=True) if rows else ([], [], [], [])
    numbers = {
        name: np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        for name, values in (("hour", hour), ("temp", temp), ("wind", wind))
    }
    texts = np.empty(len(rows), dtype=object)
    texts[:] = carrier
    return Table({**numbers, "carrier": texts})


NUMBERS = (
    st.none() | st.integers(-(10**17), 10**17).map(float) | st.floats(allow_nan=False) | st.sampled_from([2.0**53, 2.0**53 + 2, 3.5e38])
)
TEXTS = st.none() | st.sampled_from(["AA", "UA", "ZZ", "x" * 1024, "x" * 1025])


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, TEXTS), max_size=12))
def test_a_row_is_bad_in_a_table_if_and_only_if_it_is_bad_in_a_request(rows: list[tuple[Any, Any, Any, Any]]) -> None:
    checked = check_table(CONTRACT, table(rows))
    for number, row in enumerate(rows):
        try:
            CONTRACT.row(list(row))
        except RequestError as error:
            assert checked.problems[number].column == error.field
        else:
            assert number not in checked.problems
    assert checked.unseen.get("carrier", 0) == sum(
        row[3] is not None and row[3] not in ("AA", "UA") and len(row[3]) <= 1024 for row in rows
    )


def test_the_first_problem_of_a_row_is_told() -> None:
    checked = check_table(CONTRACT, table([(1.5, 1e39, None, "AA"), (3, None, 1, None), (3, 1, None, "AA"), (1e17, 1, 1, "AA")]))
    assert checked.problems == {
        0: Problem(column="hour", error="must be an integer, not 1.5"),
        2: Problem(column="wind", error="is empty, but it was never missing in training"),
        3: Problem(column="hour", error="is too large: 1e+17"),
    }


def test_an_unseen_category_is_counted_or_refused() -> None:
    rows = table([(1, 1, 1, "ZZ"), (1, 1, 1, "AA"), (1, 1, 1, "ZZ")])
    assert check_table(CONTRACT, rows).problems == {}
    assert check_table(CONTRACT, rows).unseen == {"carrier": 2}
    refused = check_table(CONTRACT, rows, refuse_unseen=True).problems
    assert list(refused) == [0, 2] and "'ZZ'" in refused[0].error


def test_columns_that_only_a_shadow_reads_may_be_absent() -> None:
    more = Contract([Schema(columns=SCHEMA.columns[:2])], [SCHEMA])
    assert check_table(more, Table({"hour": np.array([1]), "temp": np.array([np.nan])})).problems == {}
    require_columns(more, ["hour", "temp"], "in.csv")
    with pytest.raises(DataError, match=r"in\.csv has no column 'temp', which the model reads; did you mean 'tmp'"):
        require_columns(more, ["hour", "tmp"], "in.csv")
