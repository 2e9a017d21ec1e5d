"""Batch scoring in many processes: a few parts at a time go to whoever has room, and come back in order.

Only where the parts are travels. Every process opens the files and the model for itself, once, and writes the pieces of the output and of
the log into the same folders; this process makes them count, one after the other.
"""

import secrets
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.loop.batch.part import BatchOrder, Made, make
from flyball.loop.once import Once
from flyball.loop.parts import Cut, Place
from flyball.ports.mapping import Mapper, Say

MadePart = tuple[Cut, Made]


@record
class Spread:
    """Who makes the parts: `mapper`, `parts` of them at a time. `opened` gives the job in another process; it and `clock` can be pickled.

    `say`: hears what goes on there.
    """

    mapper: Mapper
    opened: Callable[[], BatchOrder]
    clock: Callable[[], int]
    say: Say
    parts: int = 4


@record
class _Lot:
    """Some parts that follow each other; the first has this number."""

    number: int
    cuts: tuple[Cut, ...]


def made_elsewhere(spread: Spread, order: BatchOrder, folder: Path, start: Place, number: int) -> Generator[MadePart]:
    """The parts from a place on, the first of them with this number, made by the mapper."""
    opening = Once(partial(_open, spread.opened, order.started_at, order.job, order.source.fingerprint))
    lots = _lots(order.source.cuts(start), number, spread.parts)
    results = spread.mapper.each(partial(_make_lot, opening, folder.resolve(), spread.clock), lots, say=spread.say)
    for made in results:
        yield from made


def _lots(cuts: Iterator[Cut], number: int, size: int) -> Iterator[_Lot]:
    while taken := tuple(islice(cuts, size)):
        yield _Lot(number=number, cuts=taken)
        number += len(taken)


def _make_lot(opening: Once[BatchOrder], folder: Path, clock: Callable[[], int], lot: _Lot, say: Say) -> list[MadePart]:
    """In another process: the parts of a lot."""
    order = opening()
    parts = islice(order.source.parts(lot.cuts[0].place), len(lot.cuts))
    attempt = f"{secrets.token_hex(4)}."
    found: list[MadePart] = []
    for place, (cut, part) in enumerate(zip(lot.cuts, parts, strict=True)):
        if (part.place, part.after, part.size) != (cut.place, cut.after, cut.size):
            raise DataError(f"{cut.file} is another file where this part is scored", hint="did it change since? run the command again")
        found.append((cut, make(order, part, lot.number + place, folder, clock, attempt)))
    return found


def _open(opened: Callable[[], BatchOrder], started_at: int | None, job: str, fingerprint: str) -> BatchOrder:
    order = replace(opened(), started_at=started_at, job=job)
    if order.source.fingerprint != fingerprint:
        raise DataError(
            "the input is another one where it is scored: its files differ in size, content or the time they were written",
            hint="did it change since? run the command again; every worker has to see the same files",
        )
    return order
