"""What a look of the loop leaves for servers to show: that it looked, and where the floor of performance is."""

from datetime import UTC, datetime

import pytest

from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.stores import open_stores
from trained import MODEL, NOW, Shop, flyball


def test_every_tick_is_remembered_with_its_time(own: Shop) -> None:
    for minute in (0, 1, 3):
        assert flyball(own.folder, "tick", "--now", f"2025-03-04T00:0{minute}:00Z").status == 0
    stores = open_stores(read_settings(own.folder))
    assert [at.minute for at in stores.looks.looks(MODEL)] == [0, 1, 3]
    stores.database.close()


def test_a_report_says_where_the_floor_is_a_drop_below_the_champions_held_out_bound(own: Shop) -> None:
    assert flyball(own.folder, "tick", "--now", NOW.replace("03-01", "03-04")).status == 0
    stores, spec = open_stores(read_settings(own.folder)), load_spec(own.folder.resolve())
    report = stores.reports.latest(MODEL)
    stores.database.close()
    assert report is not None and report.performance is not None and spec.monitor.floor is not None
    held_out = next(e.event for e in stores.journal.read(MODEL) if getattr(e.event, "version", 0) == report.version)
    bound = held_out.upper[spec.monitor.floor.metric]  # type: ignore[union-attr]  # the registration of the version
    assert report.performance.floor == pytest.approx(bound + spec.monitor.floor.drop)
    assert report.window.end == datetime(2025, 3, 4, tzinfo=UTC)
