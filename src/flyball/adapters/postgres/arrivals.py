"""Predictions in the order they arrived, read on from a place: what counting reads, each row once."""

from typing import Any

from flyball.adapters.logged import arrived
from flyball.adapters.packed import features
from flyball.adapters.postgres import rows as stored
from flyball.adapters.postgres.database import Connection
from flyball.core.window import Window, to_micros
from flyball.serving.records import Arrived, Place

# The same columns in the same order.
_ANSWERED = """
SELECT p.id, p.at, p.label, p.score, p.scores, p.variant, p.worker, p.contract, p.features
FROM predictions p WHERE p.stream = %s AND p.id > %s{window} ORDER BY p.id LIMIT %s
"""
_SHADOWS = """
SELECT s.id, s.at, s.label, s.score, s.scores, 'shadow', '', p.contract, p.features
FROM shadows s LEFT JOIN predictions p ON p.id = s.answered AND p.at = s.answered_at
WHERE s.stream = %s AND s.id > %s{window} ORDER BY s.id LIMIT %s
"""


def read_arrived(
    connection: Connection, stream: int, after: Place, limit: int, window: Window | None, names: dict[int, list[str]]
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
        stored.scores([row[3] for row in found], [row[4] for row in found]),
        [(row[5], row[6]) for row in found],
        [row[7] or 0 for row in found],  # 0: a shadow whose answered row is not here
        [features(row[8]) for row in found],
        {0: [], **names},
        place=place,
        more=len(found) == limit,
    )


def _read(
    connection: Connection, query: str, alias: str, stream: int, after: int, limit: int, window: Window | None
) -> list[tuple[Any, ...]]:
    bounds = () if window is None else (to_micros(window.start), to_micros(window.end))
    within = "" if window is None else f" AND {alias}.at >= %s AND {alias}.at < %s"
    return connection.execute(query.format(window=within).encode(), (stream, after, *bounds, limit), binary=True).fetchall()
