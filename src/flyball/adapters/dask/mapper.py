"""The parts of one computation on a Dask cluster: one of this machine's processes, or the cluster of a scheduler's address."""

import asyncio
import platform
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from distributed import Client, Future, LocalCluster, Worker, get_worker
from distributed.scheduler import KilledWorker

from flyball.adapters.mapped import EndedError, Heard, Outcome, died, in_order, perform, settled
from flyball.core.errors import StoreError
from flyball.ports.mapping import Say

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE = 30  # seconds until a scheduler and its first worker have to be there
_LOOK = 2.0  # seconds between two looks at whether the scheduler is still there
_OVER = "_flyball_over"  # the attribute of a worker that names the runs nobody waits for any more


class DaskMapper:
    """The port `Mapper`, between `with` and its end. `address`: of a scheduler; empty: a cluster of `processes` on this machine."""

    def __init__(self, address: str = "", processes: int | None = None) -> None:
        self._address, self._processes = address, processes
        self._stack = ExitStack()
        self._client: Client
        self.slots = 0

    def __enter__(self) -> "DaskMapper":
        """StoreError if there is no scheduler, no worker, or a worker that cannot do Flyball's work."""
        with ExitStack() as opening:
            if not self._address:
                cluster = LocalCluster(
                    n_workers=self._processes,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address="127.0.0.1:0",
                    silence_logs=50,
                )
                opening.enter_context(cluster)
                self._client = opening.enter_context(Client(cluster, set_as_default=False))
            else:
                try:
                    self._client = opening.enter_context(Client(self._address, timeout=_PATIENCE, set_as_default=False))
                except (OSError, ValueError, TimeoutError) as error:
                    raise StoreError(
                        f"there is no Dask scheduler at {self._address}: {error}",
                        hint="start one: dask scheduler, or leave the address out",
                    ) from None
            self.slots = self._look()
            self._stack = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """Each item a task."""
        return list(self.each(work, items, say=say))

    def each(self, work: Callable[[Item, Say], Result], items: Iterable[Item], *, say: Say) -> Iterator[Result]:
        """The results in order; twice as many tasks as there are threads, and two more, are with the scheduler at a time."""
        yield from _Run(self._client, work, iter(items), say, 2 * self.slots + 2).results()

    def _look(self) -> int:
        """Every worker has this Python and this Flyball; how many tasks they take at a time."""
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise StoreError(f"no worker came to the Dask scheduler within {_PATIENCE} s", hint="start some: dask worker ADDRESS") from None
        try:
            found: Mapping[str, tuple[str, str]] = self._client.run(installed)
        except Exception as error:  # noqa: BLE001 - whatever stands in the way of importing a module there
            raise StoreError(
                f"a Dask worker cannot run Flyball: {type(error).__name__}: {error}",
                hint=f"install flyball=={version('flyball')} where the workers run",
            ) from None
        here = installed()
        for worker, there in found.items():
            if there != here:
                raise StoreError(
                    f"the Dask worker {worker} has Python {there[0]} and Flyball {there[1]}, this process Python {here[0]} and "
                    f"Flyball {here[1]}",
                    hint="work goes from one to the other as pickles: install the same on both",
                )
        return sum(self._client.nthreads().values())


class _Run:
    """The tasks of one call. `_events` is told by Dask's own thread: lines that were said, and tasks that are over."""

    def __init__(self, client: Client, work: Callable[[Any, Say], Any], items: Iterator[Any], say: Say, most: int) -> None:
        self._client, self._work, self._items, self._most = client, work, items, most
        self._run = f"flyball-{secrets.token_hex(8)}"
        self._heard = Heard(say)
        self._events: SimpleQueue[tuple[int, int, str] | int] = SimpleQueue()
        self._tasks: dict[int, Future[Outcome]] = {}
        self._found: dict[int, Any] = {}

    def results(self) -> Iterator[Any]:
        self._client.subscribe_topic(self._run, self._hear)
        try:
            yield from in_order(self._items, self._most, self._found, submit=self._submit, wait=self._wait)
        finally:
            self._end()

    def _submit(self, number: int, item: Any) -> None:
        key = f"{self._run}-{number}"
        task = self._client.submit(run_item, self._work, item, number, self._run, key=key, pure=False, priority=-number)
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._events.put(number))

    def _hear(self, event: tuple[float, tuple[int, int, str]]) -> None:
        self._events.put(event[1])

    def _wait(self) -> None:
        """For one event, and take note of it."""
        try:
            event = self._events.get(timeout=_LOOK)
        except Empty:
            if self._client.status != "running":
                raise StoreError("the Dask scheduler is gone", hint="start it again, and the same command") from None
            return
        if not isinstance(event, int):
            self._heard.hear(*event)
            return
        outcome = self._outcome(self._tasks.pop(event))
        self._heard.rest(event, outcome)
        self._found[event] = settled(outcome, "on a Dask worker")

    def _outcome(self, task: "Future[Outcome]") -> Outcome:
        try:
            outcome: Outcome = task.result()
        except KilledWorker:
            raise died("on Dask workers") from None
        except asyncio.CancelledError:
            raise StoreError(
                "the Dask scheduler forgot a part of this computation", hint="was it started again? the same command goes on"
            ) from None
        except Exception as error:  # noqa: BLE001 - whatever stands in the way of running the work there
            raise StoreError(
                f"a part of this computation could not be run on a Dask worker: {type(error).__name__}: {error}",
                hint="the project's packages have to be installed where the workers run",
            ) from None
        return outcome

    def _end(self) -> None:
        """Whatever still runs ends: what waits is cancelled, what is in the middle of its work is told at its next word."""
        try:
            if self._tasks and self._client.status == "running":
                self._client.run(over, self._run)
                self._client.cancel(list(self._tasks.values()), force=True)
            self._client.unsubscribe_topic(self._run)
        except (OSError, TimeoutError, ValueError):  # the scheduler is gone, and its work with it
            return


def run_item(work: Callable[[Any, Say], Any], item: Any, number: int, run: str) -> Outcome:
    """On a worker: the work on one item."""
    worker = get_worker()

    def tell(place: int, line: str) -> None:
        if run in getattr(worker, _OVER, ()):
            raise EndedError
        worker.log_event(run, (number, place, line))

    return perform(work, item, tell)


def over(run: str, dask_worker: Worker) -> None:
    """On every worker: nobody waits for this run any more."""
    setattr(dask_worker, _OVER, (*getattr(dask_worker, _OVER, ())[-99:], run))


def installed() -> tuple[str, str]:
    """Which Python and which Flyball work here."""
    return ".".join(platform.python_version_tuple()[:2]), version("flyball")
