"""The journal as a dashboard reads it: each entry is read and checked against its hash once, and kept; after that only what is new."""

import threading
from collections.abc import Sequence
from datetime import datetime

from flyball.journal.chain import Link
from flyball.journal.events import Entry, Event
from flyball.ports.history import Journal


class KeptJournal:
    """The port `Journal` over another one. A page of ten thousand entries costs what has been appended since the last look.

    The newest entry is looked at each time: a journal that was put back from a backup is read again from its beginning. What somebody
    edits further back is found by an examination (`links`), which always reads all of it.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: dict[str, list[Entry]] = {}
        self._lock = threading.Lock()

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        """The entries with seq > `after`, in order."""
        with self._lock:
            known = self._kept.get(model, [])
            fresh = self._journal.read(model, after=known[-1].seq - 1) if known else self._journal.read(model)
            if known and (not fresh or fresh[0].hash != known[-1].hash):
                known, fresh = [], self._journal.read(model)
            self._kept[model] = known + (fresh[1:] if known else fresh)
            return self._kept[model][max(after, 0) :]

    def links(self, model: str) -> list[Link]:
        """Every entry as it is stored, unchecked."""
        return self._journal.links(model)

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        """Append all events or none."""
        return self._journal.append(model, events, expected=expected, actor=actor, at=at, epoch=epoch)

    def models(self) -> list[str]:
        """The names of all models with at least one entry."""
        return self._journal.models()
