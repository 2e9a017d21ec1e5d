"""Forgetting predictions in PostgreSQL: whole days by dropping their partitions, and what has none in small transactions."""

from datetime import datetime

from psycopg import errors as sql

from flyball.adapters.logged import MICROS_PER_DAY
from flyball.adapters.postgres.database import Connection, Database, one
from flyball.adapters.postgres.days import made, name_from
from flyball.core.window import to_micros
from flyball.ports.history import Dropped

_AT_ONCE = 5000
"""Rows in one transaction."""
_PREDICTIONS = """
WITH old AS (
  SELECT id, at FROM predictions_rest WHERE stream = %(stream)s AND at < %(before)s ORDER BY at, id LIMIT %(rows)s
), gone AS (
  DELETE FROM predictions_rest p USING old WHERE p.id = old.id AND p.at = old.at RETURNING p.id, p.at, p.prediction_id
), unlabelled AS (
  DELETE FROM outcomes_rest o USING gone WHERE o.prediction = gone.id AND o.made_for = gone.at
), unnamed AS (
  DELETE FROM names n USING gone WHERE n.prediction_id = gone.prediction_id
)
SELECT count(*) FROM gone
"""
_SHADOWS = """
WITH old AS (SELECT stream, at, prediction_id FROM shadows_rest WHERE stream = %(stream)s AND at < %(before)s ORDER BY at LIMIT %(rows)s),
  gone AS (
    DELETE FROM shadows_rest s USING old WHERE s.stream = old.stream AND s.at = old.at AND s.prediction_id = old.prediction_id RETURNING 1
  )
SELECT count(*) FROM gone
"""
# What clients named, and what was dropped in its favour.
_BY_TIME = """
WITH gone AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE at < %(before)s LIMIT %(rows)s)) RETURNING 1)
SELECT count(*) FROM gone
"""
_NAMED = """
SELECT substring(relname FROM 7)::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname ~ '^names_[0-9]+$' ORDER BY 1
"""
_WITH_NAME = ("predictions", "shadows", "outcomes")


class PostgresRetention:
    """The port `Retention`. A day that others use just then stays for the next time, and so do rows of no day above `most`; that is
    `more`. Days that go whole do not count for `most`: they take no longer for many rows than for few.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def drop_before(self, at: datetime, *, most: int | None = None) -> Dropped:
        """Drop the predictions of the days before the one in which this time lies, with their shadows and outcomes."""
        today = to_micros(at) // MICROS_PER_DAY
        before = today * MICROS_PER_DAY
        with self._database.read() as connection:
            old = [day for day in made(connection) if day < today]
            names = [int(day) for (day,) in connection.execute(_NAMED) if day < today]
            streams = [stream for (stream,) in connection.execute("SELECT id FROM streams ORDER BY id")]
        held = {day: self._drop_day(day) for day in old}
        days = tuple(day for day, rows in held.items() if rows is not None)
        gone = sum(rows or 0 for rows in held.values())
        rows = 0
        for stream in streams:
            rows += self._in_pieces(_SHADOWS, stream, before, None if most is None else most - rows)
        for stream in streams:
            found = self._in_pieces(_PREDICTIONS, stream, before, None if most is None else most - rows)
            rows, gone = rows + found, gone + found
        for table in ("clients", "duplicates"):
            rows += self._in_pieces(_BY_TIME.format(table=table), 0, before, None if most is None else most - rows)
        for day in names:
            self._drop_names(day, before)
        return Dropped(predictions=gone, days=days, more=len(days) < len(old) or (most is not None and rows >= most))

    def _drop_day(self, day: int) -> int | None:
        """Drop the partitions of a day; how many predictions they held. None while others hold them."""
        with self._database.write("days") as connection:
            if day not in made(connection):
                return 0
            connection.execute("SET LOCAL lock_timeout = '2s'")
            try:
                (held,) = one(connection, f"SELECT count(*) FROM predictions_{day}")  # noqa: S608 - a number
                connection.execute(
                    f"DELETE FROM names n USING predictions_{day} p WHERE n.prediction_id = p.prediction_id"  # noqa: S608 - numbers
                    f" AND (p.prediction_id COLLATE \"C\" < '{name_from(day)}' OR p.prediction_id COLLATE \"C\" >= '{name_from(day + 1)}')"
                )
                for table in _WITH_NAME:
                    connection.execute(f"DROP TABLE {table}_{day}".encode())
                connection.execute("DELETE FROM reached WHERE day = %s", (day,))
            except (sql.LockNotAvailable, sql.DeadlockDetected):
                _begin_again(connection)
                return None
        return int(held)

    def _drop_names(self, day: int, before: int) -> None:
        """Drop where predictions that were made on a day are to be found, once none of them is kept any more."""
        with self._database.write("days") as connection:
            connection.execute("SET LOCAL lock_timeout = '2s'")
            try:
                if one(connection, f"SELECT EXISTS (SELECT 1 FROM names_{day} WHERE at >= %s)", (before,))[0]:  # noqa: S608 - a number
                    return
                connection.execute(f"DROP TABLE names_{day}".encode())
            except (sql.LockNotAvailable, sql.DeadlockDetected, sql.UndefinedTable):
                _begin_again(connection)

    def _in_pieces(self, query: str, stream: int, before: int, most: int | None) -> int:
        gone = 0
        while most is None or gone < most:
            rows = _AT_ONCE if most is None else min(_AT_ONCE, most - gone)
            with self._database.write() as connection:
                (found,) = one(connection, query, {"stream": stream, "before": before, "rows": rows})
            gone += found
            if found < rows:
                break
        return gone


def _begin_again(connection: Connection) -> None:
    connection.execute("ROLLBACK")
    connection.execute("BEGIN")
