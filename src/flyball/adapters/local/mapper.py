"""The parts of one computation in processes of this machine, as many at a time as there are cores for."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from flyball.core.errors import FlyballError, StoreError
from flyball.ports.mapping import Say

Item = TypeVar("Item")
Result = TypeVar("Result")


class LocalMapper:
    """The port `Mapper`. `processes`: how many at a time (None: one for each core). One item alone runs in this process."""

    def __init__(self, processes: int | None = None) -> None:
        self._processes = processes or len(_cores())

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """A process for each item, started afresh: nothing is inherited but what is pickled."""
        if len(items) < 2:
            return [work(item, say) for item in items]
        return _Run(work, list(items), say, self._processes).results()


class _Run:
    """The processes of one call."""

    def __init__(self, work: Callable[[Any, Say], Any], items: list[Any], say: Say, most: int) -> None:
        self._work, self._items, self._say, self._most = work, items, say, most
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[Connection, tuple[int, SpawnProcess]] = {}

    def results(self) -> list[Any]:
        found: dict[int, Any] = {}
        waiting = list(range(len(self._items)))
        try:
            while waiting or self._running:
                while waiting and len(self._running) < self._most:
                    self._start(waiting.pop(0))
                for pipe in wait(list(self._running)):
                    assert isinstance(pipe, Connection)
                    self._hear(pipe, found)
        finally:
            for _, process in self._running.values():
                process.terminate()
            for pipe, (_, process) in self._running.items():
                process.join()
                pipe.close()
        return [found[number] for number in range(len(self._items))]

    def _start(self, number: int) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_child, args=(theirs, self._work, self._items[number]))
        process.start()
        theirs.close()
        self._running[ours] = number, process

    def _hear(self, pipe: Connection, found: dict[int, Any]) -> None:
        number, process = self._running[pipe]
        try:
            kind, value = pipe.recv()
        except EOFError:
            process.join()
            raise StoreError(
                f"a process of this computation ended with exit code {process.exitcode} without a word",
                hint="memory may have run out: fewer at a time need less",
            ) from None
        if kind == "said":
            self._say(value)
            return
        if kind == "failed":
            raise value
        if kind == "broke":
            process.join()
            raise StoreError(f"a process of this computation broke: {value}", hint="where it broke stands on its standard error")
        found[number] = value
        del self._running[pipe]
        process.join()
        pipe.close()


def _child(pipe: Connection, work: Callable[[Any, Say], Any], item: Any) -> None:
    """In the other process: do it, and send what comes of it."""
    try:
        result = work(item, lambda line: pipe.send(("said", line)))
    except FlyballError as error:
        pipe.send(("failed", type(error)(error.message, hint=error.hint)))
    except KeyboardInterrupt:
        return  # the one who asked was interrupted too
    except Exception as error:
        pipe.send(("broke", f"{type(error).__name__}: {error}"))
        raise
    else:
        pipe.send(("done", result))


def _cores() -> Sequence[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)
