"""Tables ⇄ Parquet through Arrow, without pandas: the format of snapshots and of everything a child process hands over."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flyball.core.digest import sha256_file
from flyball.core.errors import DataError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.table import Array, Table

_UTC = pa.timestamp("us", tz="UTC")
# How a time may be written in text: with a zone or without, to the microsecond, or (what pandas writes) to the nanosecond.
_WRITTEN = (_UTC, pa.timestamp("ns", tz="UTC"), pa.timestamp("us"), pa.timestamp("ns"))


@record
class Read:
    """A table with what its columns' Arrow types said beyond it: which hold true and false, and what had to be assumed."""

    table: Table
    booleans: frozenset[str]
    warnings: tuple[Reason, ...]


def from_arrow(found: pa.Table, *, times: Iterable[str] = ()) -> Read:
    """The columns as arrays; those named in `times` become UTC times. A time without zone is taken as UTC, with a warning."""
    wanted, warnings, columns, booleans = set(times), [], {}, set()
    for name in found.column_names:
        column = found.column(name)
        if name in wanted:
            column, assumed = _as_time(name, column)
            if assumed:
                warnings.append(because("train.zone_assumed", column=name))
        if pa.types.is_boolean(column.type):
            booleans.add(name)
        columns[str(name)] = _array(str(name), column)
    return Read(table=Table(columns), booleans=frozenset(booleans), warnings=tuple(warnings))


def to_arrow(table: Table, booleans: frozenset[str] = frozenset()) -> pa.Table:
    """Arrow columns: missing values are null, times are UTC, text is text."""
    columns = {}
    for name, values in table.columns.items():
        if values.dtype.kind == "O":
            columns[name] = pa.array([None if v is None or v != v else str(v) for v in values.tolist()], type=pa.string())
        elif values.dtype.kind == "M":
            columns[name] = pa.array(values.astype("datetime64[us]"), type=pa.timestamp("us")).cast(_UTC)
        elif values.dtype.kind == "f":
            column = pa.array(values, from_pandas=True)
            columns[name] = column.cast(pa.bool_()) if name in booleans else column
        else:
            columns[name] = pa.array(values)
    return pa.table(columns)


def write_parquet(table: Table, path: Path, booleans: frozenset[str] = frozenset()) -> str:
    """Write a table; equal tables give equal bytes (under one version of Arrow). Give the SHA-256 of the file."""
    pq.write_table(to_arrow(table, booleans), path, compression="zstd", compression_level=3, version="2.6", row_group_size=1 << 20)
    return sha256_file(path)


def read_parquet(path: Path, *, times: Iterable[str] = ()) -> Read:
    """The table in a Parquet file."""
    return from_arrow(read_arrow(path), times=times)


def read_arrow(path: Path) -> pa.Table:
    """The Arrow table in a Parquet file; DataError if it is none."""
    try:
        return pq.ParquetFile(path).read()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}", hint="write the path relative to flyball.toml") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file that can be read: {error}", hint="write it again, or name another file") from error


def _as_time(name: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, bool]:
    """The column as UTC times, and whether its zone had to be assumed."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            return column.cast(_UTC), False
        return column.cast(pa.timestamp("us"), safe=False).cast(_UTC), True
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us")).cast(_UTC), True
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = pc.utf8_trim_whitespace(column)
        for target in _WRITTEN:
            try:
                return column.cast(target).cast(pa.timestamp("us", tz=target.tz), safe=False).cast(_UTC), target.tz is None
            except pa.ArrowInvalid:
                continue
        raise DataError(
            f"column {name!r} holds {_first_bad_time(column)!r}, which is not a time",
            hint="write times as 2024-05-31T12:00:00Z, all with a zone or all without, or parse them in a prepare step",
        )
    if pa.types.is_null(kind):
        return column.cast(_UTC), False
    raise DataError(f"column {name!r} holds {kind}, which is not a time", hint="turn it into a time with a zone in a prepare step")


def _first_bad_time(column: pa.ChunkedArray) -> str:
    """The first value that is not written like most of the others."""
    naive: str | None = None
    for value in column.to_pylist():
        if value is None:
            continue
        for target in _WRITTEN:
            try:
                pa.scalar(value).cast(target)
            except pa.ArrowInvalid:
                continue
            naive = value if target.tz is None else naive
            break
        else:
            return str(value)
    return naive or ""


def _array(name: str, column: pa.ChunkedArray) -> Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        plain = column.cast(_UTC if getattr(kind, "tz", None) else pa.timestamp("us"), safe=False).cast(pa.timestamp("us"))
        return np.asarray(plain.to_numpy(), dtype="datetime64[us]")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind) or pa.types.is_string_view(kind):
        return np.array(column.to_pylist(), dtype=object)
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    if pa.types.is_boolean(kind):
        if column.null_count == 0:
            return np.asarray(column.to_numpy(), dtype=np.bool_)
        return np.asarray(column.cast(pa.int8()).cast(pa.float64()).to_numpy(), dtype=np.float64)
    if pa.types.is_integer(kind):
        if column.null_count == 0 and kind != pa.uint64():
            return np.asarray(column.to_numpy(), dtype=np.int64)
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    raise DataError(f"column {name!r} holds {kind}, which no model reads", hint="make it numbers, true/false or text in a prepare step")
