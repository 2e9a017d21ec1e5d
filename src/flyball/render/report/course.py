"""Performance over time: what was realised and what was estimated on one axis, and how much was known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from flyball.core.record import record
from flyball.loop.course import Alarm, Course, Look
from flyball.monitoring.records import Estimated
from flyball.render.report.over_time import Mark, by_version, changes, limits, seconds, series, time_marks
from flyball.render.report.svg import Frame, Point, chart, dot, line, tag, word
from flyball.render.report.text import percent, short

_DAY = 86_400.0


@record
class Legend:
    """What a chart says in words: title and description, and what its series are called."""

    title: str
    about: str
    realised: str = ""
    same: str = ""
    newest: str = ""
    alarm: str = ""


def performance_course(
    course: Course, alarms: Sequence[Alarm], held_out: Mapping[int, float], legend: Legend, key: str, *, width: int = 1000
) -> Markup | None:
    """Realised performance with its bounds and floor, the estimate over the same rows with its own, and the newest estimates as rings.

    `held_out`: how good each version was on rows held out from its training. Alarms are behind it all. None without any value.
    """
    real = [mark for look in course.looks if (mark := _realised(look)) is not None]
    same = [mark for look in course.looks if (mark := _guess(look, look.same)) is not None]
    new = _rings(course.looks)
    if not (real or same or new):
        return None
    begun = [Mark(at=one.at, version=one.version, value=0.0, lower=None, upper=None, limit=held_out.get(one.version)) for one in real]
    frame = _frame([*real, *same, *new], [mark.limit for mark in begun], width)
    shapes = [_alarm(frame, alarm, legend.alarm) for alarm in alarms if _overlaps(frame, alarm)]
    shapes += [_stepped(frame, group) for group in by_version([one for one in begun if one.limit is not None])]
    shapes += series(frame, same, "guess")
    shapes += [dot((frame.x(seconds(one.at)), frame.y(one.value)), "newest", 2.0) for one in new]
    if new and new[-1].lower is not None and new[-1].upper is not None:
        x = frame.x(seconds(new[-1].at))
        shapes.append(tag("line", x1=x, x2=x, y1=frame.y(new[-1].lower), y2=frame.y(new[-1].upper), class_="bar-guess"))
    shapes += [*series(frame, real, "now"), *limits(frame, real), *changes(frame, real or same or new)]
    shapes += [_hover(frame, look, legend) for look in course.looks]
    return chart(frame, shapes, title=legend.title, about=legend.about, key=key)


def known_course(looks: Sequence[Look], legend: Legend, key: str) -> Markup | None:
    """Which share of the predictions that were old enough had an outcome, look by look; None for less than two."""
    found = [(look.at, look.coverage.labelled / look.coverage.matured) for look in looks if look.coverage and look.coverage.matured]
    if len(found) < 2:
        return None
    frame = _plain_frame([at for at, _ in found], 1.05)
    points: list[Point] = [(frame.x(seconds(at)), frame.y(share)) for at, share in found]
    hovers = [_told(point, f"{at:%Y-%m-%d}: {percent(share)}") for point, (at, share) in zip(points, found, strict=True)]
    return chart(frame, [line(points, "now"), *hovers], title=legend.title, about=legend.about, key=key, percent=True)


def lag_course(looks: Sequence[Look], legend: Legend, key: str, *, unit: float) -> Markup | None:
    """How long outcomes took (half of them: `realised`, nine in ten: `same`), in `unit` seconds; None for less than two looks."""
    found = [
        (look.at, look.coverage.lag_median / unit, look.coverage.lag_90 / unit)
        for look in looks
        if look.coverage and look.coverage.lag_median is not None and look.coverage.lag_90 is not None
    ]
    if len(found) < 2:
        return None
    frame = _plain_frame([at for at, _, _ in found], max(late for _, _, late in found) * 1.15 or 1.0)
    half: list[Point] = [(frame.x(seconds(at)), frame.y(value)) for at, value, _ in found]
    nine: list[Point] = [(frame.x(seconds(at)), frame.y(value)) for at, _, value in found]
    shapes = [line(half, "now"), line(nine, "guess")]
    shapes += [
        word(half[-1][0], half[-1][1] - 5, legend.realised, anchor="end"),
        word(nine[-1][0], nine[-1][1] - 5, legend.same, anchor="end"),
    ]
    shapes += [_told(point, f"{at:%Y-%m-%d}: {short(one)}, {short(two)}") for point, (at, one, two) in zip(nine, found, strict=True)]
    return chart(frame, shapes, title=legend.title, about=legend.about, key=key)


def _frame(marks: Sequence[Mark], more: Sequence[float | None], width: int) -> Frame:
    numbers = [n for mark in marks for n in (mark.value, mark.lower, mark.upper, mark.limit) if n is not None]
    numbers += [n for n in more if n is not None]
    low, high = min(numbers), max(numbers)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 0.1
    ends = [seconds(mark.at) for mark in marks]
    start, end = min(ends), max(ends)
    marked = time_marks(start, end, 10 if width > 500 else 4)
    return Frame(
        low=start,
        high=end,
        bottom=low - room,
        top=high + room,
        width=width,
        height=300 if width > 500 else 260,
        left=48,
        right=22,
        marks=marked,
    )


def _plain_frame(times: Sequence[datetime], top: float) -> Frame:
    low, high = seconds(times[0]), seconds(times[-1])
    return Frame(low=low, high=high, bottom=0.0, top=top, height=150, right=22, marks=time_marks(low, high, 4))


def _realised(look: Look) -> Mark | None:
    told = look.realised
    if told is None or told.value is None:
        return None
    return Mark(at=look.known, version=look.version, value=told.value, lower=told.lower, upper=told.upper, limit=told.floor)


def _guess(look: Look, told: Estimated | None) -> Mark | None:
    if told is None or told.value is None:
        return None
    return Mark(at=look.known, version=look.version, value=told.value, lower=told.lower, upper=told.upper, limit=None)


def _rings(looks: Sequence[Look]) -> list[Mark]:
    """The newest estimate of each look, at its time. Only the last has its bounds: a day has few rows, and many days many bounds."""
    marks = [replace(mark, at=look.at) for look in looks if (mark := _guess(look, look.newest)) is not None]
    return [replace(mark, lower=None, upper=None) for mark in marks[:-1]] + marks[-1:]


def _stepped(frame: Frame, group: Sequence[Mark]) -> Markup:
    y = frame.y(group[0].limit or 0.0)
    first, last = frame.x(seconds(group[0].at)), frame.x(seconds(group[-1].at))
    return tag("line", x1=first, x2=max(last, first + 6.0), y1=y, y2=y, class_="held-out")


def _overlaps(frame: Frame, alarm: Alarm) -> bool:
    return seconds(alarm.since) <= frame.high and (alarm.until is None or seconds(alarm.until) >= frame.low)


def _alarm(frame: Frame, alarm: Alarm, name: str) -> Markup:
    first = frame.x(seconds(alarm.since))
    last = frame.x(frame.high if alarm.until is None else seconds(alarm.until))
    until = "" if alarm.until is None else f"{alarm.until.astimezone(UTC):%Y-%m-%d %H:%M}"
    title = tag("title", f"{name} {alarm.since.astimezone(UTC):%Y-%m-%d %H:%M} – {until}")
    above, high = frame.above, frame.height - frame.below - frame.above
    box = tag("rect", title, x=first, y=above, width=max(last - first, 2.0), height=high, class_="alarm")
    return tag("g", box, tag("line", x1=first, x2=max(last, first + 2.0), y1=above + 1, y2=above + 1, class_="alarm-edge"))


def _hover(frame: Frame, look: Look, legend: Legend) -> Markup:
    """All numbers of a look, for a pointer that rests on it."""
    lines = [f"{look.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, @{look.version}"]
    for name, told in ((legend.realised, look.realised), (legend.same, look.same), (legend.newest, look.newest)):
        if told is not None and told.value is not None:
            bounds = "" if told.lower is None or told.upper is None else f" [{told.lower:.4f}, {told.upper:.4f}]"
            lines.append(f"{name}: {told.value:.4f}{bounds}")
    x = frame.x(seconds(look.known))
    return tag(
        "rect",
        tag("title", "\n".join(lines)),
        x=x - 3.0,
        y=frame.above,
        width=6,
        height=frame.height - frame.below - frame.above,
        class_="hit",
    )


def _told(point: Point, text: str) -> Markup:
    return tag("circle", tag("title", text), cx=point[0], cy=point[1], r=5, class_="hit")


def lag_unit(looks: Sequence[Look]) -> tuple[float, str]:
    """Seconds of the unit in which the lags of looks are readable, and its sign."""
    longest = max((look.coverage.lag_90 or 0.0 for look in looks if look.coverage), default=0.0)
    for span, sign in ((timedelta(days=2), "d"), (timedelta(hours=2), "h"), (timedelta(minutes=2), "min")):
        if longest >= span.total_seconds():
            return {"d": _DAY, "h": 3600.0, "min": 60.0}[sign], sign
    return 1.0, "s"
