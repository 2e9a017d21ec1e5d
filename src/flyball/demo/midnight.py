"""What happens at each simulated midnight: wait until all that was told has arrived, let the loop look, wait until what it did is done."""

from __future__ import annotations

import time
from collections.abc import Callable

from flyball.core.errors import StoreError
from flyball.core.record import record
from flyball.core.window import Window
from flyball.demo.colleague import TRAINS_AT, train_on_recent_flights
from flyball.journal.events import Entry
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.engine import tick
from flyball.loop.memory import Memory
from flyball.loop.records import TickReport
from flyball.loop.world import World
from flyball.spec.records import Spec

_ARRIVAL_SECONDS = 30.0
_SWAP_SECONDS = 60.0
_TRAINING_SECONDS = 1800.0
_PAUSE = 0.01


@record
class Night:
    """What one midnight brought: the last report of the loop, what was written to the journal, the state after it."""

    report: TickReport
    entries: tuple[Entry, ...]
    state: State


def midnight(
    world: World, spec: Spec, memory: Memory, *, day: Window, predictions: int, alive: Callable[[], None], waiting: Callable[[str], None]
) -> Night:
    """Tick at the end of `day`, in which `predictions` were answered, until nothing is running and every server has what it decided.

    `alive` raises if the server is gone; `waiting` is told what is being waited for.
    """
    model = spec.model.name
    _wait_for_rows(world, model, day, predictions, alive)
    written = len(world.journal.read(model))
    if day.end == TRAINS_AT:
        waiting("a colleague trains by hand")
        train_on_recent_flights(spec.folder, day.end)
    while True:
        report = tick(world, spec, memory, now=day.end)
        entries = world.journal.read(model)  # a training writes to it too
        state = fold(model, entries)
        if state.running is None:
            break
        waiting(f"training ({state.running.started.cause})")
        _wait_for_training(world, state.running.started.action, alive)
    waiting("")
    _wait_for_swap(world, model, alive)
    return Night(report=report, entries=tuple(entries[written:]), state=state)


def _wait_for_rows(world: World, model: str, day: Window, predictions: int, alive: Callable[[], None]) -> None:
    """Until the log has every answered prediction of the day, and as many rows of each version in shadow."""

    def arrived() -> bool:
        world.predictions.ingest()
        return sum(world.predictions.count(model, day).values()) >= predictions

    _wait(arrived, _ARRIVAL_SECONDS, alive, f"{predictions} predictions of {day.start:%d %B} to reach the log")
    deployment = world.deployments.current(model)
    for version in deployment.shadow if deployment is not None else ():

        def scored(version: int = version) -> bool:
            world.predictions.ingest()
            return len(world.predictions.rows(model, version, day).at) >= predictions

        _wait(scored, _ARRIVAL_SECONDS, alive, f"version {version} in shadow to score {day.start:%d %B}")


def _wait_for_training(world: World, action: str, alive: Callable[[], None]) -> None:
    """Until it ended; if it is not waited for to its end (Ctrl-C), it is ended."""
    try:
        _wait(lambda: world.executor.poll(action).state != "running", _TRAINING_SECONDS, alive, f"the training {action} to end", 0.1)
    except BaseException:
        world.executor.cancel(action)
        raise


def _wait_for_swap(world: World, model: str, alive: Callable[[], None]) -> None:
    deployment = world.deployments.current(model)
    if deployment is None:
        return

    def swapped() -> bool:
        swap, deployment = world.deployments.pending(model), world.deployments.current(model)
        if swap is not None or deployment is None:
            for worker, error in {} if swap is None else swap.failed.items():
                raise StoreError(f"worker {worker} could not load what was decided: {error}", hint="see .flyball/server.log")
            return False
        workers = world.deployments.workers(model)
        for worker, (seq, error) in workers.items():
            if error and seq < deployment.seq:
                raise StoreError(f"worker {worker} could not load what was decided: {error}", hint="see .flyball/server.log")
        return bool(workers) and all(seq >= deployment.seq for seq, _ in workers.values())

    _wait(swapped, _SWAP_SECONDS, alive, "the server to take over what was decided")


def _wait(done: Callable[[], bool], seconds: float, alive: Callable[[], None], what: str, pause: float = _PAUSE) -> None:
    until = time.monotonic() + seconds
    while not done():
        alive()
        if time.monotonic() > until:
            raise StoreError(f"waited {seconds:.0f} s in vain for {what}", hint="see .flyball/server.log and .flyball/jobs in the project")
        time.sleep(pause)
