"""One value in the distribution of training: a small histogram with a mark where it lies."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from flyball.data.category import text_of
from flyball.data.placing import Placed
from flyball.data.profile import ColumnReference
from flyball.render.report.bins import Pairs, Steps, drawn
from flyball.render.report.svg import Frame, chart, drawing, joined, steps, tag, word
from flyball.render.report.text import clean, percent

_NAMES = 6


def marked(column: ColumnReference, value: object, found: Placed, *, title: str, about: str, others: str, key: str) -> Markup | None:
    """The distribution with the value in it; None if the reference has nothing to draw. `others`: the name of all further categories."""
    shape = drawn(column, np.array(column.counts, dtype=np.int64))
    if shape is None:
        return None
    return (
        _among(shape, column, value, title, about, others, key) if isinstance(shape, Pairs) else _on(shape, value, found, title, about, key)
    )


def _on(shape: Steps, value: object, found: Placed, title: str, about: str, key: str) -> Markup:
    low, high = shape.edges[0], shape.edges[-1]
    top = max(shape.before) * 1.12 or 1.0
    # A value beyond everything that is drawn stands at the side, with a gap: how far out it is is said beside it.
    number = float(value) if isinstance(value, int | float) and found.stands in ("inside", "below", "above") else None
    out = (number is not None and number < low, number is not None and number > high)
    frame = Frame(
        low=low,
        high=high,
        bottom=0.0,
        top=top,
        width=320,
        height=120,
        log=shape.log,
        left=42 + 20 * out[0],
        right=14 + 20 * out[1],
        above=14,
    )
    shapes = [steps(frame, shape.edges, shape.before, "ref")]
    if number is not None:
        x = frame.left - 14.0 if out[0] else frame.width - frame.right + 14.0 if out[1] else frame.x(number)
        base = frame.y(0.0)
        shapes.append(tag("line", x1=x, x2=x, y1=8, y2=base, class_="here"))
        shapes.append(tag("polygon", points=f"{x - 5:.1f},2 {x + 5:.1f},2 {x:.1f},10", class_="here-tip"))
    return chart(frame, shapes, title=title, about=about, key=key, percent=True)


def _among(shape: Pairs, column: ColumnReference, value: object, title: str, about: str, others: str, key: str) -> Markup:
    mine = text_of(value)
    total = sum(column.counts[:-1]) or 1
    shares = dict(zip(column.categories, (count / total for count in column.counts), strict=False))
    names: list[str] = [name for name in shape.names if name][:_NAMES]
    if mine is not None and mine in shares and mine not in names:
        names[_NAMES - 1 :] = [mine]
    rows: Sequence[tuple[str, float, bool]] = [(clean(name, 40), shares.get(name, 0.0), name == mine) for name in names]
    rest = 1.0 - sum(share for _, share, _ in rows)
    if len(column.categories) > len(names) or rest > 1e-9:
        rows = [*rows, (others, max(rest, 0.0), False)]
    if mine is not None and mine not in shares:
        rows = [*rows, (clean(mine, 40), 0.0, True)]
    return _bars(rows, others, title, about, key)


def _bars(rows: Sequence[tuple[str, float, bool]], others: str, title: str, about: str, key: str) -> Markup:
    row, left, width = 19, 110, 320
    longest = max(max((share for name, share, _ in rows if name != others), default=0.0), 1e-9)
    room, parts = width - left - 62, []
    for number, (name, share, mine) in enumerate(rows):
        y = 4 + number * row
        label = name if len(name) <= 15 else name[:14] + "…"
        text = tag(
            "text",
            tag("title", name),
            label,
            x=left - 8,
            y=y + 12,
            text_anchor="end",
            class_="tick name here-name" if mine else "tick name",
        )
        bar = tag(
            "rect",
            x=left,
            y=y + 2,
            width=max(room * min(share / longest, 1.0), 0.5),
            height=12,
            class_="solid now" if mine else "solid ref",
        )
        end = left + room * min(share / longest, 1.0) + 5
        parts.append(joined([text, bar, word(end, y + 12, percent(share) + (" ◀" if mine else ""), anchor="start")]))
    return drawing(
        *parts,
        title=title,
        about=about,
        key=key,
        width=width,
        height=8 + row * len(rows),
    )
