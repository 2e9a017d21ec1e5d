"""The journal in memory: the same chain and the same compare-and-set, gone when the process ends."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime

from flyball.adapters.memory.leases import MemoryLeases
from flyball.journal.chain import GENESIS, Link, conflict, forge, stale, to_entry, verify
from flyball.journal.events import Entry, Event


class MemoryJournal:
    """The port `Journal`. `leases`: those an epoch is checked against; None: nobody leads."""

    def __init__(self, leases: MemoryLeases | None = None) -> None:
        self._leases = leases
        self._links: dict[str, list[Link]] = {}
        self._lock = threading.Lock()

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        """The entries with seq > `after`, in order of seq."""
        with self._lock:
            links = list(self._links.get(model, []))
        after = min(max(after, 0), len(links))
        verify(links[after:], after=after, prev_hash=links[after - 1].hash if after else GENESIS)
        return [to_entry(link) for link in links[after:]]

    def links(self, model: str) -> list[Link]:
        """Every entry as it is stored, unchecked, in order of seq."""
        with self._lock:
            return list(self._links.get(model, []))

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        """Append all events or none if the newest seq is `expected`; else ConflictError naming the entry that came first."""
        with self._lock, nullcontext() if self._leases is None else self._leases.lock:
            last = None if self._leases is None else self._leases.last(model)
            if epoch is not None and last is not None and last.epoch > epoch:
                raise stale(model, epoch, last.holder, last.epoch)
            links = self._links.get(model, [])
            if len(links) != expected:
                raise conflict(model, expected, len(links), links[expected] if 0 <= expected < len(links) else None)
            new = forge(model, events, newest=links[-1] if links else None, actor=actor, at=at)
            if new:
                self._links[model] = links + new
        return [to_entry(link) for link in new]

    def models(self) -> list[str]:
        """The names of all models with at least one entry, sorted."""
        with self._lock:
            return sorted(self._links)
