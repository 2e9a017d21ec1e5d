"""Long work asked for over HTTP: one `flyball` verb each, of a short list, run by the executor that runs the loop's trainings."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from flyball.core.errors import NotFoundError
from flyball.core.record import record
from flyball.ports.training import Executor, Job
from flyball.server.admin import routes
from flyball.server.admin.desk import Desk
from flyball.server.answers import HttpError

MOST_RUNNING = 4
"""Jobs of one worker that may run at the same time."""


@record
class Verb:
    """What a request may run. `name`: the word after `flyball`. `argument`: the field of the order that is no option, but stands alone."""

    name: str
    argument: str = ""


# Whatever is not here cannot be run, and each field of an order is one option: no word of a request is read as another one.
VERBS: Mapping[type[routes.Order], Verb] = {
    routes.Train: Verb(name="train"),
    routes.Replay: Verb(name="replay"),
    routes.Reproduce: Verb(name="reproduce", argument="version"),
    routes.Backtest: Verb(name="backtest"),
}


class Jobs:
    """The jobs of one model that this worker has started. For several threads at once."""

    def __init__(self, executor: Executor, folder: Path, ids: Callable[[], str]) -> None:
        self.executor = executor
        self.folder = folder
        self._ids = ids
        self._starting = threading.Lock()
        self._running: list[str] = []

    def start(self, model: str, order: routes.Order, *, actor: str) -> str:
        """Start what an order asks for in somebody's name; the name of the job.

        The same key of the same verb names the same job, which starts once.
        """
        verb = VERBS[type(order)]
        key = getattr(order, "key", None)
        action = f"admin-{verb.name}-{self._ids()}" if key is None else named(model, verb.name, key)
        with self._starting:
            self._running = [one for one in self._running if one != action and self.executor.poll(one).state == "running"]
            if len(self._running) >= MOST_RUNNING:
                raise HttpError(429, f"{MOST_RUNNING} jobs run already: wait for one, or end one", headers=[(b"retry-after", b"30")])
            self.executor.submit(Job(action=action, verb=words(verb, order), folder=self.folder, actor=actor))
            self._running.append(action)
        return action


def named(model: str, verb: str, key: str) -> str:
    """The name of the job that a request with this key starts, or started before."""
    digest = hashlib.sha256("\n".join((model, verb, key)).encode()).hexdigest()
    return f"admin-{verb}-{digest[:32]}"


def words(verb: Verb, order: routes.Order) -> tuple[str, ...]:
    """The command line after `flyball`. A value never stands alone where an option could stand."""
    found = [verb.name, "--json"]
    for one in msgspec.structs.fields(order):
        value = getattr(order, one.name)
        if one.name in ("key", verb.argument) or value is None or value is False:
            continue
        values = list(value) if isinstance(value, list | tuple) else [value]
        found += [f"--{one.encode_name}" if item is True else f"--{one.encode_name}={item}" for item in values]
    if verb.argument:
        found += ["--", str(getattr(order, verb.argument))]
    return tuple(found)


def start(desk: Desk, order: routes.Order) -> Mapping[str, object]:
    """Start it. What a policy may not change is refused before anything runs, and once more by the verb."""
    if isinstance(order, routes.Backtest):
        from flyball.loop.backtest.policies import read_policies

        read_policies(order.policy)
    return {"model": desk.model, "job": desk.jobs.start(desk.model, order, actor=desk.actor)}


def show(desk: Desk, order: routes.OfJob) -> Mapping[str, object]:
    """How it stands: running, done, failed, lost. `result` is what it printed, read as JSON where it is that."""
    found = desk.jobs.executor.poll(order.job)
    if found.state == "lost" and not found.result and found.message.startswith("nothing is known"):
        raise NotFoundError(f"there is no job {order.job!r}", hint="POST /admin/jobs/… answers with the name of the job it started")
    try:
        result: object = msgspec.json.decode(found.result) if found.result else None
    except (msgspec.DecodeError, RecursionError):
        result = found.result
    return {"model": desk.model, "job": order.job, "state": found.state, "result": result, "message": found.message or None}


def cancel(desk: Desk, order: routes.OfJob) -> Mapping[str, object]:
    """End it, if it runs."""
    desk.jobs.executor.cancel(order.job)
    return show(desk, order)
