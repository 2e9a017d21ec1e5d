"""flyball.db: opened, migrated and shared by threads and processes."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyball.adapters.sqlite.migrations import APPLICATION_ID, MIGRATIONS
from flyball.core.errors import DataError, StoreError

_PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""
_CACHE, _BULK_CACHE = 4096, 65536
"""Kilobytes of pages that a connection keeps."""
_CHECKPOINT, _BULK_CHECKPOINT = 1000, 16000
"""Pages in the WAL from which on they are copied into the database."""


class Database:
    """One SQLite file in WAL mode. Each thread has a connection of its own; a forked process opens new ones.

    A commit is on the disk when it returns (`synchronous = FULL`). Every failure is a StoreError that says which file and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[tuple[weakref.ref[threading.Thread], sqlite3.Connection]] = []
        self._process = os.getpid()
        if not path.parent.is_dir():
            raise StoreError(
                f"there is no folder {path.parent} for the database {path.name}", hint="create the folder, or correct its name"
            )
        if path.is_dir():
            raise StoreError(f"{path} is a folder, not a database", hint="move the folder away")
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of all threads. The next use opens a new one."""
        with self._lock:
            if self._process == os.getpid():  # a connection inherited by a fork belongs to the parent
                for _, connection in self._open:
                    connection.close()
            self._open = []
            self._local = threading.local()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer can interleave: all of it is committed, or, if the block raises, none."""
        with self.errors():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A view of the database in which nothing changes until the block ends."""
        with self.errors():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """While much is written: more memory for pages, which indexes of names hit all over, and fewer copies of them out of the WAL."""
        with self.errors():
            self._connection().execute(f"PRAGMA cache_size = -{_BULK_CACHE}")
            self._connection().execute(f"PRAGMA wal_autocheckpoint = {_BULK_CHECKPOINT}")
        try:
            yield
        finally:
            with self.errors():
                self._connection().execute(f"PRAGMA cache_size = -{_CACHE}")
                self._connection().execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
                self._connection().execute("PRAGMA shrink_memory")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Say SQLite's errors in terms of the file and of what to do."""
        try:
            yield
        except (UnicodeEncodeError, OverflowError) as error:
            raise DataError(f"a value cannot be stored: {error}", hint="text must be valid Unicode, integers fit in 64 bits") from error
        except sqlite3.ProgrammingError:
            raise  # our own mistake, not the store's
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                self._drop()  # it has read what is damaged, and would not read it again once the file is restored
            raise self._explained(error) from error

    def _drop(self) -> None:
        """Close the connection of this thread."""
        connection: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            with self._lock:
                self._open = [one for one in self._open if one[1] is not connection]
            connection.close()

    def _explained(self, error: sqlite3.Error) -> StoreError:
        hints = {
            sqlite3.SQLITE_BUSY: "another process holds it for long: see which one (flyball up, serve, tick, a backup), then try again",
            sqlite3.SQLITE_READONLY: "allow this user to write the file, its -wal and -shm neighbours and its folder",
            sqlite3.SQLITE_CANTOPEN: "allow this user to read and write the file and its folder",
            sqlite3.SQLITE_PERM: "allow this user to read and write the file and its folder",
            sqlite3.SQLITE_FULL: "the disk is full: free some space; nothing was half-written",
            sqlite3.SQLITE_IOERR: "the disk failed: look at the system's log; flyball.db belongs on a local disk, not on a network one",
            sqlite3.SQLITE_NOTADB: "move the file away (a new one is made), or restore it from a backup",
            sqlite3.SQLITE_CORRUPT: "restore it from a backup, or save what is readable: sqlite3 flyball.db .recover | sqlite3 new.db",
        }
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return StoreError(
            f"the database {self.path} failed: {error}", hint=hints.get(code, "see whether the file is sound: flyball doctor")
        )

    def _connection(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            self._local, self._open, self._process = threading.local(), [], os.getpid()
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            return found
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            for setting in ("foreign_keys = ON", "synchronous = FULL", f"cache_size = -{_CACHE}", "temp_store = MEMORY"):
                connection.execute(f"PRAGMA {setting}")
        except sqlite3.Error:
            connection.close()
            raise
        self._local.connection = connection
        with self._lock:
            alive = []
            for thread, other in self._open:
                owner = thread()
                if owner is not None and owner.is_alive():
                    alive.append((thread, other))
                else:
                    other.close()
            self._open = [*alive, (weakref.ref(threading.current_thread()), connection)]
        return connection

    def _prepare(self) -> None:
        """Make or migrate the tables; refuse what is not ours or is newer than we are."""
        with self.errors():
            connection = self._connection()
            version = self._version(connection)
            if version < len(MIGRATIONS):
                self._use_wal(connection)
        if version < len(MIGRATIONS):
            with self.write() as connection:
                version = self._version(connection)  # somebody else may have been faster
                for number in range(version, len(MIGRATIONS)):
                    for statement in _statements(MIGRATIONS[number]):
                        connection.execute(statement)
                    connection.execute("UPDATE flyball SET schema_version = ?", (number + 1,))
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _version(self, connection: sqlite3.Connection) -> int:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if "flyball" not in tables:
            if tables:
                raise StoreError(
                    f"{self.path} is a database of something else (its tables: {', '.join(sorted(tables)[:5])})",
                    hint="name another file for flyball's database, or move this one away",
                )
            return 0
        (version,) = connection.execute("SELECT schema_version FROM flyball").fetchone()
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{self.path} has schema version {version}, written by a newer Flyball; this one knows versions up to {len(MIGRATIONS)}",
                hint="upgrade flyball: pip install --upgrade flyball",
            )
        return int(version)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch to WAL. SQLite does not wait for this lock as it does for others, so processes opening a new file would collide."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit between them."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
