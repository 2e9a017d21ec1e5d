"""Simulated traffic as the counts of its minutes, so that a look at any window is a subtraction."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.schema import Column, Kind, Schema
from flyball.core.table import Array, Table
from flyball.core.window import Window
from flyball.data.profile import Reference, build_reference
from flyball.data.season import Season
from flyball.monitoring.counts import Counts, Span
from flyball.monitoring.scales import SCALES
from flyball.monitoring.yardstick import Yardstick

Floats = NDArray[np.float64]

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = 1440  # minutes
MINUTE = 60_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def times_of(rows: int, rate: int, *, start: int = 0) -> NDArray[np.int64]:
    """Times of evenly spaced rows, `rate` a minute, from `start` minutes after START on, in microseconds since 1970."""
    first = round((START - _EPOCH).total_seconds() * 1e6)
    return first + start * MINUTE + np.arange(rows, dtype=np.int64) * MINUTE // rate


def reference_of(columns: Mapping[str, Array], times: NDArray[np.int64] | None, *, season: Season = "none") -> Reference:
    """The reference of some numbers, and of texts as categories."""
    kinds: dict[str, Kind] = {name: "category" if values.dtype.kind == "O" else "number" for name, values in columns.items()}
    schema = Schema(columns=tuple(Column(name=name, kind=kind, nullable=True) for name, kind in kinds.items()))
    return build_reference(Table(dict(columns)), schema, {}, times, season=season)


class Minutes:
    """The counts of every minute of a simulation, summed up from its beginning."""

    def __init__(self, yard: Yardstick, minutes: int, rate: int, *, start: int = 0) -> None:
        self.yard, self.minutes, self.rate, self.start = yard, minutes, rate, start
        self._summed: dict[str, NDArray[np.int32]] = {}

    def add(self, name: str, values: Array) -> None:
        """The rows of one column, the first minute first."""
        cells = self.yard.reference.columns[name].cells()
        minute = np.arange(len(values)) // self.rate
        table = np.bincount(minute * cells.size + cells.codes(values), minlength=self.minutes * cells.size).astype(np.int32)
        summed = np.zeros((self.minutes + 1, cells.size), dtype=np.int32)
        np.cumsum(table.reshape(self.minutes, cells.size), axis=0, out=summed[1:])
        self._summed[name] = summed

    def span(self, first: int, last: int) -> Span:
        """Minutes `first` to `last` (not included)."""
        columns = {name: (summed[last] - summed[first]).astype(np.int64) for name, summed in self._summed.items()}
        counts = Counts(reference=self.yard.digest, rows=(last - first) * self.rate, columns=columns)
        begins = START + timedelta(minutes=self.start + first)
        window = Window(start=begins, end=begins + timedelta(minutes=last - first))
        hour, hours = (self.start + first) // 60, {}
        since = round((START - _EPOCH).total_seconds()) // 3600
        while hour * 60 < self.start + last:
            low, high = max(hour * 60, self.start + first), min(hour * 60 + 60, self.start + last)
            hours[since + hour] = (high - low) * self.rate
            hour += 1
        return Span(window=window, counts=counts, hours=hours)

    def spans(self, now: int) -> Sequence[Span]:
        """The windows of all lengths that end at minute `now` and fit."""
        lengths = [round(scale / timedelta(minutes=1)) for scale in SCALES]
        return [self.span(now - length, now) for length in lengths if length <= now]

    def history(self, now: int, step: int = 15) -> Sequence[Span]:
        """Disjoint windows of `step` minutes up to `now`, the oldest first."""
        return [self.span(first, first + step) for first in range(now % step, now - step + 1, step)]


def named(rng: np.random.Generator, rows: int, shares: Floats) -> Array:
    """Rows of a category: its names are numbered, their shares given."""
    names = np.array([f"c{at}" for at in range(len(shares))], dtype=object)
    found: Array = names[rng.choice(len(shares), rows, p=shares / shares.sum())]
    return found


def correlated(rng: np.random.Generator, rows: int, rho: float) -> Floats:
    """Gaussian rows of variance 1, each correlated by `rho` with the one before."""
    from scipy.signal import lfilter

    noise = rng.normal(size=rows) * np.sqrt(1.0 - rho**2)
    noise[0] = rng.normal()
    found: Floats = np.asarray(lfilter([1.0], [1.0, -rho], noise), dtype=np.float64)
    return found


def daily(rows: int, rate: int, *, start: int = 0) -> Floats:
    """One wave a day: the sine of the time of day of each row."""
    minute = start + np.arange(rows) / rate
    wave: Floats = np.sin(2.0 * np.pi * minute / DAY)
    return wave
