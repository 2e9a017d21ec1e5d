"""Charts of a rollout: the bounds as they closed in on the gain, and the gain of each day."""

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from flyball.loop.experiment import ExperimentView, Seen
from flyball.render.report.svg import Frame, band, chart, dot, line, tag, word
from flyball.render.report.text import Words, day, whole


def over_time(view: ExperimentView, words: Words, key: str) -> Markup | None:
    """The gain and its bounds at each look, against the lines a bound has to pass; None before there are bounds."""
    bounded = [(one, one.lower, one.upper) for one in view.looks if one.lower is not None and one.upper is not None]
    if not bounded:
        return None
    margin = view.rollout.margin
    low, high = _span([*(lower for _, lower, _ in bounded), *(upper for _, _, upper in bounded)], [one.gain for one in view.looks], margin)
    frame = _frame([one.at for one in view.looks], low, high, 260)
    shapes = []
    if len(bounded) > 1:
        shapes.append(_band(frame, bounded))
    for one, lower, upper in bounded if len(bounded) < 3 else ():
        shapes.append(tag("line", x1=_x(frame, one.at), x2=_x(frame, one.at), y1=frame.y(lower), y2=frame.y(upper), class_="bar-now"))
    shapes += _rule(frame, 0.0, "0")
    if margin:
        shapes += _rule(frame, -margin, f"-{margin:g}", 12)
    shapes.append(line([(_x(frame, one.at), frame.y(one.gain)) for one in view.looks], "now"))
    for one in view.looks:
        bounds = "" if one.lower is None or one.upper is None else f" [{one.lower:+.5f}, {one.upper:+.5f}]"
        label = tag("title", f"{one.at:%Y-%m-%d}: {one.gain:+.5f}{bounds}")
        shapes.append(tag("g", label, dot((_x(frame, one.at), frame.y(one.gain)), "now", 2.5)))
    for phase in view.phases[1:]:
        if view.looks[0].at <= phase.since <= view.looks[-1].at:
            x = _x(frame, phase.since)
            shapes.append(tag("line", x1=x, x2=x, y1=frame.above, y2=frame.height - frame.below, class_="change"))
            shapes.append(word(x + 3, frame.above + 9, f"{phase.share:.0%}", anchor="start"))
    about = words("exp_over_about", looks=len(view.looks), gain=view.looks[-1].gain)
    return chart(frame, shapes, title=words("exp_over_time"), about=about, key=key)


def daily(view: ExperimentView, words: Words, key: str) -> Markup | None:
    """The gain of each day as a bar from zero; None without days."""
    if not view.days:
        return None
    gains = [one.gain for one in view.days]
    room = (max(*gains, 0.0) - min(*gains, 0.0)) * 0.08 or 0.01
    frame = _frame([one.day for one in view.days], min(*gains, 0.0) - room, max(*gains, 0.0) + room, 190, padded=True)
    wide = max(2.0, min(26.0, (frame.width - frame.left - frame.right) / max(len(gains), 1) * 0.6))
    shapes = []
    for one in view.days:
        x, zero, y = _x(frame, one.day), frame.y(0.0), frame.y(one.gain)
        label = tag("title", f"{one.day:%Y-%m-%d}: {one.gain:+.5f}, {whole(one.rows)}")
        kind = "solid up" if one.gain >= 0 else "solid down"
        box = tag("rect", label, x=x - wide / 2, y=min(zero, y), width=wide, height=max(abs(zero - y), 0.8), class_=kind)
        shapes.append(box)
    shapes.append(tag("line", x1=frame.left, x2=frame.width - frame.right, y1=frame.y(0.0), y2=frame.y(0.0), class_="axis"))
    about = words("exp_daily_about", days=len(gains), better=sum(gain > 0 for gain in gains))
    return chart(frame, shapes, title=words("exp_daily"), about=about, key=key)


def _band(frame: Frame, bounded: Sequence[tuple[Seen, float, float]]) -> Markup:
    lower = [(_x(frame, one.at), frame.y(low)) for one, low, _ in bounded]
    upper = [(_x(frame, one.at), frame.y(high)) for one, _, high in bounded]
    return band(lower, upper, "now")


def _rule(frame: Frame, value: float, label: str, below: int = -4) -> list[Markup]:
    y = frame.y(value)
    return [
        tag("line", x1=frame.left, x2=frame.width - frame.right, y1=y, y2=y, class_="limit"),
        word(frame.width - frame.right - 2, y + below, label, anchor="end", kind="tick"),
    ]


def _span(bounds: list[float], gains: list[float], margin: float) -> tuple[float, float]:
    """What the axis spans: all of the bounds but the first ones, which are wide, as long as they are not six times the last."""
    last = max(abs(bounds[len(bounds) // 2 - 1]), abs(bounds[-1]), *(abs(gain) for gain in gains), margin, 1e-9)
    low, high = max(min(*bounds, *gains, -margin, 0.0), -6 * last), min(max(*bounds, *gains, 0.0), 6 * last)
    room = (high - low) * 0.06
    return low - room, high + room


def _frame(times: Sequence[datetime], low: float, high: float, height: int, *, padded: bool = False) -> Frame:
    seconds = [one.timestamp() for one in times]
    first, last = min(seconds), max(seconds)
    pad = max((last - first) / max(len(seconds) - 1, 1) * 0.5, 43_200.0) if padded or first == last else 0.0
    marks = [first + (last - first) * part / 5 for part in range(6)] if last - first > 5 * 86_400 else sorted(set(seconds))
    told = tuple((mark, day(datetime.fromtimestamp(mark, tz=UTC))) for mark in marks)
    return Frame(low=first - pad, high=last + pad, bottom=low, top=high, width=720, height=height, left=58, right=22, marks=told)


def _x(frame: Frame, at: datetime) -> float:
    return frame.x(at.timestamp())
