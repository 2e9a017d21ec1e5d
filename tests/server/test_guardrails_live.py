"""Real servers and real models that crash, hang, answer nothing a number, or crawl: no request of anybody fails by them."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import pytest

from callers import Calls, call
from flyball.spec.records import Guardrails
from moody import ROW, add
from served import MODEL, Site, body, serving, site

ASK = body(features=ROW)
BAD = {"raises": {"errors"}, "exits": {"errors"}, "hangs": {"errors"}, "nan": {"nan"}, "slow": {"latency"}}
# a shadow's call of many rows, each of which takes a while, does not come back in time
BAD_SHADOWS = {mood: guardrails for mood, guardrails in BAD.items() if mood != "slow"} | {"crawls": {"latency", "errors"}}


def health(url: str) -> dict[str, object]:
    with urlopen(f"{url}/health", timeout=5) as answer:
        found: dict[str, object] = json.load(answer)
    return found


async def until(true: Callable[[], object], seconds: float) -> float:
    began = time.monotonic()
    while not await asyncio.to_thread(true):
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


def versions(url: str) -> dict[str, object]:
    found = health(url)["versions"]
    assert isinstance(found, dict)
    return found


def named(url: str, version: int) -> bool:
    found = versions(url)
    return version == found["challenger"] or version in cast(list[int], found["shadow"])


def tripped(url: str, version: int) -> bool:
    return versions(url).get("tripped") == [version]


def written(town: Site, version: int) -> set[str]:
    since = datetime.now(UTC) - timedelta(minutes=10)
    return {trip.guardrail for trip in town.ports.guards.trips(MODEL, since=since) if trip.version == version}


def answered(url: str) -> float:
    with urlopen(f"{url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("model_predictions_total{"))


def play(folder: Path, moods: dict[str, set[str]], place: Callable[[int], dict[str, Any]], role: str) -> dict[str, float]:
    """Each bad version gets its place in turn, under traffic, after one that behaves; how many seconds each kept it.

    How long the champion takes is known by then, as it is in a server that had a rollout before.
    """
    town = site(folder / "project")
    add(town, 2, "well")
    add(town, 9, "well")
    for number, mood in enumerate(moods):
        add(town, 10 + number, mood)
    took: dict[str, float] = {}

    async def story(url: str) -> Calls:
        done = asyncio.Event()
        asking = asyncio.create_task(call(url, ASK, 200, keeping=8, enough=done))
        try:
            town.deploy(2, seed="rollout of one that is well", guardrails=Guardrails(), **place(9))
            await until(partial(named, url, 9), 60)
            began = answered(url)
            await until(lambda: answered(url) > began + 4000, 60)
            for number, (mood, guardrails) in enumerate(moods.items()):
                version = 10 + number
                town.deploy(2, seed=f"rollout of {mood}", guardrails=Guardrails(), **place(version))
                await until(partial(named, url, version), 60)
                took[mood] = await until(partial(tripped, url, version), 30)
                await until(partial(written, town, version), 5)
                assert written(town, version) <= guardrails, mood
        finally:
            done.set()
        return await asking

    town.deploy(2)
    with serving(town.settings(trusted=True)) as (url, _):
        asyncio.run(until(lambda: health(url)["status"] == "healthy", 60))
        found = asyncio.run(story(url))
        with urlopen(f"{url}/metrics", timeout=5) as answer:
            page = answer.read().decode()
    assert found.failures == [] and len(found.versions) > 1000
    kinds = sum(f'flyball_guardrail_trips_total{{guardrail="{one}",role="{role}"}} 0' not in page for one in ("errors", "nan", "latency"))
    assert kinds >= 2 and f'flyball_guardrail_tripped{{role="{role}",version="14"}} 1' in page
    return took


@pytest.mark.slow
def test_a_challenger_that_misbehaves_answers_nobody_within_ten_seconds_and_no_request_fails(tmp_path: Path) -> None:
    took = play(tmp_path, BAD, lambda version: {"challenger": version, "share": 0.5}, "challenger")
    assert max(took.values()) < 10, took


@pytest.mark.slow
def test_a_shadow_that_misbehaves_is_dropped_within_ten_seconds_and_no_request_fails(tmp_path: Path) -> None:
    took = play(tmp_path, BAD_SHADOWS, lambda version: {"shadow": (version,)}, "shadow")
    assert max(took.values()) < 10, took
