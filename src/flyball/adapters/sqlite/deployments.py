"""The table servers watch, in SQLite, and who of them has acknowledged what."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from flyball.adapters.sqlite.database import Database
from flyball.core.codec import from_json, to_json
from flyball.core.errors import UnsupportedError
from flyball.core.window import to_micros
from flyball.serving.records import Deployment, Swap, Worker, swap_of

_FORMAT = 1
_ALIVE = timedelta(seconds=10)
_WAITED_FOR = timedelta(seconds=3)
_PUBLISH = (
    "INSERT INTO deployments (model, seq, format, body) VALUES (?, ?, ?, ?) ON CONFLICT (model) DO UPDATE"
    " SET seq = excluded.seq, format = excluded.format, body = excluded.body WHERE excluded.seq >= deployments.seq"
)
_NEWER = "SELECT 1 FROM deployments WHERE model = :model AND seq > :seq UNION ALL SELECT 1 FROM swaps WHERE model = :model AND seq >= :seq"


class SqliteDeployments:
    """The port `Deployments`. `clock` is the wall clock: heartbeats are real even when the loop's time is simulated."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def current(self, model: str) -> Deployment | None:
        """What servers of this model should answer with now."""
        with self._database.read() as connection:
            row = connection.execute("SELECT format, body FROM deployments WHERE model = ?", (model,)).fetchone()
        return None if row is None else _deployment(model, *row)

    def publish(self, deployment: Deployment) -> None:
        """Make it current at once, unless one with a higher seq is there already."""
        with self._database.write() as connection:
            _publish(connection, deployment.model, deployment.seq, _FORMAT, to_json(deployment))

    def prepare(self, deployment: Deployment, *, within: timedelta) -> None:
        """Let the live workers get ready for it; where none is alive it becomes current at once."""
        model, seq, body = deployment.model, deployment.seq, to_json(deployment)
        with self._database.write() as connection:
            if connection.execute(_NEWER, {"model": model, "seq": seq}).fetchone():
                return
            if self._alive(connection, model):
                connection.execute(
                    "INSERT OR REPLACE INTO swaps (model, seq, format, body, deadline) VALUES (?, ?, ?, ?, ?)",
                    (model, seq, _FORMAT, body, to_micros(self._clock() + within)),
                )
            else:
                _publish(connection, model, seq, _FORMAT, body)

    def pending(self, model: str) -> Swap | None:
        """What is being prepared, and who of the live workers has said what."""
        with self._database.read() as connection:
            row = connection.execute("SELECT format, body, deadline FROM swaps WHERE model = ?", (model,)).fetchone()
            if row is None:
                return None
            alive = self._alive(connection, model)
        return swap_of(_deployment(model, row[0], row[1]), alive, overdue=to_micros(self._clock()) >= row[2])

    def ready(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A live worker could answer with `seq` at once, or cannot (`error`)."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO workers (model, worker, seq, error, heard_at, ready, trouble) VALUES (?, ?, 0, '', ?, ?, ?)"
                " ON CONFLICT (model, worker) DO UPDATE"
                " SET heard_at = excluded.heard_at, ready = excluded.ready, trouble = excluded.trouble",
                (model, worker, to_micros(self._clock()), seq, error),
            )

    def commit(self, model: str, seq: int) -> None:
        """Make what is being prepared current, if that is still `seq`."""
        with self._database.write() as connection:
            row = connection.execute("SELECT format, body FROM swaps WHERE model = ? AND seq = ?", (model, seq)).fetchone()
            if row is not None:
                _publish(connection, model, seq, *row)

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A worker answers with `seq` from now on, or could not (`error`); it also says that the worker is alive."""
        now = self._clock()
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO workers (model, worker, seq, error, heard_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (model, worker) DO UPDATE"
                " SET seq = excluded.seq, error = excluded.error, heard_at = excluded.heard_at",
                (model, worker, seq, error, to_micros(now)),
            )
            connection.execute("DELETE FROM workers WHERE heard_at < ?", (to_micros(now - timedelta(days=1)),))

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        """The workers heard of in the last 10 s: the seq each acknowledged, and its error."""
        since = to_micros(self._clock() - _ALIVE)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT worker, seq, error FROM workers WHERE model = ? AND heard_at >= ? ORDER BY worker", (model, since)
            ).fetchall()
        return {worker: (seq, error) for worker, seq, error in rows}

    def _alive(self, connection: sqlite3.Connection, model: str) -> list[Worker]:
        since = to_micros(self._clock() - _WAITED_FOR)
        rows = connection.execute(
            "SELECT worker, ready, trouble FROM workers WHERE model = ? AND heard_at >= ? ORDER BY worker", (model, since)
        )
        return [Worker(name=name, ready=ready, trouble=trouble) for name, ready, trouble in rows]


def _publish(connection: sqlite3.Connection, model: str, seq: int, format_: int, body: str) -> None:
    connection.execute(_PUBLISH, (model, seq, format_, body))
    connection.execute("DELETE FROM swaps WHERE model = ? AND seq <= ?", (model, seq))


def _deployment(model: str, format_: int, body: str) -> Deployment:
    if format_ > _FORMAT:
        raise UnsupportedError(f"the deployment of {model!r} was written by a newer Flyball", hint="upgrade flyball on this machine")
    return from_json(body, Deployment)
