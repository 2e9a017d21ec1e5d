"""Of several machines on one store one acts: it holds the lease, renews it while it lives, and whatever it writes carries the epoch.

The holder is a machine, not a process: whatever runs there shares its lease, as it shares the project's folder, and is kept apart by the
journal's compare-and-set. So a loop that crashed takes its own lease again at once, and where there is one machine nothing ever waits.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flyball.core.errors import ConflictError, FlyballError, StaleLeaderError
from flyball.core.reason import because
from flyball.journal.chain import Link
from flyball.journal.events import Entry, Event
from flyball.journal.known import State
from flyball.journal.leading import ALONE, Lease
from flyball.journal.state import fold
from flyball.loop.engine import ACTOR, tick, training_ended
from flyball.loop.evidence.finished import finished_training
from flyball.loop.local import settle_local
from flyball.loop.memory import Memory
from flyball.loop.records import TickReport
from flyball.loop.trainings import OnOneMachine
from flyball.loop.world import World
from flyball.ports.history import Journal
from flyball.ports.leading import Leases
from flyball.ports.training import Executor
from flyball.spec.records import Spec

LASTS = timedelta(seconds=15)
"""How long a lease is good for if nobody renews it: after so long another machine takes over from one that is gone."""
_RENEWALS = 3  # in one lease, so that two may fail


class Leadership:
    """One process's part in who acts for a model. It takes the lease when asked and from then on renews it until it is let go."""

    def __init__(self, leases: Leases, model: str, holder: str, *, lasts: timedelta = LASTS) -> None:
        self.holder = holder or ALONE
        self._leases, self._model, self._lasts = leases, model, lasts
        self._lease: Lease | None = None
        self._borrowed = False  # another process of this machine had it first, and has it after this one
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def leads(self) -> bool:
        """Whether this machine led when that was last asked or renewed."""
        return self._lease is not None

    def take(self) -> Lease | None:
        """The lease, taken or held on to; None while another machine has it. StoreError if that cannot be told."""
        if self._lease is None:
            self._borrowed = self._holder() == self.holder
        self._lease = self._leases.take(self._model, self.holder, lasts=self._lasts)
        if self._lease is not None and self._thread is None:
            self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
            self._thread.start()
        return self._lease

    def check(self, lease: Lease) -> None:
        """StaleLeaderError if another machine has taken over since: for what is done beside the journal."""
        now = self._leases.current(self._model)
        if now is not None and now.epoch > lease.epoch:
            raise StaleLeaderError(f"{now.holder} acts for {self._model!r} by now", hint="this machine stands by")

    def on_one_machine(self, executor: Executor) -> OnOneMachine:
        """The executor for trainings that no other machine is to run at the same time."""
        return OnOneMachine(executor, self._leases, self._model, self.holder)

    def leader(self) -> Lease | None:
        """Who leads now, if that can be told."""
        with suppress(FlyballError):
            return self._leases.current(self._model)
        return None

    def let_go(self) -> None:
        """End the renewals, and let others lead at once if it was this process that took the lease."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self._lease is not None and not self._borrowed:
            with suppress(FlyballError):  # then it ends by itself
                self._leases.give_back(self._lease)
        self._lease = None

    def _holder(self) -> str:
        now = self._leases.current(self._model)
        return "" if now is None else now.holder

    def _renew(self) -> None:
        """In a thread, while a tick may take its time."""
        while not self._over.wait(self._lasts.total_seconds() / _RENEWALS):
            if self._lease is not None:
                with suppress(FlyballError):  # the store is away: the next attempt may reach it, and the journal refuses what came too late
                    self._lease = self._leases.take(self._model, self.holder, lasts=self._lasts)


@contextmanager
def leading(leases: Leases | None, model: str, holder: str, *, lasts: timedelta = LASTS) -> Iterator[Leadership | None]:
    """A leadership that is let go at the end; None where nobody leads because there are no leases."""
    if leases is None:
        yield None
        return
    leadership = Leadership(leases, model, holder, lasts=lasts)
    try:
        yield leadership
    finally:
        leadership.let_go()


def tick_if_leading(
    world: World, spec: Spec, memory: Memory, leadership: Leadership | None, *, now: datetime, actor: str = ACTOR
) -> TickReport:
    """One tick by whoever leads; whoever does not stands by and says who leads and until when, also if that turns out in the middle."""
    if leadership is None:
        return tick(world, spec, memory, now=now, actor=actor)
    lease = leadership.take()
    if lease is None:
        return _stand_by(world, spec, leadership, now=now)
    try:
        executor = leadership.on_one_machine(world.executor)
        fenced = replace(world, journal=FencedJournal(world.journal, lease.epoch), executor=executor)
        return tick(fenced, spec, memory, now=now, actor=actor, check=lambda: leadership.check(lease))
    except StaleLeaderError as error:
        return replace(_stand_by(world, spec, leadership, now=now), trouble=error.message)


def _stand_by(world: World, spec: Spec, leadership: Leadership, *, now: datetime) -> TickReport:
    """Nothing is decided here. What a person did on this machine by itself, and how a training ended that ran here, is written down all the
    same: nobody else can.
    """
    state = fold(spec.model.name, world.journal.read(spec.model.name))
    state, entries = settle_local(world, spec, state, [])
    entries += _ended_here(world, spec, state, now=now)
    leader = leadership.leader()
    until = "" if leader is None else f"{leader.until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    reason = because("tick.led_by_nobody") if leader is None else because("tick.stands_by", holder=leader.holder, until=until)
    return TickReport(
        model=spec.model.name, at=now, ingested=world.predictions.ingest(), evidence=None, entries=tuple(entries), stands_by=reason
    )


def _ended_here(world: World, spec: Spec, state: State, *, now: datetime) -> list[Entry]:
    """The end of a training that ran on this machine: whoever leads waits for it, and cannot know what it took or why it failed."""
    if state.running is None or world.executor.poll(state.running.started.action).state not in ("done", "failed"):
        return []
    ended = finished_training(world, state, spec)
    assert ended is not None  # its process is gone
    with suppress(ConflictError):  # the next look tries again
        return world.journal.append(state.model, [training_ended(ended)], expected=state.seq, actor=ACTOR, at=now)
    return []


class FencedJournal:
    """The port `Journal` over another one: every append carries the epoch of a lease."""

    def __init__(self, journal: Journal, epoch: int) -> None:
        self._journal, self._epoch = journal, epoch

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        """The entries with seq > `after`, in order."""
        return self._journal.read(model, after=after)

    def links(self, model: str) -> list[Link]:
        """Every entry as it is stored, in order, unchecked."""
        return self._journal.links(model)

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        """Append all events or none, durably, if the newest seq is `expected` and no lease is above this one's."""
        return self._journal.append(model, events, expected=expected, actor=actor, at=at, epoch=self._epoch if epoch is None else epoch)

    def models(self) -> list[str]:
        """The names of all models with at least one entry, sorted."""
        return self._journal.models()
