"""A training runs on one machine: whoever starts it takes a lease named by it, and the run itself renews it until it ends.

The lease of the model (`leading.py`) changes hands whenever a tick is done, long before a training is. So whoever leads next asks this one:
while it is another machine's, that machine is waited for. The same machine takes it again at once, also after a crash.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from flyball.core.errors import FlyballError, RefusedError
from flyball.journal.leading import ALONE, Lease
from flyball.ports.leading import Leases
from flyball.ports.training import Executor, Job, JobState

UNHEARD = timedelta(minutes=10)
"""How long the machine of a training may be silent before another starts the same training."""
TOLD = timedelta(hours=1)
"""How long the machine of a training that ended without a version has for writing that down, before another starts it."""
SEEN = timedelta(minutes=1)
"""How long a training is its machine's after a version came of it: nobody looks at a journal without that version for so long."""
_RENEWALS = 10  # in one lease, so that most may fail


class OnOneMachine:
    """The port `Executor`, of one machine among several: what another runs is neither started here nor lost."""

    def __init__(self, executor: Executor, leases: Leases, model: str, holder: str) -> None:
        self._executor, self._leases, self._model, self._holder = executor, leases, model, holder or ALONE

    def submit(self, job: Job) -> None:
        """Start it here, unless another machine has it."""
        if self._leases.take(_name(self._model, job.action), self._holder, lasts=UNHEARD) is not None:
            self._executor.submit(job)

    def poll(self, action: str) -> JobState:
        """How it stands; running while another machine has it, as far as can be told from here."""
        found = self._executor.poll(action)
        if found.state != "lost":
            return found
        held = self._leases.current(_name(self._model, action))
        if held is None or held.holder == self._holder:
            return found
        return JobState(state="running", result="", message=f"it is {held.holder}'s until {held.until.isoformat()}")

    def cancel(self, action: str) -> None:
        """End it, if it runs here."""
        self._executor.cancel(action)


class Kept:
    """A training that runs in this process. `registered`: something came of it that every machine can see."""

    registered = False


@contextmanager
def kept_training(leases: Leases, model: str, action: str, holder: str, *, lasts: timedelta = UNHEARD) -> Iterator[Kept]:
    """Keep the lease of a training while it runs. Afterwards, unless a version came of it, the machine has time to tell how it ended.

    RefusedError if another machine has it.
    """
    name, holder = _name(model, action), holder or ALONE
    lease = leases.take(name, holder, lasts=lasts)
    if lease is None:
        raise RefusedError(f"the training {action} runs on another machine", hint="wait for its end: flyball status")
    over, kept = threading.Event(), Kept()
    thread = threading.Thread(target=_renew, args=(leases, lease, lasts, over), name="training lease", daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        over.set()
        thread.join()
        with suppress(FlyballError):  # then it ends by itself
            leases.take(name, holder, lasts=SEEN if kept.registered else TOLD)


def _renew(leases: Leases, lease: Lease, lasts: timedelta, over: threading.Event) -> None:
    while not over.wait(lasts.total_seconds() / _RENEWALS):
        with suppress(FlyballError):  # the store is away: the next attempt may reach it
            leases.take(lease.model, lease.holder, lasts=lasts)


def _name(model: str, action: str) -> str:
    """What the lease of a training is called: no model's name has a slash."""
    return f"{model}/{action}"
