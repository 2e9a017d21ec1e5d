"""What is to be told to whom, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flyball.adapters.postgres.database import Connection, Database
from flyball.adapters.postgres.rows import kept, text
from flyball.alerting.records import Ledger, Letter, Notification, Told
from flyball.core.codec import from_json, to_json
from flyball.core.errors import ConflictError, UnsupportedError
from flyball.core.window import from_micros, to_micros

_FORMAT = 1
_COLUMNS = "receiver, written_at, again_at, attempts, error, format, body"
_OTHER_CLOCK = timedelta(days=1)


class PostgresOutbox:
    """The port `Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ledger(self, model: str) -> Ledger:
        """Which receiver was told (or is about to be) that which alert fires."""
        with self._database.read() as connection:
            rows = connection.execute(
                'SELECT receiver, key, seq, at FROM told WHERE model = %s ORDER BY receiver COLLATE "C", key COLLATE "C"', (model,)
            ).fetchall()
            revision = _revision(connection, model)
        told = tuple(Told(receiver=receiver, key=key, seq=seq, at=from_micros(at)) for receiver, key, seq, at in rows)
        return Ledger(revision=revision, told=told)

    def put(self, model: str, letters: Sequence[Letter], told: Sequence[Told], forget: Sequence[Told], *, expected: int) -> None:
        """Keep letters and change the ledger, all or none, durably, if its revision is `expected`."""
        with self._database.write(f"outbox {model}") as connection:
            found = _revision(connection, model)
            if found != expected:
                raise ConflictError(f"the outbox of {model!r} changed meanwhile ({found}, not {expected})", hint="look again")
            for letter in letters:
                connection.execute(
                    "INSERT INTO outbox (model, receiver, id, written_at, again_at, attempts, error, format, body)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (model, receiver, id) DO NOTHING",
                    (
                        model,
                        letter.receiver,
                        letter.notification.id,
                        to_micros(letter.written_at),
                        to_micros(letter.again_at),
                        letter.attempts,
                        kept(letter.error),
                        _FORMAT,
                        to_json(letter.notification),
                    ),
                )
            _forget(connection, model, forget)
            connection.cursor().executemany(
                "INSERT INTO told (model, receiver, key, seq, at) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (model, receiver, key) DO UPDATE"
                " SET seq = excluded.seq, at = excluded.at",
                [(model, one.receiver, one.key, one.seq, to_micros(one.at)) for one in told],
            )
            _next_revision(connection, model)

    def waiting(self, model: str) -> list[Letter]:
        """The letters that were not sent yet, in the order they were written."""
        with self._database.read() as connection:
            return _letters(connection, "WHERE model = %s ORDER BY number", (model,))

    def claim(self, model: str, receiver: str, *, now: datetime, until: datetime) -> list[Letter]:
        """All letters to a receiver, for whoever asks first: nobody else gets them before `until`."""
        with self._database.write(f"outbox {model}") as connection:
            blocked = connection.execute(
                "SELECT 1 FROM outbox WHERE model = %s AND receiver = %s AND again_at > %s AND again_at <= %s LIMIT 1",
                (model, receiver, to_micros(now), to_micros(now + _OTHER_CLOCK)),
            ).fetchone()
            if blocked is not None:
                return []
            connection.execute(
                "UPDATE outbox SET again_at = %s, attempts = attempts + 1 WHERE model = %s AND receiver = %s",
                (to_micros(until), model, receiver),
            )
            return _letters(connection, "WHERE model = %s AND receiver = %s ORDER BY number", (model, receiver))

    def settle(
        self, model: str, receiver: str, ids: Sequence[str], *, again_at: datetime | None, error: str = "", forget: Sequence[Told] = ()
    ) -> None:
        """Say what became of claimed letters: they leave the outbox, or wait with their error."""
        with self._database.write(f"outbox {model}") as connection:
            for one in ids:
                if again_at is None:
                    connection.execute("DELETE FROM outbox WHERE model = %s AND receiver = %s AND id = %s", (model, receiver, one))
                else:
                    connection.execute(
                        "UPDATE outbox SET again_at = %s, error = %s WHERE model = %s AND receiver = %s AND id = %s",
                        (to_micros(again_at), kept(error), model, receiver, one),
                    )
            if forget:
                _forget(connection, model, forget)
                _next_revision(connection, model)


def _forget(connection: Connection, model: str, forget: Sequence[Told]) -> None:
    connection.cursor().executemany(
        "DELETE FROM told WHERE model = %s AND receiver = %s AND key = %s", [(model, one.receiver, one.key) for one in forget]
    )


def _revision(connection: Connection, model: str) -> int:
    row = connection.execute("SELECT revision FROM told_revisions WHERE model = %s", (model,)).fetchone()
    return 0 if row is None else int(row[0])


def _next_revision(connection: Connection, model: str) -> None:
    connection.execute(
        "INSERT INTO told_revisions (model, revision) VALUES (%s, 1)"
        " ON CONFLICT (model) DO UPDATE SET revision = told_revisions.revision + 1",
        (model,),
    )


def _letters(connection: Connection, where: str, values: tuple[str, ...]) -> list[Letter]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM outbox {where}".encode(), values).fetchall()  # noqa: S608 - both parts are constants
    if any(row[5] > _FORMAT for row in rows):
        raise UnsupportedError("a notification was written by a newer Flyball", hint="upgrade flyball on this machine")
    return [
        Letter(
            receiver=receiver,
            notification=from_json(body, Notification),
            written_at=from_micros(written_at),
            again_at=from_micros(again_at),
            attempts=attempts,
            error=text(error),
        )
        for receiver, written_at, again_at, attempts, error, _, body in rows
    ]
