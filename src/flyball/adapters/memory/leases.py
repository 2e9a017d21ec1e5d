"""Who may act for a model, in memory."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from flyball.journal.leading import Lease


class MemoryLeases:
    """The port `Leases`. `clock` is the store's time; `lock` is held while a lease changes, and by a journal that checks one."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self.lock = threading.Lock()
        self._clock = clock
        self._leases: dict[str, Lease] = {}

    def take(self, model: str, holder: str, *, lasts: timedelta) -> Lease | None:
        """The lease of a model for so long from now on; None while another holds it."""
        with self.lock:
            now, last = self._clock(), self._leases.get(model)
            if last is not None and last.holder != holder and last.until > now:
                return None
            epoch = 1 if last is None else last.epoch + (last.holder != holder)
            self._leases[model] = Lease(model=model, holder=holder, epoch=epoch, until=now + lasts)
            return self._leases[model]

    def current(self, model: str) -> Lease | None:
        """Who holds it now, if anybody does."""
        last = self._leases.get(model)
        return last if last is not None and last.until > self._clock() else None

    def give_back(self, lease: Lease) -> None:
        """Let others take it at once; nothing if it is somebody else's by now."""
        with self.lock:
            last = self._leases.get(lease.model)
            if last is not None and (last.holder, last.epoch) == (lease.holder, lease.epoch):
                self._leases[lease.model] = replace(last, until=self._clock())

    def last(self, model: str) -> Lease | None:
        """The lease as it was taken last, over or not; the caller holds `lock`."""
        return self._leases.get(model)
