"""Kept counts in memory."""

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.core.window import Window, to_micros
from flyball.monitoring.slots import CountKey, Kept, Step
from flyball.monitoring.tally import Tally, added, tally_to_bytes
from flyball.serving.records import Place

_Key = tuple[int, int, str]


class MemoryCounts:
    """The port `CountStore`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._places: dict[str, dict[CountKey, Place]] = {}
        self._slots: dict[tuple[str, CountKey], dict[_Key, Tally]] = {}

    def places(self, model: str) -> Mapping[CountKey, Place]:
        """Every ledger of a model, and up to which place in the prediction log its rows are counted."""
        with self._lock:
            return dict(self._places.get(model, {}))

    def add(self, model: str, steps: Sequence[Step]) -> bool:
        """Add the counts to what the slots hold and move the places, all or nothing; False if a ledger is elsewhere."""
        with self._lock:
            places = self._places.setdefault(model, {})
            if any(places.get(step.ledger) != step.after for step in steps):
                return False
            for step in steps:
                places[step.ledger] = step.place
                held = self._slots.setdefault((model, step.ledger), {})
                for slot in step.slots:
                    _put(held, (slot.start, slot.length, slot.variant), slot.tally)
            return True

    def slots(self, model: str, ledger: CountKey, window: Window) -> list[Kept]:
        """The slots of a ledger that touch the window, in order of start."""
        first, last = to_micros(window.start), to_micros(window.end)
        with self._lock:
            held = sorted(self._slots.get((model, ledger), {}).items(), key=lambda item: item[0])
        return [
            Kept(start=start, length=length, variant=variant, content=tally_to_bytes(tally))
            for (start, length, variant), tally in held
            if start < last and start + length > first
        ]

    def compact(self, model: str, lengths: Sequence[tuple[timedelta, datetime]]) -> int:
        """Add up shorter slots in longer ones: for each length, shortest first, those that end by its time. Say how many went."""
        rules, gone = [(micros(length), to_micros(before)) for length, before in lengths], 0
        with self._lock:
            for (name, _), held in self._slots.items():
                for start, short, variant in list(held) if name == model else []:
                    longer = max((length for length, before in rules if start < before), default=0)
                    if longer > short:
                        _put(held, (start // longer * longer, longer, variant), held.pop((start, short, variant)))
                        gone += 1
        return gone

    def forget(self, model: str, ledgers: Collection[CountKey]) -> None:
        """Drop these ledgers, as if they had never been counted."""
        with self._lock:
            for one in ledgers:
                self._places.get(model, {}).pop(one, None)
                self._slots.pop((model, one), None)


def _put(held: dict[_Key, Tally], key: _Key, tally: Tally) -> None:
    held[key] = added([held[key], tally]) if key in held else tally
