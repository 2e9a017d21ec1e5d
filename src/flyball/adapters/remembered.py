"""A journal whose entries are read once: for a process that is asked again and again, and must not read the same thousands each time."""

import threading
from collections.abc import Sequence
from datetime import datetime

from flyball.journal.chain import Link
from flyball.journal.events import Entry, Event
from flyball.ports.history import Journal


class RememberedJournal:
    """The port `Journal` over another one.

    What was read is remembered; each read asks for what follows the newest entry that is known, and for that entry itself. If it is no
    longer the same (the database was put back from a backup, or edited there), everything is read and verified anew. An edit of an older
    entry is found by whoever reads the whole next: the loop, `flyball journal`, this process after a restart.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._known: dict[str, list[Entry]] = {}

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        """The entries with seq > `after`, in order."""
        with self._lock:
            known = self._known.get(model, [])
            newer = self._journal.read(model, after=len(known) - 1) if known else []
            same = bool(known) and newer[:1] == known[-1:]
            known = self._known[model] = [*known, *newer[1:]] if same else self._journal.read(model)
        return known[max(after, 0) :]

    def links(self, model: str) -> list[Link]:
        """Every entry as it is stored, in order, unchecked, and read each time."""
        return self._journal.links(model)

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        """Append all events or none, durably, if the newest seq is `expected` and no lease is above `epoch`."""
        return self._journal.append(model, events, expected=expected, actor=actor, at=at, epoch=epoch)

    def models(self) -> list[str]:
        """The names of all models with at least one entry, sorted."""
        return self._journal.models()
