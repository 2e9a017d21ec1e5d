"""Who held which name when: a lane for each name, a bar for each time."""

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from flyball.core.record import record
from flyball.render.report.svg import drawing, joined, tag, word

_LEFT, _RIGHT, _WIDTH, _LANE, _BAR = 96, 14, 860, 46, 28
_LETTER = 7.5


@record
class Bar:
    """One holder of a lane from `since` to `until`. `text` stands in it if there is room, `about` is said of it; `link`: where it leads."""

    lane: int
    text: str
    about: str
    since: datetime
    until: datetime
    link: str = ""
    open: bool = False


def lanes(bars: Sequence[Bar], names: Sequence[str], *, title: str, about: str, key: str) -> Markup:
    """The bars of every lane over one time. A bar that is `open` goes on."""
    low, high = min(bar.since for bar in bars).timestamp(), max(bar.until for bar in bars).timestamp()
    if high <= low:
        high = low + 3600.0
    scale = (_WIDTH - _LEFT - _RIGHT) / (high - low)
    height = len(names) * _LANE + 26
    return drawing(
        joined(_ticks(low, high, scale, height)),
        joined(tag("text", name, x=0, y=lane * _LANE + 26, class_="tick name") for lane, name in enumerate(names)),
        joined(_bar(bar, number, low, scale) for number, bar in enumerate(bars)),
        title=title,
        about=about,
        key=key,
        width=_WIDTH,
        height=height,
        role="group",
        class_="reigns",
    )


def _bar(bar: Bar, number: int, low: float, scale: float) -> Markup:
    x = _LEFT + (bar.since.timestamp() - low) * scale
    width = max((bar.until.timestamp() - bar.since.timestamp()) * scale, 3.0)
    y = bar.lane * _LANE + 8
    parts = [tag("title", bar.about), tag("rect", x=x, y=y, width=width, height=_BAR, class_=f"reign lane{bar.lane}")]
    if bar.open:  # it goes on: the end is open
        parts.append(
            tag("polygon", points=f"{x + width:.1f},{y} {x + width + 8:.1f},{y + _BAR / 2} {x + width:.1f},{y + _BAR}", class_="goes")
        )
    if len(bar.text) * _LETTER + 6 < width:
        parts.append(word(x + width / 2, y + 19.0, bar.text, kind="tick name"))
    return tag("a", *parts, href=bar.link) if bar.link else tag("g", *parts)


def _ticks(low: float, high: float, scale: float, height: int) -> list[Markup]:
    found = []
    for part in range(6):
        second = low + (high - low) * part / 5
        at = datetime.fromtimestamp(second, tz=UTC)
        text = f"{at:%H:%M}" if high - low < 2 * 86_400 else f"{at:%Y-%m-%d}"
        x = _LEFT + (second - low) * scale
        found.append(tag("line", x1=x, x2=x, y1=0, y2=height - 20, class_="grid"))
        found.append(word(x, height - 6, text, anchor="start" if part == 0 else "end" if part == 5 else "middle"))
    return found
