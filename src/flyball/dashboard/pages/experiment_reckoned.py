"""What takes longer than a page may: the figures of a rollout, reckoned from the prediction log in a thread of their own, and kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from functools import cache

from flyball.core.record import record
from flyball.loop.experiment import ExperimentView

_KEPT = 32  # rollouts whose figures are kept
_WAIT = 0.12  # seconds that a page waits for them: most are there at once


@record
class Found:
    """What is known of a rollout: its figures, if any are, and whether newer ones are being reckoned."""

    view: ExperimentView | None
    pending: bool


class Reckoned:
    """Figures of rollouts. One is reckoned at a time, so that a large log keeps at most one thread busy."""

    def __init__(self, wait: float = _WAIT) -> None:
        self._wait = wait
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="experiment")
        self._known: OrderedDict[Hashable, tuple[Hashable, ExperimentView]] = OrderedDict()
        self._asked: dict[Hashable, tuple[Hashable, Future[ExperimentView]]] = {}

    def get(self, which: Hashable, state: Hashable, make: Callable[[], ExperimentView]) -> Found:
        """The figures of a rollout (`which`) as of a `state`: those that are kept if it is that state, else they are reckoned.

        Until they are there, those of the state before. What `make` raises is raised here, and tried again by who asks next.
        """
        with self._lock:
            known = self._known.get(which)
            if known is not None and known[0] == state:
                return Found(view=known[1], pending=False)
            asked = self._asked.get(which)
            if asked is None:  # what runs for an older state is waited for: its successor is asked for at the next look
                asked = self._asked[which] = (state, self._thread.submit(make))
        try:
            view = asked[1].result(timeout=self._wait)
        except NotYet:
            return Found(view=None if known is None else known[1], pending=True)
        except Exception:
            with self._lock:
                self._asked.pop(which, None)
            raise
        with self._lock:
            self._asked.pop(which, None)
            self._known[which] = (asked[0], view)
            self._known.move_to_end(which)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return Found(view=view, pending=asked[0] != state)


@cache
def reckoned() -> Reckoned:
    """Those of this process."""
    return Reckoned()
