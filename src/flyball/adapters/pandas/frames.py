"""pandas at the user's border: the frames that prepare and train functions see, and the sources they are read from."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from flyball.adapters.pandas.arrow import Read, from_arrow
from flyball.core.errors import DataError
from flyball.core.table import Table

_KINDS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


def source_files(path: Path) -> list[Path]:
    """The files of a source: the file itself, or every CSV and Parquet file of a directory, in order of name."""
    if path.is_dir():
        found = sorted(entry for entry in path.rglob("*") if entry.suffix.lower() in _KINDS and entry.is_file())
        if not found:
            raise DataError(f"the directory {path} holds no .csv and no .parquet file", hint="name a file, or a directory of them")
        return found
    if not path.is_file():
        near = ", ".join(sorted(entry.name for entry in path.parent.glob("*"))[:10]) if path.parent.is_dir() else ""
        raise DataError(f"there is no file {path}", hint=f"there are: {near}" if near else f"there is no folder {path.parent} either")
    return [path]


def read_source(path: Path, *, texts: Iterable[str] = ()) -> pd.DataFrame:
    """One frame of a CSV file, a Parquet file or a directory of them, as pandas reads them (columns in `texts` as text)."""
    dtype = dict.fromkeys(texts, str)
    frames = [_read_file(file, dtype) for file in source_files(path)]
    first = frames[0]
    for file, frame in zip(source_files(path), frames, strict=True):
        if set(frame.columns) != set(first.columns):
            odd = sorted(map(str, set(frame.columns) ^ set(first.columns)))
            raise DataError(f"the files of {path} differ in columns: {', '.join(odd)}", hint=f"look at {file.name}")
    return first if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def frame_to_arrow(frame: pd.DataFrame, what: str) -> pa.Table:
    """The columns of a frame as Arrow; DataError naming the column that cannot be."""
    names = [str(name) for name in frame.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{what} has columns of the same name: {', '.join(doubled)}", hint="rename or drop one of each")
    columns = {}
    for position, name in enumerate(names):
        values = frame.iloc[:, position]
        try:
            columns[name] = _column(values)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise DataError(
                f"column {name!r} of {what} mixes types: {error}", hint="make it all numbers or all text in a prepare step"
            ) from error
    return pa.table(columns)


def _column(values: "pd.Series[Any]") -> pa.Array:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        plain = pa.array(values.dt.tz_convert(None).to_numpy(), from_pandas=True)
        return plain.cast(pa.timestamp(plain.type.unit, tz="UTC"))
    return pa.array(values, from_pandas=True)


_TEXT = pd.Series(["text"]).dtype


def to_table(frame: pd.DataFrame, *, times: Iterable[str] = ()) -> Read:
    """A frame as a table; the columns named in `times` become UTC times."""
    return from_arrow(frame_to_arrow(frame, "the frame"), times=times)


def to_frame(table: Table, names: Iterable[str]) -> pd.DataFrame:
    """These columns as a frame: floats with NaN, whole numbers, true and false, and text with missing values as pandas has them."""
    return pd.DataFrame({name: to_series(table, name) for name in names}, index=pd.RangeIndex(table.rows))


def to_series(table: Table, name: str) -> "pd.Series[Any]":
    """One column as a series. Text has the type `read_csv` would have given it, also where every value is missing."""
    values = table[name]
    if values.dtype.kind == "M":
        return pd.Series(values.astype("datetime64[us]"), name=name).dt.tz_localize("UTC")
    if values.dtype.kind != "O":
        return pd.Series(values, name=name)
    texts = list(values)
    nothing = all(value is None for value in texts)
    return pd.Series(texts, name=name, dtype=object if not texts else _TEXT if nothing else None)


def load_table(path: Path, *, times: Iterable[str] = (), texts: Iterable[str] = ()) -> Read:
    """A CSV file, a Parquet file or a directory of them as a table. The CSV columns named in `texts` are read as they are written."""
    frame = read_source(path, texts=texts)
    present = [name for name in times if name in frame.columns]
    return from_arrow(frame_to_arrow(frame, str(path)), times=present)


def _read_file(path: Path, dtype: dict[str, type[str]]) -> pd.DataFrame:
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path} is neither .csv nor .parquet", hint="convert it, or read it in a script of your own that writes Parquet")
    try:
        frame = pd.read_csv(path, low_memory=False, dtype=dtype) if kind == "csv" else pd.read_parquet(path)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty", hint="the first line of a CSV names the columns") from None
    except (ValueError, OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}", hint=f"is it really a {kind} file?") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(drop=all(name is None for name in frame.index.names))
    if not len(frame):
        raise DataError(f"{path} has no rows", hint="bring data, or name another file in data.source")
    return frame
