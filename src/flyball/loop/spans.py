"""What was counted, put together to the windows of one look: a function of the rows in the log and of `now` alone.

However finely or coarsely the slots are kept by now, a window is made of the same stretches of time. Where a stretch is kept in a longer
slot, as in a look at the past, its rows are counted again from the log.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from flyball.core.record import record
from flyball.core.window import Window, from_micros, to_micros
from flyball.data.profile import Reference
from flyball.journal.state import State
from flyball.loop.counting import Ruler, most_rows, rulers, tallied
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.counts import Counter, Counts, Span
from flyball.monitoring.scales import slots_of, window_end, window_start
from flyball.monitoring.tally import Tally, add_hours
from flyball.registry.records import Manifest
from flyball.serving.records import Place

# How far back pieces of the past are told apart, and how finely, to find when a drift began.
_PAST = (
    (timedelta(hours=3), timedelta(minutes=15)),
    (timedelta(days=2), timedelta(hours=3)),
    (timedelta(days=8), timedelta(hours=12)),
    (timedelta(days=28), timedelta(days=1)),
)
# With very many columns the past is told in fewer pieces: so many cells take 64 MB.
_CELLS = 8_000_000


@record
class Piece:
    """The tallies of one stretch of time; `start` in microseconds."""

    start: int
    tallies: tuple[Tally, ...]

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(tally.rows for tally in self.tallies)


@record
class Counted:
    """What is kept of one version on the reference of version `against` since some time, newest first, and how to make counts of it."""

    against: int
    reference: Reference
    counter: Counter
    pieces: tuple[Piece, ...]
    now: datetime

    def since(self, lengths: Sequence[timedelta]) -> list[Span]:
        """One span for each length, from about so long ago until `now`, the shortest first."""
        starts = sorted({window_start(length, self.now) for length in lengths}, reverse=True)
        sums, hours, rows, place = np.zeros(self.counter.size, dtype=np.int64), dict[int, int](), 0, 0
        spans: list[Span] = []
        for start in starts:
            before = place
            while place < len(self.pieces) and self.pieces[place].start >= to_micros(start):
                piece = self.pieces[place]
                for tally in piece.tallies:
                    tally.add_to(sums)
                hours, rows, place = add_hours([hours, *(tally.hours for tally in piece.tallies)]), rows + piece.rows, place + 1
            window = Window(start=start, end=self.now)
            if spans and place == before:  # nothing more is in it: the same counts
                spans.append(Span(window=window, counts=spans[-1].counts, hours=hours))
            else:
                spans.append(Span(window=window, counts=self.counter.split(sums.copy(), rows), hours=hours))
        return spans

    def between(self, starts: Sequence[datetime]) -> list[Span]:
        """Disjoint spans from each of these starts of slots to the next, the last until `now`; those without rows are left out."""
        found = []
        for start, end in pairwise([*starts, self.now]):
            last = end == self.now
            inside = [piece for piece in self.pieces if piece.start >= to_micros(start) and (last or piece.start < to_micros(end))]
            if any(piece.rows for piece in inside):
                found.append(Span(window=Window(start=start, end=end), counts=self._sum(inside), hours=_hours(inside)))
        return found

    def latest(self, rows: int) -> Counts | None:
        """The newest pieces that together hold so many rows, or all there are; None if there are none."""
        held, inside = 0, []
        for piece in self.pieces:
            inside.append(piece)
            held += piece.rows
            if held >= rows:
                break
        return self._sum(inside) if held else None

    def past(self) -> list[Span]:
        """The last four weeks in pieces, finer the younger they are, newest last."""
        ages = sorted({age for (most, step), least in zip(_PAST, _younger(), strict=True) for age in _steps(least, most, step)})
        keep = max(4, _CELLS // max(1, self.counter.size))
        ages = ages[:: max(1, -(-len(ages) // keep))]
        return self.between(sorted({window_start(age, self.now) for age in ages}))

    def _sum(self, pieces: Sequence[Piece]) -> Counts:
        sums = np.zeros(self.counter.size, dtype=np.int64)
        for piece in pieces:
            for tally in piece.tallies:
                tally.add_to(sums)
        return self.counter.split(sums, sum(piece.rows for piece in pieces))


def counted(world: World, state: State, version: int, memory: Memory, *, now: datetime, back: timedelta) -> list[Counted]:
    """What is kept of a version for windows of up to about `back`: on its own reference first, then on those of `rulers`."""
    manifest, _ = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    since = window_start(back, now)
    found = []
    for ruler in rulers(world, state, memory, version):
        pieces = _pieces(world, state.model, ruler, manifest, Window(start=since, end=window_end(now)), now)
        _, reference = memory.bundle(world.bundles, state.versions[ruler.series.against].registered.bundle)
        found.append(Counted(against=ruler.series.against, reference=reference, counter=ruler.counter, pieces=tuple(pieces), now=now))
    return found


def _pieces(world: World, model: str, ruler: Ruler, manifest: Manifest, window: Window, now: datetime) -> list[Piece]:
    """One piece for each slot of `now` in the window that holds rows, newest first."""
    first, last = to_micros(window.start), to_micros(window.end)
    slots = world.counts.slots(model, ruler.series, window)
    homes, lengths = slots_of(np.array([slot.start for slot in slots], dtype=np.int64), now)
    too_long = [slot.length > length or slot.start < first for slot, length in zip(slots, lengths.tolist(), strict=True)]
    broken = _joined([(slot.start, slot.start + slot.length) for slot, bad in zip(slots, too_long, strict=True) if bad])
    found: dict[int, list[Tally]] = {}
    for slot, home in zip(slots, homes.tolist(), strict=True):
        if not any(start <= slot.start < end for start, end in broken):
            found.setdefault(home, []).append(slot.tally)
    for start, end in broken:
        stretch = Window(start=from_micros(max(start, first)), end=from_micros(min(end, last)))
        for home, tally in _again(world, model, ruler, manifest, stretch, now):
            found.setdefault(home, []).append(tally)
    return [Piece(start=start, tallies=tuple(found[start])) for start in sorted(found, reverse=True)]


def _again(world: World, model: str, ruler: Ruler, manifest: Manifest, window: Window, now: datetime) -> Iterator[tuple[int, Tally]]:
    """The rows of a window, counted from the log in slots of `now`."""
    place = Place()
    while True:
        arrived = world.predictions.arrived(model, ruler.series.version, place, limit=most_rows(manifest), window=window)
        if len(arrived.at):
            for slot in tallied(arrived, manifest, [ruler.counter], now)[0]:
                yield slot.start, slot.tally
        if not arrived.more:
            return
        place = arrived.place


def _joined(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of time with those that overlap made one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _younger() -> list[timedelta]:
    return [timedelta(0), *(most for most, _ in _PAST[:-1])]


def _steps(least: timedelta, most: timedelta, step: timedelta) -> list[timedelta]:
    return [least + step * number for number in range(1, (most - least) // step + 1)]


def _hours(pieces: Sequence[Piece]) -> dict[int, int]:
    return add_hours(tally.hours for piece in pieces for tally in piece.tallies)
