"""CSV files of any size, cut at row ends into parts that are parsed for themselves, in any thread."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from numpy.typing import NDArray

from flyball.adapters.arrow.cells import FALSE, MISSING, TRUE, Problems, from_text, from_typed, names, times
from flyball.adapters.arrow.content import Content
from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.schema import Column, Kind
from flyball.core.table import Array, Table
from flyball.loop.parts import Loaded, Place, Wanted

SIZE = 4 * 1024 * 1024
_LARGEST_ROW = 64 * 1024 * 1024
_MOST_COLUMNS = 20_000
_BEFORE_QUOTES = np.frombuffer(b',\n\r"', dtype=np.uint8)
_QUOTED = re.compile(rb'(?<![^,\n\r])"(?:[^"]|"")*(?:"|\Z)')


class CsvFile:
    """One CSV file: its columns and where its first row begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            start = 3 if file.read(3) == b"\xef\xbb\xbf" else 0
            file.seek(start)
            content = file.read(SIZE)
            end = _first_row_end(content)
            try:
                header = next(csv.reader(io.StringIO(content[:end].decode("utf-8"), newline="")), [])
            except (UnicodeDecodeError, csv.Error) as error:
                raise DataError(f"{path.name} is not a CSV file in UTF-8: {error}", hint="convert it: iconv -t utf-8") from None
        self.columns = tuple(header)
        self.first = start + end
        if not header:
            raise DataError(f"{path.name} is empty", hint="the first line of a CSV names the columns")
        if len(header) == 1 and (other := next((sign for sign in ";\t|" if sign in header[0]), "")):
            raise DataError(
                f"{path.name} separates its columns by {other!r}, not by commas", hint="write it again with commas, or as Parquet"
            )
        doubled = sorted({name for name in header if header.count(name) > 1})
        if doubled or len(header) > _MOST_COLUMNS:
            raise DataError(f"{path.name} names columns twice: {', '.join(doubled)}", hint="rename or drop one of each")

    def parts(
        self, number: int, start: int, wanted: Wanted, kept: Sequence[str], size: int, *, typed: bool, told: str
    ) -> Iterator["CsvPart"]:
        """The parts from an offset on, each of about `size` bytes; where one ends depends on where it begins and on nothing else.

        `told`: what the file is called in messages.
        """
        offset = max(start, self.first)
        with self.path.open("rb") as file:
            while True:
                file.seek(offset)
                content = _rows_of(file, size, self.path.name)
                if not content:
                    return
                after = offset + len(content)
                yield CsvPart(
                    file=told,
                    place=(number, offset, 0),
                    after=(number, after, 0),
                    size=len(content),
                    columns=self.columns,
                    wanted=wanted,
                    kept=tuple(kept),
                    typed=typed,
                    text=content,
                )
                offset = after


@record
class CsvPart:
    """Whole rows of a file as bytes. `kept`: the columns that are wanted back, as they were written or, with `typed`, as they are read."""

    file: str
    place: Place
    after: Place
    size: int
    columns: tuple[str, ...]
    wanted: Wanted
    kept: tuple[str, ...]
    typed: bool
    text: bytes

    def load(self) -> Loaded:
        """Parse: all at once, or, where a cell does not fit, as text and cell by cell."""
        features = {column.name: column for column in self.wanted.columns if column.name in self.columns}
        others = [name for name in (self.wanted.id, self.wanted.unit, self.wanted.time) if name in self.columns]
        broken: dict[int, str] = {}
        verbatim = self.kept == self.columns and b'"' not in self.text and not self.typed
        included = list(dict.fromkeys([*features, *others, *(() if verbatim else self.kept)]))
        # a feature that is wanted back is wanted as it was written
        typed = {
            name: column
            for name, column in features.items()
            if column.kind != "category" and (verbatim or self.typed or name not in self.kept)
        }
        try:
            found = self._parse(included, typed, broken)
        except pa.ArrowInvalid:
            typed = {}
            found = self._parse(included, typed, broken)
        problems: Problems = {}
        table = {
            name: from_typed(column, _one(found, name)) if name in typed else from_text(column, _one(found, name), problems)
            for name, column in features.items()
        }
        at, assumed = times(self.wanted.time, _one(found, self.wanted.time), problems) if self.wanted.time in others else (None, False)
        nobody: list[str | None] = [None] * found.num_rows
        return Loaded(
            table=Table(table),
            rows=found.num_rows + len(broken),
            numbers=_numbers(found.num_rows, broken),
            at=at,
            unit=names(_one(found, self.wanted.unit)) if self.wanted.unit in others else nobody,
            entity=names(_one(found, self.wanted.id)) if self.wanted.id in others else nobody,
            problems=problems,
            broken=broken,
            digest=hashlib.sha256(self.text).hexdigest(),
            zone_assumed=assumed,
            content=self._content(found, table, verbatim=verbatim and not broken),
        )

    def as_text(self) -> tuple[pa.Table, dict[int, str]]:
        """Every column as it is written, and the numbers of lines that are no rows."""
        broken: dict[int, str] = {}
        return self._parse(list(self.columns), {}, broken), broken

    def _content(self, found: pa.Table, table: Mapping[str, Array], *, verbatim: bool) -> Content:
        if verbatim:
            lines = _lines(self.text)
            if len(lines) == found.num_rows:
                return Content(kept=None, lines=lines, text=self.text, columns=self.columns)
        kept = found.select(list(self.kept)) if set(self.kept) <= set(found.column_names) else None
        if kept is None:  # it looked as if the lines were the rows, and they are not
            kept = self._parse(list(self.kept), {}, {})
        if self.typed:
            kinds = {column.name: column.kind for column in self.wanted.columns}
            columns = {name: _typed(table[name], kinds[name]) if name in table else _one(kept, name) for name in self.kept}
            kept = pa.table(columns) if columns else kept
        return Content(kept=kept, lines=None, text=self.text, columns=self.columns)

    def _parse(self, included: list[str], typed: Mapping[str, Column], broken: dict[int, str]) -> pa.Table:
        """The rows; what is no number where one belongs raises ArrowInvalid, what is no row goes to `broken`."""
        broken.clear()

        def no_row(row: pc.InvalidRow) -> str:
            broken[int(row.number) - 1] = f"has {row.actual_columns} cells, the header {row.expected_columns}"
            return "skip"

        types = {name: pa.string() for name in included}
        types |= {name: pa.bool_() if column.kind == "boolean" else pa.float64() for name, column in typed.items()}
        try:
            return pc.read_csv(
                pa.BufferReader(self.text),
                read_options=pc.ReadOptions(column_names=list(self.columns), use_threads=False, block_size=len(self.text) + 1),
                parse_options=pc.ParseOptions(invalid_row_handler=no_row, newlines_in_values=b'"' in self.text),
                convert_options=pc.ConvertOptions(
                    column_types=types,
                    # without any column Arrow would read all of them: the first one still counts the rows
                    include_columns=included or [self.columns[0]],
                    null_values=list(MISSING),
                    true_values=list(TRUE),
                    false_values=list(FALSE),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            if typed and "conversion error" in str(error):
                raise
            raise DataError(f"{self.file} cannot be read as CSV: {error}", hint="is it comma-separated, in UTF-8?") from None


def _one(found: pa.Table, name: str | None) -> pa.Array:
    column = found.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _typed(values: Array, kind: Kind) -> pa.Array:
    """A feature as a file with types keeps it."""
    if kind == "category":
        return pa.array(values.tolist(), type=pa.string())
    found = pa.array(values, from_pandas=True)
    wanted = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}[kind]
    return found if found.type == wanted else found.cast(wanted, safe=False)


def _numbers(rows: int, broken: Mapping[int, str]) -> NDArray[np.int64]:
    if not broken:
        return np.arange(rows, dtype=np.int64)
    return np.setdiff1d(np.arange(rows + len(broken), dtype=np.int64), np.fromiter(broken, dtype=np.int64))


def _lines(text: bytes) -> pa.Array:
    """The lines with their ends, over the bytes as they are; the last one may lack its end."""
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == 10) + 1
    if not len(ends) or ends[-1] < len(text):
        ends = np.append(ends, len(text))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def _rows_of(file: io.BufferedReader, size: int, name: str) -> bytes:
    """The whole rows in the next `size` bytes; more bytes if they hold not even one."""
    content = file.read(size)
    if len(content) < size:
        return content
    while not (end := _last_row_end(content)):
        if len(content) > _LARGEST_ROW:
            raise DataError(f"{name} has a row of more than {_LARGEST_ROW} bytes", hint="is a quotation mark missing?")
        more = file.read(size)
        if not more:
            return content
        content += more
    return content[:end]


def _last_row_end(content: bytes) -> int:
    """Behind the last line end that is not inside quotation marks, for content that begins with a row; 0 if there is none."""
    if b'"' not in content:
        return content.rfind(b"\n") + 1
    found = np.frombuffer(content, dtype=np.uint8)
    quotes = np.flatnonzero(found == 34)
    opening = quotes[::2]
    if np.isin(found[opening[opening > 0] - 1], _BEFORE_QUOTES).all():
        inside = np.cumsum(found == 34) % 2 == 1
    else:  # a mark within a cell, as in 5" pipe: only those at the beginning of a cell hold a cell together
        inside = np.zeros(len(content), dtype=np.bool_)
        for cell in _QUOTED.finditer(content):
            inside[cell.start() : cell.end()] = True
    outside = np.flatnonzero((found == 10) & ~inside)
    return int(outside[-1]) + 1 if len(outside) else 0


def _first_row_end(content: bytes) -> int:
    """Behind the header."""
    end = -1
    while (end := content.find(b"\n", end + 1)) >= 0:
        if content.count(b'"', 0, end) % 2 == 0:
            return end + 1
    return len(content)
