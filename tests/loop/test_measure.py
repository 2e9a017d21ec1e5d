"""A tick looks on, whatever cannot be read or written of its reports."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flyball.adapters.memory.reports import MemoryReports
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.reports import SqliteReports
from flyball.core.errors import StoreError
from flyball.loop.evidence.measure import measure
from flyball.monitoring.records import MonitorReport
from flyball.testing.samples import NOON
from watched import MODEL, Watched, reference, rows

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    found = Watched(tmp_path).register(1, reference()).promote(1)
    found.world.predictions.add(rows("p", [NOON - HOUR] * 600))
    return found


class Full(MemoryReports):
    """A disk without room."""

    def save(self, model: str, report: MonitorReport) -> None:
        raise StoreError("no space left on device")


def test_a_report_that_cannot_be_kept_is_told_and_the_rest_is_measured(watched: Watched) -> None:
    watched.world = replace(watched.world, reports=Full())
    found = measure(watched.world, watched.spec, watched.state, watched.memory, now=NOON)
    assert found.drift["x"].rows == 600
    assert "no space left on device" in found.trouble


def test_a_kept_report_that_cannot_be_read_stops_nothing_and_is_told(watched: Watched, tmp_path: Path) -> None:
    database = Database(tmp_path / "flyball.db")
    reports = SqliteReports(database)
    watched.world = replace(watched.world, reports=reports)
    assert measure(watched.world, watched.spec, watched.state, watched.memory, now=NOON).trouble == ""
    with database.write() as connection:
        connection.execute("UPDATE reports SET body = '{}'")
    found = measure(watched.world, watched.spec, watched.state, watched.memory, now=NOON + DAY)
    assert found.drift
    assert found.trouble == "1 kept monitor reports cannot be read back and are passed over, the last of 2024-05-01 12:00 UTC"
    latest = reports.latest(MODEL)
    assert latest is not None and latest.window.end == NOON + DAY
