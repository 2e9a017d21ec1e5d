"""Kept counts in SQLite: a row for each slot, its tally in one blob."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.adapters.sqlite.database import Database
from flyball.core.window import Window, to_micros
from flyball.monitoring.slots import Series, Slot, Step
from flyball.monitoring.tally import Tally, added, tally_from_bytes, tally_to_bytes
from flyball.serving.records import Place

_SERIES = "SELECT id, answered, shadows FROM series WHERE model = ? AND version = ? AND against = ? AND reference = ?"
_HELD = "SELECT id, tally FROM slots WHERE series = ? AND length = ? AND start = ? AND variant = ?"
# One range of the index for each length there is: slots of all lengths may touch a window.
_TOUCHING = """
SELECT start, length, variant, tally FROM slots
WHERE series = ?1 AND length = ?2 AND start > ?3 - ?2 AND start < ?4
"""
_SHORTER = """
SELECT s.id, s.series, s.start, s.variant, s.tally FROM series g CROSS JOIN slots s ON s.series = g.id
WHERE g.model = ? AND s.length = ? AND s.start < ? ORDER BY s.series, s.start LIMIT ?
"""
_AT_ONCE = 200
"""Slots added up in one transaction, so that other writers do not wait long."""


class SqliteCounts:
    """The port `CountStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def places(self, model: str) -> Mapping[Series, Place]:
        """Every series of a model, and up to which place in the prediction log its rows are counted."""
        query = "SELECT version, against, reference, answered, shadows FROM series WHERE model = ? ORDER BY version, against"
        with self._database.read() as connection:
            rows = connection.execute(query, (model,)).fetchall()
        return {
            Series(version=version, against=against, reference=reference): Place(answered=answered, shadows=shadows)
            for version, against, reference, answered, shadows in rows
        }

    def add(self, model: str, steps: Sequence[Step]) -> bool:
        """Add the counts to what the slots hold and move the places, all or nothing; False if a series is elsewhere."""
        with self._database.write() as connection:
            found = [_find(connection, model, step.series) for step in steps]
            if any((None if one is None else one[1]) != step.after for one, step in zip(found, steps, strict=True)):
                return False
            for one, step in zip(found, steps, strict=True):
                key = _begin(connection, model, step.series) if one is None else one[0]
                connection.execute(
                    "UPDATE series SET answered = ?, shadows = ? WHERE id = ?", (step.place.answered, step.place.shadows, key)
                )
                for slot in step.slots:
                    _put(connection, key, slot.length, slot.start, slot.variant, [slot.tally])
        return True

    def slots(self, model: str, series: Series, window: Window) -> list[Slot]:
        """The slots of a series that touch the window, in order of start."""
        with self._database.read() as connection:
            found = _find(connection, model, series)
            if found is None:
                return []
            rows = []
            for length in _lengths(connection, found[0]):
                bounds = (found[0], length, to_micros(window.start), to_micros(window.end))
                rows += connection.execute(_TOUCHING, bounds).fetchall()
        rows.sort(key=lambda row: row[:3])
        return [Slot(start=start, length=length, variant=variant, tally=tally_from_bytes(tally)) for start, length, variant, tally in rows]

    def compact(self, model: str, length: timedelta, before: datetime) -> int:
        """Add up what is in shorter slots that end by `before`, a multiple of `length`, in slots of this length. Say how many went."""
        gone = 0
        with self._database.read() as connection:
            keys = [key for (key,) in connection.execute("SELECT id FROM series WHERE model = ?", (model,))]
            shorter = sorted({one for key in keys for one in _lengths(connection, key) if one < micros(length)})
        for short in shorter:
            bounds = (model, short, to_micros(before), _AT_ONCE)
            with self._database.read() as connection:
                waiting = connection.execute(_SHORTER, bounds).fetchone() is not None
            while waiting:
                with self._database.write() as connection:
                    rows = connection.execute(_SHORTER, bounds).fetchall()
                    _gather(connection, rows, micros(length))
                gone += len(rows)
                waiting = len(rows) == _AT_ONCE
        return gone

    def forget(self, model: str, series: Collection[Series]) -> None:
        """Drop these series, as if they had never been counted."""
        if not series:
            return
        with self._database.write() as connection:
            for one in series:
                found = _find(connection, model, one)
                if found is not None:
                    connection.execute("DELETE FROM slots WHERE series = ?", (found[0],))
                    connection.execute("DELETE FROM series WHERE id = ?", (found[0],))


def _find(connection: sqlite3.Connection, model: str, series: Series) -> tuple[int, Place] | None:
    row = connection.execute(_SERIES, (model, series.version, series.against, series.reference)).fetchone()
    return None if row is None else (row[0], Place(answered=row[1], shadows=row[2]))


def _begin(connection: sqlite3.Connection, model: str, series: Series) -> int:
    values = (model, series.version, series.against, series.reference)
    query = "INSERT INTO series (model, version, against, reference, answered, shadows) VALUES (?, ?, ?, ?, 0, 0)"
    return connection.execute(query, values).lastrowid or 0


def _lengths(connection: sqlite3.Connection, key: int) -> list[int]:
    """The lengths of slots a series has, by a jump through the index for each."""
    found: list[int] = []
    while True:
        after = found[-1] if found else -1
        (length,) = connection.execute("SELECT MIN(length) FROM slots WHERE series = ? AND length > ?", (key, after)).fetchone()
        if length is None:
            return found
        found.append(length)


def _put(connection: sqlite3.Connection, key: int, length: int, start: int, variant: str, tallies: list[Tally]) -> None:
    """Add tallies to what a slot holds, if it holds something."""
    held = connection.execute(_HELD, (key, length, start, variant)).fetchone()
    if held is None:
        values = (key, length, start, variant, tally_to_bytes(added(tallies)))
        connection.execute("INSERT INTO slots (series, length, start, variant, tally) VALUES (?, ?, ?, ?, ?)", values)
    else:
        whole = added([tally_from_bytes(held[1]), *tallies])
        connection.execute("UPDATE slots SET tally = ? WHERE id = ?", (tally_to_bytes(whole), held[0]))


def _gather(connection: sqlite3.Connection, rows: Sequence[tuple[int, int, int, str, bytes]], length: int) -> None:
    """Move slots into those of this length that hold them."""
    into = defaultdict[tuple[int, int, str], list[Tally]](list)
    for _, series, start, variant, tally in rows:
        into[series, start // length * length, variant].append(tally_from_bytes(tally))
    for (series, start, variant), tallies in into.items():
        _put(connection, series, length, start, variant, tallies)
    connection.executemany("DELETE FROM slots WHERE id = ?", [(row[0],) for row in rows])
