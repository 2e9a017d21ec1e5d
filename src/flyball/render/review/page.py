"""The evaluation of a training as one page with plots: no script, nothing from elsewhere."""

from collections.abc import Mapping

from markupsafe import Markup

from flyball.core.reason import Reason, Value
from flyball.evaluation.records import Comparison
from flyball.loop.making.examined import Bin, Examined
from flyball.loop.making.trained import TrainResult
from flyball.monitoring.records import RANK
from flyball.render.report.bins import drawn
from flyball.render.report.paper import whole_page
from flyball.render.report.shapes import distribution
from flyball.render.report.svg import Frame, Point, chart, dot, line, tag
from flyball.render.report.text import Words, clean
from flyball.words.sentences import Language, sentence

_COLUMNS = 12


def page(result: TrainResult, found: Examined, language: Language = "en") -> str:
    """The page as text."""
    words = Words(language)

    def say(code: str, **values: Value) -> str:
        return sentence(Reason(code=f"review.{code}", values=values), language)

    name = clean(result.model, 60)
    title = say("title", model=name, verdict=result.gate.verdict.value)
    gate = [tag("li", f"{one.metric or 'gate'}: {one.verdict.value}: {words.tell(one.reason)}") for one in result.gate.checks]
    parts = [tag("h1", title), tag("ul", *gate)]
    if found.against is not None and found.against.gains:
        parts += [tag("h2", say("gains")), *_gains(found.against.gains, say("gains"), say("gains_about"))]
    if found.reliability:
        parts += [tag("h2", say("reliability")), tag("p", say("reliability_about")), _legend(found, say("this"), say("champion"))]
        parts.append(tag("div", _reliability(found, say("reliability"), say("reliability_about")), class_="card"))
    if found.moved is not None:
        parts += [tag("h2", say("drift")), tag("div", *_shapes(found, words), class_="cards")]
    return whole_page(title, parts, language)


def _gains(gains: Mapping[str, Comparison], title: str, about: str) -> list[Markup]:
    drawn_ones = []
    for number, (name, one) in enumerate(gains.items()):
        reach = max(abs(one.lower), abs(one.upper), abs(one.gain)) * 1.15 or 1.0
        frame = Frame(low=-reach, high=reach, bottom=0.0, top=1.0, height=64, below=20, above=4)
        middle, zero = frame.y(0.5), frame.x(0.0)
        shapes = [
            tag("line", x1=zero, x2=zero, y1=frame.y(0.0), y2=frame.y(1.0), class_="limit"),
            line([(frame.x(one.lower), middle), (frame.x(one.upper), middle)], "now"),
            dot((frame.x(one.gain), middle), "now", 4.0),
        ]
        told = f"{one.gain:+.4f} [{one.lower:+.4f}, {one.upper:+.4f}]"
        picture = chart(frame, shapes, title=f"{title}: {name}", about=f"{about} {told}", key=f"g{number}")
        drawn_ones.append(tag("div", tag("h3", f"{name} {told}"), picture, class_="card"))
    return [tag("p", about), tag("div", *drawn_ones, class_="cards")]


def _reliability(found: Examined, title: str, about: str) -> Markup:
    every = [number for one in (*found.reliability, *found.champion_reliability) for number in (one.said, one.true)]
    low, high = min(every), max(every)
    room = (high - low) * 0.05 or 0.05
    frame = Frame(low=low - room, high=high + room, bottom=low - room, top=high + room, height=300)
    ends = [(frame.x(value), frame.y(value)) for value in (frame.low, frame.high)]
    shapes = [tag("line", x1=ends[0][0], y1=ends[0][1], x2=ends[1][0], y2=ends[1][1], class_="limit")]
    for bins, kind in ((found.champion_reliability, "ref"), (found.reliability, "now")):
        if bins:
            points = _points(frame, bins)
            shapes += [line(points, kind), *(dot(point, kind) for point in points)]
    return chart(frame, shapes, title=title, about=about, key="r")


def _points(frame: Frame, bins: tuple[Bin, ...]) -> list[Point]:
    return [(frame.x(one.said), frame.y(one.true)) for one in bins]


def _legend(found: Examined, this: str, champion: str) -> Markup:
    keys = [tag("span", "", class_="key now"), this]
    if found.champion_reliability:
        keys += [tag("span", "", class_="key ref"), champion]
    return tag("p", *keys, class_="legend")


def _shapes(found: Examined, words: Words) -> list[Markup]:
    moved = found.moved
    assert moved is not None
    shown = sorted(moved.columns, key=lambda name: (-RANK[moved.columns[name].state], -moved.columns[name].distance))[:_COLUMNS]
    cards = []
    for number, name in enumerate(shown):
        shape = drawn(moved.reference.columns[name], moved.counts.columns[name])
        if shape is not None:
            head = tag("h3", f"{clean(name, 60)} ", tag("span", moved.columns[name].state, class_="soft"))
            cards.append(tag("div", head, distribution(shape, name, words, f"s{number}"), class_="card"))
    return cards
