"""When the loop looked, in PostgreSQL."""

from datetime import datetime

from flyball.adapters.postgres.database import Database
from flyball.core.window import from_micros, to_micros


class PostgresLooks:
    """The port `Looks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def looked(self, model: str, at: datetime) -> None:
        """Remember that the loop looked at a model then."""
        with self._database.write() as connection:
            connection.execute("INSERT INTO looks (model, at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (model, to_micros(at)))
            connection.execute(
                "DELETE FROM looks WHERE model = %s AND at NOT IN (SELECT at FROM looks WHERE model = %s ORDER BY at DESC LIMIT 10)",
                (model, model),
            )

    def looks(self, model: str) -> list[datetime]:
        """When the loop looked last: the ten newest times, in order of time."""
        with self._database.read() as connection:
            return [from_micros(at) for (at,) in connection.execute("SELECT at FROM looks WHERE model = %s ORDER BY at", (model,))]
