"""Several servers on one PostgreSQL: a swap happens everywhere and fails no request, whatever becomes of one of them or the database."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from callers import Calls, call
from postgresql import Postgres, running_postgres
from replicas import ASK, Fleet, Server, serving_on
from served import linear

MACHINES = ("m1", "m2", "m3")
LONG = timedelta(minutes=2)


@pytest.fixture(scope="module")
def fragile() -> Iterator[Postgres]:
    """A database server that these tests may let die, in a folder whose parents no other run of tests closes to it meanwhile."""
    with running_postgres(Path(tempfile.mkdtemp(prefix="flyball-fragile-"))) as server:
        yield server


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, fragile: Postgres) -> Iterator[Fleet]:
    with pytest.MonkeyPatch.context() as environment:
        made = Fleet(tmp_path_factory.mktemp("fleet"), fragile.fresh(), environment)
        yield made
        made.stores.database.close()


@pytest.fixture(scope="module")
def running(fleet: Fleet) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving_on(fleet.machine(name))) for name in MACHINES}


@pytest.fixture
def servers(fleet: Fleet, running: dict[str, Server]) -> dict[str, Server]:
    """Three servers that answer with version 1."""
    fleet.publish(1)
    until(lambda: [name.partition("-")[0] for name, seq in sorted(fleet.workers.items()) if seq == fleet.seq] == list(MACHINES))
    return running


def until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def under_load(servers: list[Server], meanwhile: Callable[[], None]) -> list[Calls]:
    """Ask every server all the time while something happens."""

    async def story() -> list[Calls]:
        done = asyncio.Event()
        asking = [asyncio.create_task(call(one.url, ASK, 60, keeping=2, enough=done)) for one in servers]
        try:
            await asyncio.sleep(0.3)
            await asyncio.to_thread(meanwhile)
            await asyncio.sleep(0.3)
        finally:
            done.set()
        return list(await asyncio.gather(*asking))

    return asyncio.run(story())


def test_a_swap_happens_on_all_machines_within_two_seconds_and_fails_no_request(fleet: Fleet, servers: dict[str, Server]) -> None:
    spans = []

    def swaps() -> None:
        for version in (2, 3, 1):
            fleet.stores.deployments.prepare(fleet.deployment(version), within=LONG)
            until(lambda version=version: fleet.current == version)  # type: ignore[misc]  # what a loop variable is worth here
            began = time.monotonic()
            until(lambda: set(fleet.workers.values()) == {fleet.seq})
            spans.append(time.monotonic() - began)

    found = under_load(list(servers.values()), swaps)
    for calls in found:
        assert calls.failures == [] and calls.refused == 0
        assert set(calls.versions) == {1, 2, 3}
    assert max(spans) < 2.0
    assert set(fleet.workers) == {f"{name}-{one.url.rpartition(':')[2]}-w0" for name, one in servers.items()}


def test_a_machine_that_loses_its_power_hinders_no_swap_and_comes_back_with_what_is_current(
    fleet: Fleet, servers: dict[str, Server]
) -> None:
    folder = fleet.machine("m4")

    def lost() -> None:
        with serving_on(folder) as fourth:
            until(lambda: list(fleet.workers.values()).count(fleet.seq) == 4)
            fourth.kill()
            fleet.stores.deployments.prepare(fleet.deployment(2), within=LONG)
            until(lambda: all(one.version == 2 for one in servers.values()))

    for calls in under_load(list(servers.values()), lost):
        assert calls.failures == [] and set(calls.versions) == {1, 2}
    with serving_on(folder) as again:
        until(lambda: again.version == 2)


def test_who_cannot_load_a_version_is_not_ready_and_hinders_neither_the_swap_nor_the_rollback(
    fleet: Fleet, servers: dict[str, Server]
) -> None:
    fleet.add(4, linear([0.0, -0.2, 1.0], 0.0))
    sound = fleet.machine("office") / ".flyball" / "bundles" / fleet.digests[4]
    spoiled = shutil.copytree(sound, fleet.machine("m3") / ".flyball" / "bundles" / fleet.digests[4])
    (spoiled / "model.onnx").chmod(0o600)
    (spoiled / "model.onnx").write_bytes(b"the disk of this machine is not sound")

    def swap() -> None:
        fleet.stores.deployments.prepare(fleet.deployment(4), within=LONG)
        until(lambda: servers["m1"].version == servers["m2"].version == 4)
        until(lambda: servers["m3"].get("/health/ready")[0] == 503)

    found = under_load(list(servers.values()), swap)
    assert [calls.failures for calls in found] == [[], [], []] and set(found[2].versions) == {1}
    status, body = servers["m3"].get("/health/ready")
    assert (status, body["status"]) == (503, "behind") and "was refused" in body["reason"]
    assert servers["m1"].get("/health/ready")[0] == 200
    fleet.publish(1)  # a rollback
    until(lambda: all(one.version == 1 for one in servers.values()))
    until(lambda: servers["m3"].get("/health/ready")[0] == 200)


def test_machines_answer_while_the_database_stands_still_and_follow_it_when_it_goes_on(fleet: Fleet, servers: dict[str, Server]) -> None:
    def stall() -> None:
        with psycopg.connect(fleet.address) as holder:
            holder.execute("LOCK TABLE flyball.deployments, flyball.workers, flyball.swaps IN ACCESS EXCLUSIVE MODE")
            until(lambda: all(one.get("/health")[1]["stale"] for one in servers.values()), 60)
            assert [one.get("/health/ready")[0] for one in servers.values()] == [200, 200, 200]
            assert [one.version for one in servers.values()] == [1, 1, 1]
        fleet.stores.deployments.prepare(fleet.deployment(2), within=LONG)
        until(lambda: all(one.version == 2 for one in servers.values()))

    for calls in under_load(list(servers.values()), stall):
        assert calls.failures == [] and set(calls.versions) == {1, 2}


def test_a_database_that_dies_and_returns_costs_no_request_and_no_count(
    fleet: Fleet, servers: dict[str, Server], fragile: Postgres
) -> None:
    def rows(query: str) -> int:
        with psycopg.connect(fleet.address) as connection:
            row = connection.execute(query.encode()).fetchone()
        return 0 if row is None or row[0] is None else int(row[0])

    logged, traffic = "SELECT count(*) FROM flyball.predictions", "SELECT sum(requests) FROM flyball.traffic WHERE status = 200"
    until(lambda: rows(logged) == rows(traffic), 60)
    before = rows(logged)

    def crash() -> None:
        fragile.crash()
        until(lambda: all(one.get("/health")[1]["stale"] for one in servers.values()), 60)
        fragile.start()
        until(lambda: not any(one.get("/health")[1]["stale"] for one in servers.values()), 60)
        fleet.stores.deployments.prepare(fleet.deployment(2), within=LONG)
        until(lambda: all(one.version == 2 for one in servers.values()))

    found = under_load(list(servers.values()), crash)
    for calls in found:
        assert calls.failures == [] and set(calls.versions) == {1, 2}
    answered = [one for calls in found for one in calls.ids]
    until(lambda: rows(logged) == rows(traffic) == before + len(answered), 60)
    assert len(set(answered)) == len(answered)
