"""Frames at the user's border."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flyball.adapters.pandas.frames import load_table, read_source, to_frame, to_table
from flyball.core.errors import DataError
from flyball.core.table import Table


def test_csv_parquet_and_a_directory_of_them_give_the_same_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    (tmp_path / "many").mkdir()
    frame.iloc[:1].to_csv(tmp_path / "many" / "0.csv", index=False)
    frame.iloc[1:].to_parquet(tmp_path / "many" / "1.parquet", index=False)
    frame.to_csv(tmp_path / "one.csv", index=False)
    for path in (tmp_path / "many", tmp_path / "one.csv"):
        table = load_table(path).table
        assert table["a"].tolist() == [1, 2]
        assert table["b"].tolist() == ["x", None]


def test_every_way_a_source_can_be_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "headed.csv").write_text("a,b\n")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "1.csv").write_text("a\n1\n")
    (tmp_path / "mixed" / "2.csv").write_text("b\n1\n")
    for name, said in {
        "empty.csv": "is empty",
        "headed.csv": "has no rows",
        "notes.txt": "neither .csv nor .parquet",
        "nothing": "holds no .csv",
        "gone.csv": "there is no file",
        "mixed": "differ in columns: a, b",
    }.items():
        with pytest.raises(DataError, match=said):
            read_source(tmp_path / name)


def test_a_column_of_mixed_types_is_named() -> None:
    with pytest.raises(DataError, match="'odd' of the frame mixes types"):
        to_table(pd.DataFrame({"odd": [1, "a"]}))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="same name: a"):
        to_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_a_frame_comes_back_as_pandas_would_have_read_it() -> None:
    frame = pd.DataFrame({"n": [1.5, np.nan], "k": [1, 2], "f": [True, False], "c": ["x", None]})
    back = to_frame(to_table(frame).table, ["c", "n", "k", "f"])
    assert list(back.columns) == ["c", "n", "k", "f"]
    pd.testing.assert_frame_equal(back, frame[["c", "n", "k", "f"]])


def test_one_row_without_its_text_has_the_type_of_rows_that_have_it() -> None:
    some, none = Table({"plan": np.array(["a", None], dtype=object)}), Table({"plan": np.array([None], dtype=object)})
    wanted = to_frame(some, ["plan"])["plan"]
    found = to_frame(none, ["plan"])["plan"]
    assert (found.dtype, type(found.iloc[0])) == (wanted.dtype, type(wanted.iloc[1]))
