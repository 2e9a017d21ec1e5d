"""What moved, over time: distances with their bounds, performance with its floor, and columns by days as a map of colours."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Literal

from markupsafe import Markup

from flyball.core.record import record
from flyball.loop.picture import Floors, Picture, furthest
from flyball.monitoring.records import ColumnDrift, MonitorReport
from flyball.render.report.judged import reliability
from flyball.render.report.svg import Frame, Point, band, chart, dot, drawing, joined, line, tag, word
from flyball.render.report.text import Words, clean, day, percent

MAP_ROWS, MAP_DAYS = 20, 28
Share = Literal["missing", "out_of_range", "new_categories", "infinite", "unparsable"]
_DAY = 86_400.0


@record
class Mark:
    """One look: a value, its bounds, and what it is held to; of which version."""

    at: datetime
    version: int
    value: float
    lower: float | None
    upper: float | None
    limit: float | None


def distances(picture: Picture, name: str, words: Words, key: str) -> Markup | None:
    """The distance of a column at every look that was kept; None if there were less than two."""
    return distance_line(picture.history, name, words, key)


def distance_line(
    history: Sequence[MonitorReport], name: str, words: Words, key: str, *, width: int = 360, height: int = 130
) -> Markup | None:
    """The distance of a column over these looks, in order of time, with bounds and threshold; None if there were less than two."""
    marks = [
        Mark(at=report.window.end, version=report.version, value=c.distance, lower=c.lower, upper=c.upper, limit=c.threshold)
        for report in history
        if (c := report.columns.get(name)) is not None and c.state != "insufficient data" and c.missing < 1.0
    ]
    if len(marks) < 2:
        return None
    top = min(1.0, 1.1 * max(max(mark.upper or 0.0, mark.limit or 0.0) for mark in marks))
    frame = _time_frame(marks, 0.0, top, height, width=width)
    about = words("distance_about", looks=len(marks), first=marks[0].value, last=marks[-1].value)
    shapes = [*series(frame, marks, "now"), *limits(frame, marks), *changes(frame, marks)]
    return chart(frame, shapes, title=words("distance_title", name=clean(name, 60)), about=about, key=key)


def share_line(history: Sequence[MonitorReport], name: str, share: Share, title: str, key: str, *, width: int = 360) -> Markup | None:
    """The share of rows in which a column is missing, new, out of range, … over these looks; None where it never was, or of one look."""
    marks = [
        Mark(at=report.window.end, version=report.version, value=float(getattr(c, share)), lower=None, upper=None, limit=None)
        for report in history
        if (c := report.columns.get(name)) is not None
    ]
    most = max((mark.value for mark in marks), default=0.0)
    if len(marks) < 2 or not most:
        return None
    frame = _time_frame(marks, 0.0, min(1.0, max(1.1 * most, 0.005)), 110, width=width)
    about = f"{percent(marks[0].value)} → {percent(marks[-1].value)}; ≤ {percent(most)}"
    return chart(frame, [*series(frame, marks, "now"), *changes(frame, marks)], title=title, about=about, key=key, percent=True)


def performance(picture: Picture, words: Words, key: str) -> Markup | None:
    """Realised performance with its bounds and its floor, and what was estimated before the labels came; None without any."""
    metric = next((p.metric for report in reversed(picture.history) if (p := report.performance) is not None), "")
    real = [mark for report in picture.history if (mark := _realised(report, metric, picture.floors)) is not None]
    guessed = [mark for report in picture.history if (mark := _estimated(report, metric)) is not None]
    everything = [*real, *guessed]
    if not everything:
        return None
    numbers = [n for mark in everything for n in (mark.value, mark.lower, mark.upper, mark.limit) if n is not None]
    low, high = min(numbers), max(numbers)
    room = (high - low) * 0.1 or abs(high) * 0.1 or 0.1
    frame = _time_frame(everything, low - room, high + room, 220, width=720)
    shapes = [*series(frame, real, "now"), *limits(frame, real), *changes(frame, real)]
    if guessed:
        shapes += [line([(frame.x(seconds(one.at)), frame.y(one.value)) for one in group], "guess") for group in by_version(guessed)]
    about = words("performance_about", metric=metric, looks=len(real))
    return chart(frame, shapes, title=words("performance_title", metric=metric), about=about, key=key)


def calibration(picture: Picture, words: Words, key: str) -> Markup | None:
    """The share of positives by score, against the diagonal; None if nothing was counted."""
    details = picture.report.details
    if details is None or not details.calibration:
        return None
    return reliability(details.calibration, title=words("calibration_title"), key=key)


def heat_map(picture: Picture, words: Words, key: str) -> Markup | None:
    """The furthest columns by days: the darker, the nearer to the threshold; a dot is certain drift. None with less than two days."""
    days: dict[date, MonitorReport] = {}
    for report in picture.history:
        days[report.window.end.astimezone(UTC).date()] = report
    shown = sorted(days)[-MAP_DAYS:]
    names = [name for name in furthest(picture.report.columns) if any(name in days[one].columns for one in shown)][:MAP_ROWS]
    if len(shown) < 2 or not names:
        return None
    left, cell, row = 130, 20, 18
    parts = []
    for number, name in enumerate(names):
        y = number * row
        label = clean(name, 80)
        text = label if len(label) <= 18 else label[:17] + "…"
        parts.append(tag("text", tag("title", label), text, x=left - 6, y=y + 13, text_anchor="end", class_="tick name"))
        for at, one in enumerate(shown):
            column = days[one].columns.get(name)
            if column is not None:
                parts.append(_cell(column, left + at * cell, y, cell, row, f"{one:%m-%d}"))
    for at, one in enumerate(shown):
        if at % max(1, len(shown) // 7) == 0:
            parts.append(word(left + at * cell + cell / 2, len(names) * row + 14, f"{one:%m-%d}"))
    return drawing(
        *parts,
        title=words("map_title"),
        about=words("map_about", columns=len(names), days=len(shown)),
        key=key,
        width=left + cell * max(len(shown), 12) + 4,
        height=len(names) * row + 20,
        class_="map",
    )


def _cell(column: ColumnDrift, x: float, y: float, width: float, height: float, when: str) -> Markup:
    few = column.state == "insufficient data"
    part = 0.0 if few or not column.threshold else min(column.distance / column.threshold, 1.0)
    shade = "few" if few else "h4" if column.state == "drift" else f"h{min(int(part * 4), 3)}"
    title = tag("title", f"{when}: {column.distance:.2f}/{column.threshold:.2f} {column.state}")
    box = tag("rect", title, x=x, y=y, width=width - 1, height=height - 1, class_=f"cell {shade}")
    certain = [tag("circle", cx=x + width / 2, cy=y + height / 2, r=3, class_="sure")] if column.state == "drift" else []
    return joined([box, *certain])


def _realised(report: MonitorReport, metric: str, floors: Floors | None) -> Mark | None:
    p = report.performance
    if p is None or p.value is None or p.metric != metric:
        return None
    limit = floors.values.get(report.version) if floors is not None and floors.metric == metric else None
    return Mark(at=report.window.end, version=report.version, value=p.value, lower=p.lower, upper=p.upper, limit=limit)


def _estimated(report: MonitorReport, metric: str) -> Mark | None:
    for one in report.details.estimated if report.details else ():
        if one.metric == metric and one.value is not None:
            return Mark(at=report.window.end, version=report.version, value=one.value, lower=one.lower, upper=one.upper, limit=None)
    return None


def series(frame: Frame, marks: Sequence[Mark], kind: str) -> list[Markup]:
    """Bands and lines, one for each version: a new version has another reference, so its distances go on from nowhere."""
    found = []
    for group in by_version(marks):
        bounded = [one for one in group if one.lower is not None and one.upper is not None]
        if bounded:
            lower = [(frame.x(seconds(one.at)), frame.y(one.lower or 0.0)) for one in bounded]
            upper = [(frame.x(seconds(one.at)), frame.y(one.upper or 0.0)) for one in bounded]
            found.append(band(lower, upper, kind))
        points: list[Point] = [(frame.x(seconds(one.at)), frame.y(one.value)) for one in group]
        found.append(line(points, kind))
        if len(points) > 1:
            found.append(dot(points[-1], kind))
    return found


def limits(frame: Frame, marks: Sequence[Mark]) -> list[Markup]:
    """What marks are held to, as dashed lines."""
    found = []
    for group in by_version([one for one in marks if one.limit is not None]):
        points = [(frame.x(seconds(one.at)), frame.y(one.limit or 0.0)) for one in group]
        if len(points) == 1:
            points = [(points[0][0] - 12.0, points[0][1]), (points[0][0] + 12.0, points[0][1])]
        found.append(line(points, "limit"))
    return found


def changes(frame: Frame, marks: Sequence[Mark]) -> list[Markup]:
    """Where another version took over."""
    found = []
    for before, after in pairwise(marks):
        if after.version != before.version:
            x = frame.x(seconds(after.at))
            found.append(tag("line", x1=x, x2=x, y1=frame.above, y2=frame.height - frame.below, class_="change"))
            found.append(word(x + 3, frame.above + 9, f"@{after.version}", anchor="start"))
    return found


def by_version(marks: Sequence[Mark]) -> Iterable[list[Mark]]:
    """Marks that follow each other and are of one version."""
    group: list[Mark] = []
    for mark in marks:
        if group and group[-1].version != mark.version:
            yield group
            group = []
        group.append(mark)
    if group:
        yield group


def _time_frame(marks: Sequence[Mark], bottom: float, top: float, height: int, *, width: int = 360) -> Frame:
    ends = [seconds(mark.at) for mark in marks]
    low, high = min(ends), max(ends)
    told = time_marks(low, high, 4 if width < 500 else 7)
    return Frame(low=low, high=high, bottom=bottom, top=top, width=width, height=height, right=18, marks=told)


def time_marks(low: float, high: float, wanted: int) -> tuple[tuple[float, str], ...]:
    """Where an axis of time is labelled: hours of a day or two, days of some weeks, months of what is longer."""
    if high <= low:
        return ((low, day(datetime.fromtimestamp(low, tz=UTC))),)
    if high - low > 75 * _DAY:
        return _months(low, high, wanted)
    form = "%H:%M" if high - low < 2 * _DAY else "%m-%d"
    seats = [low + (high - low) * part / (wanted - 1) for part in range(wanted)]
    return tuple((seat, f"{datetime.fromtimestamp(seat, tz=UTC):{form}}") for seat in seats)


def _months(low: float, high: float, wanted: int) -> tuple[tuple[float, str], ...]:
    first, last = (datetime.fromtimestamp(second, tz=UTC) for second in (low, high))
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    starts = [datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in numbers]
    inside = [start for start in starts if low <= seconds(start) <= high]
    every = max(1, -(-len(inside) // wanted))
    return tuple((seconds(start), f"{start:%Y-%m}") for start in inside[::every])


def seconds(at: datetime) -> float:
    """A time as a number of the axis."""
    return at.timestamp()
