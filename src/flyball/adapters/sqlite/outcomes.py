"""Outcomes in SQLite: each matched to its prediction and committed in one transaction per list."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.adapters.matching import Candidate, Nearest, ambiguous, malformed, refused, unknown
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import find
from flyball.adapters.sqlite.rows import label, stored_label
from flyball.core.window import to_micros
from flyball.serving.records import Accepted, Outcome, Rejected

_CANDIDATE = """
SELECT p.at, o.actual, o.at FROM predictions p LEFT JOIN outcomes o ON o.prediction = p.id WHERE p.id = ?
"""
# {column} is entity or unit; two rows, to see whether the latest event time belongs to one prediction alone.
_LATEST = "SELECT id, at FROM predictions WHERE model = ? AND {column} = ? AND at <= ? AND at >= ? ORDER BY at DESC LIMIT 2"
_LATER = "SELECT MIN(at) FROM predictions WHERE model = ? AND {column} = ? AND at > ?"
_OLDER = "SELECT MAX(at) FROM predictions WHERE model = ? AND {column} = ? AND at < ?"


class SqliteOutcomeLog:
    """The port `OutcomeLog`. `clock` says when an outcome was received, which is kept beside when it became known (`at`)."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def take(self, model: str, outcomes: Sequence[Outcome], *, within: timedelta) -> Accepted:
        """Commit the outcomes that belong to exactly one earlier prediction and say of each other one why it was not taken."""
        received_at = to_micros(self._clock())
        rejected: list[Rejected] = []
        with self._database.write() as connection:
            row = connection.execute("SELECT id FROM models WHERE name = ?", (model,)).fetchone()
            key = row[0] if row else 0  # no predictions yet: nothing has the id 0
            for outcome in outcomes:
                refusal = malformed(outcome) or _take(connection, key, outcome, within, received_at)
                if refusal is not None:
                    rejected.append(refusal)
        return Accepted(accepted=len(outcomes) - len(rejected), rejected=tuple(rejected))

    def labelled_since(self, model: str, since: datetime, now: datetime) -> int:
        """How many outcomes became known with since < at <= now."""
        with self._database.read() as connection:
            (number,) = connection.execute(
                "SELECT COUNT(*) FROM outcomes WHERE model = (SELECT id FROM models WHERE name = ?) AND at > ? AND at <= ?",
                (model, to_micros(since), to_micros(now)),
            ).fetchone()
        return int(number)


def _take(connection: sqlite3.Connection, model: int, outcome: Outcome, within: timedelta, received_at: int) -> Rejected | None:
    at = to_micros(outcome.at)
    if outcome.prediction_id:
        key, nearest = find(connection, outcome.prediction_id, model=model), Nearest()
    else:
        latest, nearest = _latest(connection, model, outcome, at, micros(within))
        if len(latest) > 1:
            return ambiguous(outcome, latest[0][1])
        key = latest[0][0] if latest else None
    if key is None:
        return unknown(outcome, nearest, within=within)
    made_for, actual, outcome_at = connection.execute(_CANDIDATE, (key,)).fetchone()
    refusal = refused(outcome, Candidate(at=made_for, actual=label(actual), outcome_at=outcome_at))
    if refusal is None:
        connection.execute(
            "INSERT INTO outcomes (prediction, model, at, received_at, actual, value) VALUES (?, ?, ?, ?, ?, ?)",
            (key, model, at, received_at, stored_label(outcome.actual), outcome.value),
        )
    return refusal


def _latest(connection: sqlite3.Connection, model: int, outcome: Outcome, at: int, within: int) -> tuple[list[tuple[int, int]], Nearest]:
    """Key and time of the latest prediction before `at` (two, if they were made for one time); if none, those that come nearest."""
    column, value = ("entity", outcome.entity) if outcome.entity else ("unit", outcome.unit)
    earliest = at - within if within else -(2**62)
    found = connection.execute(_LATEST.format(column=column), (model, value, at, earliest)).fetchall()
    if found:
        return [row for row in found if row[1] == found[0][1]], Nearest()
    (later,) = connection.execute(_LATER.format(column=column), (model, value, at)).fetchone()
    (older,) = connection.execute(_OLDER.format(column=column), (model, value, earliest)).fetchone()
    return [], Nearest(older=older, later=later)
