"""From the servers' segment files into the database: rows and the place read up to are committed together, so no row comes in twice."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from flyball.adapters.logged import check_batch
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.rows import store
from flyball.core.errors import DataError, StoreError
from flyball.serving.records import PredictionBatch
from flyball.serving.segments import Chunk, finished, read, segments

_CHUNK = 2 * 1024 * 1024
"""Bytes of a segment per transaction, so that other writers do not wait long."""
_BACKLOG = 32 * 1024 * 1024
"""Bytes that wait from which on the database is told that much will come: what a batch of some hundred thousand rows leaves."""
_BREATH = 0.01
"""Seconds between two transactions of a backlog: SQLite has no queue, and who waits for the lock only looks now and then."""


def ingest(database: Database, folder: Path) -> int:
    """Read every segment on from where it was left; delete those that are finished and read to their end. Say how many rows were new.

    A segment that cannot be read does not hold up the others; it is reported after them.
    """
    moved = 0
    unreadable: StoreError | None = None
    waiting = segments(folder)
    with database.bulk() if _size(waiting) > _BACKLOG else nullcontext():
        for path in waiting:
            try:
                moved += _ingest_segment(database, path)
            except StoreError as error:
                unreadable = unreadable or error
    if unreadable is not None:
        raise unreadable
    return moved


def _size(paths: Sequence[Path]) -> int:
    found = 0
    for path in paths:
        try:
            found += path.stat().st_size
        except FileNotFoundError:
            continue  # another ingester was faster
    return found


def _ingest_segment(database: Database, path: Path) -> int:
    done = finished(path)  # before reading: only then is the end that is read the last word
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0  # another ingester was faster
    with database.read() as connection:
        position = _position(connection, path)
    if size == position and not done:
        return 0  # nothing new: no write lock for it
    moved, rest = _read_on(database, path)
    if done:
        if rest:  # a writer that took back a half-written frame may have gone on before our place: what is there already is not taken again
            again, rest = _read_on(database, path, start=0)
            moved += again
        _finish(database, path, rest)
    return moved


def _read_on(database: Database, path: Path, *, start: int | None = None) -> tuple[int, int]:
    """Ingest to the present end; how many rows were new, and how many bytes at the end are no frame."""
    moved = 0
    while True:
        with database.write() as connection:  # the file is opened under the lock: nobody forgets its place between the two
            position = _position(connection, path) if start is None else start
            chunk: Chunk = read(path, position, limit=_CHUNK)
            moved += sum(_store_or_count(connection, batch) for batch in chunk.batches)
            if chunk.batches:
                connection.execute("INSERT OR REPLACE INTO ingested (segment, position) VALUES (?, ?)", (path.name, chunk.offset))
        if not chunk.more:
            return moved, chunk.rest
        start = None if start is None else chunk.offset
        time.sleep(_BREATH)


def _store_or_count(connection: sqlite3.Connection, batch: PredictionBatch) -> int:
    """Store a batch; one that no database could take is counted and passed over, else it would hold up everything behind it."""
    connection.execute("SAVEPOINT batch")
    try:
        check_batch(batch)
        return store(connection, batch)
    except (DataError, OverflowError, UnicodeEncodeError):
        connection.execute("ROLLBACK TO batch")
        _count(connection, "refused", len(batch.prediction_id))
        return 0
    finally:
        connection.execute("RELEASE batch")


def _finish(database: Database, path: Path, rest: int) -> None:
    """Delete a segment and forget its place, both under the lock; one damaged before its last frame is set aside instead, as evidence."""
    with database.write() as connection:
        if path.exists():
            if rest:
                _count(connection, "torn", 1)
            if rest and not _ends_within_a_frame(path, path.stat().st_size - rest):
                path.rename(path.with_suffix(".damaged"))
            else:
                path.unlink()
        present = {other.name for other in segments(path.parent)}
        gone = [(name,) for (name,) in connection.execute("SELECT segment FROM ingested").fetchall() if name not in present]
        connection.executemany("DELETE FROM ingested WHERE segment = ?", gone)


def _ends_within_a_frame(path: Path, offset: int) -> bool:
    """True if what stands at `offset` is the beginning of a frame that the file does not hold to its end: the torn tail of a crash."""
    with path.open("rb") as file:
        file.seek(offset)
        rest = file.read()
    return len(rest) < 8 or int.from_bytes(rest[:4], "little") > len(rest) - 8


def _position(connection: sqlite3.Connection, path: Path) -> int:
    row = connection.execute("SELECT position FROM ingested WHERE segment = ?", (path.name,)).fetchone()
    return row[0] if row else 0


def _count(connection: sqlite3.Connection, name: str, number: int) -> None:
    connection.execute(
        "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value", (name, number)
    )
