"""Kept counts in memory."""

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.core.window import Window, to_micros
from flyball.monitoring.slots import Kept, Series, Step
from flyball.monitoring.tally import Tally, added, tally_to_bytes
from flyball.serving.records import Place

_Key = tuple[int, int, str]


class MemoryCounts:
    """The port `CountStore`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._places: dict[str, dict[Series, Place]] = {}
        self._slots: dict[tuple[str, Series], dict[_Key, Tally]] = {}

    def places(self, model: str) -> Mapping[Series, Place]:
        """Every series of a model, and up to which place in the prediction log its rows are counted."""
        with self._lock:
            return dict(self._places.get(model, {}))

    def add(self, model: str, steps: Sequence[Step]) -> bool:
        """Add the counts to what the slots hold and move the places, all or nothing; False if a series is elsewhere."""
        with self._lock:
            places = self._places.setdefault(model, {})
            if any(places.get(step.series) != step.after for step in steps):
                return False
            for step in steps:
                places[step.series] = step.place
                held = self._slots.setdefault((model, step.series), {})
                for slot in step.slots:
                    _put(held, (slot.start, slot.length, slot.variant), slot.tally)
            return True

    def slots(self, model: str, series: Series, window: Window) -> list[Kept]:
        """The slots of a series that touch the window, in order of start."""
        first, last = to_micros(window.start), to_micros(window.end)
        with self._lock:
            held = sorted(self._slots.get((model, series), {}).items(), key=lambda item: item[0])
        return [
            Kept(start=start, length=length, variant=variant, content=tally_to_bytes(tally))
            for (start, length, variant), tally in held
            if start < last and start + length > first
        ]

    def compact(self, model: str, lengths: Sequence[tuple[timedelta, datetime]]) -> int:
        """Add up shorter slots in longer ones: for each length, shortest first, those that end by its time. Say how many went."""
        gone = 0
        with self._lock:
            for length, before in lengths:
                longer = micros(length)
                for (name, _), held in self._slots.items():
                    for key in [key for key in held if name == model and key[1] < longer and key[0] < to_micros(before)]:
                        _put(held, (key[0] // longer * longer, longer, key[2]), held.pop(key))
                        gone += 1
        return gone

    def forget(self, model: str, series: Collection[Series]) -> None:
        """Drop these series, as if they had never been counted."""
        with self._lock:
            for one in series:
                self._places.get(model, {}).pop(one, None)
                self._slots.pop((model, one), None)


def _put(held: dict[_Key, Tally], key: _Key, tally: Tally) -> None:
    held[key] = added([held[key], tally]) if key in held else tally
