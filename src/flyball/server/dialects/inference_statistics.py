"""The statistics extension: how many inference requests a version answered or refused, and how long that took."""

from collections.abc import Callable, Sequence

from flyball.server.metrics import Cell, Snapshot, shared, snapshot
from flyball.server.readable import metrics_path
from flyball.server.served import Served

_FAMILY = "open_inference"  # among the model's counters, so that workers share it with the others; no page renders it
_STEPS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss")
_TIMED = ("success", "compute_input", "compute_infer", "compute_output")
_COUNTED = ("rows", *(f"{step}_{what}" for step in _TIMED for what in ("count", "ns")))  # of an answer


class Timing:
    """When the steps of one request ended, in seconds of a monotonic clock; 0 for a step that was not reached."""

    __slots__ = ("inferred", "read", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.read = 0.0
        self.inferred = 0.0


class Statistics:
    """The numbers of one model. Each worker counts in its own metrics; `of` adds up what all of them shared."""

    def __init__(self, served: Served, *, clock: Callable[[], int]) -> None:
        self._served = served
        self._clock = clock
        self._last: dict[str, int] = {}
        self._cells: dict[str, tuple[Cell, ...]] = {}

    def succeeded(self, version: int, rows: int, timing: Timing, now: float) -> None:
        """A request was answered."""
        name = str(version)
        cells = self._cells.get(name)
        if cells is None:
            cells = self._cells[name] = tuple(self._cell(name, what) for what in _COUNTED)
        steps = ((timing.started, now), (timing.started, timing.read), (timing.read, timing.inferred), (timing.inferred, now))
        numbers = [rows]
        for start, end in steps:
            numbers += _spent(start, end)
        for cell, number in zip(cells, numbers, strict=True):
            cell.number += number
        self._last[name] = self._clock() // 1000

    def failed(self, version: str, timing: Timing, now: float) -> None:
        """A request was refused; without a version it counts for the champion."""
        live = self._served.reloader.live
        name = version or ("" if live is None else str(live.champion.version))
        if live is not None and name in map(str, live.versions):  # a name that a client made up is no version
            for what, number in zip(("fail_count", "fail_ns"), _spent(timing.started, now), strict=True):
                self._cell(name, what).number += number
            self._last[name] = self._clock() // 1000

    def of(self, versions: Sequence[int]) -> list[dict[str, object]]:
        """What the protocol tells of these versions. `last_inference` is this worker's, in milliseconds since 1970."""
        metrics, settings = self._served.metrics, self._served.settings
        parts: list[Snapshot] = [snapshot(metrics)]
        if settings.workers > 1:
            own = metrics_path(settings, self._served.worker)
            parts += shared(path for path in own.parent.glob("*.json") if path != own)
        sums: dict[tuple[str, str], int] = {}
        for part in parts:
            for family, labels, number in part.counters:
                if family == _FAMILY:
                    key = (labels[0][1], labels[1][1])
                    sums[key] = sums.get(key, 0) + number
        return [self._one(str(version), sums) for version in versions]

    def _one(self, version: str, sums: dict[tuple[str, str], int]) -> dict[str, object]:
        def step(name: str) -> dict[str, int]:
            return {"count": sums.get((version, f"{name}_count"), 0), "ns": sums.get((version, f"{name}_ns"), 0)}

        return {
            "name": self._served.name,
            "version": version,
            "last_inference": self._last.get(version, 0),
            "inference_count": sums.get((version, "rows"), 0),
            "execution_count": sums.get((version, "success_count"), 0),
            "inference_stats": {name: step(name) for name in _STEPS},
            "response_stats": {},
            "batch_stats": [],
            "memory_usage": [],
        }

    def _cell(self, version: str, what: str) -> Cell:
        return self._served.metrics.cell(_FAMILY, (("version", version), ("what", what)))


def _spent(start: float, end: float) -> tuple[int, int]:
    """One step more, and its nanoseconds."""
    return 1, round((end - start) * 1e9)
