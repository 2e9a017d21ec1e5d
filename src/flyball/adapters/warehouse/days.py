"""Rows on their way into files: one Parquet file per day, in an order and with types that do not depend on how the rows came.

Rows wait in one file per day that grows at its end, so that no more is in memory than some thousand rows, and at last one day.
"""

import datetime as dt
import decimal
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flyball.core.digest import sha256_file
from flyball.core.errors import DataError
from flyball.core.record import record

_HELD = 100_000
"""Rows that are held before they go to the files where they wait."""
_UTC = pa.timestamp("us", tz="UTC")
_TYPES: Mapping[str, pa.DataType] = {
    "nothing": pa.null(),
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "time": _UTC,
    "local time": pa.timestamp("us"),
    "date": pa.date32(),
}
_KINDS: Mapping[type, str] = {
    type(None): "nothing",
    bool: "boolean",
    int: "integer",
    float: "number",
    decimal.Decimal: "number",
    str: "text",
    uuid.UUID: "text",
    dt.date: "date",
}
# Which kinds may stand in one column, and what it then is; SQLite has no column types that hold.
_TOGETHER: Mapping[frozenset[str], str] = {
    frozenset({"integer", "number"}): "number",
    frozenset({"boolean", "integer"}): "integer",
    frozenset({"boolean", "integer", "number"}): "number",
}
NO_DAY = "no-day"
ALL = "rows"


@record
class Stored:
    """What became of the files. `changed`: those that were written; `gone`: those of days that have no rows any more."""

    rows: int
    files: int
    changed: int
    gone: int


class Days:
    """Takes rows and writes them. `time`: the column whose day decides the file; None: one file. `file`: what the query is called."""

    def __init__(self, columns: Sequence[str], time: str | None, drafts: Path, *, file: str) -> None:
        doubled = sorted({name for name in columns if list(columns).count(name) > 1})
        if doubled:
            raise DataError(f"{file} gives several columns named {', '.join(doubled)}", hint="name each with AS")
        if time is not None and time not in columns:
            raise DataError(f"{file} gives no column {time!r}, which is data.time", hint=f"columns: {', '.join(columns)}")
        self._columns, self._drafts, self._file = tuple(columns), drafts, file
        self._time = None if time is None else self._columns.index(time)
        self._kinds: list[set[str]] = [set() for _ in columns]
        self._held: dict[str, list[Sequence[object]]] = defaultdict(list)
        self._waiting: dict[str, Path] = {}
        self._holds = self.rows = 0

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Take some rows; DataError for a value that no column of a table can hold."""
        for row in rows:
            self._held[ALL if self._time is None else self._day(row[self._time])].append(row)
        self.rows += len(rows)
        self._holds += len(rows)
        if self._holds >= _HELD:
            self._put_away()

    def write(self, into: Path) -> Stored:
        """Put the files in place of those that are there; what is as it was is not written. DataError if there was no row."""
        self._put_away()
        if not self.rows:
            raise DataError(f"{self._file} gives no rows", hint="try it by hand; is it the right database?")
        types = [self._type(number) for number in range(len(self._columns))]
        schema = pa.schema(list(zip(self._columns, types, strict=True)))
        made: dict[str, Path] = {}
        for name in sorted(self._waiting):  # all of them before the first is put in place: none of it may fail then
            made[f"{name}.parquet"] = self._made(name, schema)
        into.mkdir(parents=True, exist_ok=True)
        changed = 0
        for name, draft in made.items():
            target = into / name
            if target.is_file() and target.stat().st_size == draft.stat().st_size and sha256_file(target) == sha256_file(draft):
                continue
            draft.replace(target)
            changed += 1
        gone = [path for path in into.glob("*.parquet") if path.name not in made]
        for path in gone:
            path.unlink()
        return Stored(rows=self.rows, files=len(made), changed=changed, gone=len(gone))

    def _put_away(self) -> None:
        for name, rows in self._held.items():
            table = pa.table(dict(zip(self._columns, [self._array(number, rows) for number in range(len(self._columns))], strict=True)))
            path = self._waiting.setdefault(name, self._drafts / f"{name}.arrows")
            with path.open("ab") as file, pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
        self._held.clear()
        self._holds = 0

    def _array(self, number: int, rows: Sequence[Sequence[object]]) -> pa.Array:
        values = [row[number] for row in rows]
        kinds = {self._kind(value, number) for value in values}
        self._kinds[number] |= kinds
        kind = self._together(kinds, number)
        if kind == "number":
            values = [None if value is None else float(value) + 0.0 for value in values]  # type: ignore[arg-type]  # and no -0.0
        elif kind == "integer":
            values = [None if value is None else int(value) for value in values]  # type: ignore[call-overload]
        elif kind == "text":
            values = [None if value is None else str(value) for value in values]
        try:
            return pa.array(values, type=_TYPES[kind])
        except (pa.ArrowException, OverflowError) as error:
            raise self._refused(number, f"a value that cannot be kept as {kind}: {error}") from None

    def _kind(self, value: object, number: int) -> str:
        if isinstance(value, dt.datetime):
            return "local time" if value.tzinfo is None else "time"
        found = _KINDS.get(type(value))
        if found is None:
            raise self._refused(number, f"{type(value).__name__}, which no model reads")
        return found

    def _together(self, kinds: set[str], number: int) -> str:
        there = frozenset(kinds - {"nothing"})
        if len(there) <= 1:
            return next(iter(there), "nothing")
        found = _TOGETHER.get(there)
        if found is None:
            raise self._refused(number, f"{' and '.join(sorted(there))} in different rows")
        return found

    def _type(self, number: int) -> pa.DataType:
        return _TYPES[self._together(self._kinds[number], number)]

    def _refused(self, number: int, what: str) -> DataError:
        name = self._columns[number]
        return DataError(f"column {name!r} of {self._file} holds {what}", hint=f"CAST it to a number, a text or a time in {self._file}")

    def _day(self, value: object) -> str:
        if value is None:
            return NO_DAY
        if isinstance(value, str):
            try:
                value = dt.datetime.fromisoformat(value.strip())
            except ValueError:
                raise self._no_time(value) from None
        if isinstance(value, dt.datetime):
            return (value if value.tzinfo is None else value.astimezone(dt.UTC)).date().isoformat()
        if isinstance(value, dt.date):
            return value.isoformat()
        raise self._no_time(value)

    def _no_time(self, value: object) -> DataError:
        assert self._time is not None
        return DataError(
            f"column {self._columns[self._time]!r} of {self._file}, which is data.time, holds {str(value)[:40]!r}, which is not a time",
            hint="CAST it to a timestamp, or write it as 2024-05-31T12:00:00Z",
        )

    def _made(self, name: str, schema: pa.Schema) -> Path:
        """The rows that waited, in one order, as a Parquet file."""
        pieces = []
        with self._waiting[name].open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            while file.tell() < size:
                pieces.append(pa.ipc.open_stream(file).read_all().cast(schema))
        table = pa.concat_tables(pieces)
        first = [] if self._time is None else [self._columns[self._time]]
        keys = [key for key in dict.fromkeys([*first, *schema.names]) if not pa.types.is_null(schema.field(key).type)]
        if keys:
            table = table.sort_by([(key, "ascending") for key in keys])
        path = self._drafts / f"{name}.parquet"
        pq.write_table(table.combine_chunks(), path, compression="zstd", compression_level=3, version="2.6", row_group_size=1 << 20)
        self._waiting[name].unlink()
        return path
