"""Seconds per stage, and of the processor."""

import time
from collections.abc import Callable, Mapping


class Stopwatch:
    """`lap(stage)` books the time since the lap before; laps of one name add up. `cpu` counts what this process uses of the processor."""

    def __init__(self, timer: Callable[[], float] = time.perf_counter, cpu: Callable[[], float] = time.process_time) -> None:
        self._timer, self._cpu = timer, cpu
        self._cpu_began = cpu()
        self._began = self._last = timer()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """The time since the last lap went into this stage."""
        now = self._timer()
        self._laps[stage] = self._laps.get(stage, 0.0) + now - self._last
        self._last = now

    def add_cpu(self, seconds: float) -> None:
        """Another process worked for this one."""
        self._cpu_began -= seconds

    def seconds(self) -> Mapping[str, float]:
        """Seconds per stage so far, in `total`, and of the processor (`cpu`: user and system, here and in what was added)."""
        laps = {stage: round(spent, 3) for stage, spent in self._laps.items()}
        return {**laps, "total": round(self._timer() - self._began, 3), "cpu": round(self._cpu() - self._cpu_began, 3)}
