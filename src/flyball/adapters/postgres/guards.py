"""What guardrails did in servers, in PostgreSQL."""

from datetime import datetime

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.rows import kept
from flyball.adapters.trips import first_trips
from flyball.core.codec import from_json, not_finite, to_json
from flyball.core.errors import DataError, UnsupportedError
from flyball.core.window import to_micros
from flyball.serving.records import Trip

_FORMAT = 1


class PostgresGuards:
    """The port `Guards`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def trip(self, trip: Trip) -> None:
        """Keep it; the same one told again changes nothing."""
        place = not_finite(trip)
        if place is not None:
            raise DataError(f"a guardrail's trip cannot be kept: {place} is not a finite number")
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO trips (model, at, version, guardrail, worker, format, body)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (trip.model, to_micros(trip.at), trip.version, trip.guardrail, kept(trip.worker), _FORMAT, to_json(trip)),
            )

    def trips(self, model: str, *, since: datetime) -> list[Trip]:
        """Of what was kept with `at` not before a time the first of each version and guardrail, in order of `at`."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT format, body FROM trips WHERE model = %s AND at >= %s ORDER BY at, version, guardrail, worker",
                (model, to_micros(since)),
            ).fetchall()
        if any(number > _FORMAT for number, _ in rows):
            raise UnsupportedError(
                f"a guardrail's trip of {model!r} was written by a newer Flyball", hint="upgrade flyball on this machine"
            )
        return first_trips([from_json(body, Trip) for _, body in rows])
