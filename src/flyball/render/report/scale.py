"""Differences on one scale, one below the other, each with its bounds, against a line where there is none."""

from collections.abc import Sequence

from markupsafe import Markup

from flyball.core.record import record
from flyball.render.report.svg import Frame, dot, drawing, joined, nice, tag, word
from flyball.render.report.text import short

_ROW = 24


@record
class Bar:
    """A difference: its name, its value and its bounds, where it has some."""

    name: str
    gain: float
    lower: float | None
    upper: float | None


def on_one_scale(bars: Sequence[Bar], *, title: str, key: str, left: int = 58) -> Markup | None:
    """The differences; the dashed line is zero. `left`: the room for names. None with less than two."""
    if len(bars) < 2:
        return None
    values = [value for one in bars for value in (one.gain, one.lower, one.upper) if value is not None]
    room = (max(*values, 0.0) - min(*values, 0.0)) * 0.05 or 0.01
    low, high = min(*values, 0.0) - room, max(*values, 0.0) + room
    frame = Frame(low=low, high=high, bottom=0.0, top=1.0, width=720, height=_ROW * len(bars) + 36, left=left)
    base = frame.height - frame.below
    shapes = []
    for value in nice(low, high):
        shapes.append(tag("line", x1=frame.x(value), x2=frame.x(value), y1=frame.above, y2=base, class_="grid"))
        shapes.append(word(frame.x(value), base + 15.0, f"{value:+g}" if value else "0"))
    shapes.append(tag("line", x1=frame.x(0.0), x2=frame.x(0.0), y1=frame.above, y2=base, class_="limit"))
    shapes += [_bar(frame, one, frame.above + _ROW * (number + 0.5)) for number, one in enumerate(bars)]
    return drawing(
        *shapes,
        title=title,
        about="; ".join(_told(one) for one in bars),
        key=key,
        width=frame.width,
        height=frame.height,
    )


def _bar(frame: Frame, one: Bar, y: float) -> Markup:
    parts = [tag("title", _told(one))]
    if one.lower is not None and one.upper is not None:
        parts.append(tag("line", x1=frame.x(one.lower), x2=frame.x(one.upper), y1=y, y2=y, class_="bar-now"))
    name = word(frame.left - 8.0, y + 4, one.name, anchor="end", kind="tick name")
    return joined([name, tag("g", *parts, dot((frame.x(one.gain), y), "now", 4.0))])


def _told(one: Bar) -> str:
    bounds = "" if one.lower is None or one.upper is None else f" [{short(one.lower)}, {short(one.upper)}]"
    return f"{one.name} {short(one.gain)}{bounds}"
