"""Drift of files of any size from a version's training data: every part is counted where there is room, and counts are added."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice

import numpy as np

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.window import Window, from_micros
from flyball.data.profile import Reference
from flyball.loop.once import Once
from flyball.loop.parts import Cut, RowSource
from flyball.monitoring.counts import Counter, Counts
from flyball.monitoring.drift import drift
from flyball.monitoring.records import ColumnDrift
from flyball.monitoring.tally import Tally, added, tally_of
from flyball.ports.mapping import Mapper, Say
from flyball.spec.records import MonitorSpec

_PARTS = 16  # that are counted in one go
_TOLD = 10  # so many times it is said how far the counting is
_DAY = timedelta(days=1)


@record
class Opened:
    """The files, and what their rows are counted with."""

    source: RowSource
    counter: Counter


@record
class Counted:
    """Some parts, counted. `first` and `last`: their earliest and latest time (microseconds; None: the rows have none)."""

    files: frozenset[int]
    tally: Tally
    rows: int
    size: int
    broken: int
    problems: int
    first: int | None
    last: int | None


@record
class Lake:
    """What was counted of all files. `broken` lines are no rows; `problems` are cells that could not be read and count as missing.

    `window`: the time the rows cover (None: they have no time).
    """

    counts: Counts
    rows: int
    files: int
    broken: int
    problems: int
    window: Window | None


def count_files(source: RowSource, opened: Callable[[], Opened], *, mapper: Mapper, say: Say) -> Lake:
    """The counts of all rows. They are the same whoever counts which part: whole numbers, added up."""
    once = Once(opened)
    parts: list[Tally] = []
    found: list[Counted] = []
    done, total, told = 0, max(source.total, 1), 0
    for one in mapper.each(partial(count_parts, once), _lots(source.cuts((0, 0, 0))), say=say):
        parts = [added([*parts, one.tally])]
        found.append(one)
        done += one.size
        if done * _TOLD // total > told:
            told = done * _TOLD // total
            say(f"counted: {sum(each.rows for each in found):,} rows, {done / total:.0%}")
    if not parts:
        raise DataError("the files hold no rows", hint="name files with rows such as the model meets")
    times = [one.first for one in found if one.first is not None], [one.last for one in found if one.last is not None]
    window = Window(start=from_micros(min(times[0])), end=from_micros(max(times[1]) + 1)) if times[0] else None
    return Lake(
        counts=once().counter.counts(parts[0]),
        rows=sum(one.rows for one in found),
        files=len(frozenset[int]().union(*(one.files for one in found))),
        broken=sum(one.broken for one in found),
        problems=sum(one.problems for one in found),
        window=window,
    )


def count_parts(opened: Callable[[], Opened], cuts: tuple[Cut, ...], say: Say) -> Counted:
    """In whichever process: some parts that follow each other."""
    there = opened()
    tallies: list[Tally] = []
    rows = broken = problems = 0
    first: int | None = None
    last: int | None = None
    parts = islice(there.source.parts(cuts[0].place), len(cuts))
    for cut, part in zip(cuts, parts, strict=True):
        if (part.place, part.after, part.size) != (cut.place, cut.after, cut.size):
            raise DataError(f"{cut.file} is another file where it is counted", hint="did it change since? run the command again")
        loaded = part.load()
        here = len(loaded.numbers)
        rows, broken, problems = rows + here, broken + len(loaded.broken), problems + len(loaded.problems)
        known = np.zeros(here, dtype=np.int64) if loaded.at is None else loaded.at
        places = there.counter.places(loaded.table, {}, here)
        tallies.append(tally_of(places.ravel(), known, there.counter.size))
        told = known[known > np.iinfo(np.int64).min] if loaded.at is not None else known[:0]
        if len(told):
            first = int(told.min()) if first is None else min(first, int(told.min()))
            last = int(told.max()) if last is None else max(last, int(told.max()))
    return Counted(
        files=frozenset(cut.place[0] for cut in cuts),
        tally=added(tallies),
        rows=rows,
        size=sum(cut.size for cut in cuts),
        broken=broken,
        problems=problems,
        first=first,
        last=last,
    )


def lake_drift(reference: Reference, lake: Lake, monitor: MonitorSpec) -> dict[str, ColumnDrift]:
    """How far each feature is from the reference; of rows that cover several days, by what so many days did in training."""
    days = 1.0 if lake.window is None else max(1.0, (lake.window.end - lake.window.start) / _DAY)
    return drift(reference, lake.counts, margin=monitor.margin, share_margin=monitor.share_margin, looks=1, days=days)


def _lots(cuts: Iterator[Cut]) -> Iterator[tuple[Cut, ...]]:
    while lot := tuple(islice(cuts, _PARTS)):
        yield lot
