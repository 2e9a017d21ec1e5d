"""Calls of models that the event loop cannot wait for: in threads, in order, several requests in one call, and only for so long."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple
from weakref import WeakKeyDictionary

from flyball.server.answers import HttpError
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveVersion, Scored

_MOST_WAITING = 256  # requests of one version; beyond it, come again
_TOGETHER = 1_000  # rows that are scored in one call, unless one request alone has more
_RETRY = [(b"retry-after", b"1")]


class LateError(HttpError):
    """A version did not answer a request in time. `slow`: because it takes so long, and not because others had to be answered first."""

    def __init__(self, seconds: float, *, slow: bool) -> None:
        super().__init__(504, f"the model did not answer within {seconds:g} s")
        self.slow = slow


class Timed(NamedTuple):
    """What a version said of rows, how many seconds the call took in which it did, and whether one row was all that was asked in it."""

    scored: Scored
    seconds: float
    alone: bool


Waiting = tuple[Sequence[Row], "asyncio.Future[Timed]"]


class _Queue:
    """The requests that wait for one version; one call at a time is under way."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.called: list[asyncio.Future[Timed]] = []  # who waits for the call that is under way
        self.calling = False
        self.rows = 0  # of that call
        self.since = 0.0  # when it began

    def slow(self, now: float, allowed: float) -> bool:
        """Whether the call under way takes longer than that, by the clock of the loop."""
        return bool(self.called) and now - self.since >= allowed


class Calls:
    """Scores rows with versions whose engines are not inline. What waits while a call is under way goes into the next one together.

    A request that has waited for `timeout` seconds is answered 504; its row may be scored all the same, and nobody hears of it.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="model")
        self._queues: WeakKeyDictionary[LiveVersion, _Queue] = WeakKeyDictionary()
        self._tasks: set[asyncio.Future[None]] = set()
        self._under_way: WeakKeyDictionary[LiveVersion, set[asyncio.Future[Scored]]] = WeakKeyDictionary()

    async def scored(self, version: LiveVersion, rows: Sequence[Row], *, deadline: float | None = None) -> Scored:
        """`timed` for whoever does not ask how long it took."""
        return (await self.timed(version, rows, deadline=deadline)).scored

    async def timed(self, version: LiveVersion, rows: Sequence[Row], *, deadline: float | None = None) -> Timed:
        """What a version says of rows; 503 at once if too many wait, LateError (504) if it takes too long, or what the version raises.

        `deadline`: seconds this request waits at most, if that is less than any may.
        """
        timeout = self._timeout if deadline is None else min(deadline, self._timeout)
        if version.ask_async is not None:
            return await self._asked(version, rows, timeout)
        queue = self._queues.setdefault(version, _Queue())
        if len(queue.waiting) >= _MOST_WAITING:
            queue.waiting = deque(one for one in queue.waiting if not one[1].done())  # who has given up takes no place
        if len(queue.waiting) >= _MOST_WAITING:
            raise HttpError(503, "too many requests wait for this model", headers=_RETRY)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Timed] = loop.create_future()
        queue.waiting.append((rows, done))
        if not queue.calling:
            queue.calling = True
            task = asyncio.ensure_future(self._call(version, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            async with asyncio.timeout(timeout):
                return await done
        except TimeoutError:
            allowed = min(timeout * max(1.0, queue.rows / max(1, len(rows))), self._timeout / 2)
            raise LateError(timeout, slow=queue.slow(loop.time(), allowed)) from None

    async def _asked(self, version: LiveVersion, rows: Sequence[Row], timeout: float) -> Timed:
        """What a version says that waits for another server: many requests at once, each in a task of its own, none in a thread."""
        under_way = self._under_way.setdefault(version, set())
        if len(under_way) >= _MOST_WAITING:
            raise HttpError(503, "too many requests wait for this model", headers=_RETRY)
        started = monotonic()
        task = asyncio.ensure_future(version.scored_soon(rows))
        under_way.add(task)
        try:
            async with asyncio.timeout(timeout):
                scored = await task
        except TimeoutError:
            raise LateError(timeout, slow=True) from None
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if task.cancelled() and current is not None and not current.cancelling():
                raise HttpError(503, "the version that was to answer was taken out", headers=_RETRY) from None
            raise
        finally:
            under_way.discard(task)
        return Timed(scored, monotonic() - started, len(rows) == 1)

    def give_up(self, version: LiveVersion) -> None:
        """Whoever waits for a version is told at once that it answers nobody any more."""
        for task in list(self._under_way.get(version, ())):
            task.cancel()
        queue = self._queues.get(version)
        for done in [] if queue is None else [*(done for _, done in queue.waiting), *queue.called]:
            if not done.done():
                done.set_exception(HttpError(503, "the version that was to answer was taken out", headers=_RETRY))

    def close(self) -> None:
        """Wait for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, version: LiveVersion, queue: _Queue) -> None:
        """Call the version until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while group := _next_group(queue):
                queue.called = [done for _, done in group]
                queue.rows, queue.since = sum(len(rows) for rows, _ in group), loop.time()
                found = await loop.run_in_executor(self._threads, _scored_each, version, [rows for rows, _ in group], self._timeout)
                for (_, done), one in zip(group, found, strict=True):
                    if done.done():
                        continue
                    if isinstance(one, Exception):
                        done.set_exception(one)
                    else:
                        done.set_result(one)
        finally:
            queue.called = []
            queue.calling = False


def _next_group(queue: _Queue) -> list[Waiting]:
    """Those who have waited longest, as many as go into one call; who has given up is passed over."""
    group: list[Waiting] = []
    number = 0
    while queue.waiting:
        rows, done = queue.waiting[0]
        if group and number + len(rows) > _TOGETHER:
            break
        queue.waiting.popleft()
        if not done.done():
            group.append((rows, done))
            number += len(rows)
    return group


def _scored_each(version: LiveVersion, requests: list[Sequence[Row]], patience: float) -> list[Timed | Exception]:
    """In a thread: one call for all requests; if that fails, one for each, so that a bad row spoils only its own request."""
    started = monotonic()
    rows = [row for one in requests for row in one]
    try:
        found = _parts(version.scored(rows), [len(one) for one in requests])
        seconds = monotonic() - started
        return [Timed(one, seconds, len(rows) == 1) for one in found]
    except Exception as error:  # noqa: BLE001 - whatever a model raises is told to those who asked
        if len(requests) == 1 or monotonic() - started > patience / 2:
            return [error] * len(requests)
    return [said for one in requests for said in _scored_each(version, [one], patience)]


def _parts(scored: Scored, sizes: Sequence[int]) -> list[Scored]:
    found: list[Scored] = []
    start = 0
    for size in sizes:
        end = start + size
        found.append(Scored(scored.version, scored.labels[start:end], scored.confidences[start:end], scored.scores[start:end]))
        start = end
    return found
