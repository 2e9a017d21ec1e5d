"""The table servers watch, in PostgreSQL, and who of them has acknowledged what."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from flyball.adapters.postgres.database import Connection, Database, one
from flyball.adapters.postgres.rows import kept, text
from flyball.core.codec import from_json, to_json
from flyball.core.errors import UnsupportedError
from flyball.core.window import to_micros
from flyball.serving.records import Deployment, Swap, Worker, swap_of

_FORMAT = 1
_ALIVE = timedelta(seconds=10)
_WAITED_FOR = timedelta(seconds=3)
_PUBLISH = (
    "INSERT INTO deployments (model, seq, format, body) VALUES (%s, %s, %s, %s) ON CONFLICT (model) DO UPDATE"
    " SET seq = excluded.seq, format = excluded.format, body = excluded.body WHERE excluded.seq >= deployments.seq"
)
_PREPARE = (
    "INSERT INTO swaps (model, seq, format, body, deadline) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (model) DO UPDATE"
    " SET seq = excluded.seq, format = excluded.format, body = excluded.body, deadline = excluded.deadline"
)
_NEWER = (
    "SELECT 1 FROM deployments WHERE model = %(model)s AND seq > %(seq)s"
    " UNION ALL SELECT 1 FROM swaps WHERE model = %(model)s AND seq >= %(seq)s"
)


class PostgresDeployments:
    """The port `Deployments`. Heartbeats are told by the server's clock, those of the machines need not agree; `clock` is another."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] | None = None) -> None:
        self._database = database
        self._clock = clock

    def current(self, model: str) -> Deployment | None:
        """What servers of this model should answer with now."""
        with self._database.read() as connection:
            row = connection.execute("SELECT format, body FROM deployments WHERE model = %s", (model,)).fetchone()
        return None if row is None else _deployment(model, *row)

    def publish(self, deployment: Deployment) -> None:
        """Make it current at once, unless one with a higher seq is there already."""
        with self._database.write(_lock(deployment.model)) as connection:
            _publish(connection, deployment.model, deployment.seq, _FORMAT, to_json(deployment))

    def prepare(self, deployment: Deployment, *, within: timedelta) -> None:
        """Let the live workers get ready for it; where none is alive it becomes current at once."""
        model, seq, body = deployment.model, deployment.seq, to_json(deployment)
        with self._database.write(_lock(model)) as connection:
            if connection.execute(_NEWER, {"model": model, "seq": seq}).fetchone():
                return
            now = self._now(connection)
            if self._alive(connection, model, now):
                connection.execute(_PREPARE, (model, seq, _FORMAT, body, now + _micros(within)))
            else:
                _publish(connection, model, seq, _FORMAT, body)

    def pending(self, model: str) -> Swap | None:
        """What is being prepared, and who of the live workers has said what."""
        with self._database.read() as connection:
            row = connection.execute("SELECT format, body, deadline FROM swaps WHERE model = %s", (model,)).fetchone()
            if row is None:
                return None
            now = self._now(connection)
            alive = self._alive(connection, model, now)
        return swap_of(_deployment(model, row[0], row[1]), alive, overdue=now >= row[2])

    def ready(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A live worker could answer with `seq` at once, or cannot (`error`)."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO workers (model, worker, seq, error, heard_at, ready, trouble) VALUES (%s, %s, 0, '', %s, %s, %s)"
                " ON CONFLICT (model, worker) DO UPDATE"
                " SET heard_at = excluded.heard_at, ready = excluded.ready, trouble = excluded.trouble",
                (model, kept(worker), self._now(connection), seq, kept(error)),
            )

    def commit(self, model: str, seq: int) -> None:
        """Make what is being prepared current, if that is still `seq`."""
        with self._database.write(_lock(model)) as connection:
            row = connection.execute("SELECT format, body FROM swaps WHERE model = %s AND seq = %s", (model, seq)).fetchone()
            if row is not None:
                _publish(connection, model, seq, *row)

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A worker answers with `seq` from now on, or could not (`error`); it also says that the worker is alive."""
        with self._database.write() as connection:
            now = self._now(connection)
            connection.execute(
                "INSERT INTO workers (model, worker, seq, error, heard_at) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (model, worker) DO UPDATE SET seq = excluded.seq, error = excluded.error, heard_at = excluded.heard_at",
                (model, kept(worker), seq, kept(error), now),
            )
            connection.execute("DELETE FROM workers WHERE heard_at < %s", (now - _micros(timedelta(days=1)),))

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        """The workers heard of in the last 10 s: the seq each acknowledged, and its error."""
        with self._database.read() as connection:
            since = self._now(connection) - _micros(_ALIVE)
            rows = connection.execute(
                "SELECT worker, seq, error FROM workers WHERE model = %s AND heard_at >= %s", (model, since)
            ).fetchall()
        return dict(sorted((text(worker), (seq, text(error))) for worker, seq, error in rows))

    def _now(self, connection: Connection) -> int:
        if self._clock is not None:
            return to_micros(self._clock())
        found: int = one(connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0]
        return found

    def _alive(self, connection: Connection, model: str, now: int) -> list[Worker]:
        since = now - _micros(_WAITED_FOR)
        rows = connection.execute("SELECT worker, ready, trouble FROM workers WHERE model = %s AND heard_at >= %s", (model, since))
        found = [Worker(name=text(name), ready=ready, trouble=text(trouble)) for name, ready, trouble in rows]
        return sorted(found, key=lambda worker: worker.name)


def _publish(connection: Connection, model: str, seq: int, format_: int, body: str) -> None:
    connection.execute(_PUBLISH, (model, seq, format_, body))
    connection.execute("DELETE FROM swaps WHERE model = %s AND seq <= %s", (model, seq))


def _deployment(model: str, format_: int, body: str) -> Deployment:
    if format_ > _FORMAT:
        raise UnsupportedError(f"the deployment of {model!r} was written by a newer Flyball", hint="upgrade flyball on this machine")
    return from_json(body, Deployment)


def _lock(model: str) -> str:
    return f"deployments {model}"


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
