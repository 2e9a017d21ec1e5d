"""The server's own counters: plain integers on the hot path, text of the Prometheus exposition format on a scrape, merged over workers."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from flyball.monitoring.gauges import Sample
from flyball.monitoring.series import BY_NAME, MOST, OTHERS, SERIES, Labels

BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

_FOLD = 1024  # durations that wait to be sorted into buckets
_BOUNDS = np.array(BUCKETS)


class Cell:
    """One counter, for a caller that counts often."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Metrics:
    """Counters, gauges and the latency histogram of one worker. One per app, never shared.

    Durations are kept as they come and sorted into the histogram's buckets a thousand at a time, and whenever somebody looks. A counter
    of the catalogue has at most `MOST` label sets; what comes after them is added up under one more, `(others)`.
    """

    def __init__(self) -> None:
        self.counters: dict[tuple[str, Labels], Cell] = {(one.name, labels): Cell() for one in SERIES for labels in one.born}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self._durations: list[float] = []
        self._buckets = np.zeros(len(BUCKETS) + 1, dtype=np.int64)
        self._seconds = 0.0
        self._folding = threading.Lock()

    def add(self, name: str, number: int = 1, labels: Labels = ()) -> None:
        """Count. `labels` is a tuple of (name, value)."""
        self.cell(name, labels).number += number

    def cell(self, name: str, labels: Labels) -> Cell:
        """The counter itself, for hot callers to keep."""
        found = self.counters.get((name, labels))
        if found is not None:
            return found
        if name in BY_NAME and sum(one == name for one, _ in list(self.counters)) >= MOST:
            labels = tuple((label, value if label == "model" else OTHERS) for label, value in labels)
        return self.counters.setdefault((name, labels), Cell())

    def predictions(self, model: str, version: int, variant: str) -> Cell:
        """The counter of one version's answers in one variant."""
        return self.cell("model_predictions_total", (("model", model), ("version", str(version)), ("variant", variant)))

    def set(self, name: str, value: float, labels: Labels = ()) -> None:
        """Set a gauge."""
        self.gauges[name, labels] = value

    def clear(self, name: str) -> None:
        """Forget every value of a gauge."""
        self.gauges = {key: value for key, value in self.gauges.items() if key[0] != name}

    def show(self, samples: Iterable[Sample], names: Iterable[str]) -> None:
        """Set gauges to these samples and to nothing else: what they said before of these names is forgotten."""
        gone = frozenset(names)
        kept = {key: value for key, value in self.gauges.items() if key[0] not in gone}
        self.gauges = kept | {(name, labels): value for name, labels, value in samples}

    def took(self, seconds: float) -> None:
        """One request was answered in so many seconds."""
        durations = self._durations
        durations.append(seconds)
        if len(durations) >= _FOLD:
            self.latency()

    def latency(self) -> tuple[list[int], float]:
        """The requests in each bucket so far, and the sum of their seconds. Safe to call from any thread."""
        with self._folding:
            number = len(self._durations)  # the loop may append meanwhile
            waiting = np.array(self._durations[:number])
            del self._durations[:number]
            self._buckets += np.bincount(np.searchsorted(_BOUNDS, waiting), minlength=len(self._buckets))
            self._seconds += float(waiting.sum())
            return self._buckets.tolist(), self._seconds

    def counted(self, name: str, **labels: str) -> int:
        """The sum of a counter over all label sets that hold these labels."""
        wanted = set(labels.items())
        return sum(cell.number for (found, has), cell in list(self.counters.items()) if found == name and wanted <= set(has))


class Snapshot(msgspec.Struct):
    """The numbers of one worker as they are shared with the others."""

    counters: list[tuple[str, Labels, int]]
    buckets: list[int]
    seconds: float


def snapshot(metrics: Metrics) -> Snapshot:
    """What adds up over workers; gauges do not."""
    counters = [(name, labels, cell.number) for (name, labels), cell in list(metrics.counters.items())]  # another thread may count
    buckets, seconds = metrics.latency()
    return Snapshot(counters=counters, buckets=buckets, seconds=seconds)


def share(metrics: Metrics, path: Path) -> None:
    """Leave this worker's numbers where the other workers find them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(snapshot(metrics)))
    fresh.replace(path)


def shared(paths: Iterable[Path]) -> list[Snapshot]:
    """What other workers left; what cannot be read is passed over."""
    found = []
    for path in paths:
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Snapshot))
        except (OSError, msgspec.MsgspecError):
            continue
    return found


class Page(NamedTuple):
    """The numbers of one model: this worker's, and what the other workers shared."""

    model: str
    metrics: Metrics
    others: Sequence[Snapshot]


def render(pages: Sequence[Page]) -> str:
    """The page of `/metrics`: this worker's gauges, and counters added up over all workers.

    With several models every series has the label `model`; with one, only those that always have it.
    """
    values: dict[tuple[str, Labels], float] = {}
    histograms: list[tuple[str, list[int], float]] = []
    for page in pages:
        buckets, seconds = [0] * (len(BUCKETS) + 1), 0.0
        counters: dict[tuple[str, Labels], int] = {}
        for one in (snapshot(page.metrics), *page.others):
            for name, labels, number in one.counters:
                counters[name, labels] = counters.get((name, labels), 0) + number
            buckets = [a + b for a, b in zip(buckets, one.buckets, strict=False)]
            seconds += one.seconds
        histograms.append((page.model, buckets, seconds))
        for (name, labels), value in [*counters.items(), *page.metrics.gauges.items()]:
            named = labels if len(pages) == 1 or any(key == "model" for key, _ in labels) else (("model", page.model), *labels)
            values[name, named] = value
    by_name: dict[str, list[str]] = {}
    for (name, labels), value in sorted(values.items()):
        by_name.setdefault(name, []).append(f"{name}{_braces(labels)} {value:.10g}")
    lines: list[str] = []
    for series in SERIES:
        lines += [f"# HELP {series.name} {series.says}", f"# TYPE {series.name} {series.kind}"]
        if series.kind == "histogram":
            for model, buckets, seconds in histograms:
                lines += _histogram(series.name, buckets, seconds, model)
        else:
            lines += by_name.get(series.name, [])
    return "\n".join(lines) + "\n"


def _histogram(name: str, buckets: Sequence[int], seconds: float, model: str) -> list[str]:
    lines, total = [], 0
    for bound, number in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
        total += number
        lines.append(f"{name}_bucket{_braces((('model', model), ('le', bound)))} {total}")
    own = _braces((("model", model),))
    return [*lines, f"{name}_sum{own} {seconds:.9g}", f"{name}_count{own} {total}"]


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(text: str) -> str:
    text = text.encode(errors="backslashreplace").decode()
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
