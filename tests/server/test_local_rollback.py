"""`rollback --local` with everything else broken: real servers go back within a second, and no prediction fails."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import pytest

from callers import Calls, call
from flyball.core.errors import StoreError
from flyball.loop.local import roll_back_here
from flyball.server.app import make_app, running
from flyball.server.settings import ServerPorts
from flyball.serving.local import LocalRollback, remove_local, write_local
from scored import airport
from served import MODEL, Served, Site, body, serving

ASK = body(features={"hour": 3, "temp": 1.0, "rain": True})


def health(url: str) -> dict[str, object]:
    with urlopen(f"{url}/health", timeout=5) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def roll_back(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as a person gives it, where MLflow cannot be reached."""
    command = [sys.executable, "-m", "flyball", "-C", str(folder), "rollback", "--local", "--reason", "wrong prices", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    )


def garbage(folder: Path) -> None:
    """Overwritten to its end, as by a disk that fails. Nothing is cut off: what of `-shm` is mapped and gone would kill any process."""
    for path in (folder / "flyball.db", folder / "flyball.db-wal"):
        with path.open("r+b") as file:
            file.write((b"no database at all" * (path.stat().st_size // 18 + 1))[: path.stat().st_size])


def locked(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "flyball.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def gone(folder: Path) -> None:
    for path in folder.glob("flyball.db*"):
        path.unlink()
    (folder / "flyball.db").mkdir()


@pytest.mark.parametrize("broken", [garbage, locked, gone])
def test_servers_go_back_within_a_second_and_no_prediction_fails(tmp_path: Path, broken: Callable[[Path], object]) -> None:
    town: Site = airport(tmp_path / "town")
    town.deploy(2, previous=1)
    seen: list[float] = []

    async def story(url: str) -> Calls:
        done = asyncio.Event()
        asking = asyncio.create_task(call(url, ASK, 60, keeping=4, enough=done))
        try:
            await asyncio.sleep(0.5)
            held = broken(town.folder)
            await asyncio.sleep(0.5)
            said = await asyncio.to_thread(roll_back, town.folder)
            assert said.returncode == 0, said.stderr
            written = time.time()
            while (await asyncio.to_thread(health, url))["version"] != 1:
                assert time.time() - written < 1.0
                await asyncio.sleep(0.02)
            seen.append(time.time() - (town.folder / ".flyball" / "rollback.json").stat().st_mtime)
            await asyncio.sleep(0.3)
            if isinstance(held, sqlite3.Connection):
                held.close()
        finally:
            done.set()
        return await asking

    with serving(town.settings(workers=2)) as (url, _):
        while health(url)["version"] != 2:
            time.sleep(0.1)
        found = asyncio.run(story(url))
        state = health(url)
        with urlopen(f"{url}/metrics", timeout=5) as answer:
            page = answer.read().decode()
    assert found.failures == [] and set(found.versions) == {1, 2} and found.versions[-1] == 1
    assert state["local"] is True and "version 1 answers in the place of version 2" in str(state["reason"])
    assert "flyball_deployment_local 1" in page
    again = roll_back(town.folder)
    assert again.returncode == 1 and "rolled back on this machine already" in again.stderr


class Gone:
    """A deployments table that does not answer."""

    def __getattr__(self, name: str) -> Any:
        raise StoreError("the database does not answer")


def test_a_worker_that_starts_while_the_database_is_away_serves_what_this_machine_went_back_to(tmp_path: Path) -> None:
    town: Site = airport(tmp_path / "town")
    town.deploy(2, previous=1)

    async def story(ports: ServerPorts, wanted: dict[str, object]) -> None:
        async with running(make_app(town.settings(poll_every=3600.0), ports)) as app:
            served = Served(town, app)
            state = (await served.get("/health")).json()
            assert {key: state[key] for key in wanted} == wanted
            assert (await served.post("/predict", ASK)).json()["version"] == wanted["version"]
            await served.client.aclose()

    asyncio.run(story(town.ports, {"version": 2, "local": False, "stale": False}))
    told = json.loads(roll_back(town.folder, "--json").stdout)
    assert (told["version"], told["to"], told["local"], told["reason"]) == (2, 1, True, "wrong prices")
    gone = replace(town.ports, deployments=cast(Any, Gone()))
    asyncio.run(story(gone, {"version": 1, "local": True, "stale": True}))


def test_a_server_does_not_return_to_what_was_given_up_while_the_journal_takes_over(tmp_path: Path) -> None:
    town: Site = airport(tmp_path / "town")
    town.deploy(2, previous=1)

    async def story() -> None:
        async with running(make_app(town.settings(poll_every=3600.0), town.ports)) as app:
            roll_back_here(town.bundles, town.folder, MODEL, reason="", actor="ann", now=datetime.now(UTC))
            await app.reloader.look()
            assert app.reloader.live is not None and app.reloader.live.deployment.local
            town.deploy(1)
            remove_local(town.folder / ".flyball")
            await app.reloader._look_here()  # it sees that the file is gone before it asks the table
            assert app.reloader._tried is not None
            assert (app.reloader._tried.champion, app.reloader._tried.seq, app.reloader._tried.local) == (1, 2, False)
            await app.reloader.look()
            roll_back = LocalRollback(model=MODEL, version=1, to=2, seq=2, reason="", actor="ann", at=datetime.now(UTC))
            write_local(town.folder / ".flyball", roll_back)
            await app.reloader.look()
            assert app.reloader.live.deployment.local and app.reloader.live.champion.version == 2
            remove_local(town.folder / ".flyball")  # by hand: it is taken back
            await app.reloader.look()
            assert (app.reloader.live.champion.version, app.reloader.live.deployment.local) == (1, False)

    asyncio.run(story())
