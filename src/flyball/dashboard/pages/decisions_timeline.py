"""Twelve months of the journal as one drawing: who answered, and what was done of each kind on which day; a month is a link."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from flyball.dashboard.records import Ask
from flyball.journal.events import Entry
from flyball.loop.past.search import GROUPS, group_of
from flyball.loop.past.stretches import champions, comparisons
from flyball.render.report.svg import Frame, drawing, joined, tag, word

_WIDTH, _LEFT, _RIGHT, _HEAD, _LANE, _FOOT = 1000, 116, 12, 30, 26, 6
_MONTHS = 12


def year_of(entries: Sequence[Entry], wanted: datetime | None) -> int:
    """The first of the twelve months that are drawn, counted from the year 0: those up to the newest entry, or as many years before or
    after them as it takes to have the day that is `wanted` among them."""
    newest = _number(entries[-1].at)
    first = newest - _MONTHS + 1
    if wanted is not None:
        first += (_number(wanted) - first) // _MONTHS * _MONTHS
    return min(max(first, _MONTHS), 9998 * _MONTHS)


def month_start(number: int) -> datetime:
    """When a month begins."""
    return datetime(number // _MONTHS, number % _MONTHS + 1, 1, tzinfo=UTC)


def named(ask: Ask, number: int) -> str:
    """A month with its year."""
    return ask.t("decisions.month_of", month=ask.t(f"decisions.month.{number % _MONTHS + 1}"), year=str(number // _MONTHS))


def span_of(first: int) -> tuple[str, str]:
    """First and last day of twelve months, as the form has them."""
    return f"{month_start(first):%Y-%m-%d}", f"{month_start(first + _MONTHS) - timedelta(days=1):%Y-%m-%d}"


def timeline(ask: Ask, entries: Sequence[Entry], first: int, now: datetime, chosen: tuple[datetime | None, datetime | None]) -> Markup:
    """The drawing of twelve months. `chosen`: the span that is listed below it."""
    start, end = month_start(first), month_start(first + _MONTHS)
    height = _HEAD + _LANE * len(GROUPS) + _FOOT
    low, high = start.timestamp(), end.timestamp()
    frame = Frame(low=low, high=high, bottom=0, top=1, width=_WIDTH, height=height, left=_LEFT, right=_RIGHT, above=0, below=0)
    inside = [entry for entry in entries if start <= entry.at < end]
    shapes = [
        *_months(ask, frame, inside, first),
        *_lanes(ask),
        *_stretches(ask, frame, entries, min(now, end), start),
        *_marks(ask, frame, inside),
    ]
    lower, upper = chosen
    if lower is not None or upper is not None:
        left, right = frame.x((lower or start).timestamp()), frame.x((upper or end).timestamp())
        shapes.insert(0, tag("rect", x=left, y=1, width=max(right - left, 2.0), height=height - 2, class_="chosen"))
    title, about = ask.t("decisions.timeline_title"), ask.t("decisions.timeline_about", entries=len(inside))
    return drawing(*shapes, title=title, about=about, key="timeline", width=_WIDTH, height=height, role="group", class_="timeline")


def _number(at: datetime) -> int:
    known = at.astimezone(UTC)
    return known.year * _MONTHS + known.month - 1


def _months(ask: Ask, frame: Frame, inside: Sequence[Entry], first: int) -> list[Markup]:
    counted = Counter(_number(entry.at) for entry in inside)
    found = []
    for month in range(first, first + _MONTHS):
        start, end = month_start(month), month_start(month + 1)
        left, right = frame.x(start.timestamp()), frame.x(end.timestamp())
        title = tag("title", ask.t("decisions.month_title", month=named(ask, month), entries=counted[month]))
        box = tag("rect", x=left, y=2, width=right - left - 1, height=22, rx=3, class_="month" if counted[month] else "month empty")
        line = tag("line", x1=left, x2=left, y1=2, y2=frame.height - 2, class_="grid")
        label = word((left + right) / 2, 17, ask.t(f"decisions.month.{month % _MONTHS + 1}"))
        last = f"{end - timedelta(days=1):%Y-%m-%d}"
        address = ask.link("decisions", **{"from": f"{start:%Y-%m-%d}", "to": last, "show": ask.query.get("show") or None})
        found.append(joined([line, tag("a", title, box, label, href=address, class_="to-month")]))
    return found


def _lanes(ask: Ask) -> list[Markup]:
    found = []
    for number, name in enumerate(GROUPS):
        y = _HEAD + number * _LANE
        found.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y + _LANE - 1, y2=y + _LANE - 1, class_="grid"))
        found.append(word(_LEFT - 8, y + 17, ask.t(f"decisions.group.{name}"), anchor="end", kind="tick"))
    return found


def _stretches(ask: Ask, frame: Frame, entries: Sequence[Entry], end: datetime, start: datetime) -> list[Markup]:
    found = []
    for lane, kind, stretches in (("answers", "champion", champions(entries, end)), ("comparison", "compared", comparisons(entries, end))):
        y = _HEAD + list(GROUPS).index(lane) * _LANE
        for number, one in enumerate(stretches):
            if one.end <= start or one.start >= end:
                continue
            left, right = frame.x(one.start.timestamp()), frame.x(one.end.timestamp())
            shade = f"stretch {kind} {'odd' if number % 2 else 'even'}"
            said = ask.t(f"decisions.stretch_{kind}", version=one.version, start=f"{one.start:%Y-%m-%d}", end=f"{one.end:%Y-%m-%d}")
            found.append(tag("rect", tag("title", said), x=left, y=y + 5, width=max(right - left, 2.0), height=_LANE - 11, class_=shade))
            if right - left > 26:
                found.append(word(left + 9, y + 17, f"@{one.version}", anchor="start", kind="tick in"))
    return found


def _marks(ask: Ask, frame: Frame, inside: Sequence[Entry]) -> list[Markup]:
    """One mark for a day of a kind: however many entries a year has, there are no more marks than days."""
    days: dict[tuple[str, int], list[Entry]] = {}
    for entry in inside:
        days.setdefault((group_of(entry), int(entry.at.timestamp() // 86_400)), []).append(entry)
    found = []
    for (lane, number), some in sorted(days.items()):
        at = datetime.fromtimestamp(number * 86_400, tz=UTC)
        x, y = frame.x((at + timedelta(hours=12)).timestamp()), _HEAD + list(GROUPS).index(lane) * _LANE + 12.5
        if len(some) == 1:
            address = ask.link("decisions", entry=some[0].seq)
        else:
            address = ask.link("decisions", **{"from": f"{at:%Y-%m-%d}", "to": f"{at:%Y-%m-%d}", "kind": lane})
        said = ask.t("decisions.mark", day=f"{at:%Y-%m-%d}", group=ask.t(f"decisions.group.{lane}"), entries=len(some))
        found.append(tag("a", tag("title", said), _shape(lane, x, y), href=address, class_="mark"))
    return found


def _shape(lane: str, x: float, y: float) -> Markup:
    """A shape of its own for each kind, so that no colour is needed to tell them apart."""
    match lane:
        case "answers":
            return tag("polygon", points=f"{x:.1f},{y - 7:.1f} {x + 6:.1f},{y + 5:.1f} {x - 6:.1f},{y + 5:.1f}", class_="is-answers")
        case "training":
            return tag("circle", cx=x, cy=y, r=4.5, class_="is-training")
        case "comparison":
            return tag("rect", x=x - 2, y=y - 8, width=4, height=16, class_="is-comparison")
        case "people":
            return tag(
                "polygon", points=f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}", class_="is-people"
            )
        case _:
            return tag("line", x1=x, x2=x, y1=y - 6, y2=y + 6, class_="is-alerts")
