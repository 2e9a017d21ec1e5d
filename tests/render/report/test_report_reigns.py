"""Bars of time lie in their lanes, and touch where one follows the other."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from flyball.render.report.reigns import Bar, lanes

T0, DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)


def rects(bars: list[Bar]) -> list[dict[str, float]]:
    found = ElementTree.fromstring(lanes(bars, ["champion", "challenger"], title="t", about="a", key="k"))
    return [{name: float(one.attrib[name]) for name in ("x", "y", "width")} for one in found.iter("rect")]


def bar(lane: int, begin: int, end: int, **more: object) -> Bar:
    return Bar(lane=lane, text="@1", about="<1>", since=T0 + begin * DAY, until=T0 + end * DAY, **more)  # type: ignore[arg-type]


def test_one_bar_begins_where_the_one_before_it_ends() -> None:
    first, second, other = rects([bar(0, 0, 4), bar(0, 4, 10, open=True), bar(1, 2, 4, link="/x")])
    assert abs(first["x"] + first["width"] - second["x"]) < 0.2
    assert first["y"] == second["y"] < other["y"]
    assert abs(second["width"] / first["width"] - 1.5) < 0.01


def test_a_moment_is_still_seen() -> None:
    found = rects([bar(0, 0, 0), bar(1, 0, 400)])
    assert found[0]["width"] >= 3
    assert rects([bar(0, 0, 0)])[0]["width"] >= 3
