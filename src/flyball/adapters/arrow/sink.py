"""What `flyball predict` writes: parts of a CSV or Parquet file with the kept columns and what was said, and the whole file of them."""

import csv
import io
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from flyball.adapters.arrow.content import Content
from flyball.core.errors import DataError
from flyball.core.table import Array
from flyball.loop.parts import Loaded

_SPECIAL = r'[",\r\n]'
_BLOCK = 4 * 1024 * 1024


class FileSink:
    """The port `RowSink`. `kept` are the columns given back, `said` the names of the answers, in the order of the file."""

    def __init__(self, kind: Literal["csv", "parquet"], kept: Sequence[str], said: Sequence[str]) -> None:
        doubled = [name for name in said if name in kept]
        if doubled:
            raise DataError(
                f"the input has a column {doubled[0]!r} already, which the output would have twice",
                hint="name the columns to give back: --keep id,unit (or --keep none)",
            )
        self.kind = kind
        self._header = [*kept, *said]

    def write(self, path: Path, loaded: Loaded, rows: NDArray[np.int64] | None, said: Mapping[str, Array]) -> str:
        """Write these rows of a part (None: all) with what was said of them; give the size and CRC-32 of what was written."""
        content = cast(Content, loaded.content)
        answers = {name: _arrow(values) for name, values in said.items()}
        taken = None if rows is None else pa.array(rows)
        if self.kind == "parquet":
            kept = content.kept
            if kept is None:
                raise AssertionError("a reader for a Parquet file gives columns, not lines")
            if taken is not None:
                kept = kept.take(taken)
            columns = {name: kept.column(name) for name in kept.column_names} | answers
            buffer = pa.BufferOutputStream()
            pq.write_table(pa.table(columns), buffer, compression="zstd", compression_level=1)
            written = memoryview(buffer.getvalue())
            path.write_bytes(written)
            return _check(written)
        columns = {name: csv_text(values) for name, values in answers.items()}
        lines = _joined(_first(content, taken), list(columns.values()))
        path.write_bytes(lines)
        return _check(lines)

    def intact(self, path: Path, check: str) -> bool:
        """Whether a part is as it was written."""
        try:
            return _check(path.read_bytes()) == check
        except FileNotFoundError:
            return False

    def told(self, loaded: Loaded, numbers: Sequence[int]) -> list[str]:
        """Rows of a part as JSON: from column to cell; of a line that is no row, its cells."""
        content = cast(Content, loaded.content)
        found: list[object]
        if content.text:
            rows = [row for row in csv.reader(io.StringIO(content.text.decode("utf-8", "replace"), newline="")) if row]
            cells = [rows[number] if number < len(rows) else [] for number in numbers]
            found = [dict(zip(content.columns, row, strict=True)) if len(row) == len(content.columns) else row for row in cells]
        else:
            assert content.kept is not None
            found = content.kept.take(pa.array(numbers, type=pa.int64())).to_pylist()
        return [msgspec.json.encode(one, enc_hook=str).decode() for one in found]

    def join(self, parts: Sequence[Path], into: Path) -> None:
        """One file of all parts, durably."""
        if self.kind == "parquet":
            self._join_parquet(parts, into)
        else:
            with into.open("wb") as file:
                line = io.StringIO()
                csv.writer(line, lineterminator="\n").writerow(self._header)
                file.write(line.getvalue().encode())
                for part in parts:
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, file, _BLOCK)
        with into.open("rb") as file:
            os.fsync(file.fileno())

    def _join_parquet(self, parts: Sequence[Path], into: Path) -> None:
        schema = pq.read_schema(parts[0]) if parts else pa.schema([(name, pa.string()) for name in self._header])
        with pq.ParquetWriter(into, schema, compression="zstd", compression_level=1) as writer:
            for part in parts:
                with pq.ParquetFile(part) as file:
                    for batch in file.iter_batches():
                        writer.write_batch(batch.cast(schema))


def _check(content: bytes | memoryview) -> str:
    return f"{len(content)} {zlib.crc32(content):08x}"


def csv_text(values: pa.Array) -> pa.Array:
    """Cells of a CSV: nothing for null, quotation marks where they are needed."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return csv_text(values.dictionary).take(values.indices)
    if pa.types.is_boolean(kind):
        values = pc.if_else(values, "True", "False")
    elif not pa.types.is_string(kind):
        values = values.cast(pa.string())
    values = pc.fill_null(values, "")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        odd = pc.match_substring_regex(values, _SPECIAL)
        if pc.any(odd).as_py():
            quoted = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
            values = pc.if_else(odd, quoted, values)
    return values


def _first(content: Content, rows: pa.Array | None) -> list[pa.Array]:
    """The kept columns as cells; whole lines stand for all of them."""
    if content.lines is not None:
        lines = content.lines if rows is None else content.lines.take(rows)
        return [pc.utf8_rtrim(lines, "\r\n")]
    assert content.kept is not None
    kept = content.kept if rows is None else content.kept.take(rows)
    columns = [kept.column(name) for name in kept.column_names]
    return [csv_text(column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()) for column in columns]


def _joined(first: list[pa.Array], said: list[pa.Array]) -> bytes | memoryview:
    """The lines as bytes."""
    columns = [*first, *said]
    if not columns or not len(columns[0]):
        return b""
    ended = pc.binary_join_element_wise(*columns[:-1], pc.binary_join_element_wise(columns[-1], "\n", ""), ",")
    ends = np.frombuffer(ended.buffers()[1], dtype=np.int32)
    begin, end = int(ends[ended.offset]), int(ends[ended.offset + len(ended)])
    return memoryview(ended.buffers()[2])[begin:end]


def _arrow(values: Array) -> pa.Array:
    if values.dtype.kind == "O":
        return pa.array(values.tolist())
    if values.dtype.kind == "f":
        return pa.array(values, from_pandas=True)
    return pa.array(values)
