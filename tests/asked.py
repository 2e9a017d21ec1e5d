"""Rows as a log gives them back, for tests of what is said about them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from flyball.core.table import Array, Table
from flyball.serving.records import LoggedRows

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
_MICROS = 1_000_000


def texts(values: Sequence[object]) -> Array:
    """An object array of exactly these values."""
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array


def logged(
    features: Mapping[str, Array],
    *,
    rows: int | None = None,
    at: Array | None = None,
    made_at: Array | None = None,
    unit: Sequence[str | None] | None = None,
    entity: Sequence[str | None] | None = None,
) -> LoggedRows:
    """Rows spread over the day before `NOW`, unless times are given."""
    count = len(next(iter(features.values()))) if rows is None else rows
    end = int(NOW.timestamp()) * _MICROS
    times = end - (count - np.arange(count, dtype=np.int64)) * (86_400 * _MICROS // max(count, 1)) if at is None else at
    return LoggedRows(
        prediction_id=texts([f"p{number}" for number in range(count)]),
        at=times,
        day=times // (86_400 * _MICROS),
        unit=texts([None] * count if unit is None else unit),
        entity=texts([None] * count if entity is None else entity),
        label=texts([0] * count),
        score=np.full(count, 0.5),
        actual=texts([None] * count),
        outcome_at=np.zeros(count, dtype=np.int64),
        features=Table(dict(features)),
        made_at=times.copy() if made_at is None else made_at,
    )
