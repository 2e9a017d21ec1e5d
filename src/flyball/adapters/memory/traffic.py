"""How many requests were answered and refused, in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from flyball.core.window import Window
from flyball.ports.watching import TRAFFIC_KEPT
from flyball.serving.records import Answers


class MemoryTraffic:
    """The port `Traffic`."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[tuple[datetime, int]]] = {}

    def add(self, model: str, counts: Sequence[Answers]) -> None:
        """Add to what is counted, and drop minutes that are too old."""
        if not counts:
            return
        known = self._counts.setdefault(model, Counter())
        for one in counts:
            known[one.minute, one.status] += one.requests
        oldest = max(one.minute for one in counts) - TRAFFIC_KEPT
        for key in [key for key in known if key[0] < oldest]:
            del known[key]

    def between(self, model: str, window: Window) -> list[Answers]:
        """What is counted of the minutes that start within a window."""
        known = self._counts.get(model, Counter())
        return [
            Answers(minute=minute, status=status, requests=requests)
            for (minute, status), requests in sorted(known.items())
            if window.start <= minute < window.end
        ]
