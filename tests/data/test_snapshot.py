"""Which rows a training sees."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from flyball.core.errors import DataError
from flyball.core.table import Table
from flyball.data.snapshot import Rows, assemble
from flyball.data.source import Prepared, infer_schema
from flyball.spec.records import DataSpec

NOW = datetime(2024, 1, 20, tzinfo=UTC)
DATA = DataSpec(source="x.csv", target="y", id="i", time="t", outcome_time="o", matures=timedelta(days=1))


def day(*numbers: float) -> np.ndarray[Any, Any]:
    base = np.datetime64("2024-01-01", "us")
    return np.array([np.datetime64("NaT", "us") if n != n else base + np.timedelta64(round(n * 86400), "s") for n in numbers])


def table(**columns: Any) -> Table:
    return Table({name: values if isinstance(values, np.ndarray) else np.array(values, dtype=object) for name, values in columns.items()})


def source(**columns: Any) -> Prepared:
    return Prepared(table=table(**columns), booleans=frozenset(), files=(), steps=(), warnings=())


def rows(prepared: Prepared, logged: Table | None = None, **options: Any) -> Rows:
    return assemble(prepared, logged, options.pop("data", DATA), task="binary", now=NOW, **options)


THREE = source(i=["a", "b", "c"], t=day(3, 1, 2), o=day(4, 2, 3), x=np.array([1, 2, 3]), y=np.array([0.0, 1.0, np.nan]))


def test_rows_are_sorted_by_time_and_have_a_known_target() -> None:
    found = rows(THREE)
    assert found.table["i"].tolist() == ["b", "a"]
    assert found.table["y"].dtype == np.int64
    assert list(found.table.columns) == ["i", "t", "o", "x", "y"]


def test_a_row_whose_outcome_is_not_known_yet_is_not_learned_from() -> None:
    late = source(i=["a", "b"], t=day(1, 18), o=day(2, 30), x=np.array([1, 2]), y=np.array([0, 1]))
    assert rows(late).table["i"].tolist() == ["a"]


def test_no_row_left_is_an_error() -> None:
    with pytest.raises(DataError, match="none of the 1 rows has an outcome that was known before 2024-01-20"):
        rows(source(i=["a"], t=day(30), o=day(31), x=np.array([1]), y=np.array([1])))


def test_the_window_keeps_the_newest_rows() -> None:
    found = rows(THREE, window=timedelta(days=17.5))
    assert found.table["i"].tolist() == ["a"]


LOGGED = table(i=["a", "d"], t=day(3, 5), o=day(4, 6), x=np.array([10.0, 40.0]), y=[1, 0])


def test_a_logged_row_replaces_the_source_row_of_its_id() -> None:
    found = rows(THREE, LOGGED, mode="source+log")
    assert found.table["i"].tolist() == ["b", "a", "d"]
    assert found.table["x"].tolist() == [2, 10, 40]
    assert found.table["x"].dtype == np.int64
    assert found.table["y"].tolist() == [1, 1, 0]
    assert found.logged == 2


def test_the_log_alone_takes_the_types_of_the_source() -> None:
    found = rows(THREE, LOGGED, mode="log")
    assert found.table["i"].tolist() == ["a", "d"]
    assert found.table["x"].dtype == np.int64


def test_while_the_log_is_empty_the_source_is_used() -> None:
    assert rows(THREE, None, mode="log").table["i"].tolist() == ["b", "a"]


def test_a_source_only_project_ignores_the_log() -> None:
    assert rows(THREE, LOGGED, mode="source").logged == 0


def test_a_feature_the_log_does_not_have_is_named() -> None:
    with pytest.raises(DataError, match="no feature 'x'"):
        rows(THREE, table(i=["a"], t=day(3), o=day(4), y=[1]), mode="source+log")


def test_missing_logged_numbers_make_the_column_floats() -> None:
    logged = table(i=["d"], t=day(5), o=day(6), x=np.array([np.nan]), y=[0])
    assert rows(THREE, logged, mode="source+log").table["x"].dtype == np.float64


def test_no_outcome_can_count_as_negative_once_matured() -> None:
    data = DataSpec(source="x.csv", target="y", time="t", matures=timedelta(days=5), no_outcome="negative")
    found = rows(source(t=day(1, 2, 3, 18), x=np.array([1, 2, 3, 4]), y=["yes", None, "no", None]), data=data)
    assert found.table["x"].tolist() == [1, 2, 3]
    assert found.table["y"].tolist() == ["yes", "no", "no"]


def test_where_only_what_happened_is_told_the_rest_is_its_opposite() -> None:
    data = DataSpec(source="x.csv", target="y", time="t", matures=timedelta(days=5), no_outcome="negative")
    found = rows(source(t=day(1, 2, 18), x=np.array([1, 2, 3]), y=np.array([1.0, np.nan, np.nan])), data=data)
    assert found.table["y"].tolist() == [1, 0]
    with pytest.raises(DataError, match="every outcome in 'y' is 'yes'"):
        rows(source(t=day(1, 2), x=np.array([1, 2]), y=["yes", None]), data=data)


SILENT = DataSpec(source="x.csv", target="y", id="i", time="t", outcome_time="o", matures=timedelta(days=1), no_outcome="negative")
QUIET = table(
    i=["a", "d", "e", "f", "f"], t=day(3, 5, 6, 7, 8), o=day(np.nan, 6, np.nan, 9, np.nan), x=np.arange(5.0), y=[None, 1, None, 1, None]
)


def test_a_logged_row_without_outcome_counts_as_negative_unless_its_outcome_is_told_elsewhere() -> None:
    told = source(i=["a", "b"], t=day(3, 1), o=day(4, 2), x=np.array([1, 2]), y=np.array([1, 0]))
    found = rows(told, QUIET, data=SILENT, mode="source+log")
    assert dict(zip(found.table["i"], found.table["y"].tolist(), strict=True)) == {"a": 1, "b": 0, "d": 1, "e": 0, "f": 1}
    assert found.logged == 3
    alone = rows(told, QUIET, data=SILENT, mode="log")
    assert dict(zip(alone.table["i"], alone.table["y"].tolist(), strict=True)) == {"a": 0, "d": 1, "e": 0, "f": 1}
    excluded = rows(told, QUIET, mode="log")
    assert excluded.table["i"].tolist() == ["d", "f"]


def test_numeric_ids_become_text() -> None:
    found = rows(source(i=np.array([7.0, 8.0]), t=day(1, 2), o=day(2, 3), x=np.array([1, 2]), y=np.array([0, 1])))
    assert found.table["i"].tolist() == ["7", "8"]


def test_a_misspelt_column_is_guessed() -> None:
    with pytest.raises(DataError, match=r"'target_x'.*did you mean 'target'"):
        rows(source(target=np.array([1, 0]), x=np.array([1, 2])), data=DataSpec(source="x.csv", target="target_x"))


def test_a_time_cannot_be_a_feature() -> None:
    with pytest.raises(DataError, match="'born' is a time"):
        rows(source(t=day(1), o=day(2), i=["a"], born=day(0), y=np.array([1])))


def test_the_schema_says_kind_missing_values_and_categories() -> None:
    found = infer_schema(
        table(n=np.array([1.0, np.nan]), k=np.array([1, 2]), f=np.array([1.0, np.nan]), b=np.array([True, False]), c=["v", None]),
        ["n", "k", "f", "b", "c"],
        booleans=frozenset({"f"}),
    )
    assert [(column.kind, column.nullable, column.categories) for column in found.columns] == [
        ("number", True, ()),
        ("integer", False, ()),
        ("boolean", True, ()),
        ("boolean", False, ()),
        ("category", True, ("v",)),
    ]
