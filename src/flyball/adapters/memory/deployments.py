"""The table servers watch, in memory."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from flyball.serving.records import Deployment

_ALIVE = timedelta(seconds=10)


class MemoryDeployments:
    """The port `Deployments`. `clock` is the time of heartbeats."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._current: dict[str, Deployment] = {}
        self._workers: dict[tuple[str, str], tuple[int, str, datetime]] = {}

    def current(self, model: str) -> Deployment | None:
        """What servers of this model should answer with now."""
        return self._current.get(model)

    def publish(self, deployment: Deployment) -> None:
        """Make it current, unless one with a higher seq is there already."""
        with self._lock:
            present = self._current.get(deployment.model)
            if present is None or deployment.seq >= present.seq:
                self._current[deployment.model] = deployment

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A worker answers with `seq` from now on, or could not (`error`); it also says that the worker is alive."""
        with self._lock:
            self._workers[model, worker] = (seq, error, self._clock())

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        """The workers heard of in the last 10 s: the seq each acknowledged, and its error."""
        since = self._clock() - _ALIVE
        with self._lock:
            return {
                worker: (seq, error)
                for (of, worker), (seq, error, heard_at) in sorted(self._workers.items())
                if of == model and heard_at >= since
            }
