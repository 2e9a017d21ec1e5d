"""Tables as JSON lines and as Parquet. Rows are written as lines when they come; Parquet follows from the lines, when all types are known."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from flyball.core.record import record
from flyball.loop.leaving.records import Kind, Row, TableSaid, Written

Format = Literal["parquet", "jsonl"]
_AT_ONCE = 20_000
_EXACT = 2**53
MOST_NAMES = 1000
"""Of values by name so many different names get columns of their own in Parquet; where there are more, all are one text of JSON."""
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FIXED: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
}


@record
class _Column:
    """A column of Parquet: where its values stand in a row, and its type. `mixed`: each value as its JSON, for there is no one type."""

    name: str
    path: tuple[str, ...]
    type: pa.DataType
    mixed: bool = False


class FileTables:
    """The port `Tables`, in a folder: NAME.jsonl and NAME.parquet. Numbers that JSON has no word for are "NaN", "Infinity", "-Infinity"."""

    def __init__(self, folder: Path, tables: Mapping[str, TableSaid], formats: Sequence[Format]) -> None:
        self._folder, self._said, self._formats = folder, tables, formats
        self._files: dict[str, IO[bytes]] = {}
        self._rows = dict.fromkeys(tables, 0)
        self._kinds: dict[str, dict[tuple[str, ...], set[str]]] = {name: {} for name in tables}
        self._encode = msgspec.json.Encoder().encode
        for name in tables:
            self._files[name] = (folder / f"{name}.jsonl").open("wb")

    def add(self, table: str, row: Row) -> None:
        """Take a row of a table."""
        line: dict[str, object] = {}
        kinds = self._kinds[table]
        for name, said in self._said[table].columns.items():
            value = row.get(name)
            if said.kind == "value":
                kinds.setdefault((name,), set()).add(_kind(value))
                value = _sayable(value)
            elif said.kind == "values" and isinstance(value, Mapping):
                if len(kinds) <= MOST_NAMES * len(self._said[table].columns):
                    for key, one in value.items():
                        kinds.setdefault((name, key), set()).add(_kind(one))
                value = {key: _sayable(one) for key, one in value.items()}
            elif said.kind == "number":
                value = _sayable(value)
            elif said.kind == "json" and isinstance(value, str):
                value = msgspec.Raw(value.encode())
            line[name] = value
        self._files[table].write(self._encode(line) + b"\n")
        self._rows[table] += 1

    def done(self) -> Mapping[str, Written]:
        """Finish all tables and say what was written."""
        found = {}
        for name, file in self._files.items():
            file.close()
            columns = list(self._columns(name))
            lines = self._folder / f"{name}.jsonl"
            written = []
            if "parquet" in self._formats:
                written.append(_to_parquet(lines, self._folder / f"{name}.parquet", columns))
            if "jsonl" in self._formats:
                written.append(lines)
            else:
                lines.unlink()
            found[name] = Written(
                rows=self._rows[name],
                files={path.name: (path.stat().st_size, _sha256(path)) for path in sorted(written)},
                types={one.name: "JSON text of mixed values" if one.mixed else str(one.type) for one in columns},
            )
        return found

    def _columns(self, table: str) -> Iterator[_Column]:
        kinds = self._kinds[table]
        for name, said in self._said[table].columns.items():
            if said.kind == "value":
                yield _typed(name, (name,), kinds.get((name,), set()))
            elif said.kind == "values":
                paths = sorted(path for path in kinds if len(path) == 2 and path[0] == name)
                if len(paths) > MOST_NAMES:
                    yield _Column(name=name, path=(name,), type=pa.string(), mixed=True)
                    continue
                for path in paths:
                    yield _typed(".".join(path), path, kinds[path])
            else:
                yield _Column(name=name, path=(name,), type=_FIXED[said.kind])


def _kind(value: object) -> str:
    """What a value is: one of a few words, whole numbers by whether they fit where."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "integer" if abs(value) <= _EXACT else "long" if -(2**63) <= value < 2**63 else "huge"
    if isinstance(value, float):
        return "number"
    return "numbers" if isinstance(value, list) else "text"


def _typed(name: str, path: tuple[str, ...], kinds: set[str]) -> _Column:
    """The type that holds every value of these kinds exactly."""
    kinds = kinds - {"nothing"}
    fitting: list[tuple[set[str], pa.DataType]] = [
        (set(), pa.string()),
        ({"flag"}, pa.bool_()),
        ({"integer", "long"}, pa.int64()),
        ({"integer", "number"}, pa.float64()),
        ({"text"}, pa.string()),
        ({"numbers"}, pa.list_(pa.float64())),
    ]
    found = next((kind for fits, kind in fitting if kinds <= fits), None)
    return _Column(name=name, path=path, type=pa.string() if found is None else found, mixed=found is None)


def _sayable(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return [_sayable(one) for one in value] if isinstance(value, list) else value


def _to_parquet(lines: Path, path: Path, columns: Sequence[_Column]) -> Path:
    schema = pa.schema([(one.name, one.type) for one in columns])
    decode = msgspec.json.decode
    with lines.open("rb") as file, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := [decode(line) for line in _lines(file)]:
            writer.write_table(pa.table([_array(some, one) for one in columns], schema=schema))
    return path


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    for _ in range(_AT_ONCE):
        line = file.readline()
        if not line:
            return
        yield line


def _array(rows: Sequence[Mapping[str, object]], column: _Column) -> pa.Array:
    values = [_at(row, column.path) for row in rows]
    if column.mixed or (column.type == pa.string() and any(isinstance(value, dict | list) for value in values)):
        return pa.array([None if value is None else msgspec.json.encode(value).decode() for value in values], type=pa.string())
    if pa.types.is_timestamp(column.type):
        return pa.array(values, type=pa.string()).cast(column.type)
    if pa.types.is_float64(column.type):
        return pa.array([_number(value) for value in values], type=column.type)
    if pa.types.is_list(column.type):
        return pa.array([[_number(one) for one in value] if isinstance(value, list) else None for value in values], type=column.type)
    return pa.array(values, type=column.type)


def _number(value: object) -> object:
    return _NOT_FINITE[value] if isinstance(value, str) else value


def _at(row: Mapping[str, object], path: tuple[str, ...]) -> object:
    value: object = row
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
