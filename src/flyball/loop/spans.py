"""What was counted, put together to the windows of one look: a function of the rows in the log and of `now` alone.

However finely or coarsely the slots are kept by now, a window is made of the same stretches of time. Where a stretch is kept in a longer
slot, as in a look at the past, its rows are counted again from the log.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from flyball.core.record import record
from flyball.core.window import Window, from_micros, to_micros
from flyball.data.profile import Reference
from flyball.journal.known import State
from flyball.loop.counting import Ruler, most_rows, rulers, tallied
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.counts import Counter, Counts, Span
from flyball.monitoring.scales import slots_of, window_end, window_start
from flyball.monitoring.slots import Kept
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
    """What is kept of one stretch of time; `start` in microseconds."""

    start: int
    kept: tuple[Kept | Tally, ...]


@record
class Wanted:
    """What is to be made of kept counts. `since`: from about so long ago until now, the shortest first; `latest`: the newest of at least so
    many rows; `between`: from each of these starts of slots to the next, the last until now, without those that hold no rows.
    """

    since: tuple[timedelta, ...] = ()
    latest: int = 0
    between: tuple[tuple[datetime, ...], ...] = ()


@record
class Made:
    """What was made of it, in the same order; `latest` is None if there are no rows."""

    since: list[Span]
    latest: Span | None
    between: list[list[Span]]


@record
class Counted:
    """What is kept of one version on the reference of version `against` since some time, newest first, and how to make counts of it."""

    against: int
    reference: Reference
    counter: Counter
    pieces: tuple[Piece, ...]
    now: datetime

    def make(self, wanted: Wanted) -> Made:
        """Everything that is wanted, in one pass: what is kept of four weeks is too much to be unpacked at once."""
        since = _Sums(self.counter, {window_start(length, self.now) for length in wanted.since}, self.now, growing=True)
        between = [_Sums(self.counter, starts, self.now, growing=False) for starts in wanted.between]
        latest, begins = _Sums(self.counter, (), self.now, growing=True), 0
        for piece in self.pieces:
            for sums in (since, *between):
                sums.reach(piece.start)
            if more := latest.rows < wanted.latest:
                begins = piece.start
            for kept in piece.kept:
                tally = kept.tally() if isinstance(kept, Kept) else kept
                for sums in (since, *between, *([latest] if more else [])):
                    sums.add(tally)
        return Made(
            since=since.spans(),
            latest=latest.span(from_micros(begins)) if latest.rows else None,
            between=[[span for span in reversed(sums.spans()) if span.counts.rows] for sums in between],
        )

    def past(self) -> tuple[datetime, ...]:
        """Starts of pieces of the last four weeks, finer the younger they are: to find when a drift began."""
        ages = sorted({age for (most, step), least in zip(_PAST, _younger(), strict=True) for age in _steps(least, most, step)})
        keep = max(4, _CELLS // max(1, self.counter.size))
        return tuple(sorted({window_start(age, self.now) for age in ages[:: max(1, -(-len(ages) // keep))]}))


class _Sums:
    """Sums of tallies that come newest first, told at each of these starts: of everything so far (`growing`), or since the start before."""

    def __init__(self, counter: Counter, starts: Collection[datetime], now: datetime, *, growing: bool) -> None:
        self.rows = 0
        self._counter, self._growing, self._end = counter, growing, now
        self._starts = sorted(set(starts))  # the next one last
        self._cells = np.zeros(counter.size, dtype=np.int64)
        self._hours: dict[int, int] = {}
        self._told: list[Span] = []
        self._fresh = True

    def reach(self, at: int) -> None:
        """What comes next starts at `at`: tell what ends before it."""
        while self._starts and to_micros(self._starts[-1]) > at:
            self._tell(self._starts.pop())

    def add(self, tally: Tally) -> None:
        """One more tally."""
        tally.add_to(self._cells)
        add_hours(self._hours, [tally])
        self.rows += tally.rows
        self._fresh = True

    def counts(self) -> Counts:
        """Everything so far."""
        return self._counter.split(self._cells.copy(), self.rows)

    def span(self, start: datetime) -> Span:
        """Everything so far, which begins there."""
        return Span(window=Window(start=start, end=self._end), counts=self.counts(), hours=dict(self._hours))

    def spans(self) -> list[Span]:
        """What was told, the newest start first."""
        while self._starts:
            self._tell(self._starts.pop())
        return self._told

    def _tell(self, start: datetime) -> None:
        # where nothing more is in it, the same counts: with very many columns they take room
        counts = self.counts() if self._fresh or not self._told else self._told[-1].counts
        self._told.append(Span(window=Window(start=start, end=self._end), counts=counts, hours=dict(self._hours)))
        self._fresh = False
        if not self._growing:
            self._end, self.rows, self._fresh = start, 0, True
            self._hours.clear()
            self._cells[:] = 0


def counted(
    world: World,
    state: State,
    version: int,
    memory: Memory,
    *,
    now: datetime,
    back: timedelta,
    beside: timedelta | None,
    variant: str | None = None,
) -> list[Counted]:
    """What is kept of a version on its own reference for windows of up to about `back`, and on those of other versions for `beside`.

    With `variant` only its rows in this role.
    """
    manifest, _ = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    found = []
    for ruler in rulers(world, state, memory, version):
        against = ruler.ledger.against
        length = back if against == version else beside
        if length is None:
            continue
        window = Window(start=window_start(length, now), end=window_end(now))
        pieces = _pieces(world, state.model, ruler, manifest, window, now, variant)
        _, reference = memory.bundle(world.bundles, state.versions[against].registered.bundle)
        found.append(Counted(against=against, reference=reference, counter=ruler.counter, pieces=tuple(pieces), now=now))
    return found


def _pieces(world: World, model: str, ruler: Ruler, manifest: Manifest, window: Window, now: datetime, variant: str | None) -> list[Piece]:
    """One piece for each slot of `now` in the window that holds rows, newest first."""
    first, last = to_micros(window.start), to_micros(window.end)
    slots = world.counts.slots(model, ruler.ledger, window)
    homes, lengths = slots_of(np.array([slot.start for slot in slots], dtype=np.int64), now)
    too_long = [slot.length > length or slot.start < first for slot, length in zip(slots, lengths.tolist(), strict=True)]
    broken = _joined([(slot.start, slot.start + slot.length) for slot, bad in zip(slots, too_long, strict=True) if bad])
    found: dict[int, list[Kept | Tally]] = {}
    for slot, home in zip(slots, homes.tolist(), strict=True):
        if variant in (None, slot.variant) and not any(start <= slot.start < end for start, end in broken):
            found.setdefault(home, []).append(slot)
    for start, end in broken:
        stretch = Window(start=from_micros(max(start, first)), end=from_micros(min(end, last)))
        for home, tally in _again(world, model, ruler, manifest, stretch, now, variant):
            found.setdefault(home, []).append(tally)
    return [Piece(start=start, kept=tuple(found[start])) for start in sorted(found, reverse=True)]


def _again(
    world: World, model: str, ruler: Ruler, manifest: Manifest, window: Window, now: datetime, variant: str | None
) -> Iterator[tuple[int, Tally]]:
    """The rows of a window, counted from the log in slots of `now`."""
    place = Place()
    while True:
        arrived = world.predictions.arrived(model, ruler.ledger.version, place, limit=most_rows(manifest), window=window)
        if len(arrived.at):
            for slot in tallied(arrived, manifest, [ruler.counter], now)[0]:
                if variant in (None, slot.variant):
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
