"""The shared database: connected to when it is needed, by threads, processes and machines, and never half-written."""

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flyball.adapters.postgres.migrations import MIGRATIONS, SCHEMA
from flyball.core.errors import DataError, SpecError, StoreError, UnsupportedError

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
except ImportError as _error:
    raise UnsupportedError(
        f"stores.database is PostgreSQL, whose client is not installed: {_error}", hint="pip install 'flyball[postgres]'"
    ) from _error

Connection = psycopg.Connection[tuple[Any, ...]]

_PATIENCE = 10
"""Seconds to wait for a connection, and for whoever else holds what is needed."""
_STUCK = 60
"""Seconds after which the server ends a transaction whose process stands still: what it holds must not hold up all others."""
_LOOK = 60.0
"""Seconds after which the version of the tables is looked at again: somebody may have upgraded them under a connection that was kept."""
_IDLE = 4
"""Connections that are kept open between two transactions; a process has as many as it has transactions at once."""
# The state of SQL, or its first two characters → what to do.
_HINTS = {
    "42P01": "a table is not there: `flyball db status` says whether the tables are what this Flyball needs",
    "42703": "a column is not there: `flyball db status` says whether the tables are what this Flyball needs",
    "08": "see that the server runs, and that stores.database names its host and port",
    "3D000": "make the database (createdb), or correct its name or that of the user in stores.database",
    "28": "correct user and password in the address that stores.database names",
    "42501": "let this user do it: GRANT CREATE ON DATABASE for `flyball db upgrade`; the tables belong to whoever upgrades",
    "25006": "it is a read-only copy: stores.database must name the primary",
    "53100": "the server's disk is full: free some space; nothing was half-written",
    "53200": "raise max_locks_per_transaction of the server, or keep fewer days: [stores] keep",
    "53300": "raise max_connections of the server, or run fewer workers",
    "55P03": "another process holds it for long: see which one (SELECT * FROM pg_stat_activity), then try again",
    "40": "somebody else changed the same at the same time: try again",
    "57": "the server stops, or somebody ended the connection: try again",
}

# What a server says that refuses a connection, for which its client tells no state.
_REFUSALS = {"does not exist": "3D000", "password": "28", "authentication": "28", "pg_hba.conf": "28", "too many": "53300", " up": "57"}


class _Kept(Connection):
    """A connection that ends when nobody holds it any more, without a word, as SQLite's do: verbs leave open stores to their end."""

    def __del__(self, *_: Any) -> None:
        """Nothing: what is underneath ends the connection, if it was made in this process."""


class Database:
    """One PostgreSQL database, in its schema `flyball`. Nothing is connected before the first use.

    A transaction takes a connection nobody uses, or opens one; a forked process opens its own. What was lost between two transactions
    is opened again; a transaction whose connection is lost has not happened, or, lost while it was committed, may have. Every failure is
    a StoreError that says what to do. A commit is on the server's disk when it returns.
    """

    def __init__(self, address: str, *, checked: bool = True) -> None:
        self._address = _with_settings(address)
        self._place = _place(address)
        self._checked = checked
        self._idle: deque[Connection] = deque()
        self._inherited: list[Connection] = []
        self._process = os.getpid()
        self._looked_at = float("-inf")  # when the version of the tables was seen last

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Which database on which server, for people; no password."""
        return self._place

    def close(self) -> None:
        """Close what is open and not in use. The next use opens anew."""
        self._after_fork()
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    @contextmanager
    def write(self, *names: str) -> Iterator[Connection]:
        """A transaction: all of it is committed, or, if the block raises, none. Of those that give one of `names` one runs at a time."""
        with self._transaction("BEGIN ISOLATION LEVEL READ COMMITTED") as connection:
            for name in sorted(set(names)):
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view of the database in which nothing changes until the block ends."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
            yield connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Say PostgreSQL's errors in terms of the database and of what to do."""
        try:
            yield
        except (UnicodeEncodeError, OverflowError, psycopg.DataError) as error:
            raise DataError(
                f"a value cannot be stored: {_line(error)}", hint="text must be valid Unicode, integers fit in 64 bits"
            ) from error
        except psycopg.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: psycopg.Error) -> StoreError:
        unreached = "08" if isinstance(error, psycopg.OperationalError) else ""
        state = error.sqlstate or next((state for words, state in _REFUSALS.items() if words in str(error)), unreached)
        hint = _HINTS.get(state) or _HINTS.get(state[:2]) or "see the log of the PostgreSQL server"
        return StoreError(f"the database {self._place} failed: {_line(error)}", hint=hint)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        with self.errors():
            connection = self._begun(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._give_back(connection)

    def _begun(self, begin: str) -> Connection:
        """A connection in a new transaction. One that was lost while nobody used it is replaced: nothing has been done with it yet."""
        self._after_fork()
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            try:
                connection.execute(begin)
            except psycopg.OperationalError:
                connection.close()
                continue
            self._look_again(connection)
            return connection
        connection = _Kept.connect(self._address, autocommit=True, prepare_threshold=None)
        try:
            if self._checked:
                self._check(connection)
            connection.execute(begin)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: Connection) -> None:
        sound = not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if sound and len(self._idle) < _IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def _after_fork(self) -> None:
        if self._process != os.getpid():
            self._inherited.extend(self._idle)  # they belong to the parent: closing them here would end them there
            self._idle, self._process = deque(), os.getpid()

    def _look_again(self, connection: Connection) -> None:
        """In the transaction that begins: whether the tables are still those this Flyball knows. One look holds for all connections."""
        if not self._checked or time.monotonic() < self._looked_at + _LOOK:
            return
        try:
            self._check(connection)
        except BaseException:
            connection.close()
            raise

    def _check(self, connection: Connection) -> None:
        version = schema_version(connection)
        if version < len(MIGRATIONS):
            raise StoreError(
                f"the database {self._place} has no tables of Flyball yet"
                if version == 0
                else f"the database {self._place} has schema version {version}; this Flyball needs {len(MIGRATIONS)}",
                hint="make them: flyball db upgrade" if version == 0 else "bring it up to date: flyball db upgrade",
            )
        self._looked_at = time.monotonic()


def schema_version(connection: Connection) -> int:
    """The version of the tables, 0 if there are none. StoreError if a newer Flyball, or something else, made them."""
    if connection.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.flyball",)).fetchone() == (None,):
        others = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1 LIMIT 5", (SCHEMA,)).fetchall()
        if others:
            raise StoreError(
                f"the schema {SCHEMA!r} of the database belongs to something else (its tables: {', '.join(name for (name,) in others)})",
                hint="name another database in stores.database, or rename that schema",
            )
        return 0
    row = connection.execute("SELECT schema_version FROM flyball").fetchone()
    version = int(row[0]) if row else 0
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the shared database has schema version {version}, written by a newer Flyball; this one knows up to {len(MIGRATIONS)}",
            hint="upgrade flyball: pip install --upgrade 'flyball[postgres]'",
        )
    return version


def one(connection: Connection, query: str, values: tuple[object, ...] | dict[str, object] = ()) -> tuple[Any, ...]:
    """The only row of a query that always has one."""
    row = connection.execute(query.encode(), values).fetchone()
    if row is None:
        raise StoreError("the shared database gave no answer where there always is one", hint="see the log of the PostgreSQL server")
    return row


def _with_settings(address: str) -> str:
    """The address with what every connection of ours is set to."""
    try:
        given: dict[str, Any] = conninfo_to_dict(address)
        options = (
            f"{given.get('options') or ''} -c search_path={SCHEMA} -c lock_timeout={_PATIENCE}s -c synchronous_commit=on"
            f" -c idle_in_transaction_session_timeout={_STUCK}s -c timezone=UTC -c default_transaction_read_only=off -c jit=off"
        )
        ours: dict[str, str | int] = {
            "connect_timeout": _PATIENCE,
            "application_name": "flyball",
            "tcp_user_timeout": _PATIENCE * 1000,
            "client_encoding": "utf8",
        }
        return make_conninfo("", **{**ours, **given, "options": options.strip()})
    except psycopg.Error:
        raise SpecError(  # without the text: it may hold a password
            "stores.database is not the address of a PostgreSQL database", hint="write postgresql://USER@HOST:5432/NAME, or env:NAME"
        ) from None


def _place(address: str) -> str:
    given = conninfo_to_dict(address)
    return f"{given.get('dbname') or given.get('user') or 'postgres'} on {given.get('host') or 'localhost'}:{given.get('port') or 5432}"


def _line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
