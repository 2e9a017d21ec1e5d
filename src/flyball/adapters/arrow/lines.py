"""Rows of any table-like file one after the other, as plain values: CSV (all text), Parquet, or JSON lines."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq

from flyball.adapters.arrow.cells import MISSING
from flyball.adapters.arrow.csv_parts import SIZE, CsvFile
from flyball.adapters.arrow.parquet_parts import ROWS, ParquetFile
from flyball.core.errors import DataError
from flyball.loop.parts import Wanted

JSON_LINES = (".jsonl", ".ndjson")

Line = tuple[int, dict[str, Any] | str]  # the number of the row from 1, and its values, or what is wrong with it

_MISSING = frozenset(MISSING)
_AS_JSON = frozenset({str, int, float, bool})
_NOTHING = Wanted(columns=(), id=None, unit=None, time=None)


def columns_of(path: Path) -> tuple[str, ...] | None:
    """The columns of a CSV or Parquet file; None for JSON lines, which may differ from one another. DataError for other files."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return CsvFile(path).columns
    if suffix in (".parquet", ".pq"):
        return ParquetFile(path).columns
    if suffix in JSON_LINES:
        return None
    raise DataError(f"{path} is none of .csv, .parquet, .jsonl", hint="convert it, or rename it to what it is")


def lines_of(path: Path) -> Iterator[Line]:
    """The rows of a file, never more than a few thousand in memory. What is missing in a CSV is left out of its row."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        yield from _csv(path)
    elif suffix in JSON_LINES:
        yield from _json(path)
    else:
        yield from _parquet(path)


def _csv(path: Path) -> Iterator[Line]:
    file = CsvFile(path)
    before = 0
    for part in file.parts(0, 0, _NOTHING, file.columns, SIZE // 8, typed=False, told=file.path.name):
        found, broken = part.as_text()
        rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
        count = found.num_rows + len(broken)
        for number in range(count):
            if number in broken:
                yield before + number + 1, broken[number]
            else:
                cells = zip(file.columns, next(rows), strict=True)
                yield before + number + 1, {name: cell for name, cell in cells if cell not in _MISSING}
        before += count


def _json(path: Path) -> Iterator[Line]:
    decode = msgspec.json.Decoder().decode
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = decode(line)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                yield number, f"is not JSON: {error}"
                continue
            yield number, value if isinstance(value, dict) else "is not a JSON object"


def _parquet(path: Path) -> Iterator[Line]:
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS // 10):
            for row in batch.to_pylist():
                number += 1
                yield (
                    number,
                    {
                        name: value if type(value) in _AS_JSON else _plain(value)
                        for name, value in row.items()
                        if value is not None and value == value
                    },
                )


def _plain(value: Any) -> Any:
    """A cell as JSON would have it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value
