"""A tick looks on, whatever cannot be read or written of its reports."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flyball.adapters.memory.reports import MemoryReports
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.reports import SqliteReports
from flyball.core.errors import StoreError
from flyball.core.reason import because
from flyball.journal.events import AlertFired, AlertResolved
from flyball.loop.engine import tick
from flyball.loop.evidence.measure import look, measure
from flyball.loop.records import Evidence
from flyball.monitoring.records import MonitorReport
from flyball.testing.samples import NOON
from watched import MODEL, Watched, reference, rows

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    found = Watched(tmp_path).register(1, reference()).promote(1)
    found.world.predictions.add(rows("p", [NOON - HOUR] * 600))
    return found


def seen(watched: Watched, *, now: datetime) -> Evidence:
    looked = look(watched.world, watched.spec, watched.state, 1, watched.memory, now=now)
    return measure(watched.world, watched.spec, watched.state, watched.memory, looked, now=now)


class Full(MemoryReports):
    """A disk without room."""

    def save(self, model: str, report: MonitorReport) -> None:
        raise StoreError("no space left on device")


def test_a_report_that_cannot_be_kept_is_told_and_the_rest_is_measured(watched: Watched) -> None:
    watched.world = replace(watched.world, reports=Full())
    found = seen(watched, now=NOON)
    assert found.drift["x"].rows == 600
    assert "no space left on device" in found.trouble


def test_a_kept_report_that_cannot_be_read_stops_nothing_and_is_told(watched: Watched, tmp_path: Path) -> None:
    database = Database(tmp_path / "flyball.db")
    reports = SqliteReports(database)
    watched.world = replace(watched.world, reports=reports)
    assert seen(watched, now=NOON).trouble == ""
    with database.write() as connection:
        connection.execute("UPDATE reports SET body = '{}'")
    found = seen(watched, now=NOON + DAY)
    assert found.drift
    assert found.trouble == "1 kept monitor reports cannot be read back and are passed over, the last of 2024-05-01 12:00 UTC"
    latest = reports.latest(MODEL)
    assert latest is not None and latest.window.end == NOON + DAY


class Counting(MemoryReports):
    """Knows how often it was asked for what each look asks for."""

    asked = 0

    def passed_over(self, model: str) -> list[datetime]:
        self.asked += 1
        return super().passed_over(model)


def test_a_tick_looks_once_however_much_it_then_does(watched: Watched) -> None:
    reports = Counting()
    watched.world = replace(watched.world, reports=reports)
    fired = AlertFired(key="deployment", reason=because("deployment.refused", workers=1, error="no room"))
    watched.world.journal.append(MODEL, [fired], expected=watched.state.seq, actor="test", at=NOON)
    done = tick(watched.world, watched.spec, watched.memory, now=NOON)
    assert isinstance(done.entries[-1].event, AlertResolved), "so it measured again after it had acted"
    assert reports.asked == 1
    assert done.evidence is not None and done.evidence.drift["x"].rows == 600


def test_how_an_alert_ended_is_told_as_it_was(watched: Watched) -> None:
    keys = ("deployment", "quality:x", "drift:no longer there", "performance:no longer asked")
    fired = [AlertFired(key=key, reason=because("test")) for key in keys]
    watched.world.journal.append(MODEL, fired, expected=watched.state.seq, actor="test", at=NOON)
    calm = seen(watched, now=NOON).calm
    assert {key: reason.code for key, reason in calm.items()} == {
        "deployment": "alert.over",
        "quality:x": "alert.over",
        "drift:no longer there": "alert.unwatched",
        "performance:no longer asked": "alert.unwatched",
    }
