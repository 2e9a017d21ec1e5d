"""Tables in files: types that hold every value, and few rows in memory."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.adapters.arrow import tables as module
from flyball.adapters.arrow.tables import MOST_NAMES, FileTables
from flyball.loop.leaving.records import ColumnSaid, TableSaid

SAID = {
    "t": TableSaid(
        says="a table",
        columns={
            "id": ColumnSaid(kind="text", says="its name"),
            "what": ColumnSaid(kind="value", says="anything"),
            "by": ColumnSaid(kind="values", says="anything by name"),
        },
    )
}
ONE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)


def written(folder: Path, rows: list[dict[str, object]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """The lines, the rows of Parquet, and the types."""
    folder.mkdir(exist_ok=True)
    with FileTables(folder, SAID, ("parquet", "jsonl")) as files:
        for row in rows:
            files.add("t", row)
        types = dict(files.done()["t"].types)
    lines = [json.loads(line) for line in (folder / "t.jsonl").read_text(encoding="utf-8").split("\n") if line]
    return lines, pq.read_table(folder / "t.parquet").to_pylist(), types


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 3], "int64"),
        ([1, 2**63 - 1], "int64"),
        ([1, 0.5], "double"),
        ([True, False], "bool"),
        (["a", ""], "string"),
        ([None], "string"),
        ([[0.5, 0.5], [1.0, math.inf]], "list of double"),
        ([0.5, math.inf, -math.inf], "double"),
    ],
)
def test_a_column_gets_the_type_that_holds_all_its_values(values: list[object], kind: str, tmp_path: Path) -> None:
    _, rows, types = written(tmp_path, [{"id": "x", "what": value} for value in values])
    assert types["what"] == kind
    assert [row["what"] for row in rows] == values


@pytest.mark.parametrize("values", [[1, "1"], [True, 1], [2**60, 0.5], [10**30, 1], [[0.5], 0.5]])
def test_values_of_no_one_type_stand_as_their_json_so_that_none_is_changed(values: list[object], tmp_path: Path) -> None:
    _, rows, types = written(tmp_path, [{"what": value} for value in values])
    assert types["what"] == "JSON text of mixed values"
    assert [json.loads(row["what"]) for row in rows] == values


@settings(deadline=None, max_examples=60)
@given(values=st.lists(ONE, min_size=1, max_size=6), name=st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_any_value_and_any_name_read_back_from_both_files(
    values: list[object], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines, rows, types = written(tmp_path_factory.mktemp("t"), [{"id": name, "by": {name: value}} for value in values])
    column = f"by.{name}"
    for value, line, row in zip(values, lines, rows, strict=True):
        said = (
            {"Infinity": math.inf, "-Infinity": -math.inf}.get(line["by"][name], line["by"][name])
            if isinstance(value, float)
            else line["by"][name]
        )
        assert said == value and line["id"] == row["id"] == name
        held = row[column]
        if types[column] == "JSON text of mixed values" and held is not None:
            held = json.loads(held)
            held = {"Infinity": math.inf, "-Infinity": -math.inf}.get(held, held) if isinstance(value, float) else held
        assert held == value


def test_a_row_without_a_value_is_missing_there(tmp_path: Path) -> None:
    lines, rows, _ = written(tmp_path, [{"id": "x"}, {"id": "y", "by": {"a": 1}}, {"id": "z", "by": {"b": "two"}}])
    assert [line["by"] for line in lines] == [None, {"a": 1}, {"b": "two"}]
    assert [(row["by.a"], row["by.b"]) for row in rows] == [(None, None), (1, None), (None, "two")]


def test_more_names_than_a_table_can_have_columns_stand_as_one_text(tmp_path: Path) -> None:
    lines, rows, types = written(tmp_path, [{"id": "x", "by": {f"key {n}": n}} for n in range(MOST_NAMES * 4)])
    assert types["by"] == "JSON text of mixed values" and len(types) == 3
    assert [json.loads(row["by"]) for row in rows] == [line["by"] for line in lines]


def test_parquet_is_made_some_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 10)
    written(tmp_path, [{"id": str(n), "what": n} for n in range(35)])
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [10, 10, 10, 5]
    assert [row["what"] for row in file.read().to_pylist()] == list(range(35))


def test_a_table_without_rows_is_there_all_the_same(tmp_path: Path) -> None:
    lines, rows, types = written(tmp_path, [])
    assert lines == rows == [] and list(types) == ["id", "what"]
