"""What every page is written on: the frame with menu and language, and templates that escape."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from flyball.core.errors import FlyballError
from flyball.core.reason import because
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.table import PAGES
from flyball.render.report.svg import joined, tag
from flyball.render.report.text import clean, lasting, percent, whole
from flyball.words.sentences import Language, sentence


@cache
def environment() -> Environment:
    """The templates of the dashboard. A page's own template is given its `Ask` as `ask`, and `t` for texts."""
    made = Environment(
        autoescape=True, undefined=StrictUndefined, loader=PackageLoader("flyball.dashboard"), trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"clean": clean, "whole": whole, "percent": percent, "lasting": lasting, "at": at, "typed": typed, "as_day": as_day}
    return made


def at(moment: object) -> Markup:
    """A time. It says UTC, and in a browser with scripts the reader's own zone."""
    from datetime import UTC, datetime

    if not isinstance(moment, datetime):
        return Markup("-")
    known = moment.astimezone(UTC)
    return tag("time", f"{known:%Y-%m-%d %H:%M} UTC", datetime=f"{known:%Y-%m-%dT%H:%M:%SZ}")


def as_day(text: str) -> str:
    """What a field for a day is filled in with: a day, or nothing, never something else that stood in the address.

    >>> as_day("2013-05-01"), as_day("2013-5-1"), as_day("<script>")
    ('2013-05-01', '', '')
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return ""
    return text if f"{found}" == text else ""


def typed(text: str) -> Markup:
    """A sentence in which what is to be typed stands between backticks, as the command line says it.

    >>> typed("`flyball up` mends <it>")
    Markup('<code>flyball up</code> mends &lt;it&gt;')
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one backtick has no other
        return escape(text)
    return joined(tag("code", part) if number % 2 else escape(part) for number, part in enumerate(parts))


def filled(template: str, ask: Ask, **values: object) -> Markup:
    """A template of the dashboard, filled in."""
    return Markup(environment().get_template(template).render(ask=ask, t=ask.t, tell=ask.tell, link=ask.link, **values))  # noqa: S704 - autoescaped


def whole_page(ask: Ask, page: Page, *, models: Sequence[tuple[str, str]], trouble: str = "") -> str:
    """A page of a project in its frame. `models`: slug and name of every project; `trouble`: why what is shown is old."""
    lang = f"?lang={ask.language}" if "lang" in ask.query else ""
    menu = [(row.name, ask.t(f"menu.{row.name}"), ask.link(row.name), row.name == ask.page) for row in PAGES]
    return (
        environment()
        .get_template("frame.html")
        .render(
            ask=ask,
            t=ask.t,
            link=ask.link,
            page=page,
            menu=menu,
            models=models,
            others=others(ask),
            part=section,
            trouble=trouble,
            lang=lang,
        )
    )


def guarded(ask: Ask, key: str, make: Callable[[], Markup], every: int = 0) -> Part:
    """A section that may fail alone: what does not answer is said in its place, and the rest of the page stands."""
    try:
        body = make()
    except FlyballError as error:
        body = tag("p", ask.t("part_away", error=clean(f"{error}", 400)), class_="error")
    return Part(key=key, body=body, every=every)


def section(part: Part) -> Markup:
    """A section as the browser fetches it again."""
    more = {"data_every": part.every} if part.every else {}
    return tag("section", part.body, id=f"part-{part.key}", data_part=part.key, **more)


def others(ask: Ask) -> list[tuple[Language, str, str]]:
    """The languages this page also comes in: code, name, address."""
    query = {name: value for name, value in ask.query.items() if name not in ("lang", "part")}
    names: tuple[tuple[Language, str], ...] = (("en", "English"), ("zh", "中文"))
    return [(code, name, ask.link(ask.page, **{**query, "lang": code})) for code, name in names if code != ask.language]


def plain_page(language: Language, title: str, body: Mapping[str, object] | str) -> str:
    """A page of no project: an error, or the list of models."""
    return environment().get_template("plain.html").render(language=language, title=title, body=body, t=_texts(language))


def _texts(language: Language) -> object:
    return lambda code, **values: sentence(because(f"dashboard.{code}", **values), language)
