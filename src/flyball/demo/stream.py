"""A year of flights as a stream: which departures and which landings belong to which simulated hour, and the requests that tell them.

Within an hour departures are independent of each other; a landing is told at the end of the hour it falls in, never before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.core.table import Array, Table
from flyball.core.window import from_micros, to_micros

if TYPE_CHECKING:
    import pandas as pd

HOUR = 3_600_000_000
NEVER = np.iinfo(np.int64).max
"""The landing time of a flight that never landed."""


@record
class Stream:
    """Departures in order of time: `at` and `landed` in microseconds UTC, `actual` the label (meaningless where `landed` is NEVER)."""

    ids: NDArray[np.object_]
    units: NDArray[np.object_]
    at: NDArray[np.int64]
    landed: NDArray[np.int64]
    actual: NDArray[np.int64]
    features: Table

    def __len__(self) -> int:
        return len(self.at)


@record
class Hour:
    """Rows [first, last) depart in [start, end); `landings` are rows that departed before `end` and landed by then, in order of landing."""

    start: int
    end: int
    first: int
    last: int
    landings: NDArray[np.int64]


def make_stream(prepared: pd.DataFrame, features: Sequence[str], *, start: datetime, end: datetime) -> Stream:
    """The flights with start <= scheduled departure < end; `prepared` is what `prepare` returned, ordered by `scheduled_at`."""
    inside = prepared[(prepared["scheduled_at"] >= start) & (prepared["scheduled_at"] < end)]
    landed = inside["landed_at"].dt.as_unit("us")
    never = landed.isna().to_numpy()
    return Stream(
        ids=inside["flight_id"].to_numpy(dtype=object),
        units=_text(inside["aircraft"]),
        at=inside["scheduled_at"].dt.as_unit("us").astype("int64").to_numpy(),
        landed=np.where(never, NEVER, landed.astype("int64").to_numpy()),
        actual=inside["late"].fillna(0).to_numpy(dtype=np.int64),
        features=Table({name: _feature(inside[name]) for name in features}),
    )


def hours(stream: Stream, start: datetime, end: datetime) -> Iterator[Hour]:
    """The hours from start to end, in order; each departure and each landing within that time stands in exactly one."""
    by_landing = np.argsort(stream.landed, kind="stable")
    landed = stream.landed[by_landing]
    stop = to_micros(end)
    told = 0
    for hour in range(to_micros(start), stop, HOUR):
        until = min(hour + HOUR, stop)
        first, last = np.searchsorted(stream.at, (hour, until))
        known = int(np.searchsorted(landed, until, side="right"))
        yield Hour(start=hour, end=until, first=int(first), last=int(last), landings=by_landing[told:known])
        told = known


def days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The days from start to end, each as (start, end)."""
    while start < end:
        following = min(start + timedelta(days=1), end)
        yield start, following
        start = following


def prediction_bodies(stream: Stream, first: int, last: int) -> list[bytes]:
    """The JSON bodies of `POST /predict` for rows [first, last)."""
    encode = msgspec.json.Encoder().encode
    rows = slice(first, last)
    names = list(stream.features.columns)
    columns = [_values(stream.features[name][rows]) for name in names]
    bodies = []
    for at, name, unit, *values in zip(stream.at[rows].tolist(), stream.ids[rows], stream.units[rows], *columns, strict=True):
        body: dict[str, Any] = {"features": dict(zip(names, values, strict=True)), "id": name, "at": from_micros(at)}
        if unit is not None:
            body["unit"] = unit
        bodies.append(encode(body))
    return bodies


def outcome_body(stream: Stream, landings: NDArray[np.int64]) -> bytes:
    """The JSON body of `POST /outcomes` for these rows: which flight, what became of it, and when that was known."""
    told = [
        {"id": stream.ids[row], "actual": actual, "at": from_micros(at)}
        for row, actual, at in zip(landings, stream.actual[landings].tolist(), stream.landed[landings].tolist(), strict=True)
    ]
    return msgspec.json.encode(told)


def _text(column: pd.Series[Any]) -> NDArray[np.object_]:
    """Text with None for missing."""
    values: NDArray[np.object_] = column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
    return values


def _feature(column: pd.Series[Any]) -> Array:
    """A column as a request carries it: numbers as they are, all else as text."""
    if column.dtype.kind in "iufb":
        return column.to_numpy()
    return _text(column)


def _values(values: Array) -> list[Any]:
    """JSON values: missing numbers become null."""
    plain: list[Any] = values.tolist()
    if values.dtype.kind == "f":
        return [None if value != value else value for value in plain]  # NaN is what differs from itself
    return plain
