"""What every page to mail is written on: a head that lets nothing in from elsewhere, one style, and templates that escape."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flyball.render.report.svg import tag
from flyball.render.report.text import Words, clean, lasting, percent, when, whole
from flyball.words.sentences import Language

_PACKAGE = "flyball.render.report"


@cache
def style(own: str = "") -> Markup:
    """The style of all pages, and what a page has beside it."""
    shared = (files(_PACKAGE) / "templates" / "page.css").read_text(encoding="utf-8")
    return Markup(shared + own)  # noqa: S704 - our own files


def environment(package: str, words: Words) -> Environment:
    """The templates of a page, with those of all pages beside them and the ways to write values."""
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(_PACKAGE)]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"clean": clean, "tell": words.tell, "when": when, "whole": whole, "percent": percent, "lasting": lasting}
    return made


def whole_page(title: str, parts: Sequence[Markup], language: Language, *, own: str = "") -> str:
    """A page of parts that were made without templates. `own`: its style beside that of all pages."""
    template = environment(_PACKAGE, Words(language)).get_template("parts.html")
    return template.render(language=language, title=title, style=style(own), main=tag("main", *parts))
