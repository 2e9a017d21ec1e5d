"""A/B results in a small SQLite file of their own, safe for many threads and processes at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flyball.core.errors import StoreError
from flyball.core.window import from_micros, to_micros

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS ab_results (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,            -- microseconds since 1970 UTC
  user_id TEXT NOT NULL,          -- these four as JSON, so that 1 and "1" stay what they were
  model_version TEXT NOT NULL,
  prediction TEXT NOT NULL,
  actual TEXT NOT NULL
)
"""


def add(path: Path, *, user_id: str, model_version: str, prediction: str, actual: str, at: datetime) -> None:
    """Append one result (JSON texts), durably."""
    with _open(path) as connection:
        connection.execute(
            "INSERT INTO ab_results (at, user_id, model_version, prediction, actual) VALUES (?, ?, ?, ?, ?)",
            (to_micros(at.astimezone(UTC)), user_id, model_version, prediction, actual),
        )


def read(path: Path) -> list[tuple[datetime, str, str, str, str]]:
    """Every result in the order they were written: time, user, model version, prediction, actual (JSON texts)."""
    if not path.exists():
        return []
    with _open(path, write=False) as connection:
        if not _is_ours(connection, path):
            return []
        found = connection.execute("SELECT at, user_id, model_version, prediction, actual FROM ab_results ORDER BY id").fetchall()
    return [(from_micros(at), user, version, prediction, actual) for at, user, version, prediction, actual in found]


@contextmanager
def _open(path: Path, *, write: bool = True) -> Iterator[sqlite3.Connection]:
    """A transaction; one that only reads holds nobody up who writes."""
    try:
        with closing(sqlite3.connect(path, timeout=10.0, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                if write and not _is_ours(connection, path):
                    connection.execute(_SCHEMA)
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
    except sqlite3.Error as error:
        raise StoreError(
            f"A/B results cannot be kept in {path}: {error}", hint="name another file: log_ab_result(…, database=…)"
        ) from error


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it has our table; False for an empty file. StoreError for what belongs to something else, or to a newer Flyball."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == _VERSION:
        return True
    if version > _VERSION:
        raise StoreError(f"{path} was written by a newer Flyball (format {version})", hint="upgrade with: pip install --upgrade flyball")
    others = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if others:
        raise StoreError(f"{path} is the database of something else", hint="name another file: log_ab_result(…, database=…)")
    return False
