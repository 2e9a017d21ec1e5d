"""A swap in two steps: every worker gets ready, then all answer with it; nobody hinders the others, and who is alone is never behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.core.errors import IntegrityError, StoreError
from flyball.ports.serving import BundleStore, Deployments
from flyball.server.app import make_app, running
from flyball.server.settings import ServerPorts
from flyball.testing.samples import Clock
from served import MODEL, Served, Site, linear, site

LONG, AT_ONCE = timedelta(minutes=5), timedelta(0)
ASK = {"features": {"hour": 3, "temp": 1.0, "rain": True}}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Site:
    """Version 1 serves, version 2 is there; heartbeats have a clock of their own."""
    made = site(tmp_path / "project")
    made.ports = replace(made.ports, deployments=MemoryDeployments(clock=clock))
    made.add(2, linear([0.0, -0.5, -1.0], 0.0))
    made.deploy(1)
    return made


class Damaged:
    """Bundles of which all but that of the first version are damaged on this machine."""

    def __init__(self, made: Site) -> None:
        self.real, self.sound = made.bundles, {made.digests[1]}

    def put(self, folder: Path) -> str:
        return self.real.put(folder)

    def path(self, digest: str) -> Path:
        if digest not in self.sound:
            raise IntegrityError(f"bundle {digest[:8]} is damaged")
        return self.real.path(digest)


class Slow(Damaged):
    """Bundles that take their time, all but that of the first version."""

    def __init__(self, made: Site) -> None:
        super().__init__(made)
        self.arrived = threading.Event()

    def path(self, digest: str) -> Path:
        if digest not in self.sound:
            assert self.arrived.wait(30)
        return self.real.path(digest)


@asynccontextmanager
async def replica(made: Site, worker: str, ports: ServerPorts | None = None) -> AsyncIterator[Served]:
    """A worker on a machine of its own; it looks when it is told to."""
    async with running(make_app(made.settings(poll_every=3600.0), ports or made.ports, worker=worker)) as app:
        served = Served(made, app)
        try:
            yield served
        finally:
            await served.client.aclose()


async def answers(served: Served) -> int:
    version: int = (await served.post("/predict", ASK)).json()["version"]
    return version


async def ready(served: Served) -> tuple[int, str]:
    reply = await served.get("/health/ready")
    return reply.status_code, reply.json()["reason"]


def current(made: Site) -> int | None:
    deployment = made.ports.deployments.current(MODEL)
    return None if deployment is None else deployment.champion


def play(story: Callable[[], Any]) -> None:
    asyncio.run(story())


def with_bundles(made: Site, bundles: BundleStore) -> ServerPorts:
    return replace(made.ports, bundles=bundles)


def with_table(made: Site, table: Deployments) -> ServerPorts:
    return replace(made.ports, deployments=table)


def test_nobody_answers_with_a_version_before_everybody_has_it_and_then_nothing_is_left_to_load(made: Site) -> None:
    async def story() -> None:
        async with replica(made, "a") as a, replica(made, "b") as b:
            made.deploy(2, within=LONG)
            await a.look()
            swap = made.ports.deployments.pending(MODEL)
            assert swap is not None and (swap.ready, swap.waiting) == (("a",), ("b",))
            assert (await answers(a), await answers(b), current(made)) == (1, 1, 1)
            await b.look()
            assert (await answers(b), current(made), made.ports.deployments.pending(MODEL)) == (2, 2, None)
            (loaded,) = a.app.reloader._spare.values()
            await a.look()
            assert a.app.reloader.live is not None and a.app.reloader.live.champion is loaded
            assert made.ports.deployments.workers(MODEL) == {"a": (2, ""), "b": (2, "")}
            assert a.app.reloader._spare == {}

    play(story)


def test_one_worker_alone_swaps_in_one_look(made: Site) -> None:
    async def story() -> None:
        async with replica(made, "a") as a:
            made.deploy(2, within=LONG)
            await a.look()
            assert (await answers(a), current(made)) == (2, 2)
            assert made.ports.deployments.workers(MODEL) == {"a": (2, "")}

    play(story)


def test_who_cannot_load_what_others_answer_with_goes_on_with_what_it_has_and_is_not_ready(made: Site) -> None:
    async def story() -> None:
        broken = Damaged(made)
        async with replica(made, "a") as a, replica(made, "b", with_bundles(made, broken)) as b:
            made.deploy(2, within=LONG)
            await b.look()
            assert (await ready(b))[0] == 200 and current(made) == 1  # nobody is ahead of it yet
            await a.look()
            await b.look()
            assert (await answers(a), await answers(b)) == (2, 1)
            status, reason = await ready(b)
            assert status == 503 and "answers by deployment 1 while others answer by 2" in reason and "is damaged" in reason
            assert (await b.get("/ping")).status_code != 200 and (await b.get("/v2/health/ready")).status_code != 200
            health = await b.get("/health")
            assert (health.status_code, health.json()["behind"], health.json()["version"]) == (200, True, 1)
            assert (await ready(a))[0] == 200
            seq, error = made.ports.deployments.workers(MODEL)["b"]
            assert seq == 1 and "deployment 2 was refused" in error
            made.deploy(1)  # a rollback
            await b.look()
            assert await ready(b) == (200, "version 1 answers")
            broken.sound.add(made.digests[2])
            made.deploy(2)
            await b.look()
            assert (await ready(b), await answers(b)) == ((200, "version 2 answers"), 2)

    play(story)


def test_what_nobody_can_load_never_becomes_current_and_nobody_stops_answering(made: Site) -> None:
    async def story() -> None:
        async with replica(made, "a", with_bundles(made, Damaged(made))) as a:
            made.deploy(2, within=AT_ONCE)
            await a.look()
            await a.look()
            assert (await answers(a), current(made), (await ready(a))[0]) == (1, 1, 200)
            health = (await a.get("/health")).json()
            assert "deployment 2 was refused" in health["error"] and health["version"] == 1
            assert 'flyball_swaps_total{result="refused"} 1' in (await a.get("/metrics")).text
            seq, error = made.ports.deployments.workers(MODEL)["a"]
            assert seq == 1 and "is damaged" in error
            async with replica(made, "b") as b:  # it can do what the other could not
                await b.look()
                assert (await answers(b), current(made)) == (2, 2)

    play(story)


def test_a_worker_that_does_not_answer_in_its_time_is_not_waited_for_any_longer(made: Site, clock: Clock) -> None:
    async def story() -> None:
        async with replica(made, "a") as a:
            made.ports.deployments.acknowledge(MODEL, "mute", 1)
            made.deploy(2, within=timedelta(seconds=30))
            await a.look()
            assert (await answers(a), current(made)) == (1, 1)
            clock.advance(timedelta(seconds=31))
            for worker in ("a", "mute"):
                made.ports.deployments.acknowledge(MODEL, worker, 1)
            await a.look()
            assert (await answers(a), current(made)) == (2, 2)

    play(story)


def test_a_worker_that_is_silent_hinders_no_swap_for_longer_than_three_seconds(made: Site, clock: Clock) -> None:
    async def story() -> None:
        async with replica(made, "a") as a:
            made.ports.deployments.acknowledge(MODEL, "killed", 1)
            made.deploy(2, within=LONG)
            await a.look()
            assert await answers(a) == 1
            clock.advance(timedelta(seconds=4))
            made.ports.deployments.acknowledge(MODEL, "a", 1)
            await a.look()
            assert await answers(a) == 2

    play(story)


def test_a_rollback_waits_for_nobody_and_takes_back_what_was_being_prepared(made: Site) -> None:
    async def story() -> None:
        made.deploy(2)
        async with replica(made, "a") as a:
            assert await answers(a) == 2
            made.ports.deployments.acknowledge(MODEL, "mute", 2)
            made.add(3, linear([0.0, 0.1, 0.0], 0.0))
            made.deploy(3, within=LONG)
            await a.look()
            made.deploy(1)
            await a.look()
            assert (await answers(a), current(made), made.ports.deployments.pending(MODEL)) == (1, 1, None)
            assert a.app.reloader._spare == {} and (await ready(a))[0] == 200

    play(story)


def test_who_is_late_is_not_ready_until_it_has_loaded_what_others_answer_with(made: Site) -> None:
    async def story() -> None:
        slow = Slow(made)
        async with replica(made, "a") as a, replica(made, "b", with_bundles(made, slow)) as b:
            made.deploy(2, within=AT_ONCE)
            looking = asyncio.create_task(b.look())
            while b.app.reloader._preparing is None:
                await asyncio.sleep(0.01)
            await a.look()
            assert (await answers(a), await answers(b)) == (2, 1)
            try:
                async with asyncio.timeout(20):
                    while (await ready(b))[0] == 200:
                        await b.app.reloader._look_at_table()
                        await asyncio.sleep(0.05)
                assert "it is still loading what is current" in (await ready(b))[1] and await answers(b) == 1
            finally:
                slow.arrived.set()
            await looking
            await b.look()
            assert (await answers(b), await ready(b)) == (2, (200, "version 2 answers"))

    play(story)


def test_who_is_behind_is_asked_again_when_nobody_else_is_left(made: Site, clock: Clock) -> None:
    async def story() -> None:
        async with replica(made, "b", with_bundles(made, Damaged(made))) as b:
            async with replica(made, "a") as a:
                made.deploy(2, within=AT_ONCE)
                await a.look()
                await b.look()
                await b.look()
                assert (await ready(b))[0] == 503
            clock.advance(timedelta(seconds=11))
            await b.look()
            assert (await ready(b))[0] == 200 and await answers(b) == 1

    play(story)


class Deaf(MemoryDeployments):
    """A table that cannot be written for a while."""

    deaf = False

    def ready(self, model: str, worker: str, seq: int, error: str = "") -> None:
        if self.deaf:
            raise StoreError("the disk is full")
        super().ready(model, worker, seq, error)


def test_that_a_worker_is_ready_is_said_again_until_it_is_heard(made: Site, clock: Clock) -> None:
    table = Deaf(clock=clock)
    made.ports = with_table(made, table)
    made.deploy(1)

    async def story() -> None:
        async with replica(made, "a") as a:
            table.deaf = True
            made.deploy(2, within=LONG)
            await a.look()
            assert await answers(a) == 1 and (await ready(a))[0] == 200
            table.deaf = False
            await a.look()
            assert await answers(a) == 2

    play(story)
