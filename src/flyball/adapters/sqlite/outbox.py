"""What is to be told to whom, in SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from flyball.adapters.sqlite.database import Database
from flyball.alerting.records import Ledger, Letter, Notification, Told
from flyball.core.codec import from_json, to_json
from flyball.core.errors import ConflictError, UnsupportedError
from flyball.core.window import from_micros, to_micros

_FORMAT = 1
_COLUMNS = "receiver, written_at, again_at, attempts, error, format, body"
_OTHER_CLOCK = timedelta(days=1)


class SqliteOutbox:
    """The port `Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ledger(self, model: str) -> Ledger:
        """Which receiver was told (or is about to be) that which alert fires."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT receiver, key, seq, at FROM told WHERE model = ? ORDER BY receiver, key", (model,)).fetchall()
            revision = _revision(connection, model)
        told = tuple(Told(receiver=receiver, key=key, seq=seq, at=from_micros(at)) for receiver, key, seq, at in rows)
        return Ledger(revision=revision, told=told)

    def put(self, model: str, letters: Sequence[Letter], told: Sequence[Told], forget: Sequence[Told], *, expected: int) -> None:
        """Keep letters and change the ledger, all or none, durably, if its revision is `expected`."""
        with self._database.write() as connection:
            found = _revision(connection, model)
            if found != expected:
                raise ConflictError(f"the outbox of {model!r} changed meanwhile ({found}, not {expected})", hint="look again")
            for letter in letters:
                connection.execute(
                    "INSERT INTO outbox (model, receiver, id, written_at, again_at, attempts, error, format, body)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model, receiver, id) DO NOTHING",
                    (
                        model,
                        letter.receiver,
                        letter.notification.id,
                        to_micros(letter.written_at),
                        to_micros(letter.again_at),
                        letter.attempts,
                        letter.error,
                        _FORMAT,
                        to_json(letter.notification),
                    ),
                )
            _forget(connection, model, forget)
            connection.executemany(
                "INSERT OR REPLACE INTO told (model, receiver, key, seq, at) VALUES (?, ?, ?, ?, ?)",
                [(model, one.receiver, one.key, one.seq, to_micros(one.at)) for one in told],
            )
            _next_revision(connection, model)

    def waiting(self, model: str) -> list[Letter]:
        """The letters that were not sent yet, in the order they were written."""
        with self._database.read() as connection:
            return _letters(connection, "WHERE model = ? ORDER BY number", (model,))

    def claim(self, model: str, receiver: str, *, now: datetime, until: datetime) -> list[Letter]:
        """All letters to a receiver, for whoever asks first: nobody else gets them before `until`."""
        with self._database.write() as connection:
            blocked = connection.execute(
                "SELECT 1 FROM outbox WHERE model = ? AND receiver = ? AND again_at > ? AND again_at <= ? LIMIT 1",
                (model, receiver, to_micros(now), to_micros(now + _OTHER_CLOCK)),
            ).fetchone()
            if blocked is not None:
                return []
            connection.execute(
                "UPDATE outbox SET again_at = ?, attempts = attempts + 1 WHERE model = ? AND receiver = ?",
                (to_micros(until), model, receiver),
            )
            return _letters(connection, "WHERE model = ? AND receiver = ? ORDER BY number", (model, receiver))

    def settle(
        self, model: str, receiver: str, ids: Sequence[str], *, again_at: datetime | None, error: str = "", forget: Sequence[Told] = ()
    ) -> None:
        """Say what became of claimed letters: they leave the outbox, or wait with their error."""
        with self._database.write() as connection:
            for one in ids:
                if again_at is None:
                    connection.execute("DELETE FROM outbox WHERE model = ? AND receiver = ? AND id = ?", (model, receiver, one))
                else:
                    connection.execute(
                        "UPDATE outbox SET again_at = ?, error = ? WHERE model = ? AND receiver = ? AND id = ?",
                        (to_micros(again_at), error, model, receiver, one),
                    )
            if forget:
                _forget(connection, model, forget)
                _next_revision(connection, model)


def _forget(connection: sqlite3.Connection, model: str, forget: Sequence[Told]) -> None:
    connection.executemany(
        "DELETE FROM told WHERE model = ? AND receiver = ? AND key = ?", [(model, one.receiver, one.key) for one in forget]
    )


def _revision(connection: sqlite3.Connection, model: str) -> int:
    row = connection.execute("SELECT revision FROM told_revisions WHERE model = ?", (model,)).fetchone()
    return 0 if row is None else int(row[0])


def _next_revision(connection: sqlite3.Connection, model: str) -> None:
    connection.execute(
        "INSERT INTO told_revisions (model, revision) VALUES (?, 1) ON CONFLICT (model) DO UPDATE SET revision = revision + 1", (model,)
    )


def _letters(connection: sqlite3.Connection, where: str, values: tuple[str, ...]) -> list[Letter]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM outbox {where}", values).fetchall()  # noqa: S608 - both parts are constants
    if any(row[5] > _FORMAT for row in rows):
        raise UnsupportedError("a notification was written by a newer Flyball", hint="upgrade flyball on this machine")
    return [
        Letter(
            receiver=receiver,
            notification=from_json(body, Notification),
            written_at=from_micros(written_at),
            again_at=from_micros(again_at),
            attempts=attempts,
            error=error,
        )
        for receiver, written_at, again_at, attempts, error, _, body in rows
    ]
