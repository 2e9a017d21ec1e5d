"""What a column looked like in training and looks like now, drawn one over the other."""

from markupsafe import Markup

from flyball.render.report.bins import Pairs, Steps
from flyball.render.report.svg import Frame, chart, drawing, joined, steps, tag, word
from flyball.render.report.text import Words, clean, percent


def distribution(found: Steps | Pairs, name: str, words: Words, key: str, *, title: str = "") -> Markup:
    """Training against now: a histogram over a histogram for numbers, bars beside bars for categories. `title`: of something else."""
    told = title or words("shape_title", name=clean(name, 60))
    return _pairs(found, words, key, told) if isinstance(found, Pairs) else _steps(found, name, words, key, told)


def _steps(found: Steps, name: str, words: Words, key: str, title: str) -> Markup:
    low, high = found.edges[0], found.edges[-1]
    top = max(*found.before, *found.now, found.below, found.above) * 1.08 or 1.0
    # What is outside everything seen stands at the sides, with a gap: how far out it is was not counted.
    sides = (26 if found.below else 0, 26 if found.above else 0)
    frame = Frame(low=low, high=high, bottom=0.0, top=top, log=found.log, left=42 + sides[0], right=10 + sides[1])
    shapes = [steps(frame, found.edges, found.before, "ref"), steps(frame, found.edges, found.now, "now")]
    base = frame.y(0.0)
    for share, x, label in ((found.below, 44.0, "<"), (found.above, frame.width - 30.0, ">")):
        if share:
            y = frame.y(share)
            shapes.append(tag("rect", tag("title", f"{label} {percent(share)}"), x=x, y=y, width=18, height=base - y, class_="fill now"))
            shapes.append(word(x + 9, base + 15.0, label))
    about = words("shape_about", name=clean(name, 60), below=found.below, above=found.above)
    return chart(frame, shapes, title=title, about=about, key=key, percent=True)


def _pairs(found: Pairs, words: Words, key: str, title: str) -> Markup:
    row, top, left, width = 26, 6, 118, 360
    height = top + row * len(found.names) + 4
    named = len(found.names) - (1 if found.rest else 0)
    longest = max(*found.before[:named], *found.now[:named], 1e-9)
    room = width - left - 54
    parts = []
    for number, (label, old, new) in enumerate(zip(found.names, found.before, found.now, strict=True)):
        y = top + number * row
        rest = found.rest and number == len(found.names) - 1
        shown = words("others", count=found.rest) if rest else clean(label, 40)
        text = tag("text", tag("title", shown), _fitting(shown), x=left - 6, y=y + 15, text_anchor="end", class_="tick name")
        if rest:  # of many together: a bar of their sum would dwarf the others
            parts.append(joined([text, word(left + 2, y + 15, f"{percent(old)} → {percent(new)}", anchor="start")]))
            continue
        before = tag("rect", x=left, y=y + 2, width=max(room * old / longest, 0.5), height=9, class_="solid ref")
        now = tag("rect", x=left, y=y + 12, width=max(room * new / longest, 0.5), height=9, class_="solid now")
        change = f"{percent(old)} → {percent(new)}" if longest < 0.4 else percent(new)
        end = left + room * max(old, new) / longest + 4
        value = word(end, y + 16, percent(new) if end > width - 110 else change, anchor="start")
        parts.append(joined([text, before, now, value]))
    pairs = ", ".join(
        f"{clean(label, 30) or words('others', count=found.rest)} {percent(old)} → {percent(new)}"
        for label, old, new in zip(found.names, found.before, found.now, strict=True)
    )
    return drawing(
        *parts,
        title=title,
        about=pairs,
        key=key,
        width=width,
        height=height,
    )


def _fitting(text: str, room: float = 17.0) -> str:
    """As much of a name as fits beside its bar: a Chinese letter is as wide as two others."""
    used = 0.0
    for at, letter in enumerate(text):
        used += 1.9 if ord(letter) >= 0x1100 else 1.0
        if used > room:
            return text[: max(at - 1, 1)] + "…"
    return text
