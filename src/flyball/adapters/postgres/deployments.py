"""The table servers watch, in PostgreSQL, and who of them has acknowledged what."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.rows import kept, text
from flyball.core.codec import from_json, to_json
from flyball.core.errors import UnsupportedError
from flyball.core.window import to_micros
from flyball.serving.records import Deployment

_FORMAT = 1
_ALIVE = timedelta(seconds=10)


class PostgresDeployments:
    """The port `Deployments`. `clock` is the wall clock: heartbeats are real even when the loop's time is simulated."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def current(self, model: str) -> Deployment | None:
        """What servers of this model should answer with now."""
        with self._database.read() as connection:
            row = connection.execute("SELECT format, body FROM deployments WHERE model = %s", (model,)).fetchone()
        if row is None:
            return None
        if row[0] > _FORMAT:
            raise UnsupportedError(f"the deployment of {model!r} was written by a newer Flyball", hint="upgrade flyball on this machine")
        return from_json(row[1], Deployment)

    def publish(self, deployment: Deployment) -> None:
        """Make it current, unless one with a higher seq is there already."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO deployments (model, seq, format, body) VALUES (%s, %s, %s, %s) ON CONFLICT (model) DO UPDATE"
                " SET seq = excluded.seq, format = excluded.format, body = excluded.body WHERE excluded.seq >= deployments.seq",
                (deployment.model, deployment.seq, _FORMAT, to_json(deployment)),
            )

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A worker answers with `seq` from now on, or could not (`error`); it also says that the worker is alive."""
        now = to_micros(self._clock())
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO workers (model, worker, seq, error, heard_at) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (model, worker) DO UPDATE SET seq = excluded.seq, error = excluded.error, heard_at = excluded.heard_at",
                (model, kept(worker), seq, kept(error), now),
            )
            connection.execute("DELETE FROM workers WHERE heard_at < %s", (to_micros(self._clock() - timedelta(days=1)),))

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        """The workers heard of in the last 10 s: the seq each acknowledged, and its error."""
        since = to_micros(self._clock() - _ALIVE)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT worker, seq, error FROM workers WHERE model = %s AND heard_at >= %s", (model, since)
            ).fetchall()
        return dict(sorted((text(worker), (seq, text(error))) for worker, seq, error in rows))
