"""Forgetting predictions in SQLite: in small transactions, so that whoever writes waits for none of them long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flyball.adapters.logged import MICROS_PER_DAY
from flyball.adapters.sqlite.database import Database
from flyball.core.window import to_micros
from flyball.ports.history import Dropped

_AT_ONCE = 2000
"""Rows in one transaction."""
_BREATH = 0.01
"""Seconds between two: SQLite has no queue, and who waits for the lock only looks now and then."""
# The newest row of all stays: its number would be given to the next one, and whoever reads on from it would pass that over.
_OLD = """
SELECT id FROM {table} WHERE stream = ? AND at < ? AND id < (SELECT MAX(id) FROM {table}) ORDER BY at LIMIT ?
"""


class SqliteRetention:
    """The port `Retention`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drop_before(self, at: datetime, *, most: int | None = None) -> Dropped:
        """Drop the predictions of the days before the one in which this time lies, with their shadows and outcomes."""
        before = to_micros(at) // MICROS_PER_DAY * MICROS_PER_DAY
        gone = rows = 0  # predictions, and what is dropped with them: shadows count for how long this lasts
        with self._database.read() as connection:
            streams = [stream for (stream,) in connection.execute("SELECT id FROM streams ORDER BY id")]
        with self._unreferenced():
            for table in ("shadows", "predictions"):  # a shadow goes before the answer that it refers to
                for stream in streams:
                    while most is None or rows < most:
                        wanted = _AT_ONCE if most is None else min(_AT_ONCE, most - rows)
                        found = self._drop(table, stream, before, wanted)
                        rows += found
                        gone += found if table == "predictions" else 0
                        if found < wanted:
                            break
                        time.sleep(_BREATH)
        if gone:
            with self._database.write() as connection:
                connection.execute("DELETE FROM duplicates WHERE NOT EXISTS (SELECT 1 FROM predictions WHERE id = first)")
        return Dropped(predictions=gone, more=most is not None and rows >= most)

    def _drop(self, table: str, stream: int, before: int, rows: int) -> int:
        with self._database.read() as connection:  # mostly there is nothing to do, and no reason to keep others from writing
            if not connection.execute(_OLD.format(table=table), (stream, before, 1)).fetchone():
                return 0
        with self._database.write() as connection:
            ids = connection.execute(_OLD.format(table=table), (stream, before, rows)).fetchall()
            if table == "predictions":
                connection.executemany("DELETE FROM outcomes WHERE prediction = ?", ids)
            connection.executemany(f"DELETE FROM {table} WHERE id = ?", ids)  # noqa: S608 - one of two
        return len(ids)

    @contextmanager
    def _unreferenced(self) -> Iterator[None]:
        """Without looking for rows that refer to what goes: for shadows that would read all of them, each time. Those went before."""
        self._set("OFF")
        try:
            yield
        finally:
            self._set("ON")

    def _set(self, word: str) -> None:
        with self._database.read() as connection:
            connection.execute("ROLLBACK")  # inside a transaction the setting does nothing
            connection.execute(f"PRAGMA foreign_keys = {word}")
            connection.execute("BEGIN")
