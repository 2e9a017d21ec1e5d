"""From the segment files of this machine's servers into the shared database: rows and the place read up to are committed together.

So no row comes in twice and none is lost, wherever the connection is cut: what was not committed is read again. Of several ingesters of
one folder one works at a time; those of other machines work on beside it.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psycopg

from flyball.adapters.logged import MICROS_PER_DAY, check_batch
from flyball.adapters.postgres.database import Connection, Database
from flyball.adapters.postgres.days import Days
from flyball.adapters.postgres.rows import store
from flyball.core.errors import DataError, StoreError
from flyball.serving.records import PredictionBatch
from flyball.serving.segments import Chunk, finished, read, segments

ORIGIN = "origin"
"""The file beside the segments that names their folder for all machines, made once by chance: workers of two machines may be namesakes."""
_CHUNK = 4 * 1024 * 1024
"""Bytes of a segment per transaction."""


class Ingest:
    """Reads the segments of one folder."""

    def __init__(self, database: Database, folder: Path, days: Days) -> None:
        self._database = database
        self._folder = folder
        self._days = days

    def run(self) -> int:
        """Read every segment on from where it was left; delete those that are finished and read to their end. Say how many rows were new.

        A segment that cannot be read does not hold up the others; it is reported after them.
        """
        moved = 0
        unreadable: StoreError | None = None
        waiting = segments(self._folder)
        if not waiting:
            return 0
        origin = origin_of(self._folder)
        known = self._places(origin)
        for path in waiting:
            try:
                moved += self._segment(origin, path, known.get(path.name, 0))
            except StoreError as error:
                if isinstance(error.__cause__, psycopg.Error):
                    raise  # the database, not the segment
                unreadable = unreadable or error
        if unreadable is not None:
            raise unreadable
        return moved

    def _segment(self, origin: str, path: Path, position: int) -> int:
        done = finished(path)  # before reading: only then is the end that is read the last word
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return 0  # another ingester was faster
        if size == position and not done:
            return 0  # nothing new: no transaction for it
        moved, rest = self._read_on(origin, path)
        if done:
            if rest:  # a writer that took back a half-written frame may have gone on before our place: what is there is not taken again
                again, rest = self._read_on(origin, path, start=0)
                moved += again
            self._finish(origin, path, rest)
        return moved

    def _read_on(self, origin: str, path: Path, *, start: int | None = None) -> tuple[int, int]:
        """Ingest to the present end; how many rows were new, and how many bytes at the end are no frame."""
        moved = 0
        while True:
            guessed = read(path, self._places(origin).get(path.name, 0) if start is None else start, limit=_CHUNK)
            self._days.make({at // MICROS_PER_DAY for batch in guessed.batches for at in batch.at if -(2**62) < at < 2**62})
            names = [f"segments {origin}", *(model_lock(batch.model) for batch in guessed.batches)]
            with self._database.write(*names) as connection:
                position = _position(connection, origin, path) if start is None else start
                chunk: Chunk = read(path, position, limit=_CHUNK)  # again, under the lock: another ingester may have been faster
                if {batch.model for batch in chunk.batches} - {batch.model for batch in guessed.batches}:
                    continue  # rows of a model that is not locked
                moved += _store_or_count(connection, chunk.batches)
                if chunk.batches:
                    connection.execute(
                        "INSERT INTO ingested (origin, segment, position) VALUES (%s, %s, %s)"
                        " ON CONFLICT (origin, segment) DO UPDATE SET position = excluded.position",
                        (origin, path.name, chunk.offset),
                    )
            if not chunk.more:
                return moved, chunk.rest
            start = None if start is None else chunk.offset

    def _finish(self, origin: str, path: Path, rest: int) -> None:
        """Delete a segment and forget its place, under the lock; one damaged before its last frame is set aside instead, as evidence."""
        with self._database.write(f"segments {origin}") as connection:
            if path.exists():
                if rest:
                    _count(connection, "torn", 1)
                if rest and not _ends_within_a_frame(path, path.stat().st_size - rest):
                    path.rename(path.with_suffix(".damaged"))
                else:
                    path.unlink()
            present = [other.name for other in segments(path.parent)]
            connection.execute("DELETE FROM ingested WHERE origin = %s AND segment <> ALL(%s)", (origin, present))

    def _places(self, origin: str) -> dict[str, int]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT segment, position FROM ingested WHERE origin = %s", (origin,)).fetchall()
        return {segment: position for segment, position in rows}


def model_lock(model: str) -> str:
    """The lock under which rows of a model are added, so that their places in the order of arrival become visible in that order."""
    return f"predictions {model}"


def origin_of(folder: Path) -> str:
    """The name of a folder of segments among those of all machines; given to it once."""
    path = folder / ORIGIN
    while True:
        with suppress(FileNotFoundError):
            found = path.read_text(encoding="ascii").strip()
            if found:
                return found
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{ORIGIN}.{secrets.token_hex(8)}"
        try:
            fresh.write_text(secrets.token_hex(16) + "\n", encoding="ascii")
            with suppress(FileExistsError):
                os.link(fresh, path)  # complete or not at all, and the first one wins
        except OSError as error:
            raise StoreError(f"cannot write in {folder}: {error.strerror or error}", hint="allow this user to write there") from error
        finally:
            fresh.unlink(missing_ok=True)


def _store_or_count(connection: Connection, batches: Sequence[PredictionBatch]) -> int:
    """Store batches by one COPY; where that fails, one by one: what no database could take is counted and passed over, else it would
    hold up everything behind it.
    """
    try:
        return _stored(connection, batches)
    except _UNFIT:
        new = 0
        for batch in batches:
            try:
                new += _stored(connection, [batch])
            except _UNFIT:
                _count(connection, "refused", len(batch.prediction_id))
        return new


def _stored(connection: Connection, batches: Sequence[PredictionBatch]) -> int:
    connection.execute("SAVEPOINT batches")
    try:
        for batch in batches:
            check_batch(batch)
        new = store(connection, batches)
    except _UNFIT:
        connection.execute("ROLLBACK TO batches")
        raise
    connection.execute("RELEASE batches")
    return new


def _ends_within_a_frame(path: Path, offset: int) -> bool:
    """True if what stands at `offset` is the beginning of a frame that the file does not hold to its end: the torn tail of a crash."""
    with path.open("rb") as file:
        file.seek(offset)
        rest = file.read()
    return len(rest) < 8 or int.from_bytes(rest[:4], "little") > len(rest) - 8


def _position(connection: Connection, origin: str, path: Path) -> int:
    row = connection.execute("SELECT position FROM ingested WHERE origin = %s AND segment = %s", (origin, path.name)).fetchone()
    return row[0] if row else 0


def _count(connection: Connection, name: str, number: int) -> None:
    connection.execute(
        "INSERT INTO counters (name, value) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value",
        (name, number),
    )


_UNFIT = (DataError, OverflowError, UnicodeEncodeError, psycopg.DataError)
