"""The journal in PostgreSQL: append with compare-and-set, every entry checked against its hash when it is read."""

from collections.abc import Sequence
from datetime import datetime

from flyball.adapters.postgres.database import Connection, Database, one
from flyball.adapters.postgres.leases import journal_lock
from flyball.core.errors import IntegrityError
from flyball.journal.chain import GENESIS, Link, conflict, forge, stale, to_entry, verify
from flyball.journal.events import Entry, Event

_COLUMNS = "model, seq, format, at, actor, kind, body, prev_hash, hash"
_INSERT = f"INSERT INTO journal ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608 - a constant
_LEASE = "SELECT holder, epoch FROM leases WHERE model = %s AND epoch > %s"


class PostgresJournal:
    """The port `Journal`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        """The entries with seq > `after`; IntegrityError names the first one that is not what was appended."""
        with self._database.read() as connection:
            before = _link(connection, model, after) if after > 0 else None
            links = _links(connection, "WHERE model = %s AND seq > %s ORDER BY seq", (model, max(after, 0)))
        if links and after > 0 and before is None:
            raise IntegrityError(f"the journal of {model!r} has no entry {after}", hint="restore the database from a backup")
        verify(links, after=max(after, 0), prev_hash=before.hash if before else GENESIS)
        return [to_entry(link) for link in links]

    def links(self, model: str) -> list[Link]:
        """Every entry as it is stored, unchecked, in order of seq: for finding out what is wrong with it."""
        with self._database.read() as connection:
            return _links(connection, "WHERE model = %s ORDER BY seq", (model,))

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        """Append all events or none, durably, if the newest seq is `expected` and no lease is above `epoch`."""
        with self._database.write(journal_lock(model)) as connection:
            lease = None if epoch is None else connection.execute(_LEASE, (model, epoch)).fetchone()
            if epoch is not None and lease is not None:
                raise stale(model, epoch, *lease)
            (seq,) = one(connection, "SELECT COALESCE(MAX(seq), 0) FROM journal WHERE model = %s", (model,))
            if seq != expected:
                raise conflict(model, expected, seq, _link(connection, model, expected + 1))
            links = forge(model, events, newest=_link(connection, model, seq), actor=actor, at=at)
            connection.cursor().executemany(
                _INSERT, [(k.model, k.seq, k.format, k.at, k.actor, k.kind, k.body, k.prev_hash, k.hash) for k in links]
            )
        return [to_entry(link) for link in links]

    def models(self) -> list[str]:
        """The names of all models with at least one entry, sorted."""
        with self._database.read() as connection:
            return sorted(name for (name,) in connection.execute("SELECT DISTINCT model FROM journal"))


def _link(connection: Connection, model: str, seq: int) -> Link | None:
    return next(iter(_links(connection, "WHERE model = %s AND seq = %s", (model, seq))), None)


def _links(connection: Connection, where: str, values: tuple[object, ...]) -> list[Link]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM journal {where}".encode(), values)  # noqa: S608 - all three parts are constants
    names = _COLUMNS.split(", ")
    return [Link(**dict(zip(names, row, strict=True))) for row in rows]
