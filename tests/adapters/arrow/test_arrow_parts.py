"""Files in parts: cut anywhere, read the same; cells that are not what they should be are named."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball.adapters.arrow.cells import MISSING
from flyball.adapters.arrow.lines import lines_of
from flyball.adapters.arrow.sink import FileSink, csv_text
from flyball.adapters.arrow.source import FileSource
from flyball.core.errors import DataError
from flyball.core.schema import Column
from flyball.loop.parts import Wanted

COLUMNS = (
    Column(name="number", kind="number", nullable=True),
    Column(name="text", kind="category", nullable=True),
    Column(name="flag", kind="boolean", nullable=True),
)
WANTED = Wanted(columns=COLUMNS, id="id", unit=None, time="at")
CELLS = st.text(alphabet=st.sampled_from('ab,"\n\r é'), max_size=8)


def read(source: FileSource) -> dict[str, list[object]]:
    """All parts one after the other."""
    found: dict[str, list[object]] = {}
    for part in source.parts((0, 0, 0)):
        loaded = part.load()
        for name, values in loaded.table.columns.items():
            found.setdefault(name, []).extend(None if value != value else value for value in values.tolist())
        found.setdefault("entity", []).extend(loaded.entity)
    return found


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), st.integers(1, 60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_wherever_a_csv_is_cut_its_rows_are_the_same(tmp_path: Path, cells: list[tuple[str, str]], size: int) -> None:
    path = tmp_path / "in.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["id", "text", "number"])
    writer.writerows((f"r{n}{one}", two, n) for n, (one, two) in enumerate(cells))
    path.write_bytes(text.getvalue().encode())
    source = FileSource(path, WANTED, size=size)
    parts = list(source.parts((0, 0, 0)))
    assert [part.place for part in parts][1:] == [part.after for part in parts][:-1]
    assert sum(part.size for part in parts) == source.total
    found = read(source)
    assert found["number"] == [float(n) for n in range(len(cells))]
    assert found["entity"] == [f"r{n}{one}" for n, (one, _) in enumerate(cells)]
    assert found["text"] == [None if two in MISSING else two for _, two in cells]
    middle = parts[len(parts) // 2]
    assert [part.place for part in source.parts(middle.place)] == [part.place for part in parts[len(parts) // 2 :]]


def test_a_quotation_mark_inside_a_cell_holds_nothing_together(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("text,number\n" + "".join(f'{n}" pipe,{n}\n' for n in range(101)))
    found = read(FileSource(path, WANTED, size=64))
    assert found["text"] == [f'{n}" pipe' for n in range(101)]
    assert found["number"] == list(range(101))


def test_cells_are_read_as_pandas_reads_what_models_are_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    cells = ["1", "1.5", " 2 ", "-3e2", ".5", "+4", *MISSING[1:], "1e400"]
    path.write_text("number,text,flag\n" + "".join(f"{cell},{cell},{'true' if n % 2 else 'NA'}\n" for n, cell in enumerate(cells)))
    found, frame = read(FileSource(path, WANTED)), pd.read_csv(path)
    assert np.array_equal(np.array(found["number"], dtype=float), frame["number"], equal_nan=True)
    assert [value is None for value in found["text"]] == frame["text"].isna().tolist()
    assert found["flag"] == [1.0 if n % 2 else None for n in range(len(cells))]
    path.write_text("number,flag\nx,true\n2,yes\n,\n")
    (part,) = FileSource(path, WANTED).parts((0, 0, 0))
    loaded = part.load()
    assert {row: (problem.column, problem.error) for row, problem in loaded.problems.items()} == {
        0: ("number", "must be a number, not 'x'"),
        1: ("flag", "must be true or false, not 'yes'"),
    }
    assert loaded.table["number"].tolist()[1] == 2.0


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_times_are_utc_with_a_zone_or_taken_as_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"in.{kind}"
    texts = ["2026-01-01T00:00:00Z", "2026-01-01 01:00:00+01:00", None]
    frame = pd.DataFrame({"at": texts, "number": [1, 2, 3]})
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.assign(at=pd.to_datetime(frame["at"], format="ISO8601", utc=True)).to_parquet(path)
    (part,) = FileSource(path, WANTED).parts((0, 0, 0))
    loaded = part.load()
    assert loaded.at is not None and not loaded.zone_assumed
    assert loaded.at.tolist()[:2] == [1_767_225_600_000_000] * 2 and loaded.at[2] == np.iinfo(np.int64).min
    path = tmp_path / "naive.csv"
    path.write_text("at,number\n2026-01-01 00:00:00,1\n")
    (part,) = FileSource(path, WANTED).parts((0, 0, 0))
    assert part.load().zone_assumed


def test_parquet_types_are_read_and_those_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table(
        {
            "number": pa.array([1, None, 3], type=pa.int32()),
            "text": pa.array(["a", None, "a"]).dictionary_encode(),
            "flag": pa.array([True, None, False]),
            "id": pa.array([1.0, None, 3.0]),
        }
    )
    pq.write_table(table, path)
    found = read(FileSource(path, WANTED))
    assert found == {"number": [1.0, None, 3.0], "text": ["a", None, "a"], "flag": [1.0, None, 0.0], "entity": ["1", None, "3"]}
    pq.write_table(table.set_column(2, "flag", pa.array([1, 0, 1])), path)
    with pytest.raises(DataError, match=r"in\.parquet: column 'flag' holds int64, the model reads true or false"):
        FileSource(path, WANTED)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="not a Parquet file"):
        FileSource(path, WANTED)


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    for name, content, words in (
        ("empty.csv", b"", "is empty"),
        ("latin.csv", "größe,id\n1,2\n".encode("latin-1"), "not a CSV file in UTF-8"),
        ("twice.csv", b"id,id\n1,2\n", "names columns twice: id"),
        ("other.csv", b"id;number\n1;2\n", "separates its columns by ';'"),
        ("in.xlsx", b"x", "neither .csv nor .parquet"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=re.escape(words)):
            FileSource(path, WANTED)
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no"):
        FileSource(tmp_path / "none", WANTED)
    with pytest.raises(DataError, match="there is no file"):
        FileSource(tmp_path / "gone.csv", WANTED)
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"text,number\n\xff,1\n")
    (part,) = FileSource(bad, WANTED).parts((0, 0, 0))
    with pytest.raises(DataError, match="cannot be read as CSV"):
        part.load()


def test_a_files_beginning_with_a_byte_order_mark_has_its_first_column(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"\xef\xbb\xbfnumber,text\n1,a\n")
    assert FileSource(path, WANTED).names == ("number", "text")
    assert read(FileSource(path, WANTED))["number"] == [1.0]


@given(st.lists(st.none() | st.text(alphabet=st.sampled_from('ab,"\n\r é'), max_size=8), max_size=10))
def test_cells_that_are_written_are_read_back(texts: list[str | None]) -> None:
    lines = "".join(f"{cell.as_py()},x\n" for cell in csv_text(pa.array(texts, type=pa.string())))
    assert [row[0] for row in csv.reader(io.StringIO(lines, newline=""))] == [text or "" for text in texts]


def test_a_column_that_the_answers_have_too_is_refused() -> None:
    with pytest.raises(DataError, match="'version' already"):
        FileSink("csv", ["id", "version"], ["prediction", "version"])


def test_rows_of_any_file_come_as_plain_values(tmp_path: Path) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    pq.write_table(pa.table({"at": [at, None], "n": [1.5, float("nan")], "d": [at.date(), None]}), tmp_path / "in.parquet")
    assert list(lines_of(tmp_path / "in.parquet")) == [
        (1, {"at": "2026-01-01T00:00:00+00:00", "n": 1.5, "d": "2026-01-01T00:00:00+00:00"}),
        (2, {}),
    ]
    (tmp_path / "in.csv").write_text("a,b\n1,x\n2\nNA,y\n")
    assert list(lines_of(tmp_path / "in.csv")) == [(1, {"a": "1", "b": "x"}), (2, "has 1 cells, the header 2"), (3, {"b": "y"})]
