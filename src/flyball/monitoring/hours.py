"""What rows of some hours should look like, for many columns at once: the mixture of the hours of a seasonal reference."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.data.season import ColumnSeason, Season, hourly, slots_of

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


class Flat:
    """The cells of several columns one after the other; `starts` is the first of each, `owner` the column of each cell."""

    __slots__ = ("owner", "sizes", "starts", "total")

    def __init__(self, sizes: Codes) -> None:
        self.sizes = sizes
        self.starts = np.append(0, np.cumsum(sizes)[:-1]).astype(np.intp)
        self.total = int(sizes.sum())
        self.owner = np.repeat(np.arange(len(sizes)), sizes)

    def sums(self, values: NDArray[Any]) -> Floats:
        """The sum over the cells of each column."""
        return np.add.reduceat(values.astype(np.float64, copy=False), self.starts)

    def largest(self, values: Floats) -> Floats:
        """The largest over the cells of each column."""
        found: Floats = np.maximum.reduceat(values, self.starts)
        return found

    def cumulated(self, values: NDArray[Any]) -> NDArray[Any]:
        """Running sums within each column; exact for counts, and ten times as fast for them."""
        summed = np.cumsum(values)
        found: NDArray[Any] = summed - (summed[self.starts] - values[self.starts])[self.owner]
        return found


class Hours:
    """The hours of a season of several columns side by side, on groups of cells.

    `flat` has the groups of each column; `starts` is the first cell of each group among the cells of the block.
    """

    def __init__(self, seasons: Sequence[ColumnSeason], cells: Flat, value: NDArray[np.bool_], slots: int) -> None:
        self.flat = Flat(np.array([len(season.starts) for season in seasons], dtype=np.intp))
        self.starts = np.concatenate([cells.starts[at] + np.array(season.starts, dtype=np.intp) for at, season in enumerate(seasons)])
        # Cells of a group, without those behind the last group that hold no values.
        self.width = np.add.reduceat(value.astype(np.int64), self.starts)
        found = [hourly(season.counts(slots)) for season in seasons]
        # Four bytes each: there may be thousands of columns, of 168 hours and 16 groups.
        self.rate = np.concatenate([one.rate[:, :-1] for one in found], axis=1).astype(np.float32)
        self.absent = np.stack([one.rate[:, -1] for one in found], axis=1)
        self.values = np.stack([one.values for one in found], axis=1)
        self.level = np.stack([one.level for one in found], axis=1)

    def grouped(self, counts: NDArray[np.int64]) -> Floats:
        """Counts on the cells of the block (0 where a cell holds no values), added up by group."""
        return np.add.reduceat(counts, self.starts).astype(np.float64)

    def mixture(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """What rows of these weights per slot should look like: shares of the values per group, the share without a value, and how many
        reference rows that is worth, as `Hourly.mixture` says.
        """
        used = np.flatnonzero(weights)
        w = weights[used]
        share = (w.astype(np.float32) @ self.rate[used]).astype(np.float64)
        absent = w @ self.absent[used]
        total = self.flat.sums(share)
        share /= np.maximum(total, 1e-30)[self.flat.owner]
        present = w[:, None] * (1.0 - self.absent[used])
        present /= np.maximum(present.sum(axis=0), 1e-30)
        held, level, hour = np.maximum(self.values[used], 1.0), self.level[used], used % 24
        error = np.sqrt(np.where(level == 0, present**2 / held, 0.0).sum(axis=0))
        error += np.where(level == 2, present / np.sqrt(held), 0.0).sum(axis=0)
        same = np.zeros(len(error))
        for at in np.unique(hour):
            pool = np.where((level == 1) & (hour == at)[:, None], present / np.sqrt(held), 0.0).sum(axis=0)
            same += pool**2
        error += np.sqrt(same)
        worth = np.where((error > 0.0) & (total > 0.0), 1.0 / np.maximum(error, 1e-15) ** 2, 0.0)
        return share, np.minimum(absent, 1.0), worth


def weights_of(hours: Mapping[int, int], season: Season, zone: str, slots: int) -> Floats:
    """The part of the rows in each slot of the season; nothing anywhere without rows."""
    found = np.zeros(slots)
    if hours:
        place = slots_of(np.fromiter(hours.keys(), dtype=np.int64, count=len(hours)), season, zone)
        np.add.at(found, place, np.fromiter(hours.values(), dtype=np.float64, count=len(hours)))
    total = found.sum()
    return found / total if total > 0 else found
