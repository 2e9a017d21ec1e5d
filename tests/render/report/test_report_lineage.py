"""A lineage graph holds every box with its link, whatever stands in it, lying or standing."""

from xml.etree import ElementTree

import pytest

from flyball.render.report.lineage import Node, fitting, graph

NODES = [
    Node(key="data", step=0, lane=0, title="data", text="abc", about="all of it", link="#data"),
    Node(key="run", step=1, lane=0, title="run", text="<b>&", about='"quoted"', link="http://h/?a=1&b=2"),
    Node(key="code", step=1, lane=1, title="code", text="x" * 99, about="code"),
]
EDGES = [("data", "run"), ("code", "run")]


@pytest.mark.parametrize("upright", [False, True])
def test_every_box_and_every_arrow_is_drawn_within_the_picture(upright: bool) -> None:
    found = ElementTree.fromstring(graph(NODES, EDGES, title="t", about="a", key="k", upright=upright))
    width, height = (float(one) for one in found.attrib["viewBox"].split()[2:])
    boxes = [one.attrib for one in found.iter("rect")]
    assert len(boxes) == 3 and len(list(found.iter("line"))) == 2 and len(list(found.iter("polygon"))) == 2
    assert all(float(one["x"]) + float(one["width"]) <= width and float(one["y"]) + float(one["height"]) <= height for one in boxes)
    assert [one.attrib["href"] for one in found.iter("a")] == ["#data", "http://h/?a=1&b=2"]


def test_long_names_end_before_the_box_does() -> None:
    assert len(fitting("x" * 99, 20.0)) <= 20
    assert len(fitting("模" * 99, 20.0)) <= 11
    assert fitting("short", 20.0) == "short"
