"""The newest requests there are, and rows by the hour of their event time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flyball.adapters.memory.traffic import MemoryTraffic
from flyball.core.window import Window
from flyball.loop.lately import requests, rows_by_hour
from flyball.loop.world import World
from flyball.serving.records import Answers
from flyball.settings import read_settings
from flyball.wiring import open_world

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
NOON = NOW.replace(second=0)
HOUR = timedelta(hours=1)
MODEL = "flight-delay"


@pytest.fixture(scope="module")
def world(lived: Path) -> World:
    return open_world(read_settings(lived))


def counted(world: World, *ago: timedelta) -> World:
    traffic = MemoryTraffic()
    traffic.add(MODEL, [Answers(minute=NOON - one, status=200, requests=60) for one in ago])
    return replace(world, traffic=traffic)


def test_requests_of_the_last_hour_are_of_whole_minutes(world: World) -> None:
    found = requests(counted(world, timedelta(0), timedelta(minutes=1), timedelta(minutes=60), timedelta(minutes=61)), MODEL, HOUR, now=NOW)
    assert found.window == Window(start=NOON - HOUR, end=NOON)
    assert [NOON - one.minute for one in found.counts] == [HOUR, timedelta(minutes=1)]
    assert found.newest == NOON + timedelta(minutes=1)


@pytest.mark.parametrize("days", [0.5, 3.0, 20.0])
def test_where_none_came_lately_it_is_the_span_that_ends_with_the_newest(world: World, days: float) -> None:
    gone = timedelta(days=days)
    found = requests(counted(world, gone, gone + timedelta(minutes=30), gone + timedelta(hours=2)), MODEL, HOUR, now=NOW)
    assert found.newest == NOON - gone + timedelta(minutes=1)
    assert found.window.end == found.newest and len(found.counts) == 2


def test_where_none_ever_came_there_is_no_newest(world: World) -> None:
    found = requests(counted(world), MODEL, HOUR, now=NOW)
    assert found.newest is None and found.counts == [] and found.window.end == NOON


def test_rows_of_a_day_are_those_that_the_log_has(world: World) -> None:
    report = world.reports.latest(MODEL)
    assert report is not None
    day = Window(start=report.window.end - timedelta(days=1), end=report.window.end)
    found = rows_by_hour(world, MODEL, [report.version], day)
    answered = sum(
        sum(hours.values()) for (version, variant), hours in found.items() if version == report.version and variant == "champion"
    )
    assert answered == world.predictions.count(MODEL, day)[report.version] > 0
    first, last = (int(at.timestamp() // 3600) for at in (day.start, day.end))
    assert all(first <= hour < last for hours in found.values() for hour in hours)
    assert rows_by_hour(world, MODEL, [99], day) == {}
