"""What batch scoring reads and writes: parts of files, and the promises of who cuts, reads and writes them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.core.schema import Column
from flyball.core.table import Array, Table
from flyball.serving.check import Problem

Place = tuple[int, int, int]  # file, and two numbers whose meaning is the reader's own


@record
class Wanted:
    """What to read: the columns of the contract, and which columns hold id, unit and time (None: the files have none)."""

    columns: tuple[Column, ...]
    id: str | None
    unit: str | None
    time: str | None


@record
class Loaded:
    """The rows of a part. `numbers`: which row of the part each row of the table is (from 0); `rows` counts those that are no rows too.

    `at` is in microseconds (None: no column of times). `problems` holds cells that could not be read, by position in the table, and
    `broken` the numbers of lines that are no rows. `digest` says which bytes this is; `content` is the reader's own.
    """

    table: Table
    rows: int
    numbers: NDArray[np.int64]
    at: NDArray[np.int64] | None
    unit: Sequence[str | None]
    entity: Sequence[str | None]
    problems: Mapping[int, Problem]
    broken: Mapping[int, str]
    digest: str
    zone_assumed: bool
    content: object


@record
class Cut:
    """Where a part is, without its rows: `file`, `place`, `after` and `size` are those of the part that begins there."""

    file: str
    place: Place
    after: Place
    size: int


class Part(Protocol):
    """A range of rows of one file."""

    @property
    def file(self) -> str:
        """What the file is called in messages: its path in the directory that is read, or its name."""
        ...

    @property
    def place(self) -> Place:
        """Where it begins."""
        ...

    @property
    def after(self) -> Place:
        """Where the next part begins."""
        ...

    @property
    def size(self) -> int:
        """How much of `RowSource.total` it is."""
        ...

    def load(self) -> Loaded:
        """Read the rows; DataError if this cannot be read at all. Called in any thread, once."""
        ...


class RowSource(Protocol):
    """Files cut into parts, in the same way every time."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the files."""
        ...

    @property
    def total(self) -> int:
        """How much there is, in bytes or rows."""
        ...

    @property
    def fingerprint(self) -> str:
        """Another one if the files are others, or were written since."""
        ...

    def parts(self, start: Place) -> Iterator[Part]:
        """The parts from a place on ((0, 0, 0): all), in order; each is as large as memory bears."""
        ...

    def cuts(self, start: Place) -> Iterator[Cut]:
        """Where the parts from a place on begin and end: for those who have others read them."""
        ...


class RowSink(Protocol):
    """Writes parts, and in the end one file of them."""

    def write(self, path: Path, loaded: Loaded, rows: NDArray[np.int64] | None, said: Mapping[str, Array]) -> str:
        """Write these rows of a part (None: all) with what was said of them; give what `intact` later knows the file by."""
        ...

    def told(self, loaded: Loaded, numbers: Sequence[int]) -> list[str]:
        """Rows of a part as text for a list of refused rows."""
        ...

    def intact(self, path: Path, check: str) -> bool:
        """Whether a part is as it was written: a power cut may have taken what a killed process had written."""
        ...

    def join(self, parts: Sequence[Path], into: Path) -> None:
        """One file of all parts, durably."""
        ...
