"""The parts of one computation on a Ray cluster: one of this machine's processes, or the cluster at an address."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from flyball.adapters.mapped import ATTEMPTS, Heard, Outcome, died, in_order, perform, settled
from flyball.core.errors import StoreError
from flyball.ports.mapping import Say

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE = 10.0  # seconds until the head of a cluster has to answer
_PAUSE = 0.2  # seconds between two looks at what was said
_STORE = 200 * 1024 * 1024  # bytes for objects on this machine: what comes back is small


class RayMapper:
    """The port `Mapper`, between `with` and its end. `address`: of a cluster; empty: one of `processes` on this machine."""

    def __init__(self, address: str = "", processes: int | None = None) -> None:
        self._address, self._processes = address, processes
        self.slots = 0

    def __enter__(self) -> "RayMapper":
        """StoreError if there is no cluster at the address."""
        _answers(self._address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray knows no other way to tell nobody who uses it
        own: dict[str, Any] = {"num_cpus": self._processes, "object_store_memory": _STORE} if not self._address else {}
        try:
            ray.init(address=self._address or "local", include_dashboard=False, log_to_driver=False, logging_level="ERROR", **own)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"there is no Ray cluster at {self._address or 'this machine'}: {error}",
                hint="start one: ray start --head, or leave the address out",
            ) from None
        self.slots = max(1, int(ray.cluster_resources().get("CPU", 1)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ray.shutdown()

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """Each item a task."""
        return list(self.each(work, items, say=say))

    def each(self, work: Callable[[Item, Say], Result], items: Iterable[Item], *, say: Say) -> Iterator[Result]:
        """The results in order; twice as many tasks as there are processors, and two more, are with the cluster at a time."""
        yield from _Run(work, iter(items), say, 2 * self.slots + 2).results()


def _answers(address: str) -> None:
    """StoreError if nobody listens at an address with a port: Ray itself tries for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise StoreError(
            f"there is no Ray cluster at {address}: {error.strerror or error}", hint="start one: ray start --head, or leave the address out"
        ) from None


class _Run:
    """The tasks of one call."""

    def __init__(self, work: Callable[[Any, Say], Any], items: Iterator[Any], say: Say, most: int) -> None:
        self._items, self._most = items, most
        self._heard = Heard(say)
        self._tasks: dict[Any, int] = {}
        self._found: dict[int, Any] = {}
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self._ear = ray.remote(num_cpus=0)(Ear).options(scheduling_strategy=here).remote()
        self._work = ray.put(work)
        self._remote = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(run_item)

    def results(self) -> Iterator[Any]:
        try:
            yield from in_order(self._items, self._most, self._found, submit=self._submit, wait=self._wait)
        finally:
            for left in self._tasks:
                ray.cancel(left, force=True)
            ray.kill(self._ear)

    def _submit(self, number: int, item: Any) -> None:
        self._tasks[self._remote.remote(self._work, item, number, self._ear)] = number

    def _wait(self) -> None:
        """A moment for a task to end, and what was said in it."""
        ended, _ = ray.wait(list(self._tasks), num_returns=1, timeout=_PAUSE)
        try:
            for number, place, line in ray.get(self._ear.drain.remote()):
                self._heard.hear(number, place, line)
        except ray.exceptions.RayActorError:  # what is said from now on comes with the results
            pass
        for one in ended:
            number = self._tasks.pop(one)
            outcome = self._outcome(one)
            self._heard.rest(number, outcome)
            self._found[number] = settled(outcome, "on a Ray worker")

    def _outcome(self, one: Any) -> Outcome:
        try:
            outcome: Outcome = ray.get(one)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError):
            raise died("on Ray workers") from None
        except ray.exceptions.RayError as error:
            raise StoreError(
                f"a part of this computation could not be run on Ray: {type(error).__name__}: {str(error).splitlines()[0]}",
                hint="flyball and the project's packages have to be installed, in the same versions, where the workers run",
            ) from None
        return outcome


class Ear:
    """An actor that hears what tasks say until it is asked for."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, str]] = []

    def hear(self, number: int, place: int, line: str) -> None:
        """A task said something."""
        self._lines.append((number, place, line))

    def drain(self) -> list[tuple[int, int, str]]:
        """All that was said since it was asked last."""
        lines, self._lines = self._lines, []
        return lines


def run_item(work: Callable[[Any, Say], Any], item: Any, number: int, ear: Any) -> Outcome:
    """On a worker: the work on one item."""
    told: list[Any] = []
    try:
        return perform(work, item, lambda place, line: told.append(ear.hear.remote(number, place, line)))
    finally:
        ray.get(told)  # whoever has the result asks for the words no more
