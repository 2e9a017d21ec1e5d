"""How something went up to now: lines over a span of time, told as how long ago that was, which is the same in every time zone."""

from collections.abc import Callable, Sequence
from datetime import datetime

from markupsafe import Markup

from flyball.core.record import record
from flyball.core.window import Window
from flyball.render.report.svg import Frame, Point, band, chart, dot, line

_MARKS = 5


@record
class Strand:
    """One line. `kind` is its class in the style; a point without a value breaks it. `filled`: down to zero."""

    kind: str
    points: Sequence[tuple[datetime, float | None]]
    filled: bool = False


def course(
    strands: Sequence[Strand],
    window: Window,
    *,
    title: str,
    about: str,
    key: str,
    ago: Callable[[float], str],
    height: int = 140,
) -> Markup:
    """The lines over a window. `ago` says a number of seconds before its end, 0 included."""
    seconds = window.length.total_seconds()
    values = [value for one in strands for _, value in one.points if value is not None]
    top = max(values, default=0.0) * 1.1 or 1.0
    marks = [-seconds * (_MARKS - 1 - at) / (_MARKS - 1) for at in range(_MARKS)]
    frame = Frame(
        low=-seconds,
        high=0.0,
        bottom=0.0,
        top=top,
        width=400,
        height=height,
        right=18,
        marks=tuple((mark, ago(-mark)) for mark in marks),
    )
    shapes: list[Markup] = []
    for one in strands:
        for piece in _pieces(one.points):
            points: list[Point] = [(frame.x((at - window.end).total_seconds()), frame.y(value)) for at, value in piece]
            if one.filled and len(points) > 1:
                shapes.append(band([(x, frame.y(0.0)) for x, _ in points], points, one.kind))
            shapes.append(line(points, one.kind))
        last, value = one.points[-1] if one.points else (window.end, None)
        if value is not None:
            shapes.append(dot((frame.x((last - window.end).total_seconds()), frame.y(value)), one.kind))
    return chart(frame, shapes, title=title, about=about, key=key)


def _pieces(points: Sequence[tuple[datetime, float | None]]) -> list[list[tuple[datetime, float]]]:
    found: list[list[tuple[datetime, float]]] = [[]]
    for at, value in points:
        if value is not None:
            found[-1].append((at, value))
        elif found[-1]:
            found.append([])
    return [piece for piece in found if piece]
