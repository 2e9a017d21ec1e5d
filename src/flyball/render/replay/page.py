"""A replay as one self-contained page: no script, nothing from elsewhere, every text from the data escaped."""

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from flyball.core.reason import Reason, Value
from flyball.evaluation.replay import replay_reasons
from flyball.evaluation.replay_records import Confusion, ReplayReport, Shift
from flyball.render.report.paper import whole_page
from flyball.render.report.svg import Frame, chart, steps, tag
from flyball.render.report.text import clean, cleaned, percent, whole
from flyball.words.sentences import Language, sentence

Words = Callable[..., str]


def html_page(report: ReplayReport, language: Language = "en") -> str:
    """The page as text. The same report gives the same page."""

    def words(code: str, **values: Value) -> str:
        return sentence(Reason(code=f"replay_page.{code}", values=values), language)

    old, new = f"{clean(report.model, 60)}@{report.champion}", f"{clean(report.model, 60)}@{report.candidate}"
    title = words("title", candidate=new, champion=old)
    bad = report.errors.rows or report.not_finite.rows
    told = [sentence(cleaned(reason), language) for reason in replay_reasons(report)]
    parts = [
        tag("header", tag("h1", title)),
        tag(
            "section",
            tag("p", tag("strong", words("fails" if bad else "answers", compared=report.compared, asked=report.asked))),
            *(tag("p", line) for line in told[1:]),
            class_=f"answer {'act' if bad else 'good'}",
        ),
        _tiles(report, words),
    ]
    if report.shift is not None:
        parts += _scores(report.shift, old, new, words)
    if report.confusion is not None:
        parts += _labels(report.confusion, old, new, words)
    parts += _places(report, language, words)
    parts += _gains(report, words)
    parts += _latency(report, old, new, words)
    return whole_page(title, parts, language)


def _tiles(report: ReplayReport, words: Words) -> Markup:
    found = [(words("asked"), whole(report.asked)), (words("compared"), whole(report.compared))]
    found.append((words("errors"), whole(report.errors.rows + report.not_finite.rows)))
    if report.disagreement is not None:
        found.append((words("differ"), percent(report.disagreement.share)))
    if report.shift is not None:
        found.append((words("distance"), f"{report.shift.distance:.3f}"))
    if report.latency is not None:
        found.append((words("ratio"), f"{report.latency.ratio:.2f} ×"))
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in found), class_="tiles")


def _scores(shift: Shift, old: str, new: str, words: Words) -> list[Markup]:
    """Both histograms, one over the other, and the quantiles."""
    rows = max(1, sum(shift.champion)), max(1, sum(shift.candidate))
    before, now = [count / rows[0] for count in shift.champion], [count / rows[1] for count in shift.candidate]
    frame = Frame(low=shift.edges[0], high=shift.edges[-1], bottom=0.0, top=max(*before, *now) * 1.08 or 1.0, width=720, height=220)
    shapes = [steps(frame, shift.edges, before, "ref"), steps(frame, shift.edges, now, "now")]
    about = words("scores_about", champion=old, candidate=new, mean=shift.mean, distance=shift.distance)
    heading = words("scores_of", of=clean(shift.of, 60)) if shift.of else words("scores")
    quantiles = [(level, f"{pair[0]:.4f}", f"{pair[1]:.4f}", f"{pair[1] - pair[0]:+.4f}") for level, pair in shift.quantiles.items()]
    return [
        tag("h2", heading),
        _legend(old, new),
        tag("figure", chart(frame, shapes, title=heading, about=about, key="scores", percent=True)),
        _table((words("quantile"), old, new, words("change")), quantiles),
    ]


def _labels(confusion: Confusion, old: str, new: str, words: Words) -> list[Markup]:
    head = (words("says", version=old), *(f"{new}: {clean(label, 40)}" for label in confusion.labels))
    rows = [(clean(label, 40), *map(whole, counts)) for label, counts in zip(confusion.labels, confusion.counts, strict=True)]
    return [tag("h2", words("labels")), _table(head, rows)]


def _places(report: ReplayReport, language: Language, words: Words) -> list[Markup]:
    if not report.where:
        text = words("nowhere") if report.disagreement is not None and report.disagreement.differing else ""
        return [tag("h2", words("where")), tag("p", text)] if text else []
    rows = [
        (clean(place.column, 60), whole(place.rows), percent(place.share), percent(place.excess), sentence(cleaned(place.reason), language))
        for place in report.where
    ]
    head = (words("column"), words("rows"), words("differ"), words("excess"), words("in_words"))
    return [tag("h2", words("where")), _table(head, rows), tag("p", words("where_note"), class_="soft")]


def _gains(report: ReplayReport, words: Words) -> list[Markup]:
    if not report.gains:
        return []
    rows = [
        (one.metric, f"{one.gain:+.4f}", f"{one.lower:+.4f} – {one.upper:+.4f}", whole(one.rows), whole(one.blocks)) for one in report.gains
    ]
    head = (words("metric"), words("gain"), words("bounds"), words("rows"), words("blocks"))
    return [tag("h2", words("gains")), _table(head, rows), tag("p", words("gains_note"), class_="soft")]


def _latency(report: ReplayReport, old: str, new: str, words: Words) -> list[Markup]:
    it = report.latency
    if it is None:
        return []
    rows = [
        (old, f"{it.champion_median * 1e6:.1f}", f"{it.champion_p99 * 1e6:.1f}"),
        (new, f"{it.candidate_median * 1e6:.1f}", f"{it.candidate_p99 * 1e6:.1f}"),
    ]
    return [tag("h2", words("latency")), _table((words("version"), words("median"), words("p99")), rows)]


def _legend(old: str, new: str) -> Markup:
    key = tag("span", " ", class_="key ref"), tag("span", " ", class_="key now")
    return tag("p", key[0], old, " ", key[1], new, class_="legend")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    top = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head)))
    lines = (tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows)
    return tag("div", tag("table", top, tag("tbody", *lines)), class_="wide")
