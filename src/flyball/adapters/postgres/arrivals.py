"""Predictions in the order they arrived, read on from a place: what counting reads, each row once."""

from typing import Any

from flyball.adapters.logged import MICROS_PER_DAY, arrived
from flyball.adapters.packed import features
from flyball.adapters.postgres import rows as stored
from flyball.adapters.postgres.database import Connection, one
from flyball.core.window import Window, to_micros
from flyball.serving.records import Arrived, Place

# The same columns in the same order.
_ANSWERED = """
SELECT p.id, p.at, p.label, p.score, p.scores, p.variant, p.worker, p.contract, p.features
FROM predictions p WHERE p.stream = %s AND p.id > %s{window} ORDER BY p.id LIMIT %s
"""
_SHADOWS = """
SELECT s.id, s.at, s.label, s.score, s.scores, 'shadow', '', p.contract, p.features
FROM shadows s LEFT JOIN predictions p ON p.id = s.answered AND p.at = s.at
WHERE s.stream = %s AND s.id > %s{window} ORDER BY s.id LIMIT %s
"""
_DAYS = "SELECT min(day), max(day) FROM reached WHERE stream = %s AND {column} > %s"


def read_arrived(
    connection: Connection, stream: int, after: Place, limit: int, window: Window | None, names: dict[int, list[str]]
) -> Arrived:
    """At most `limit` rows of a stream after a place; `names`: those of the features, by contract."""
    answered = _read(connection, _ANSWERED, "answered", stream, after.answered, limit, window)
    shadows = _read(connection, _SHADOWS, "shadows", stream, after.shadows, limit - len(answered), window)
    place = Place(
        answered=answered[-1][0] if answered else after.answered,
        shadows=shadows[-1][0] if shadows else after.shadows,
    )
    found = answered + shadows
    return arrived(
        [row[1] for row in found],
        stored.labels([row[2] for row in found]),
        stored.scores([row[3] for row in found], [row[4] for row in found]),
        [(row[5], row[6]) for row in found],
        [row[7] or 0 for row in found],  # 0: a shadow whose answered row is not here
        [features(row[8]) for row in found],
        {0: [], **names},
        place=place,
        more=len(found) == limit,
    )


def _read(
    connection: Connection, query: str, kind: str, stream: int, after: int, limit: int, window: Window | None
) -> list[tuple[Any, ...]]:
    alias = "p" if kind == "answered" else "s"
    first, last = one(connection, _DAYS.format(column=kind), (stream, after))
    if first is None:
        return []
    start, end = first * MICROS_PER_DAY, (last + 1) * MICROS_PER_DAY  # no other partition has such a row
    if window is not None:
        start, end = max(start, to_micros(window.start)), min(end, to_micros(window.end))
    within = f" AND {alias}.at >= %s AND {alias}.at < %s"
    return connection.execute(query.format(window=within).encode(), (stream, after, start, end, limit), binary=True).fetchall()
