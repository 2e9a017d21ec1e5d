"""Lines up to now."""

from datetime import UTC, datetime, timedelta

from dashboarded import well_formed
from flyball.core.window import Window
from flyball.render.report.strands import Strand, course

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(start=NOON - timedelta(hours=1), end=NOON)


def drawn(*values: float | None) -> str:
    points = [(NOON + timedelta(minutes=minute - 30), value) for minute, value in enumerate(values)]
    strands = [Strand(kind="now", points=points, filled=True)]
    return str(course(strands, WINDOW, title="requests <b>", about="all", key="r", ago=lambda seconds: f"-{seconds:.0f}"))


def test_a_line_breaks_where_nothing_is_known() -> None:
    assert drawn(1.0, 2.0, 3.0).count("<polyline") == 1
    assert drawn(1.0, 2.0, None, 3.0, 4.0).count("<polyline") == 2


def test_times_are_told_as_how_long_ago_and_the_title_is_escaped() -> None:
    found = drawn(1.0, 2.0)
    assert all(f">-{seconds}<" in found for seconds in (3600, 2700, 1800, 900, 0))
    assert "requests &lt;b&gt;" in found
    well_formed(found)


def test_nothing_at_all_is_an_empty_frame() -> None:
    assert "<polyline" not in drawn() and "<circle" not in drawn()
    assert "<polyline" not in drawn(None, None)
