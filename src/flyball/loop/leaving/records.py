"""Nouns of leaving: the tables that a project's history is written to, and who writes them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

from flyball.core.record import record

Kind = Literal["text", "integer", "number", "flag", "time", "value", "values", "json"]
"""What a column holds. `value`: a text, a number or true and false, as it was said; `values`: such values by name, a column for each in
Parquet; `json`: a text of JSON, which is an object of its own in JSON lines."""

Row = Mapping[str, object]


@record
class ColumnSaid:
    """A column of a table and what it means."""

    kind: Kind
    says: str


@record
class TableSaid:
    """A table and what its rows are."""

    says: str
    columns: Mapping[str, ColumnSaid]


@record
class Written:
    """What was written of a table: `files` by their path in the folder with size and SHA-256, `types` of the columns as Parquet has them."""

    rows: int
    files: Mapping[str, tuple[int, str]]
    types: Mapping[str, str]


@record
class Version:
    """What a reader has to know of a version: the names of its classes in the order of `score`."""

    run_id: str
    bundle: str
    snapshot: str
    created_at: datetime
    classes: tuple[str, ...]


@record
class Left:
    """What `leave` wrote. `unreadable`: reports that could not be read back, and are therefore missing."""

    tables: Mapping[str, Written]
    versions: Mapping[int, Version]
    unreadable: int


class Tables(Protocol):
    """Where rows go: one after the other, never all in memory."""

    def add(self, table: str, row: Row) -> None:
        """Take a row of a table. A column that the row does not have is missing in it."""
        ...

    def done(self) -> Mapping[str, Written]:
        """Finish all tables, also those without a row, and say what was written."""
        ...
