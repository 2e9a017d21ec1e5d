"""A training runs on one machine, however often the right to act changes hands meanwhile."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.leases import MemoryLeases
from flyball.core.errors import RefusedError, StoreError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Decision
from flyball.journal.events import RetrainEnded, RetrainStarted
from flyball.journal.leading import Lease
from flyball.loop.leading import leading, tick_if_leading
from flyball.loop.memory import Memory
from flyball.loop.records import TickReport
from flyball.loop.trainings import SEEN, TOLD, UNHEARD, kept_training
from flyball.loop.world import World
from flyball.ports.training import Job, JobState
from flyball.stores import wall_clock
from flyball.testing.samples import NOON, Clock
from watched import MODEL, Watched, reference

ACTION = "retrain-1"
NAME = f"{MODEL}/{ACTION}"


class Jobs:
    """The executor of one machine: what was started there, and how it stands."""

    def __init__(self) -> None:
        self.states: dict[str, JobState] = {}

    def submit(self, job: Job) -> None:
        self.states.setdefault(job.action, JobState(state="running", result="", message=""))

    def poll(self, action: str) -> JobState:
        return self.states.get(action, JobState(state="lost", result="", message=""))

    def cancel(self, action: str) -> None:
        del self.states[action]


class Town:
    """Two machines on one store, a training asked for, and what each look from a scheduler does."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.leases = MemoryLeases(clock=self.clock)
        self.watched = Watched(folder)
        self.watched.world = replace(self.watched.world, journal=MemoryJournal(self.leases), leases=self.leases)
        self.watched.register(1, reference()).promote(1)
        self.jobs = {"a": Jobs(), "b": Jobs()}
        started = RetrainStarted(action=ACTION, cause="drift", reason=because("retrain.lost"))
        self.watched.world.journal.append(MODEL, [started], expected=self.watched.state.seq, actor="loop", at=NOON)

    def world(self, machine: str) -> World:
        return replace(self.watched.world, executor=self.jobs[machine])

    def look(self, machine: str) -> TickReport:
        """As a scheduler's `flyball tick`: it leads for as long as it looks."""
        with leading(self.leases, MODEL, machine) as leadership:
            return tick_if_leading(self.world(machine), self.watched.spec, Memory(), leadership, now=NOON)

    def started(self) -> list[str]:
        return [machine for machine, jobs in self.jobs.items() if jobs.states]

    def ended(self) -> list[RetrainEnded]:
        return [entry.event for entry in self.watched.world.journal.read(MODEL) if isinstance(entry.event, RetrainEnded)]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_looks_of_two_schedulers_start_a_training_once(town: Town) -> None:
    for machine in "abab":
        assert town.look(machine).stands_by is None
    assert town.started() == ["a"] and town.ended() == []


def test_a_training_whose_machine_was_not_heard_of_for_long_is_started_on_another(town: Town) -> None:
    town.look("a")
    town.clock.advance(UNHEARD - timedelta(seconds=1))
    town.look("b")
    assert town.started() == ["a"]
    town.clock.advance(timedelta(seconds=1))
    town.look("b")
    assert town.started() == ["a", "b"] and town.ended() == []


def test_a_machine_goes_on_with_its_own_training_at_once(town: Town) -> None:
    town.look("a")
    town.jobs["a"] = Jobs()  # it crashed before the job was made
    town.look("b")
    assert town.started() == []
    town.look("a")
    assert town.started() == ["a"]


def test_a_machine_that_stands_by_writes_down_how_its_training_ended(town: Town) -> None:
    town.look("a")
    town.jobs["a"].states[ACTION] = JobState(state="failed", result="", message="boom")
    with leading(town.leases, MODEL, "b") as b:
        assert b is not None and b.take() is not None
        assert tick_if_leading(town.world("b"), town.watched.spec, Memory(), b, now=NOON).entries == ()
        said = town.look("a")
        assert said.stands_by is not None and [entry.event for entry in said.entries] == town.ended()
        assert [one.outcome for one in town.ended()] == ["failed"]
        town.look("a")
    assert len(town.ended()) == 1 and town.started() == ["a"]


def test_a_training_that_is_lost_on_its_machine_is_over_for_all(town: Town) -> None:
    town.look("a")
    town.jobs["a"].states[ACTION] = JobState(state="lost", result="", message="")
    town.look("a")
    assert [one.outcome for one in town.ended()] == ["lost"]
    town.look("b")
    assert town.started() == ["a"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> Iterator[MemoryLeases]:
    yield MemoryLeases(clock=clock)


def test_a_version_that_came_of_it_ends_it_wherever_that_is_seen(town: Town) -> None:
    town.look("a")
    first = town.watched.state.versions[1].registered
    made = replace(first, version=2, identity="i2", action=ACTION, gate=Decision(verdict=Verdict.FAIL, checks=()))
    town.watched.world.journal.append(MODEL, [made], expected=town.watched.state.seq, actor="loop", at=NOON)
    town.clock.advance(UNHEARD)
    town.look("b")
    assert [(one.outcome, one.version) for one in town.ended()] == [("registered", 2)] and town.started() == ["a"]


def test_a_version_is_everybodys_soon_and_what_failed_is_its_machines_to_tell(leases: MemoryLeases, clock: Clock) -> None:
    with kept_training(leases, MODEL, ACTION, "a") as kept:
        held = leases.current(NAME)
        assert held is not None and held.holder == "a"
        kept.registered = True
    clock.advance(SEEN)
    assert leases.current(NAME) is None
    with pytest.raises(ValueError, match="boom"), kept_training(leases, MODEL, ACTION, "a"):
        raise ValueError("boom")
    clock.advance(TOLD - timedelta(seconds=1))
    assert leases.take(NAME, "b", lasts=TOLD) is None


def test_a_run_that_another_machine_took_over_does_not_begin(leases: MemoryLeases) -> None:
    leases.take(NAME, "b", lasts=UNHEARD)
    with pytest.raises(RefusedError, match="runs on another machine"), kept_training(leases, MODEL, ACTION, "a"):
        pass


def test_a_run_is_heard_of_for_as_long_as_it_lasts_whatever_becomes_of_a_renewal() -> None:
    renewed = threading.Semaphore(0)

    class Counted(MemoryLeases):
        taken = 0

        def take(self, model: str, holder: str, *, lasts: timedelta) -> Lease | None:
            self.taken += 1
            if self.taken == 2:
                raise StoreError("the database does not answer")
            renewed.release()
            return super().take(model, holder, lasts=lasts)

    leases = Counted(clock=wall_clock)
    with kept_training(leases, MODEL, ACTION, "a", lasts=timedelta(seconds=5)) as kept:
        first = leases.current(NAME)
        assert renewed.acquire() and renewed.acquire(timeout=60) and renewed.acquire(timeout=60)
        later = leases.current(NAME)
        assert first is not None and later is not None and later.until > first.until
        kept.registered = True


def test_a_training_can_be_ended_where_it_runs(town: Town) -> None:
    town.look("a")
    with leading(town.leases, MODEL, "a") as leadership:
        assert leadership is not None
        leadership.on_one_machine(town.jobs["a"]).cancel(ACTION)
    assert town.started() == []
