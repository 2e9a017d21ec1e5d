"""Seconds per stage."""

import time
from collections.abc import Callable, Mapping


class Stopwatch:
    """`lap(stage)` books the time since the lap before; laps of one name add up."""

    def __init__(self, timer: Callable[[], float] = time.perf_counter) -> None:
        self._timer = timer
        self._began = self._last = timer()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """The time since the last lap went into this stage."""
        now = self._timer()
        self._laps[stage] = self._laps.get(stage, 0.0) + now - self._last
        self._last = now

    def seconds(self) -> Mapping[str, float]:
        """Seconds per stage so far, and in total."""
        return {**{stage: round(spent, 3) for stage, spent in self._laps.items()}, "total": round(self._timer() - self._began, 3)}
