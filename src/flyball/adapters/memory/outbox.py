"""What is to be told to whom, in memory."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from flyball.alerting.records import Ledger, Letter, Told
from flyball.core.errors import ConflictError

_OTHER_CLOCK = timedelta(days=1)


class MemoryOutbox:
    """The port `Outbox`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: dict[str, list[Letter]] = {}
        self._told: dict[str, dict[tuple[str, str], Told]] = {}
        self._revisions: dict[str, int] = {}

    def ledger(self, model: str) -> Ledger:
        """Which receiver was told (or is about to be) that which alert fires."""
        with self._lock:
            told = self._told.get(model, {})
            return Ledger(revision=self._revisions.get(model, 0), told=tuple(told[name] for name in sorted(told)))

    def put(self, model: str, letters: Sequence[Letter], told: Sequence[Told], forget: Sequence[Told], *, expected: int) -> None:
        """Keep letters and change the ledger, all or none, if its revision is `expected`."""
        with self._lock:
            found = self._revisions.get(model, 0)
            if found != expected:
                raise ConflictError(f"the outbox of {model!r} changed meanwhile ({found}, not {expected})", hint="look again")
            kept = self._letters.setdefault(model, [])
            for letter in letters:
                if not any((one.receiver, one.notification.id) == (letter.receiver, letter.notification.id) for one in kept):
                    kept.append(letter)
            self._change(model, told, forget)

    def waiting(self, model: str) -> list[Letter]:
        """The letters that were not sent yet, in the order they were written."""
        with self._lock:
            return list(self._letters.get(model, []))

    def claim(self, model: str, receiver: str, *, now: datetime, until: datetime) -> list[Letter]:
        """All letters to a receiver, for whoever asks first: nobody else gets them before `until`."""
        with self._lock:
            letters = self._letters.get(model, [])
            if any(one.receiver == receiver and now < one.again_at <= now + _OTHER_CLOCK for one in letters):
                return []
            self._letters[model] = [
                replace(one, again_at=until, attempts=one.attempts + 1) if one.receiver == receiver else one for one in letters
            ]
            return [one for one in self._letters[model] if one.receiver == receiver]

    def settle(
        self, model: str, receiver: str, ids: Sequence[str], *, again_at: datetime | None, error: str = "", forget: Sequence[Told] = ()
    ) -> None:
        """Say what became of claimed letters: they leave the outbox, or wait with their error."""
        with self._lock:
            kept = []
            for one in self._letters.get(model, []):
                if one.receiver != receiver or one.notification.id not in ids:
                    kept.append(one)
                elif again_at is not None:
                    kept.append(replace(one, again_at=again_at, error=error))
            self._letters[model] = kept
            if forget:
                self._change(model, (), forget)

    def _change(self, model: str, told: Sequence[Told], forget: Sequence[Told]) -> None:
        entries = self._told.setdefault(model, {})
        for one in forget:
            entries.pop((one.receiver, one.key), None)
        entries.update({(one.receiver, one.key): one for one in told})
        self._revisions[model] = self._revisions.get(model, 0) + 1
