"""How many requests of one model were answered and refused, kept beyond the process: counted here, written by a thread now and then."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from datetime import timedelta
from typing import TYPE_CHECKING

from flyball.core.errors import FlyballError
from flyball.core.window import from_micros
from flyball.server.answers import Scope
from flyball.server.metrics import Metrics
from flyball.serving.records import Answers

if TYPE_CHECKING:
    from flyball.ports.watching import Traffic

KEEP_EVERY = 5.0  # seconds: what a killed process may not have written yet
_MINUTE = timedelta(minutes=1) // timedelta(microseconds=1)
_MOST = 10_000  # minutes and statuses that wait for a database that is away: a week of one; what is older than they are is dropped

_PREDICTING = ("/predict", "/invocations", "/infer", ":predict", ":classify", ":regress")
_MODELS = ("/models/", "/v1/models/", "/v2/models/")

_log = logging.getLogger("flyball.server")


class TrafficKeeper:
    """Counts refusals as they come; what was answered it learns from the latency histogram, so that answering costs nothing more."""

    def __init__(
        self, model: str, traffic: "Traffic", metrics: Metrics, *, clock: Callable[[], int], threads: Executor, every: float = KEEP_EVERY
    ) -> None:
        self._model, self._traffic, self._metrics = model, traffic, metrics
        self._clock, self._threads, self._every = clock, threads, every
        self._waiting: Counter[tuple[int, int]] = Counter()
        self._answered = 0
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    def refuse(self, status: int) -> None:
        """A request for predictions was answered with an error. In the event loop."""
        self._waiting[self._minute(), status] += 1

    def start(self) -> None:
        """Begin to write now and then."""
        self._task = asyncio.get_running_loop().create_task(self._keep_on())

    async def stop(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.keep()

    async def keep(self) -> None:
        """Write what came since the last time, if anything did; what cannot be written now is written with the next."""
        answered = sum(self._metrics.latency()[0])
        if answered > self._answered:
            self._waiting[self._minute(), 200] += answered - self._answered
            self._answered = answered
        if not self._waiting:
            return
        going, self._waiting = self._waiting, Counter()
        counts = [Answers(minute=from_micros(minute), status=status, requests=number) for (minute, status), number in sorted(going.items())]
        writing = asyncio.get_running_loop().run_in_executor(self._threads, self._traffic.add, self._model, counts)
        try:
            await asyncio.shield(writing)
            self._trouble = ""
        except Exception as error:  # noqa: BLE001 - whatever a port raises once, what was counted is kept and counting goes on
            going.update(self._waiting)
            self._waiting = Counter(dict(sorted(going.items())[-_MOST:]))
            told = error.message if isinstance(error, FlyballError) else type(error).__name__
            if told != self._trouble:
                self._trouble = told
                _log.warning("how many requests were answered and refused cannot be written just now: %s", told)

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.keep()

    def _minute(self) -> int:
        now = self._clock()
        return now - now % _MINUTE


def asked_model(scope: Scope, names: Collection[str]) -> str | None:
    """Which of these models a request asks for predictions, in any of the protocols; None if it asks none of them, or something else."""
    path: str = scope["path"]
    if scope["method"] != "POST" or not path.endswith(_PREDICTING):
        return None
    for prefix in _MODELS:
        rest = path.removeprefix(prefix)
        if rest != path:
            found = [name for name in names if rest.startswith((f"{name}/", f"{name}:"))]
            return max(found, key=len, default=None)
    return next(iter(names)) if len(names) == 1 and path in _PREDICTING else None
