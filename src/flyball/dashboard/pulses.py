"""What a server said of itself whenever somebody looked: the last ten minutes of it, so that two looks make a rate."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import pairwise

from flyball.core.record import record
from flyball.server.pulse import Numbers, Traffic, asker, steady, traffic
from flyball.spec.records import ServeSpec

KEPT = 600.0  # seconds that looks are remembered
LATELY = 10.0  # seconds that the rates of "now" are taken over
_AGAIN = 1.5  # seconds within which a server is not asked again: fifty tabs cost it as much as one
_GAP = 30.0  # seconds between two looks that are no course any more: nobody looked in between
_PATIENCE = 0.2  # seconds to wait for a server that should be next door


@record
class Step:
    """The rates between two looks, the second of them at `at`."""

    at: datetime
    rates: Traffic


@record
class Beat:
    """What is known at a look. `numbers`: the totals since the server started, None if it does not answer; `lately`: the rates of the last
    `seconds`, None until there are two looks; `course`: those between any two looks one after the other.
    """

    numbers: Numbers | None
    lately: Traffic | None
    seconds: float
    course: tuple[Step, ...]


class Pulse:
    """Asks the server of one model, and remembers what it said. Any thread may look."""

    def __init__(self, get: Callable[[str], str | None] | None = None) -> None:
        self._get = get
        self._looks: deque[Numbers] = deque()
        self._newest: Numbers | None = None
        self._asked = float("-inf")
        self._lock = threading.Lock()

    def look(self, serve: ServeSpec, model: str, workers: Iterable[str], *, now: datetime) -> Beat:
        """Ask, unless somebody just did, and say how it goes. `workers`: the names of those that live."""
        at = now.timestamp()
        with self._lock:
            if not 0.0 <= at - self._asked < _AGAIN:
                self._ask(serve, model, list(workers), at)
            looks, newest = list(self._looks), self._newest
        before = next((one for one in looks if newest is not None and one.at >= newest.at - LATELY), None)
        lately = None if before is None or newest is None or before is newest else traffic(before, newest)
        return Beat(
            numbers=newest,
            lately=lately,
            seconds=0.0 if before is None or newest is None else newest.at - before.at,
            course=tuple(_steps(looks)),
        )

    def _ask(self, serve: ServeSpec, model: str, workers: list[str], at: float) -> None:
        if self._get is None:
            self._get = steady(_PATIENCE)
        self._asked = at
        self._newest = asker(serve, model, self._get, lambda: workers)(at)
        if self._newest is None:
            return
        if self._looks and self._newest.at <= self._looks[-1].at:  # another clock
            self._looks.clear()
        self._looks.append(self._newest)
        while self._looks[0].at < at - KEPT:
            self._looks.popleft()


def _steps(looks: list[Numbers]) -> Iterable[Step]:
    for before, now in pairwise(looks):
        rates = traffic(before, now) if now.at - before.at <= _GAP else None
        if rates is not None:
            yield Step(at=datetime.fromtimestamp(now.at, tz=UTC), rates=rates)
