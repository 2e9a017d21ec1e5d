"""The table servers watch, in memory."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flyball.serving.records import Deployment, Swap, Worker, swap_of

_ALIVE = timedelta(seconds=10)
_WAITED_FOR = timedelta(seconds=3)


@dataclass
class _Heard:
    at: datetime
    seq: int = 0
    error: str = ""
    ready: int = 0
    trouble: str = ""


class MemoryDeployments:
    """The port `Deployments`. `clock` is the time of heartbeats."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._current: dict[str, Deployment] = {}
        self._swaps: dict[str, tuple[Deployment, datetime]] = {}
        self._workers: dict[tuple[str, str], _Heard] = {}

    def current(self, model: str) -> Deployment | None:
        """What servers of this model should answer with now."""
        return self._current.get(model)

    def publish(self, deployment: Deployment) -> None:
        """Make it current at once, unless one with a higher seq is there already."""
        with self._lock:
            self._publish(deployment)

    def prepare(self, deployment: Deployment, *, within: timedelta) -> None:
        """Let the live workers get ready for it; where none is alive it becomes current at once."""
        with self._lock:
            present, swap = self._current.get(deployment.model), self._swaps.get(deployment.model)
            if (present is not None and deployment.seq < present.seq) or (swap is not None and deployment.seq <= swap[0].seq):
                return
            if self._alive(deployment.model):
                self._swaps[deployment.model] = deployment, self._clock() + within
            else:
                self._publish(deployment)

    def pending(self, model: str) -> Swap | None:
        """What is being prepared, and who of the live workers has said what."""
        with self._lock:
            found = self._swaps.get(model)
            return None if found is None else swap_of(found[0], self._alive(model), overdue=self._clock() >= found[1])

    def ready(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A live worker could answer with `seq` at once, or cannot (`error`)."""
        with self._lock:
            heard = self._heard(model, worker)
            heard.ready, heard.trouble = seq, error

    def commit(self, model: str, seq: int) -> None:
        """Make what is being prepared current, if that is still `seq`."""
        with self._lock:
            found = self._swaps.get(model)
            if found is not None and found[0].seq == seq:
                self._publish(found[0])

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A worker answers with `seq` from now on, or could not (`error`); it also says that the worker is alive."""
        with self._lock:
            heard = self._heard(model, worker)
            heard.seq, heard.error = seq, error

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        """The workers heard of in the last 10 s: the seq each acknowledged, and its error."""
        since = self._clock() - _ALIVE
        with self._lock:
            return {
                worker: (heard.seq, heard.error)
                for (of, worker), heard in sorted(self._workers.items(), key=lambda item: item[0])
                if of == model and heard.at >= since
            }

    def _publish(self, deployment: Deployment) -> None:
        present, swap = self._current.get(deployment.model), self._swaps.get(deployment.model)
        if present is None or deployment.seq >= present.seq:
            self._current[deployment.model] = deployment
        if swap is not None and swap[0].seq <= deployment.seq:
            del self._swaps[deployment.model]

    def _heard(self, model: str, worker: str) -> _Heard:
        found = self._workers.setdefault((model, worker), _Heard(self._clock()))
        found.at = self._clock()
        return found

    def _alive(self, model: str) -> list[Worker]:
        since = self._clock() - _WAITED_FOR
        return [
            Worker(name=worker, ready=heard.ready, trouble=heard.trouble)
            for (of, worker), heard in sorted(self._workers.items(), key=lambda item: item[0])
            if of == model and heard.at >= since
        ]
