"""Charts of a backtest: each policy's performance over time, told apart by colour, by dashes and by its number."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from flyball.core.reason import because
from flyball.loop.backtest.records import BacktestReport, Scored
from flyball.render.report.svg import Frame, Point, chart, line, tag, word
from flyball.render.report.text import clean
from flyball.stats.scores import METRICS
from flyball.words.sentences import Language, sentence


def _mixed(colour: str) -> str:
    """A colour, darker on light pages and lighter on dark ones."""
    return f"color-mix(in srgb, {colour} 78%, var(--ink))"


KINDS = 10
"""So many policies look different; further ones begin anew."""
# Colours that people who see few colours tell apart (Okabe and Ito 2008), for light and dark pages alike.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#6a3d9a", "#b15928", "#1b9e77")
_DASHES = ("none", "7 3", "2 3", "9 3 2 3", "none", "7 3", "2 3", "9 3 2 3", "5 5", "1 4")
STYLE = "".join(
    f".policy.p{number} {{ stroke: {colour}; stroke: {_mixed(colour)}; stroke-dasharray: {dash}; }} "
    f".mark.p{number} {{ fill: {colour}; fill: {_mixed(colour)}; }}\n"
    for number, (colour, dash) in enumerate(zip(_COLOURS, _DASHES, strict=True))
) + (
    "figure.policies { max-width: 100%; } .mark { font-size: 11px; } .mark.end { font-weight: 700; font-size: 12px; }\n"
    ".loss { fill: var(--limit); fill-opacity: .12; } svg.swatch { display: inline-block; width: 34px; height: 10px; margin: 0 4px 0 0; }\n"
)
_APART = 11.0  # pixels between the numbers at the ends of lines


def legend(report: BacktestReport) -> Markup:
    """Each policy with its number and its line."""
    keys = []
    for number, one in enumerate(report.policies):
        stroke = tag("line", x1=0, x2=34, y1=5, y2=5, class_=f"line policy {_kind(number)}")
        keys += [
            tag("svg", stroke, viewBox="0 0 34 10", class_="swatch", aria_hidden="true"),
            f"{number + 1} ",
            tag("span", clean(one.name)),
        ]
        keys.append("\u2003")
    return tag("p", *keys, class_="legend")


def over_time(report: BacktestReport, metric: str, language: Language, key: str) -> Markup | None:
    """One line for each policy, week by week, its retrainings marked on it; shaded where the first model, left alone, lost. None without
    a week that could be judged.
    """
    lines = [(one, [(_seconds(_day(day)), value) for day, value in one.weeks.get(metric, {}).items()]) for one in report.policies]
    values = [value for _, points in lines for _, value in points]
    if not values:
        return None
    frame = _frame(report, values)
    shapes = [*_around(report, frame), *_drawn(frame, list(enumerate(lines)))]
    title = sentence(because("backtest.weekly", metric=metric), language)
    about = sentence(because("backtest.weekly_about"), language)
    return chart(frame, shapes, title=title, about=about, key=key)


def apart(report: BacktestReport, language: Language, key: str) -> Markup | None:
    """How much better each policy was than the reference, added up week by week; None if there is nothing to tell apart."""
    by = report.metric
    weeks = next((one.weeks.get(by, {}) for one in report.policies if one.name == report.reference), {})
    sign = 1.0 if METRICS[by].direction == "higher" else -1.0
    lines: list[tuple[int, tuple[Scored, list[Point]]]] = []
    for number, one in enumerate(report.policies):
        own, total, points = one.weeks.get(by, {}), 0.0, [(_seconds(report.start), 0.0)]
        for day in sorted(weeks.keys() & own.keys()):
            total += sign * (own[day] - weeks[day])
            points.append((min(_seconds(_day(day) + timedelta(days=7)), _seconds(report.end)), total))
        if one.name != report.reference and len(points) > 1:
            lines.append((number, (one, points)))
    if not lines:
        return None
    frame = _frame(report, [value for _, (_, points) in lines for _, value in points])
    zero = tag("line", x1=frame.left, x2=frame.width - frame.right, y1=frame.y(0.0), y2=frame.y(0.0), class_="limit")
    title = sentence(because("backtest.apart", metric=by, reference=clean(report.reference)), language)
    about = "; ".join(f"{clean(one.name)} {points[-1][1]:+.4g}" for _, (one, points) in lines)
    return chart(frame, [*_around(report, frame), zero, *_drawn(frame, lines)], title=title, about=about, key=key)


def _frame(report: BacktestReport, values: Sequence[float]) -> Frame:
    room = (max(values) - min(values)) * 0.08 or 0.05
    return Frame(
        low=_seconds(report.start),
        high=_seconds(report.end),
        bottom=min(values) - room,
        top=max(values) + room,
        width=860,
        height=260,
        right=30,
        marks=_months(report),
    )


def _drawn(frame: Frame, lines: Sequence[tuple[int, tuple[Scored, list[Point]]]]) -> list[Markup]:
    """Lines of policies by number, with the trainings on them and the number at the end."""
    shapes: list[Markup] = []
    ends: list[tuple[float, float, int]] = []
    for number, (one, points) in lines:
        if not points:
            continue
        drawn = [(frame.x(at), frame.y(value)) for at, value in points]
        kind = f"mark {_kind(number)}"
        marks = [word(frame.x(_seconds(at)), frame.y(_near(points, _seconds(at))) + 4, "▲", kind=kind) for at in one.marks]
        shapes.append(tag("g", tag("title", f"{number + 1} {clean(one.name)}"), line(drawn, f"policy {_kind(number)}"), *marks))
        ends.append((drawn[-1][1], drawn[-1][0], number))
    return [*shapes, *_numbers(ends)]


def _kind(number: int) -> str:
    return f"p{number % KINDS}"


def _around(report: BacktestReport, frame: Frame) -> list[Markup]:
    """What lies behind the lines: losses and known changes."""
    top, base = frame.above, frame.height - frame.below
    shapes = []
    for loss in report.losses:
        left, right = frame.x(_seconds(loss.start)), frame.x(_seconds(loss.end + report.step))
        shapes.append(tag("rect", x=left, y=top, width=max(right - left, 1.0), height=base - top, class_="loss"))
    for change in report.changes:
        x = frame.x(_seconds(change))
        shapes.append(tag("line", x1=x, x2=x, y1=top, y2=base, class_="change"))
    return shapes


def _numbers(ends: Sequence[tuple[float, float, int]]) -> list[Markup]:
    """The number of each policy at the end of its line; where lines end close together, one below the other."""
    found, last = [], -_APART
    for y, x, number in sorted(ends):
        last = max(y + 4, last + _APART)
        found.append(word(x + 9, last, str(number + 1), anchor="start", kind=f"mark end {_kind(number)}"))
    return found


def _months(report: BacktestReport) -> tuple[tuple[float, str], ...]:
    """The first of each month, not more than fit."""
    found = []
    at = report.start.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while at < report.end:
        if at >= report.start:
            found.append((_seconds(at), f"{at:%Y-%m}"))
        at = (at + timedelta(days=32)).replace(day=1)
    every = max(1, -(-len(found) // 12))
    return tuple(found[::every])


def _near(points: Sequence[Point], at: float) -> float:
    """The value of the week a time lies in."""
    before = [value for when, value in points if when <= at]
    return before[-1] if before else points[0][1]


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _seconds(at: datetime) -> float:
    return at.timestamp()
