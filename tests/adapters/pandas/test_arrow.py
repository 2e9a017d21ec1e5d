"""Tables to Parquet and back."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.adapters.pandas.arrow import from_arrow, read_parquet, write_parquet
from flyball.core.errors import DataError
from flyball.core.table import Table

VALUES = {
    "number": st.one_of(st.floats(allow_infinity=False), st.just(float("nan"))),
    "whole": st.integers(-(2**62), 2**62),
    "text": st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=8)),
    "flag": st.booleans(),
    "maybe": st.sampled_from([0.0, 1.0, float("nan")]),
    "time": st.integers(-(2**50), 2**50),
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=30))
def test_what_is_written_comes_back_and_equal_rows_give_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("arrow")
    table = Table(
        {
            "number": np.array([row["number"] for row in rows], dtype=np.float64),
            "whole": np.array([row["whole"] for row in rows], dtype=np.int64),
            "text": np.array([row["text"] for row in rows], dtype=object),
            "flag": np.array([row["flag"] for row in rows], dtype=np.bool_),
            "maybe": np.array([row["maybe"] for row in rows], dtype=np.float64),
            "time": np.array([row["time"] for row in rows], dtype=np.int64).astype("datetime64[us]"),
        }
    )
    first = write_parquet(table, folder / "a.parquet", frozenset({"maybe"}))
    assert write_parquet(table, folder / "b.parquet", frozenset({"maybe"})) == first
    found = read_parquet(folder / "a.parquet")
    for name, values in table.columns.items():
        np.testing.assert_array_equal(found.table[name], values)
    assert found.booleans == {"flag", "maybe"}


def test_times_with_zones_become_utc_and_without_are_taken_as_utc_with_a_warning() -> None:
    found = from_arrow(
        pa.table({"zoned": ["2024-01-01T12:00:00+02:00", None], "naive": ["2024-01-01", "2024-01-01 10:00:00.123456789"]}),
        times=["zoned", "naive"],
    )
    assert str(found.table["zoned"][0]) == "2024-01-01T10:00:00.000000"
    assert np.isnat(found.table["zoned"][1])
    assert str(found.table["naive"][1]) == "2024-01-01T10:00:00.123456"
    assert [warning.values["column"] for warning in found.warnings] == ["naive"]


def test_a_text_that_is_no_time_is_named() -> None:
    with pytest.raises(DataError, match="'when' holds '03/04/2024'"):
        from_arrow(pa.table({"when": ["2024-01-01", "03/04/2024"]}), times=["when"])


def test_a_number_is_not_taken_for_a_time() -> None:
    with pytest.raises(DataError, match="'when' holds int64, which is not a time"):
        from_arrow(pa.table({"when": [1, 2]}), times=["when"])


def test_lists_are_not_data_a_model_reads() -> None:
    with pytest.raises(DataError, match="'tags'"):
        from_arrow(pa.table({"tags": [[1], [2]]}))


def test_a_file_that_is_no_parquet_is_an_error_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("customer,churned\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="there is no file"):
        read_parquet(tmp_path / "y.parquet")
