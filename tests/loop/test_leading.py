"""Of several machines on one store one acts; the others stand by and say who leads, also if that turns out in the middle."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.leases import MemoryLeases
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.adapters.sqlite.leases import SqliteLeases
from flyball.core.errors import StaleLeaderError, StoreError
from flyball.journal.events import Entry, Event, Promoted, Thawed
from flyball.journal.leading import ALONE, Lease
from flyball.loop.leading import FencedJournal, Leadership, leading, tick_if_leading
from flyball.loop.memory import Memory
from flyball.ports.leading import Leases
from flyball.serving.local import LocalRollback, write_local
from flyball.stores import wall_clock
from flyball.testing.samples import NOON, Clock
from flyball.words.sentences import sentence
from watched import MODEL, Watched, reference

LONG = timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> MemoryLeases:
    return MemoryLeases(clock=clock)


@pytest.fixture
def watched(tmp_path: Path, leases: MemoryLeases) -> Watched:
    """A first version waits for its promotion."""
    watched = Watched(tmp_path)
    watched.world = replace(watched.world, journal=MemoryJournal(leases), leases=leases)
    watched.register(1, reference())
    return watched


@pytest.fixture
def led(leases: MemoryLeases) -> Iterator[Callable[[str], Leadership]]:
    """A leadership of a machine; ended at the end."""
    made: list[Leadership] = []

    def make(holder: str) -> Leadership:
        made.append(Leadership(leases, MODEL, holder, lasts=LONG))
        return made[-1]

    yield make
    for one in made:
        one.let_go()


def test_the_first_acts_and_another_stands_by_and_says_who_leads_and_until_when(watched: Watched, led: Callable[[str], Leadership]) -> None:
    first = tick_if_leading(watched.world, watched.spec, Memory(), led("a"), now=NOON)
    assert [type(entry.event) for entry in first.entries] == [Promoted] and first.stands_by is None
    watched.register(2, reference(seed=1))
    second = tick_if_leading(watched.world, watched.spec, Memory(), led("b"), now=NOON)
    assert second.entries == () and second.stands_by is not None and watched.state.champion == 1
    said = sentence(second.stands_by)
    assert said.startswith("a acts for this model and its lease lasts until 2024-05-01 13:00:00 UTC")


def test_whoever_stands_by_leads_when_the_leader_is_gone_and_the_old_one_stands_by(
    watched: Watched, clock: Clock, led: Callable[[str], Leadership]
) -> None:
    old, new = led("a"), led("b")
    assert old.take() is not None and new.take() is None
    clock.advance(LONG)
    done = tick_if_leading(watched.world, watched.spec, Memory(), new, now=NOON)
    assert done.stands_by is None and watched.state.champion == 1
    assert tick_if_leading(watched.world, watched.spec, Memory(), old, now=NOON).stands_by is not None and not old.leads


def test_whoever_ends_lets_others_lead_at_once(watched: Watched, leases: MemoryLeases, led: Callable[[str], Leadership]) -> None:
    first = led("a")
    first.take()
    first.let_go()
    assert not first.leads and led("b").take() is not None


class Overtaken(MemoryJournal):
    """A journal before whose first append another machine takes over."""

    def __init__(self, leases: MemoryLeases, clock: Clock) -> None:
        super().__init__(leases)
        self._theirs, self._clock = leases, clock

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        if epoch is not None:
            self._clock.advance(2 * LONG)
            self._theirs.take(model, "b", lasts=LONG)
        return super().append(model, events, expected=expected, actor=actor, at=at, epoch=epoch)


def test_what_a_leader_decided_is_not_written_after_another_took_over(
    watched: Watched, leases: MemoryLeases, clock: Clock, led: Callable[[str], Leadership]
) -> None:
    watched.world = replace(watched.world, journal=Overtaken(leases, clock))
    watched.register(1, reference(), name="again")
    done = tick_if_leading(watched.world, watched.spec, Memory(), led("a"), now=NOON)
    assert done.entries == () and watched.state.champion is None and watched.world.deployments.current(MODEL) is None
    assert "b acts for 'churn' by now (epoch 2): what was decided in epoch 1 is not written down" in done.trouble
    assert done.stands_by is not None and sentence(done.stands_by).startswith("b acts for this model")


def test_the_registry_is_left_alone_once_another_leads(watched: Watched, leases: MemoryLeases, led: Callable[[str], Leadership]) -> None:
    mine = led("a")
    lease = mine.take()
    assert lease is not None
    mine.check(lease)
    leases.give_back(lease)
    leases.take(MODEL, "b", lasts=LONG)
    with pytest.raises(StaleLeaderError, match="b acts for 'churn' by now"):
        mine.check(lease)


def test_what_a_person_did_on_a_machine_by_itself_is_written_down_though_it_stands_by(
    watched: Watched, led: Callable[[str], Leadership], tmp_path: Path
) -> None:
    watched.promote(1)
    watched.register(2, reference(seed=1)).promote(2)
    led("a").take()
    folder = tmp_path / "project" / ".flyball"
    folder.mkdir(parents=True)
    write_local(folder, LocalRollback(model=MODEL, version=2, to=1, seq=9, reason="wrong", actor="ann", at=NOON + timedelta(days=400)))
    spec = replace(watched.spec, folder=tmp_path / "project")
    done = tick_if_leading(watched.world, spec, Memory(), led("b"), now=NOON)
    assert done.stands_by is not None and [entry.actor for entry in done.entries] == ["ann", *["ann"] * (len(done.entries) - 1)]
    assert watched.state.champion == 1


def test_processes_of_one_machine_share_its_lease_so_that_one_alone_never_waits(watched: Watched, leases: MemoryLeases) -> None:
    with leading(leases, MODEL, "") as up:
        assert up is not None and up.take() is not None and up.holder == ALONE
        with leading(leases, MODEL, "") as tick:  # beside it, or after it crashed
            assert tick is not None
            done = tick_if_leading(watched.world, watched.spec, Memory(), tick, now=NOON)
            assert done.stands_by is None and watched.state.champion == 1
        held = leases.current(MODEL)
        assert held is not None and held.epoch == 1  # the one that borrowed it does not give it away
    assert leases.current(MODEL) is None


def test_without_leases_whoever_ticks_acts(watched: Watched) -> None:
    with leading(None, MODEL, "a") as nobody:
        assert nobody is None
        assert tick_if_leading(watched.world, watched.spec, Memory(), nobody, now=NOON).stands_by is None


class Away(MemoryLeases):
    """Leases that cannot be reached for a while."""

    away = False

    def take(self, model: str, holder: str, *, lasts: timedelta) -> Lease | None:
        if self.away:
            raise StoreError("the database does not answer")
        return super().take(model, holder, lasts=lasts)


def test_a_lease_is_renewed_while_its_holder_lives_whatever_becomes_of_a_renewal() -> None:
    leases = Away(clock=wall_clock)
    mine = Leadership(leases, MODEL, "a", lasts=timedelta(seconds=0.6))
    try:
        first = mine.take()
        assert first is not None
        leases.away = True
        while leases.current(MODEL) is not None:  # it runs out
            pass
        leases.away = False
        while leases.current(MODEL) is None:  # and is taken again, since nobody else took it
            pass
        assert mine.leads and leases.take(MODEL, "b", lasts=LONG) is None
    finally:
        mine.let_go()


_PROGRAM = """
import json, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.adapters.sqlite.leases import SqliteLeases
from flyball.core.errors import FlyballError
from flyball.journal.events import Thawed
from flyball.loop.leading import FencedJournal, Leadership

database = Database(Path(sys.argv[1]))
mine = Leadership(SqliteLeases(database, clock=lambda: datetime.now(UTC)), "churn", sys.argv[2], lasts=timedelta(seconds=1))
lease = None
for word in sys.stdin:
    if word.strip() == "take":
        lease = mine.take() or lease
        print(json.dumps({"leads": mine.leads, "epoch": lease and lease.epoch}), flush=True)
    elif word.strip() == "write":
        journal = FencedJournal(SqliteJournal(database), lease.epoch)
        try:
            journal.append("churn", [Thawed(reason=sys.argv[2])], expected=len(journal.read("churn")), actor="loop", at=datetime.now(UTC))
            print(json.dumps({"written": True}), flush=True)
        except FlyballError as error:
            print(json.dumps({"written": False, "kind": type(error).__name__, "error": error.message}), flush=True)
"""


class Machine:
    """A loop in a process of its own, which does what it is told."""

    def __init__(self, database: Path, name: str) -> None:
        command = [sys.executable, "-c", _PROGRAM, str(database), name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def ask(self, word: str) -> dict[str, Any]:
        self.say(word)
        return self.hear()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    with Database(tmp_path / "flyball.db"):
        pass
    pair = Machine(tmp_path / "flyball.db", "a"), Machine(tmp_path / "flyball.db", "b")
    yield pair
    for one in pair:
        one.end()


def until_leading(machine: Machine) -> int:
    while not (said := machine.ask("take"))["leads"]:
        pass
    epoch: int = said["epoch"]
    return epoch


def test_a_leader_that_was_stopped_for_two_leases_writes_nothing_when_it_goes_on(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    a, b = machines
    assert a.ask("take") == {"leads": True, "epoch": 1} and b.ask("take")["leads"] is False
    assert a.ask("write") == {"written": True}
    a.process.send_signal(signal.SIGSTOP)
    a.say("write")  # what it decided, as it is stopped
    assert until_leading(b) == 2  # after one lease
    assert b.ask("write") == {"written": True}
    with Database(tmp_path / "flyball.db") as database:
        leases: Leases = SqliteLeases(database, clock=wall_clock)
        held = leases.current("churn")
        assert held is not None and held.holder == "b"
        first = held.until
        while held is not None and held.until < first + timedelta(seconds=1):  # b renews it: another lease goes by
            held = leases.current("churn")
        a.process.send_signal(signal.SIGCONT)
        said = a.hear()
        assert said["written"] is False and said["kind"] == "StaleLeaderError" and "b acts for 'churn' by now" in said["error"]
        assert a.ask("take")["leads"] is False
        assert [entry.event for entry in SqliteJournal(database).read("churn")] == [Thawed(reason="a"), Thawed(reason="b")]


def test_a_leader_that_was_killed_is_followed_by_another_and_takes_its_own_lease_again_at_once(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    a, b = machines
    assert a.ask("take")["leads"]
    a.process.send_signal(signal.SIGKILL)
    again = Machine(tmp_path / "flyball.db", "a")
    try:
        assert again.ask("take") == {"leads": True, "epoch": 1}
        again.process.send_signal(signal.SIGKILL)
        assert until_leading(b) == 2
    finally:
        again.end()


def test_a_fenced_journal_reads_as_any_other() -> None:
    journal = MemoryJournal()
    fenced = FencedJournal(journal, 3)
    entries = fenced.append("churn", [Thawed(reason="a"), Thawed(reason="b")], expected=0, actor="loop", at=NOON)
    assert fenced.read("churn") == entries and fenced.read("churn", after=1) == entries[1:]
    assert fenced.links("churn") == journal.links("churn") and fenced.models() == ["churn"]
