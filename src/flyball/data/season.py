"""The season of a column: coarse counts of the training data per hour of the day or of the week, in local time."""

import base64
import math
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.stats.distances import group_cells

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Season = Literal["none", "day", "week"]

HOUR = 3_600_000_000  # microseconds
# The first and the last hour that have a date everywhere; what lies outside is no time anybody meant.
_CALENDAR = -17_259_000, 70_389_000
# Slots of a season, and in how many groups of cells a column is counted in each: about 5 kB a column for a day, 8 kB for a week.
SLOTS: Mapping[Season, int] = {"none": 0, "day": 24, "week": 168}
# A slot with fewer rows of the training is compared with the same hour of all days, and if those are few too, with everything.
FEWEST_ROWS = 100
_GROUPS: Mapping[Season, int] = {"none": 0, "day": 32, "week": 16}


@record
class ColumnSeason:
    """Counts of one column per slot of the season.

    `starts`: the first cell of each group of cells that hold values; groups are whole runs of cells. `packed`: a row per slot, in it the
    rows of each group and, last, the rows without a value; unsigned 32-bit numbers, compressed, as text, because a reference may have
    thousands of columns.
    """

    starts: tuple[int, ...]
    packed: str

    def counts(self, slots: int) -> Ints:
        """The counts, one row per slot; DataError if they are damaged."""
        try:
            raw = zlib.decompress(base64.b64decode(self.packed, validate=True))
            table = np.frombuffer(raw, dtype="<u4").astype(np.int64)
            return table.reshape(slots, len(self.starts) + 1)
        except (ValueError, zlib.error) as error:
            raise DataError("the season of a reference is damaged", hint="train again") from error


def hours_of(times: Ints) -> Ints:
    """The hour of each time in microseconds since 1970: hours since 1970, UTC."""
    return times // HOUR


def slots_of(hours: Ints, season: Season, zone: str) -> NDArray[np.intp]:
    """The slot of the season each hour (since 1970, UTC) lies in, in local time: 0 … 23, or from Monday on 0 … 167.

    An hour belongs where its middle lies, so that zones with half hours are no trouble.
    """
    known, back = np.unique(np.clip(hours, *_CALENDAR), return_inverse=True)
    place = _place(zone)
    local = [datetime.fromtimestamp(hour * 3600 + 1800, place) for hour in known.tolist()]
    slots = [at.hour if season == "day" else at.weekday() * 24 + at.hour for at in local]
    return np.array(slots, dtype=np.intp)[back]


def season_of(codes: NDArray[np.intp], values: int, size: int, slots: NDArray[np.intp], season: Season) -> ColumnSeason:
    """Count a column: `codes` are its cells, of which the first `values` hold values, `slots` the slot of each row."""
    counts = np.bincount(codes, minlength=size)[:values]
    starts = coarse_starts(counts, _GROUPS[season])
    table = grouped_codes(codes, values, starts, slots, SLOTS[season])
    return pack(starts, table)


def coarse_starts(counts: Ints, groups: int) -> NDArray[np.intp]:
    """The first cell of each of at most `groups` runs of cells with about equal shares of the rows."""
    group = group_cells(counts, groups)
    return np.flatnonzero(np.diff(group, prepend=-1)).astype(np.intp)


def grouped_codes(codes: NDArray[np.intp], values: int, starts: NDArray[np.intp], slots: NDArray[np.intp], count: int) -> Ints:
    """Rows per slot and group, the last column those without a value."""
    width = len(starts) + 1
    group = np.append(np.repeat(np.arange(len(starts)), np.diff(np.append(starts, values))), np.full(2, len(starts)))
    return np.bincount(slots * width + group[codes], minlength=count * width).reshape(count, width).astype(np.int64)


def pack(starts: NDArray[np.intp], table: Ints) -> ColumnSeason:
    """The record of these counts."""
    raw = np.minimum(table, np.iinfo(np.uint32).max).astype("<u4").tobytes()
    return ColumnSeason(starts=tuple(starts.tolist()), packed=base64.b64encode(zlib.compress(raw, 9)).decode())


@record
class Hourly:
    """What is expected of a row in each slot: `rate` per group (the last is: no value), from `rows` rows of which `values` had one.

    `level`: 0 the slot itself, 1 the same hour of all days, 2 everything. Several slots of one level-1 or level-2 pool share its rows.
    """

    rate: Floats
    values: Floats
    level: NDArray[np.intp]

    def mixture(self, weights: Floats) -> tuple[Floats, float]:
        """What rows of these weights per slot should look like, in shares of rows; and how many reference rows that is worth.

        The variance of a mixture is sum(w_s^2 / m_s), w_s the weight of the values. Pools overlap with slots: their standard errors are
        added, which no correlation can exceed.
        """
        shares: Floats = weights @ self.rate
        present = weights * (1.0 - self.rate[:, -1])
        total = float(present.sum())
        if total <= 0.0:
            return shares, 0.0
        present = present / total
        held = np.maximum(self.values, 1.0)
        error = math.sqrt(float((present**2 / held)[self.level == 0].sum()))
        if self.level.any():
            part = present / np.sqrt(held)
            error += math.sqrt(float((np.bincount(np.arange(len(part)) % 24, np.where(self.level == 1, part, 0.0)) ** 2).sum()))
            error += float(part[self.level == 2].sum())
        return shares, 1.0 / error**2


def hourly(table: Ints) -> Hourly:
    """The expectation per slot of a table of counts (slots × groups), thin slots filled from their pools."""
    rows = table.sum(axis=1)
    level = np.zeros(len(table), dtype=np.intp)
    used = table
    thin = rows < FEWEST_ROWS
    if thin.any():
        used = table.copy()
        hour = np.arange(len(table)) % 24
        same = table.reshape(-1, 24, table.shape[1]).sum(axis=0)
        enough = thin & (same.sum(axis=1)[hour] >= FEWEST_ROWS) & (len(table) > 24)
        rest = thin & ~enough
        used[enough], level[enough] = same[hour[enough]], 1
        used[rest], level[rest] = table.sum(axis=0), 2
    total = used.sum(axis=1)
    return Hourly(rate=used / np.maximum(total, 1)[:, None], values=(total - used[:, -1]).astype(np.float64), level=level)


def _place(zone: str) -> tzinfo:
    """The zone of that name; DataError if there is none."""
    if zone == "UTC":
        return UTC
    try:
        return ZoneInfo(zone)
    except (LookupError, ValueError, OSError) as error:
        raise DataError(f"there is no time zone {zone!r}", hint='write it as in "Europe/Berlin"; "UTC" always works') from error
