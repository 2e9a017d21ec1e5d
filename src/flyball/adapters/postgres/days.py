"""Partitions by day: made ahead, made for the rows that come, and dropped whole when their time is over.

Days that lie far off, by the clock of the database, have no partition of their own: their rows lie in those named `rest`. So history of
many years, or a client that sends any time it likes, does not make thousands of tables.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from psycopg import errors as sql

from flyball.adapters.logged import MICROS_PER_DAY
from flyball.adapters.postgres.database import Connection, Database, one

_AHEAD = 3
"""Days that are made before their first row comes."""
REACH = 400
"""Days back from today that get a partition of their own when rows come for them."""
_TABLES = ("predictions", "shadows", "outcomes", "names")
_KEYS = {"predictions": "at", "shadows": "at", "outcomes": "made_for", "names": "prediction_id"}
_TODAY = "SELECT floor(extract(epoch FROM now()) / 86400)::bigint"
_MADE = """
SELECT substring(relname FROM 13)::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname ~ '^predictions_[0-9]+$' ORDER BY 1
"""


class Days:
    """Makes the partitions that rows need, and remembers which there are."""

    def __init__(self, database: Database, *, reach: int = REACH) -> None:
        self._database = database
        self._reach = reach
        self._known: frozenset[int] = frozenset()

    def make(self, days: Iterable[int] = ()) -> list[int]:
        """Let these days (since 1970) have partitions, and those that come next; say which are new.

        What cannot be made now, because others use the tables or this user may not, is left for the next time: the rows lie in `rest`
        meanwhile, and are moved then.
        """
        wanted = set(days)
        if wanted and wanted <= self._known:
            return []
        with self._database.read() as connection:
            (today,) = one(connection, _TODAY)
            self._known = frozenset(made(connection))
        near = {day for day in wanted if today - self._reach <= day <= today + _AHEAD}
        missing = sorted((near | set(range(today, today + _AHEAD + 1))) - self._known)
        new = [day for day in missing if self._make(day)]
        self._known = self._known | wanted | set(new)  # also those far off: asked for once is enough
        return new

    def _make(self, day: int) -> bool:
        with self._database.write("days") as connection:
            if day in made(connection):
                return True
            connection.execute("SET LOCAL lock_timeout = '2s'")
            try:
                for table in _TABLES:  # always in this order, so that no two wait for each other
                    connection.execute(f"LOCK TABLE {table}_rest IN ACCESS EXCLUSIVE MODE")
                for table in _TABLES:
                    _attach(connection, table, day)
            except (sql.LockNotAvailable, sql.DeadlockDetected, sql.InsufficientPrivilege):
                connection.execute("ROLLBACK")
                connection.execute("BEGIN")
                return False
        return True


def made(connection: Connection) -> list[int]:
    """The days that have partitions."""
    return [int(day) for (day,) in connection.execute(_MADE)]


def name_from(day: int) -> str:
    """The least id that can have been made on a day."""
    return f"{max(0, day) * MICROS_PER_DAY // 1000:012x}"


def date_of(day: int) -> str:
    """A day for people."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()


def _attach(connection: Connection, table: str, day: int) -> None:
    """A partition, which takes over what lay in `rest` of its day."""
    key, new = _KEYS[table], f"{table}_{day}"
    if one(connection, "SELECT to_regclass(%s) IS NOT NULL", (new,))[0]:
        return  # names of a day outlive its rows while some of them are for later
    start, end = (
        (f"'{name_from(day)}'", f"'{name_from(day + 1)}'")
        if table == "names"
        else (str(day * MICROS_PER_DAY), str((day + 1) * MICROS_PER_DAY))
    )
    connection.execute(f"CREATE TABLE {new} (LIKE {table} INCLUDING DEFAULTS)")
    connection.execute(
        f"WITH moved AS (DELETE FROM {table}_rest WHERE {key} >= {start} AND {key} < {end} RETURNING *)"  # noqa: S608 - names and numbers
        f" INSERT INTO {new} SELECT * FROM moved"
    )
    connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {new} FOR VALUES FROM ({start}) TO ({end})")
