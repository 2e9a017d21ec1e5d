"""How many requests were answered and refused, in PostgreSQL."""

from collections.abc import Sequence

from flyball.adapters.postgres.database import Database
from flyball.core.window import Window, from_micros, to_micros
from flyball.ports.watching import TRAFFIC_KEPT
from flyball.serving.records import Answers


class PostgresTraffic:
    """The port `Traffic`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, model: str, counts: Sequence[Answers]) -> None:
        """Add to what is counted, and drop minutes that are too old."""
        if not counts:
            return
        with self._database.write(f"traffic {model}") as connection:
            connection.cursor().executemany(
                "INSERT INTO traffic (model, minute, status, requests) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (model, minute, status) DO UPDATE SET requests = traffic.requests + excluded.requests",
                sorted((model, to_micros(one.minute), one.status, one.requests) for one in counts),
            )
            oldest = max(one.minute for one in counts) - TRAFFIC_KEPT
            connection.execute("DELETE FROM traffic WHERE model = %s AND minute < %s", (model, to_micros(oldest)))

    def between(self, model: str, window: Window) -> list[Answers]:
        """What is counted of the minutes that start within a window."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT minute, status, requests FROM traffic WHERE model = %s AND minute >= %s AND minute < %s ORDER BY minute, status",
                (model, to_micros(window.start), to_micros(window.end)),
            )
            return [Answers(minute=from_micros(minute), status=status, requests=requests) for minute, status, requests in rows]
