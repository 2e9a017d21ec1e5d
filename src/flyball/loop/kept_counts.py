"""What rows looked like at some time, of the counts that are kept alone: a page that looks back reads no prediction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.window import Window, from_micros, to_micros
from flyball.data.profile import ColumnReference, Reference, reference_digest
from flyball.data.season import SLOTS, Season, hourly
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.hours import weights_of
from flyball.monitoring.slots import CountKey
from flyball.monitoring.tally import add_hours
from flyball.registry.bundle import read_manifest

Ints = NDArray[np.int64]

YEAR = timedelta(days=364)  # the same weekdays
# So many slots are added up for a picture; of a longer window the newest.
_MOST = 400
# Expected shares become counts of so many rows.
_FINE = 10_000_000


@record
class ColumnThen:
    """One column of one version in a window. `window`: what was asked for, with all of each slot it touches; `hours`: rows per hour."""

    version: int
    reference: ColumnReference
    counts: Ints
    window: Window
    hours: Mapping[int, int]
    season: Season
    zone: str

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.counts.sum())


def column_then(world: World, state: State, version: int, name: str, window: Window, memory: Memory) -> ColumnThen | None:
    """What a column of a version held in a window on its own reference; None if its reference does not know it, or nothing was counted."""
    known = state.versions.get(version)
    if known is None:
        return None
    _, reference = memory.bundle(world.bundles, known.registered.bundle)
    column = reference.columns.get(name)
    if column is None:
        return None
    first = _first_cell(reference, name)
    ledger = CountKey(version=version, against=version, reference=reference_digest(reference))
    slots = world.counts.slots(state.model, ledger, window)[-_MOST:]
    sums, hours = np.zeros(column.size, dtype=np.int64), dict[int, int]()
    for slot in slots:
        tally = slot.tally()
        low, high = np.searchsorted(tally.cells, (first, first + len(sums))).tolist()
        sums[tally.cells[low:high] - first] += tally.counts[low:high]
        add_hours(hours, [tally])
    if not sums.any():
        return None
    first_slot, last_slot = slots[0], slots[-1]
    start = first_slot.start if len(slots) == _MOST else min(to_micros(window.start), first_slot.start)
    end = max(to_micros(window.end), last_slot.start + last_slot.length)
    covered = Window(start=from_micros(start), end=from_micros(end))
    return ColumnThen(
        version=version, reference=column, counts=sums, window=covered, hours=hours, season=reference.season, zone=reference.zone
    )


def features_read(world: World, state: State, version: int) -> tuple[str, ...] | None:
    """The features a version reads; None if its bundle is not here."""
    known = state.versions.get(version)
    if known is None:
        return None
    try:
        digest = known.registered.bundle
        return read_manifest(world.bundles.path(digest), digest).schema.names
    except FlyballError:
        return None


def expected(then: ColumnThen) -> ColumnReference | None:
    """The reference as it is in the hours that the window has rows in; None if it was made without a season.

    Within a group of cells of the season, values lie as they do in the whole reference.
    """
    season = then.reference.season
    if season is None or then.season == "none":
        return None
    slots = SLOTS[then.season]
    shares, _ = hourly(season.counts(slots)).mixture(weights_of(then.hours, then.season, then.zone, slots))
    beside = 2 if then.reference.kind == "number" else 1
    known = np.array(then.reference.counts, dtype=np.int64)
    values = known[:-beside].astype(np.float64)
    starts = np.array(season.starts, dtype=np.intp)
    sizes = np.diff(np.append(starts, len(values)))
    held = np.add.reduceat(values, starts)
    spread = np.where(np.repeat(held, sizes) > 0, values / np.repeat(np.maximum(held, 1.0), sizes), 1.0 / np.repeat(sizes, sizes))
    counts = np.zeros(len(known), dtype=np.int64)
    counts[: len(values)] = np.rint(spread * np.repeat(shares[:-1], sizes) * _FINE).astype(np.int64)
    counts[-beside] = round(float(shares[-1]) * _FINE)
    return replace(then.reference, counts=tuple(counts.tolist()))


def on_cells(then: ColumnThen, target: ColumnReference) -> ColumnReference | None:
    """What a column held, on the cells of another reference: about, for numbers, whose own cells say no more. None of another kind."""
    if then.reference.kind != target.kind:
        return None
    if target.kind == "category":
        held = dict(zip(then.reference.categories, then.counts.tolist(), strict=False))
        named = [held.pop(name, 0) for name in target.categories]
        return replace(target, counts=(*named, sum(held.values()) + int(then.counts[-2]), int(then.counts[-1])))
    edges, known = np.array(target.edges), np.array(then.reference.edges)
    if len(edges) < 2 or len(known) < 2:
        return None
    below = np.interp(edges, known, np.cumsum(then.counts[1 : len(known) + 1]), right=float(then.counts[1 : len(known) + 2].sum()))
    below[edges < known[0]] = 0.0
    inside = np.diff(np.append(0.0, np.append(below, float(then.counts[1 : len(known) + 2].sum()))))
    cells = np.rint(inside).astype(np.int64)
    return replace(target, counts=(int(then.counts[0]), *cells.tolist(), *then.counts[-3:].tolist()))


def _first_cell(reference: Reference, name: str) -> int:
    """The number of a column's first cell among those of all columns."""
    at = 0
    for other, column in reference.columns.items():
        if other == name:
            break
        at += column.size
    return at
