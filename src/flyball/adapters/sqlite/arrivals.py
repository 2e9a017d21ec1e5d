"""Predictions in the order they arrived, read on from a place: what counting reads, each row once."""

import sqlite3
from typing import Any

from flyball.adapters import packed
from flyball.adapters.logged import arrived
from flyball.adapters.sqlite import rows as stored
from flyball.core.window import Window, to_micros
from flyball.serving.records import Arrived, Place

# The same columns in the same order. INDEXED BY: by arrival the rows come in order, and nothing before the place is touched; for a
# window far back it is the time that leaves least to read.
_ANSWERED = """
SELECT p.id, p.at, p.label, p.score, p.variant, p.worker, p.contract, p.features
FROM predictions p INDEXED BY {index} WHERE p.stream = ? AND p.id > ?{window} ORDER BY p.id LIMIT ?
"""
_SHADOWS = """
SELECT s.id, s.at, s.label, s.score, 'shadow', '', p.contract, p.features
FROM shadows s INDEXED BY {index} LEFT JOIN predictions p ON p.id = s.answered WHERE s.stream = ? AND s.id > ?{window} ORDER BY s.id LIMIT ?
"""


def read_arrived(
    connection: sqlite3.Connection, stream: int, after: Place, limit: int, window: Window | None, names: dict[int, list[str]]
) -> Arrived:
    """At most `limit` rows of a stream after a place; `names`: those of the features, by contract."""
    answered = _read(connection, _ANSWERED, "p", stream, after.answered, limit, window)
    shadows = _read(connection, _SHADOWS, "s", stream, after.shadows, limit - len(answered), window)
    place = Place(
        answered=answered[-1][0] if answered else after.answered,
        shadows=shadows[-1][0] if shadows else after.shadows,
    )
    found = answered + shadows
    return arrived(
        [row[1] for row in found],
        stored.labels([row[2] for row in found]),
        stored.scores([row[3] for row in found]),
        [(row[4], row[5]) for row in found],
        # 0: a shadow whose answered row is not here
        [row[6] or 0 for row in found],
        [packed.features(row[7]) for row in found],
        {0: [], **names},
        place=place,
        more=len(found) == limit,
    )


def _read(
    connection: sqlite3.Connection, query: str, alias: str, stream: int, after: int, limit: int, window: Window | None
) -> list[tuple[Any, ...]]:
    table = "predictions" if alias == "p" else "shadows"
    if window is None:
        return connection.execute(query.format(index=f"{table}_by_arrival", window=""), (stream, after, limit)).fetchall()
    bounds = (to_micros(window.start), to_micros(window.end))
    within = f" AND {alias}.at >= ? AND {alias}.at < ?"
    return connection.execute(query.format(index=f"{table}_by_time", window=within), (stream, after, *bounds, limit)).fetchall()
