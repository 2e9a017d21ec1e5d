"""How answers compare with the truth: the share of positives by score, the error by answer, a value between its bounds."""

from collections.abc import Sequence

from markupsafe import Markup

from flyball.monitoring.records import CalibrationBin, ErrorBin
from flyball.render.report.svg import Frame, chart, dot, drawing, tag
from flyball.render.report.text import short, whole

# How high the bar of the fullest bin stands below a curve, as a part of the height.
_COUNTED = 0.14


def reliability(bins: Sequence[CalibrationBin], *, title: str, key: str) -> Markup:
    """The share of positives by score with bounds, against the diagonal; bars at the bottom say how many rows each bin has."""
    frame = Frame(low=0.0, high=1.0, bottom=0.0, top=1.0, height=300)
    most = max(one.rows for one in bins) or 1
    shapes = [_counted(frame, one.score, one.rows / most) for one in bins]
    shapes.append(tag("line", x1=frame.x(0), y1=frame.y(0), x2=frame.x(1), y2=frame.y(1), class_="limit"))
    for one in bins:
        x = frame.x(one.score)
        label = f"{one.score:.3f} → {one.actual:.3f} [{one.lower:.3f}, {one.upper:.3f}], {whole(one.rows)}"
        shapes.append(tag("line", x1=x, x2=x, y1=frame.y(one.lower), y2=frame.y(one.upper), class_="bar-now"))
        shapes.append(tag("g", tag("title", label), dot((x, frame.y(one.actual)), "now", 2.5 + 4.0 * (one.rows / most) ** 0.5)))
    about = "; ".join(f"{one.score:.2f}: {one.actual:.2f}" for one in bins)
    return chart(frame, shapes, title=title, about=about, key=key)


def errors(bins: Sequence[ErrorBin], *, title: str, key: str) -> Markup:
    """The mean error by the size of the answer with bounds, against none; bars at the bottom say how many rows each bin has."""
    numbers = [number for one in bins for number in (one.error, one.lower, one.upper, 0.0) if number is not None]
    low, high = min(numbers), max(numbers)
    room = (high - low) * 0.1 or 1.0
    answers = [one.answer for one in bins]
    wide = (max(answers) - min(answers)) * 0.04 or 1.0
    frame = Frame(
        low=min(answers) - wide, high=max(answers) + wide, bottom=low - room - (high - low) * _COUNTED, top=high + room, height=300, left=52
    )
    most = max(one.rows for one in bins) or 1
    shapes = [_counted(frame, one.answer, one.rows / most) for one in bins]
    shapes.append(tag("line", x1=frame.left, y1=frame.y(0.0), x2=frame.width - frame.right, y2=frame.y(0.0), class_="limit"))
    for one in bins:
        x, bounds = frame.x(one.answer), ""
        if one.lower is not None and one.upper is not None:
            bounds = f" [{short(one.lower)}, {short(one.upper)}]"
            shapes.append(tag("line", x1=x, x2=x, y1=frame.y(one.lower), y2=frame.y(one.upper), class_="bar-now"))
        label = f"{short(one.answer)}: {short(one.error)}{bounds}, {whole(one.rows)}"
        shapes.append(tag("g", tag("title", label), dot((x, frame.y(one.error)), "now", 4.0)))
    about = "; ".join(f"{short(one.answer)}: {short(one.error)}" for one in bins)
    return chart(frame, shapes, title=title, about=about, key=key)


def between(value: float, lower: float | None, upper: float | None, *, span: tuple[float, float], against: float | None) -> Markup:
    """A value between its bounds on a scale that a column of a table shares, with what it is compared with. The table says the numbers."""
    frame = Frame(low=span[0], high=span[1], bottom=0.0, top=1.0, width=180, height=18, left=4, right=4, above=0, below=0)
    shapes = []
    if against is not None:
        shapes.append(tag("line", x1=frame.x(against), x2=frame.x(against), y1=0, y2=18, class_="limit"))
    if lower is not None and upper is not None:
        shapes.append(tag("line", x1=frame.x(lower), x2=frame.x(upper), y1=9, y2=9, class_="bar-now"))
    shapes.append(dot((frame.x(value), 9.0), "now", 3.5 if lower is not None else 2.0))
    return tag("svg", *shapes, viewBox="0 0 180 18", class_="between", aria_hidden="true")


def shares(parts: Sequence[tuple[int, str]], *, title: str, about: str, key: str) -> Markup:
    """One bar of parts of a whole: how many, and the class that colours them."""
    total, width, left = sum(count for count, _ in parts) or 1, 720.0, 0.0
    shapes = []
    for count, kind in parts:
        size = width * count / total
        if count:
            shapes.append(tag("rect", x=left, y=0, width=max(size - 2.0, 1.0), height=16, class_=f"solid {kind}"))
        left += size
    return drawing(
        *shapes,
        title=title,
        about=about,
        key=key,
        width=720,
        height=16,
        preserveAspectRatio="none",
        class_="shares",
    )


def _counted(frame: Frame, at: float, share: float) -> Markup:
    base = frame.height - frame.below
    high = (base - frame.above) * _COUNTED * share
    return tag("rect", x=frame.x(at) - 4.0, y=base - high, width=8, height=high, class_="solid ref")
