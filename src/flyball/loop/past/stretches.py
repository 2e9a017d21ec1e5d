"""From when to when: which version was champion, and which was compared with it. Folds of the journal; pure."""

from collections.abc import Sequence
from datetime import datetime

from flyball.core.record import record
from flyball.journal.events import Entry, Promoted, RolledBack, RolloutEnded, RolloutStarted


@record
class Stretch:
    """A version that answered, or was compared, from one time to another."""

    version: int
    start: datetime
    end: datetime


def champions(entries: Sequence[Entry], end: datetime) -> list[Stretch]:
    """Which version was champion when, in order; the last one up to `end`."""
    moves = [
        (entry.at, entry.event.version if isinstance(entry.event, Promoted) else entry.event.to)
        for entry in entries
        if isinstance(entry.event, Promoted | RolledBack)
    ]
    ends = [*(at for at, _ in moves[1:]), end][: len(moves)]
    return [Stretch(version=version, start=at, end=max(at, until)) for (at, version), until in zip(moves, ends, strict=True)]


def comparisons(entries: Sequence[Entry], end: datetime) -> list[Stretch]:
    """Which version was compared when, in order; one that still is up to `end`."""
    found: list[Stretch] = []
    running: tuple[int, datetime] | None = None
    for entry in entries:
        if isinstance(entry.event, RolloutStarted):
            running = entry.event.version, entry.at
        elif isinstance(entry.event, RolloutEnded) and running is not None:
            found.append(Stretch(version=running[0], start=running[1], end=entry.at))
            running = None
    if running is not None:
        found.append(Stretch(version=running[0], start=running[1], end=max(end, running[1])))
    return found
