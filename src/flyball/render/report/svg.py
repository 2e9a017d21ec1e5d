"""Small charts as SVG text: a frame with axes, and the shapes drawn in it. Colours come from the page's style by class."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import field

from markupsafe import Markup, escape

from flyball.core.record import record
from flyball.render.report.text import short

Point = tuple[float, float]


# What a step of a scale is a power of ten times of.
_FACTORS = (1.0, 2.0, 2.5, 5.0, 10.0)
# What has no end: in HTML an empty element of any other name would take in what follows it.
_LEAVES = frozenset({"circle", "line", "path", "polygon", "polyline", "rect", "use", "stop", "meta", "br"})


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """One element; everything from outside is escaped. A trailing or inner `_` in an attribute's name stands for `-` (`class_`: class)."""
    text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value)}"'
        for key, value in attributes.items()
    )
    body = "".join(escape(one) for one in inside)
    return Markup(f"<{name}{text}/>" if name in _LEAVES and not body else f"<{name}{text}>{body}</{name}>")  # noqa: S704 - every part is escaped above


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


@record
class Frame:
    """The room of a chart: sizes in pixels of its own, and what the plot spans in numbers. `log`: x grows by factors."""

    low: float
    high: float
    bottom: float
    top: float
    width: int = 360
    height: int = 170
    log: bool = False
    left: int = 42
    right: int = 10
    above: int = 10
    below: int = 24
    marks: tuple[tuple[float, str], ...] = field(default=())

    def x(self, value: float) -> float:
        """Where a value stands from the left."""
        low, high, value = (math.log10(self.low), math.log10(self.high), math.log10(value)) if self.log else (self.low, self.high, value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.left + min(max(share, 0.0), 1.0) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Where a value stands from above."""
        share = (value - self.bottom) / (self.top - self.bottom) if self.top > self.bottom else 0.0
        return self.height - self.below - min(max(share, 0.0), 1.0) * (self.height - self.above - self.below)


def drawing(*inside: object, title: str, about: str, key: str, width: float, height: float, **more: object) -> Markup:
    """A drawing of so many units. `title` and `about` are what a screen reader says; `key` makes their ids unique on the page.

    `more` are attributes; a drawing whose parts lead somewhere has the `role` group, and not img.
    """
    told = {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria_labelledby": f"{key}-t {key}-d", **more}
    return tag("svg", tag("title", title, id=f"{key}-t"), tag("desc", about, id=f"{key}-d"), *inside, **told)


def chart(frame: Frame, shapes: Iterable[Markup], *, title: str, about: str, key: str, percent: bool = False) -> Markup:
    """A chart with its axes. `title` and `about` are what a screen reader says; `key` makes their ids unique on the page."""
    return drawing(_axes(frame, percent), *shapes, title=title, about=about, key=key, width=frame.width, height=frame.height)


def line(points: Sequence[Point], kind: str) -> Markup:
    """A line through points; one point alone is a dot."""
    if len(points) == 1:
        return dot(points[0], kind)
    return tag("polyline", points=_path(points), class_=f"line {kind}")


def band(lower: Sequence[Point], upper: Sequence[Point], kind: str) -> Markup:
    """The area between two lines; of one point a bar."""
    if len(lower) == 1:
        return tag("line", x1=lower[0][0], x2=lower[0][0], y1=lower[0][1], y2=upper[0][1], class_=f"bar-{kind}")
    return tag("polygon", points=_path([*upper, *reversed(lower)]), class_=f"band {kind}")


def dot(point: Point, kind: str, radius: float = 3.0) -> Markup:
    """A dot."""
    return tag("circle", cx=point[0], cy=point[1], r=radius, class_=f"dot {kind}")


def steps(frame: Frame, edges: Sequence[float], shares: Sequence[float], kind: str) -> Markup:
    """A histogram as one outline, filled."""
    base = frame.y(0.0)
    points: list[Point] = [(frame.x(edges[0]), base)]
    for low, high, share in zip(edges, edges[1:], shares, strict=False):
        points += [(frame.x(low), frame.y(share)), (frame.x(high), frame.y(share))]
    return tag("polygon", points=_path([*points, (frame.x(edges[-1]), base)]), class_=f"fill {kind}")


def word(x: float, y: float, text: str, *, anchor: str = "middle", kind: str = "tick") -> Markup:
    """A word on the chart."""
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_=kind)


def nice(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers between two, about as many as wanted.

    >>> nice(0.0, 1.0)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    span = high - low
    if not (0.0 < span < math.inf):
        return [low]
    size = 10.0 ** math.floor(math.log10(span / wanted))
    place = next((at for at, factor in enumerate(_FACTORS) if span / (size * factor) <= wanted), len(_FACTORS) - 1)
    found = _between(low, high, size * _FACTORS[place], wanted)
    # one number alone is no scale
    return found if len(found) > 1 or not place else _between(low, high, size * _FACTORS[place - 1], wanted)


def _between(low: float, high: float, step: float, wanted: int) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    found = (number * step for number in range(first, first + 2 * wanted + 2))
    return [value for value in found if math.isfinite(value) and value <= high + step * 1e-9]


def _axes(frame: Frame, percent: bool) -> Markup:
    base, found = frame.height - frame.below, []
    for value in nice(frame.bottom, frame.top, 3 if frame.height < 200 else 5):
        y = frame.y(value)
        found.append(tag("line", x1=frame.left, x2=frame.width - frame.right, y1=y, y2=y, class_="grid"))
        label = f"{value:.0%}" if percent and frame.top >= 0.04 else f"{value:.1%}" if percent else short(value)
        found.append(word(frame.left - 5.0, y + 3.5, label, anchor="end"))
    for value, label in frame.marks or _ticks(frame):
        found.append(word(frame.x(value), base + 15.0, label))
    found.append(tag("line", x1=frame.left, x2=frame.width - frame.right, y1=base, y2=base, class_="axis"))
    return joined(found)


def _ticks(frame: Frame) -> list[tuple[float, str]]:
    if not frame.log:
        return [(value, short(value)) for value in nice(frame.low, frame.high)]
    first, last = math.ceil(math.log10(frame.low)), math.floor(math.log10(frame.high))
    every = max(1, (last - first + 3) // 4)
    return [(10.0**power, short(10.0**power)) for power in range(first, last + 1, every)]


def _path(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
