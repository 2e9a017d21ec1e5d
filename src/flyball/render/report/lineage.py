"""A graph of where something comes from: boxes in two lanes, one step after the other, each a link to where it leads."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from flyball.core.record import record
from flyball.render.report.svg import drawing, joined, tag
from flyball.render.report.text import clean

_WIDE, _HIGH, _LINE = 176, 64, 26
_BETWEEN, _LANES = 52, 40
_ROOM = 25.0  # letters of usual width that fit into a box


@record
class Node:
    """One box at a step of the main line (lane 0) or beside it (lane 1). `text`: its name, in few letters; `about`: all of it.

    `link`: where it leads, empty for nowhere. `here`: it is what the page is about.
    """

    key: str
    step: int
    lane: int
    title: str
    text: str
    about: str
    link: str = ""
    here: bool = False


def graph(nodes: Sequence[Node], edges: Sequence[tuple[str, str]], *, title: str, about: str, key: str, upright: bool = False) -> Markup:
    """The graph, steps from left to right, or from above for a narrow page. An edge goes from one node's key to another's."""
    places = {node.key: _place(node, upright) for node in nodes}
    steps, lanes = max(node.step for node in nodes) + 1, max(node.lane for node in nodes) + 1
    across, down = (lanes, steps) if upright else (steps, lanes)
    gap_x, gap_y = _gaps(upright)
    drawn = [_arrow(places[start], places[end]) for start, end in edges]
    return drawing(
        joined(drawn),
        joined(_box(node, places) for node in nodes),
        title=title,
        about=clean(about, 600),
        key=key,
        width=across * _WIDE + (across - 1) * gap_x + 4,
        height=down * _HIGH + (down - 1) * gap_y + 4,
        role="group",
        class_="lineage",
    )


def _gaps(upright: bool) -> tuple[int, int]:
    return (_LANES, _LINE) if upright else (_BETWEEN, _LANES)


def _place(node: Node, upright: bool) -> tuple[float, float]:
    column, row = (node.lane, node.step) if upright else (node.step, node.lane)
    gap_x, gap_y = _gaps(upright)
    return 2.0 + column * (_WIDE + gap_x), 2.0 + row * (_HIGH + gap_y)


def _box(node: Node, places: Mapping[str, tuple[float, float]]) -> Markup:
    x, y = places[node.key]
    inside = joined(
        [
            tag("title", clean(node.about, 300)),
            tag("rect", x=x, y=y, width=_WIDE, height=_HIGH, rx=8),
            tag("text", fitting(node.title, _ROOM), x=x + 12, y=y + 24, class_="tick"),
            tag("text", fitting(clean(node.text, 60), _ROOM - 6), x=x + 12, y=y + 46, class_="what"),
        ]
    )
    kind = f"node{' here' if node.here else ''}"
    if node.link:
        return tag("a", inside, href=node.link, class_=kind)
    return tag("g", inside, class_=kind)


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> Markup:
    """A line between the sides of two boxes that look at each other, with a head."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        down = y2 > y1
        a, b = (x1 + _WIDE / 2, y1 + (_HIGH if down else 0)), (x2 + _WIDE / 2, y2 + (0 if down else _HIGH))
        head = _head(b, 0.0, -1.0 if down else 1.0)
    else:
        right = x2 > x1
        a, b = (x1 + (_WIDE if right else 0), y1 + _HIGH / 2), (x2 + (0 if right else _WIDE), y2 + _HIGH / 2)
        head = _head(b, -1.0 if right else 1.0, 0.0)
    return joined([tag("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], class_="edge"), head])


def _head(point: tuple[float, float], back_x: float, back_y: float) -> Markup:
    x, y = point
    left, right = (x + 9 * back_x - 5 * back_y, y + 9 * back_y + 5 * back_x), (x + 9 * back_x + 5 * back_y, y + 9 * back_y - 5 * back_x)
    return tag("polygon", points=f"{x:.1f},{y:.1f} {left[0]:.1f},{left[1]:.1f} {right[0]:.1f},{right[1]:.1f}", class_="head")


def fitting(text: str, room: float) -> str:
    """As much of a text as fits: a Chinese letter is as wide as two others.

    >>> fitting("a long name of something", 10.0), fitting("模型", 10.0)
    ('a long na…', '模型')
    """
    used = 0.0
    for at, letter in enumerate(text):
        used += 1.9 if ord(letter) >= 0x1100 else 1.0
        if used > room:
            return text[: max(at - 1, 1)] + "…"
    return text
