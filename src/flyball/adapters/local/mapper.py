"""The parts of one computation in processes of this machine, as many at a time as there are cores for."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from flyball.adapters.mapped import ATTEMPTS
from flyball.core.errors import FlyballError, StoreError
from flyball.ports.mapping import Say

Item = TypeVar("Item")
Result = TypeVar("Result")


class LocalMapper:
    """The port `Mapper`. `processes`: how many at a time (None: one for each core). One item alone runs in this process."""

    def __init__(self, processes: int | None = None) -> None:
        self.slots = processes or len(_cores())

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """A process for each item, started afresh: nothing is inherited but what is pickled."""
        return list(self.each(work, items, say=say))

    def each(self, work: Callable[[Item, Say], Result], items: Iterable[Item], *, say: Say) -> Iterator[Result]:
        """The results in order. Twice as many items as there are processes are taken ahead of the result that is waited for."""
        waiting = iter(items)
        first = [item for _, item in zip(range(2), waiting, strict=False)]
        if len(first) < 2:
            yield from [work(item, say) for item in first]
            return
        yield from _Run(work, chain(first, waiting), say, self.slots).results()


class _Run:
    """The processes of one call."""

    def __init__(self, work: Callable[[Any, Say], Any], items: Iterator[Any], say: Say, most: int) -> None:
        self._work, self._items, self._say, self._most = work, items, say, most
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[Connection, tuple[int, SpawnProcess]] = {}
        self._taken: dict[int, tuple[Any, int]] = {}  # item, and how often it was begun
        self._found: dict[int, Any] = {}

    def results(self) -> Iterator[Any]:
        following, taken = 0, 0
        more = True
        try:
            while more or self._running or following in self._found:
                while more and len(self._running) < self._most and taken - following < 2 * self._most:
                    try:
                        self._taken[taken] = next(self._items), 0
                    except StopIteration:
                        more = False
                        break
                    self._start(taken)
                    taken += 1
                while following in self._found:
                    yield self._found.pop(following)
                    following += 1
                for pipe in wait(list(self._running)) if self._running and not self._room(more, taken - following) else ():
                    assert isinstance(pipe, Connection)
                    self._hear(pipe)
        finally:
            for _, process in self._running.values():
                process.terminate()
            for pipe, (_, process) in self._running.items():
                process.join()
                pipe.close()

    def _room(self, more: bool, ahead: int) -> bool:
        """Whether another item could begin at once."""
        return more and len(self._running) < self._most and ahead < 2 * self._most

    def _start(self, number: int) -> None:
        item, begun = self._taken[number]
        self._taken[number] = item, begun + 1
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_child, args=(theirs, self._work, item))
        process.start()
        theirs.close()
        self._running[ours] = number, process

    def _hear(self, pipe: Connection) -> None:
        number, process = self._running[pipe]
        try:
            kind, value = pipe.recv()
        except EOFError:
            self._ended(pipe)
            if self._taken[number][1] >= ATTEMPTS:
                raise StoreError(
                    f"a process of this computation ended with exit code {process.exitcode} without a word, {ATTEMPTS} times",
                    hint="memory may have run out: fewer at a time need less",
                ) from None
            self._start(number)
            return
        if kind == "said":
            self._say(value)
            return
        if kind == "failed":
            raise value
        if kind == "broke":
            process.join()
            raise StoreError(f"a process of this computation broke: {value}", hint="where it broke stands on its standard error")
        self._found[number] = value
        del self._taken[number]
        self._ended(pipe)

    def _ended(self, pipe: Connection) -> None:
        _, process = self._running.pop(pipe)
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
