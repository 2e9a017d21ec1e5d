"""The page that is mailed: complete, small, harmless whatever the data is called, and readable by people and machines."""

import base64
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from flyball.core.reason import because
from flyball.data.profile import Reference
from flyball.loop.picture import Firing, Picture, plain_picture
from flyball.monitoring.records import MonitorReport, QualityFinding, SlicePerformance
from flyball.render.report.page import MOST_BYTES, html_page, worst_slices
from flyball.words.sentences import Language
from reports import FREEZE, LAST_DAY, NOW, around, details, entries, measured, performance, picture, report, wide

VOID = {"meta", "br", "link", "img", "input", "hr"}
ELEMENTS = (
    "html head meta title style body main header section h1 h2 h3 p strong span dl div dt dd table thead tbody tr th td article figure bdi "
    "code svg desc line text rect polygon polyline circle g"
)
ALLOWED = set(ELEMENTS.split())
BLNS = Path(os.environ.get("FLYBALL_CONFORMANCE", "")) / "blns" / "blns.base64.json"
HOSTILE = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><svg/onload=alert(1)>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "\u202egnol",
    "a\x00b\x1b[31m\x07",
    "\ud800",
    "line\nbreak\ttab",
    "z" + "\u0337" * 500,
    "x" * 5000,
    "",
    "&amp;&lt;",
    "javascript:alert(1)",
]


class Reader(HTMLParser):
    """Reads a page: which elements and attributes are there, whether they nest, and the text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.ids: Counter[str] = Counter()
        self.open: list[str] = []
        self.text: list[str] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.ids.update(value for name, value in attrs if name == "id" and value)
        self.titles += [value for name, value in attrs if name == "title" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def words_of(page: str) -> str:
    body = page.partition("<body>")[2]
    return re.sub(r"\s+", " ", " ".join(read(f"<body>{body.partition('</html>')[0]}").text))


def strings() -> list[str]:
    if not BLNS.is_file():
        return HOSTILE
    known = [base64.b64decode(text).decode(errors="surrogateescape") for text in json.loads(BLNS.read_text())]
    return [*HOSTILE, *known]


def hostile_picture(names: Sequence[str]) -> Picture:
    """A picture in which everything that comes from data or people has a hostile name."""
    found = wide(names)
    finding = [
        QualityFinding(severity="error", column=name, reason=because("drift.ok", column=name), rows=1, examples=(name, name))
        for name in names
    ]
    newest = replace(found.report, details=details([(name, name) for name in names]), quality=tuple(finding))
    events = [tell for tell in found.decisions if tell.action != "freeze"]
    return replace(
        found,
        model=names[0] or "m",
        report=newest,
        history=(*found.history[:-1], newest),
        firing=tuple(Firing(key=f"drift:{name}", reason=because("alert.resolved", key=name), since=NOW) for name in names),
        decisions=tuple(replace(one, entry=replace(one.entry, actor=name), action=name) for one in events for name in names[:20]),
        freeze=replace(FREEZE, reason=names[0]),
    )


@pytest.mark.parametrize(("kind", "head"), [("", "Days"), ("_units", "Units"), ("_rows", "Blocks")])
def test_blocks_are_called_what_they_are(kind: str, head: str) -> None:
    shown = picture()
    assert shown.report.details is not None
    metrics = [replace(one, reason=replace(one.reason, code=f"performance.realised{kind}")) for one in shown.report.details.metrics]
    found = replace(shown, report=replace(shown.report, details=replace(shown.report.details, metrics=tuple(metrics))))
    page = html_page(found)
    assert f'<th class="n">{head}</th>' in page
    assert {name for name in ("Days", "Units", "Blocks") if f'<th class="n">{name}</th>' in page} == {head}


def test_a_page_says_everything_a_report_holds() -> None:
    text = words_of(html_page(picture()))
    for part in (
        "town@3",
        "Look",
        "1 of 3 columns has certainly moved",
        "price moved by",
        "Since 2026-03-26 12:00 UTC",
        "drift:price",
        "Realised brier",
        "0.2100 [0.1900, 0.2300]",
        "floor 0.2300",
        "Estimated brier",
        "8,000 / 9,000",
        "plan = yearly",
        "half of the outcomes came within 1.5 h",
        "01a22c84eab3711d00610c6f6e200bc6",
        "the loop stands still: an audit",
        "only 37 outcomes came since the last training; 500 are needed",
        "5" * 64,
        "2547775101c84c7aac804aea7759c0ec",
        "with changes that were not committed",
        "Nothing here is a p-value",
    ):
        assert part in text, part


def test_the_page_stands_alone_and_runs_nothing() -> None:
    page = html_page(picture())
    reader = read(page)
    assert set(reader.elements) <= ALLOWED, set(reader.elements) - ALLOWED
    assert not {name for name in reader.attributes if name.startswith("on") or name in ("src", "href", "style", "action", "srcdoc")}
    assert "url(" not in page and "@import" not in page and "http://" not in page and "https://" not in page
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page


def test_every_chart_is_well_formed_and_says_what_it_shows() -> None:
    page = html_page(picture())
    charts = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(charts) >= 5  # histogram, its past, the map of days, performance, calibration
    for chart in charts:
        root = ElementTree.fromstring(chart)
        assert root.attrib["role"] == "img"
        title, about = root[0], root[1]
        assert (title.tag, about.tag) == ("title", "desc") and title.text and about.text
        assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {about.attrib['id']}"
        numbers = re.findall(r'(?:x|y|cx|cy|x1|x2|y1|y2|width|height|points)="([^"]+)"', chart)
        assert not [one for one in numbers if "nan" in one or "inf" in one]
    assert max(read(page).ids.values()) == 1, "an id stands once on the page"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_names_neither_run_nor_break_the_page(language: Language) -> None:
    page = html_page(hostile_picture(strings()), language)
    reader = read(page)
    assert set(reader.elements) <= ALLOWED, set(reader.elements) - ALLOWED
    assert not {name for name in reader.attributes if name.startswith("on") or name in ("src", "href", "style", "srcdoc")}
    body = page.partition("<body>")[2]
    shown = "".join([*read(f"<body>{body.partition('</html>')[0]}").text, *reader.titles])
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown), "nothing turns or hides text"
    assert not re.search("[\u0300-\u036f]{3}", shown), "no tower of marks"
    assert page.encode(), "it can be written as UTF-8"
    for chart in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ElementTree.fromstring(chart)
    assert len(page.encode()) < MOST_BYTES


@pytest.mark.parametrize("names", [500, 10_000])
def test_a_page_stays_under_its_size_whatever_the_number_of_columns(names: int) -> None:
    page = html_page(wide([f"column {number:05} with a rather long name, as generated ones have" for number in range(names)]))
    assert len(page.encode()) < MOST_BYTES
    text = words_of(page)
    assert f"{names - 12} more columns are not drawn." in text
    assert f"… and {names - 100} more: all ok" in text
    assert "column 00000" in text


def test_a_page_of_everything_hostile_and_drifting_is_cut_and_says_so() -> None:
    found = hostile_picture([f"{number}{'<&>' * 200}" for number in range(600)])
    columns = {name: replace(one, state="drift") for name, one in found.report.columns.items()}
    page = html_page(replace(found, report=replace(found.report, columns=columns)))
    assert len(page.encode()) < MOST_BYTES
    assert "600 of 600 columns have certainly moved" in words_of(page)
    assert re.search(r"… and \d+ more: \d+ ▲ drift", words_of(page))


def test_a_report_of_nothing_says_what_to_do() -> None:
    empty = MonitorReport(window=LAST_DAY, version=1, rows=0, columns={}, performance=None)
    text = words_of(html_page(plain_picture("town", empty, None, None, now=NOW)))
    for part in (
        "nothing was predicted in this window",
        "flyball status",
        "flyball outcomes FILE",
        "flyball tick",
        "[quality] of flyball.toml",
    ):
        assert part in text, part
    assert "nan" not in text.lower()


def test_a_version_without_a_reference_says_how_to_make_one() -> None:
    nothing = MonitorReport(window=LAST_DAY, version=1, rows=12, columns={}, performance=None)
    assert "flyball adopt --data FILE" in words_of(html_page(plain_picture("town", nothing, None, None, now=NOW)))


def test_columns_that_cannot_be_drawn_are_told_without_a_picture() -> None:
    reference, counts = measured()
    broken = Reference(
        schema_version=1, rows=0, columns={name: replace(one, counts=(0,) * len(one.counts)) for name, one in reference.columns.items()}
    )
    page = html_page(around(report(picture().report.columns), broken, counts))
    assert "price" in words_of(page)
    other = replace(counts, columns={name: np.zeros(3, dtype=np.int64) for name in counts.columns})
    assert "price" in words_of(html_page(around(report(picture().report.columns), reference, other)))


def test_another_version_than_the_one_that_answers_is_named_as_such() -> None:
    text = words_of(html_page(replace(picture(), champion=4, watched=False, firing=())))
    assert "Version 3 is not the one that answers: that is version 4." in text


def test_a_frozen_loop_is_told_with_its_reason() -> None:
    assert "The loop stands still since 2026-03-28 12:00 UTC: an audit" in words_of(html_page(replace(picture(), freeze=FREEZE)))


def test_an_alert_that_nobody_is_told_of_says_so() -> None:
    found = picture()
    silent = replace(found, firing=tuple(replace(one, silent_until=NOW) for one in found.firing))
    assert "(silenced until 2026-03-29 12:00 UTC)" in words_of(html_page(silent))


def test_commands_are_shown_as_commands_and_names_with_backticks_as_names() -> None:
    page = html_page(wide(["`<b>`", "y"], moved=1))
    assert "<code>flyball trace ID</code>" in page
    assert "<b>" not in page


def test_the_page_speaks_chinese() -> None:
    page = html_page(picture(), "zh")
    text = words_of(page)
    assert '<html lang="zh-CN">' in page
    assert "发生了什么变化" in text and "请查看" in text and "▲ 漂移" in text
    assert "What changed" not in text


def test_the_same_picture_gives_the_same_page() -> None:
    assert html_page(picture()) == html_page(picture())


def test_the_worst_slices_come_first_and_the_rest_is_said() -> None:
    found = picture()
    many = details([("plan", f"p{number}") for number in range(100)])
    text = words_of(html_page(replace(found, report=replace(found.report, details=many))))
    assert text.index("plan = p99") < text.index("plan = p98")
    assert "plan = p1 " not in text and "… and 70 more slices, further down in this order." in text


def test_slices_stand_in_the_order_of_what_is_certain_and_a_few_rows_are_never_the_worst() -> None:
    def part(name: str, value: float | None, lower: float | None, *, worse: bool = False, rows: int = 800) -> SlicePerformance:
        upper = None if lower is None or value is None else 2 * value - lower
        told = replace(performance(), value=value, lower=lower, upper=upper, labelled=rows)
        return SlicePerformance(column="carrier", value=name, performance=told, worse=worse)

    found = [
        part("unknown", None, None, rows=0),
        part("nine rows", 0.27, None, rows=9),
        part("fifty rows", 0.20, None, rows=50),
        part("wide", 0.24, 0.10),
        part("narrow", 0.22, 0.20),
        part("worse for certain", 0.21, 0.19, worse=True),
    ]
    assert [one.value for one in worst_slices(tuple(found))] == [
        one.value for one in (found[5], found[4], found[3], found[2], found[1], found[0])
    ]
    aucs = [replace(one, performance=replace(one.performance, metric="roc_auc")) for one in found[3:5]]
    assert [one.value for one in worst_slices(tuple(aucs))] == ["narrow", "wide"]


def test_the_newest_decision_stands_first() -> None:
    text = words_of(html_page(picture()))
    assert len(entries()) == 5
    assert text.index("the loop stands still") < text.index("passed its gate against champion 2")


def contrast(first: str, second: str) -> float:
    """Contrast of two colours as WCAG computes it."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dark = sorted((light(first), light(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_words_are_readable_on_their_ground_by_day_by_night_and_on_paper() -> None:
    style = html_page(picture()).partition("<style>")[2].partition("</style>")[0]
    themes = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)]
    assert len(themes) == 3
    for theme in themes:
        for words, ground in (
            *((words, ground) for words in ("ink", "soft") for ground in ("page", "card", "warn-back", "drift-back", "ok-back")),
            *((state, f"{state}-back") for state in ("drift", "warn", "ok", "few")),
        ):
            assert contrast(theme[words], theme[ground]) >= 4.5, (words, ground)
        for line in ("now", "limit", "guess"):
            assert contrast(theme[line], theme["card"]) >= 3, line


@pytest.mark.parametrize(("language", "told"), [("en", "0.31 from the first champion"), ("zh", "相差 0.31")])
def test_a_column_that_moved_slowly_is_told_of(language: Language, told: str) -> None:
    found = picture()
    name = next(name for name, column in found.report.columns.items() if column.state == "ok")
    columns = {**found.report.columns, name: replace(found.report.columns[name], first=0.31)}
    slow = replace(found, report=replace(found.report, columns=columns))
    assert told in html_page(slow, language)
    assert told not in html_page(found, language)
