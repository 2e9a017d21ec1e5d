"""A loop as a circle: its stations clockwise with a sign of their state each, and arrows from one to the next."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from markupsafe import Markup

from flyball.core.record import record
from flyball.render.report.svg import drawing, joined, tag, word
from flyball.render.report.text import when

Standing = Literal["done", "work", "waits", "failed", "stopped", "idle"]
WIDTH, HEIGHT, RADIUS, SIZE = 600, 440, 140, 30
_MIDDLE = (WIDTH / 2, HEIGHT / 2)
# What is drawn in a station: shapes that differ without colour. Coordinates around its middle.
_SIGNS: dict[Standing, str] = {
    "done": "M-9 1 L-3 7 L9 -7",
    "work": "M-6 -9 L9 0 L-6 9 Z",
    "waits": "M0 -9 L0 1 L7 6",
    "failed": "M-7 -7 L7 7 M7 -7 L-7 7",
    "stopped": "M-8 -8 L8 -8 L8 8 L-8 8 Z",
    "idle": "M-8 0 L8 0",
}


@record
class Station:
    """One station. `state` is drawn, `said` is the state in a word, `at` when it was there last."""

    name: str
    state: Standing
    said: str
    at: datetime | None = None


def circle(stations: Sequence[Station], middle: Sequence[str], *, title: str, about: str, key: str) -> Markup:
    """The circle; the first station stands at the top. `middle`: lines in its middle. `about` is what a screen reader says."""
    count = len(stations)
    angles = [2 * math.pi * number / count - math.pi / 2 for number in range(count)]
    arrows = [_arrow(angles[number], angles[(number + 1) % count], stations, number) for number in range(count)]
    inner = [
        word(_MIDDLE[0], _MIDDLE[1] + 26.0 * (number - (len(middle) - 1) / 2) + 5, line, kind="circle-middle" if number else "circle-first")
        for number, line in enumerate(middle)
    ]
    return drawing(
        joined(arrows),
        joined(_station(one, angle) for one, angle in zip(stations, angles, strict=True)),
        joined(inner),
        title=title,
        about=about,
        key=key,
        width=WIDTH,
        height=HEIGHT,
        class_="circle",
    )


def _station(one: Station, angle: float) -> Markup:
    x, y = _at(angle)
    ring = tag("circle", cx=x, cy=y, r=float(SIZE), class_="disc")
    turning = tag("circle", cx=x, cy=y, r=SIZE + 6.0, class_="turning", pathLength=48) if one.state == "work" else Markup()
    sign = tag("path", d=_SIGNS[one.state], transform=f"translate({x:.1f} {y:.1f})", class_="sign")
    return tag("g", ring, turning, sign, _words(one, angle), class_=f"station s-{one.state}")


def _words(one: Station, angle: float) -> Markup:
    """Name, state and time beside the station, away from the middle."""
    x, y = _at(angle)
    side, lift = math.cos(angle), math.sin(angle)
    anchor = "middle" if abs(side) < 0.2 else "start" if side > 0 else "end"
    gap = SIZE + 14.0
    x += 0.0 if anchor == "middle" else gap if side > 0 else -gap
    top = y - 10.0 if anchor != "middle" else y + gap + 8.0 if lift > 0 else y - gap - (16.0 if one.at is None else 32.0)
    lines = [(one.name, "circle-name"), (one.said, "circle-said")]
    found = [word(x, top + 17.0 * number, text, anchor=anchor, kind=kind) for number, (text, kind) in enumerate(lines)]
    if one.at is not None:  # a script may write it in the reader's zone
        iso = f"{one.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        found.append(tag("text", when(one.at), x=x, y=top + 34.0, text_anchor=anchor, class_="circle-when", data_at=iso))
    return joined(found)


def _arrow(start: float, end: float, stations: Sequence[Station], number: int) -> Markup:
    """The arc to the next station; it moves while that one is at work."""
    end = end if end > start else end + 2 * math.pi
    gap = (SIZE + 12.0) / RADIUS
    first, last = start + gap, end - gap
    (x0, y0), (x1, y1) = _at(first), _at(last)
    moves = stations[(number + 1) % len(stations)].state == "work"
    arc = tag("path", d=f"M{x0:.1f} {y0:.1f} A{RADIUS} {RADIUS} 0 0 1 {x1:.1f} {y1:.1f}", class_="arc moves" if moves else "arc")
    turn = math.degrees(last) + 90.0
    return arc + tag("path", d="M-8 -6 L3 0 L-8 6 Z", transform=f"translate({x1:.1f} {y1:.1f}) rotate({turn:.1f})", class_="tip")


def _at(angle: float) -> tuple[float, float]:
    return _MIDDLE[0] + RADIUS * math.cos(angle), _MIDDLE[1] + RADIUS * math.sin(angle)
