"""What `flyball predict` reads: a CSV or Parquet file, or a directory of one kind of them, as parts."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from flyball.adapters.arrow.csv_parts import SIZE, CsvFile
from flyball.adapters.arrow.parquet_parts import ROWS, ParquetFile
from flyball.core.errors import DataError
from flyball.core.schema import did_you_mean
from flyball.loop.parts import Cut, Part, Place, Wanted

KINDS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_ENDS = 1024 * 1024  # of a file's beginning and end, how much tells one content from another


class FileSource:
    """The port `RowSource` over files. `keep`: the columns that are wanted back (None: all), as text or `typed`.

    `known_as`: a digest of the content, where somebody knows one.
    """

    def __init__(
        self,
        path: Path,
        wanted: Wanted,
        *,
        keep: Sequence[str] | None = None,
        typed: bool = False,
        size: int | None = None,
        rows: int | None = None,
        known_as: str = "",
    ) -> None:
        self._files = [CsvFile(file) if KINDS[file.suffix.lower()] == "csv" else ParquetFile(file) for file in input_files(path)]
        self._told = [str(file.path.relative_to(path)) if path.is_dir() else file.path.name for file in self._files]  # names may repeat
        first = self._files[0]
        for file in self._files[1:]:
            if type(file) is not type(first) or file.columns != first.columns:
                odd = sorted({*file.columns} ^ {*first.columns}) or ["their order"]
                raise DataError(
                    f"{first.path.name} and {file.path.name} differ in columns: {', '.join(odd[:10])}", hint="score them one by one"
                )
        self.names = first.columns
        for name in keep or ():
            if name not in self.names:
                raise DataError(
                    f"there is no column {name!r} to keep{did_you_mean(name, self.names)}", hint=f"columns: {', '.join(self.names[:40])}"
                )
        self.kept = self.names if keep is None else tuple(keep)
        for file in self._files:
            if isinstance(file, ParquetFile):
                file.check(wanted)
        self._wanted = wanted
        self._known_as = known_as
        self._typed = typed
        self._size = size or SIZE
        self._rows = rows or ROWS

    @property
    def total(self) -> int:
        """Bytes of rows in CSV files, rows in Parquet files."""
        return sum(file.rows if isinstance(file, ParquetFile) else file.path.stat().st_size - file.first for file in self._files)

    @property
    def fingerprint(self) -> str:
        """Names, sizes, times of writing, and the beginning and end of every file; or what the content is known as, if it is."""
        if self._known_as:
            return self._known_as
        found = hashlib.sha256(f"{self._size} {self._rows}".encode())
        for file in self._files:
            state = file.path.stat()
            found.update(f"{file.path.resolve()} {state.st_size} {state.st_mtime_ns}".encode())
            with file.path.open("rb") as raw:
                found.update(raw.read(_ENDS))
                raw.seek(max(0, state.st_size - _ENDS))
                found.update(raw.read())
        return found.hexdigest()

    def parts(self, start: Place) -> Iterator[Part]:
        """The parts from a place on, in order."""
        for number in range(start[0], len(self._files)):
            file = self._files[number]
            begin, more = start[1:] if number == start[0] else (0, 0)
            told = self._told[number]
            if isinstance(file, CsvFile):
                yield from file.parts(number, begin, self._wanted, self.kept, self._size, typed=self._typed, told=told)
            else:
                yield from file.parts(number, begin, more, self._wanted, self.kept, self._rows, told=told)

    def cuts(self, start: Place) -> Iterator[Cut]:
        """Where the parts begin and end: of Parquet files that stands in their metadata, CSV files are read for it."""
        for number in range(start[0], len(self._files)):
            file = self._files[number]
            begin, more = start[1:] if number == start[0] else (0, 0)
            told = self._told[number]
            if isinstance(file, CsvFile):
                for part in file.parts(number, begin, self._wanted, (), self._size, typed=False, told=told):
                    yield Cut(file=told, place=part.place, after=part.after, size=part.size)
            else:
                yield from file.cuts(number, begin, more, self._rows, told=told)


def input_files(path: Path) -> list[Path]:
    """The file itself, or every CSV and Parquet file of a directory in order of name; DataError if there is none."""
    if path.is_dir():
        found = sorted(entry for entry in path.rglob("*") if entry.suffix.lower() in KINDS and entry.is_file())
        if not found:
            raise DataError(f"the directory {path} holds no .csv and no .parquet file", hint="name a file, or a directory of them")
        return found
    if not path.is_file():
        raise DataError(f"there is no file {path}", hint="name a CSV or Parquet file, or a directory of them")
    if path.suffix.lower() not in KINDS:
        raise DataError(f"{path} is neither .csv nor .parquet", hint="convert it, or rename it to what it is")
    return [path]
