"""Decisions: the journal in sentences, the newest first, by what was done, by whom, when; and each entry with its evidence."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from flyball.core.errors import IntegrityError
from flyball.core.record import record
from flyball.dashboard.pages.decisions_evidence import evidence
from flyball.dashboard.pages.decisions_timeline import month_start, named, span_of, timeline, year_of
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.journal.events import KINDS, Entry
from flyball.journal.examine import examine
from flyball.journal.explain import Told
from flyball.loop.past.price import bought_words
from flyball.loop.past.search import GROUPS, Wanted, search
from flyball.loop.past.story import story_of

EACH = 50
_ACTORS = 50
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@record
class Asked:
    """What the form says, as it was understood. `troubles`: what could not be."""

    wanted: Wanted
    page: int
    troubles: tuple[str, ...]


def page(ask: Ask) -> Page:
    """The list, or one entry with its evidence where `entry` names one."""
    try:
        entries = ask.world.journal.read(ask.model)
    except IntegrityError as error:
        return Page(title=ask.t("decisions.title"), parts=[Part(key="broken", body=_broken(ask, str(error)))])
    if "entry" in ask.query:
        return evidence(ask, entries)
    if not entries:
        return Page(title=ask.t("decisions.title"), parts=[Part(key="main", body=filled("decisions_none.html", ask))])
    asked = read_query(ask)
    return Page(
        title=ask.t("decisions.title"),
        parts=[
            Part(key="timeline", body=_timeline(ask, entries, asked)),
            Part(key="form", body=_form(ask, entries, asked)),
            guarded(ask, "list", lambda: _list(ask, entries, asked), every=5 if asked.page == 1 else 0),
        ],
    )


def read_query(ask: Ask) -> Asked:
    """The form as it was sent. What cannot be read is said, and the rest holds."""
    troubles: list[str] = []

    def day(name: str, more: int) -> datetime | None:
        text = ask.query.get(name, "").strip()
        if not text:
            return None
        try:
            if not _DAY.fullmatch(text):
                raise ValueError(text)
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=more)
        except (ValueError, OverflowError):
            troubles.append(ask.t("decisions.bad_day", text=text[:40]))
            return None

    def number(name: str, otherwise: int) -> int:
        text = ask.query.get(name, "").strip().removeprefix("@")
        if not text:
            return otherwise
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            troubles.append(ask.t("decisions.bad_number", text=text[:40]))
            return otherwise
        return int(text)

    kind = ask.query.get("kind", "")
    if kind and kind not in GROUPS and kind not in KINDS.values():
        troubles.append(ask.t("decisions.bad_kind", text=kind[:40]))
        kind = ""
    wanted = Wanted(
        kind=kind,
        every=ask.query.get("show") == "all",
        version=number("version", 0),
        actor=ask.query.get("actor", "").strip()[:100],
        text=ask.query.get("text", "").strip()[:200],
        since=day("from", 0),
        until=day("to", 1),
    )
    return Asked(wanted=wanted, page=max(1, number("page", 1)), troubles=tuple(troubles))


def did(ask: Ask, told: Told) -> str:
    """What was done, in a word or three of the reader's language."""
    if told.action.endswith(" waits"):
        return ask.t("decisions.did.waits", cause=ask.t(f"decisions.cause.{told.action.removesuffix(' waits')}"))
    return ask.t("decisions.did." + told.action.replace(":", "").replace(" ", "_"))


def kind_code(kind: str) -> str:
    """A kind of entry as part of a code of the catalogue."""
    return "decisions.kind." + kind.replace(" ", "_")


def _timeline(ask: Ask, entries: Sequence[Entry], asked: Asked) -> Markup:
    since, until = asked.wanted.since, asked.wanted.until
    first = year_of(entries, since or (until - timedelta(microseconds=1) if until else None))
    drawn = timeline(ask, entries, first, min(ask.now, entries[-1].at), (since, until))
    inside = {"before": entries[0].at < month_start(first), "after": entries[-1].at >= month_start(first + 12)}
    turn = {name: _year(ask, first + (12 if name == "after" else -12)) if there else "" for name, there in inside.items()}
    return filled("decisions_timeline.html", ask, drawn=drawn, first=named(ask, first), last=named(ask, first + 11), **turn)


def _year(ask: Ask, first: int) -> str:
    start, last = span_of(first)
    return ask.link("decisions", **{"from": start, "to": last, "show": ask.query.get("show") or None})


def _form(ask: Ask, entries: Sequence[Entry], asked: Asked) -> Markup:
    counted = Counter(KINDS[type(entry.event)] for entry in entries)
    kinds = [
        (name, sum(counted[kind] for kind in some), [(kind, kind_code(kind), counted[kind]) for kind in some if counted[kind]])
        for name, some in GROUPS.items()
    ]
    actors = [name for name, _ in Counter(entry.actor for entry in entries).most_common(_ACTORS)]
    return filled("decisions_form.html", ask, kinds=kinds, actors=actors, wanted=asked.wanted, troubles=asked.troubles)


def _list(ask: Ask, entries: Sequence[Entry], asked: Asked) -> Markup:
    found = search(entries, asked.wanted, ask.tell)
    pages = max(1, -(-len(found) // EACH))
    number = min(asked.page, pages)
    rows = [(one, did(ask, one)) for one in found[(number - 1) * EACH : number * EACH]]
    hidden = 0
    if not (asked.wanted.kind or asked.wanted.every or asked.wanted.text):
        hidden = len(search(entries, replace(asked.wanted, every=True), ask.tell)) - len(found)
    turns = {name: _turn(ask, other) if 1 <= other <= pages else "" for name, other in (("newer", number - 1), ("older", number + 1))}
    story = story_of(ask.model, entries, asked.wanted.version) if asked.wanted.version else None
    bought = [ask.tell(bought_words(one)) for one in story.comparisons] if story else []
    return filled(
        "decisions.html",
        ask,
        rows=rows,
        found=len(found),
        number=number,
        pages=pages,
        hidden=hidden,
        story=story,
        bought=bought,
        everything=ask.link("decisions", **{**_kept(ask), "show": "all"}),
        **turns,
    )


def _turn(ask: Ask, number: int) -> str:
    return ask.link("decisions", **{**_kept(ask), "page": number if number > 1 else None})


def _kept(ask: Ask) -> dict[str, str]:
    names = ("kind", "version", "actor", "text", "from", "to", "show")
    return {name: ask.query[name] for name in names if ask.query.get(name)}


def _broken(ask: Ask, said: str) -> Markup:
    found = examine(ask.model, ask.world.journal.links(ask.model))
    return filled(
        "decisions_broken.html", ask, said=said, flaws=[ask.tell(flaw.reason) for flaw in found.flaws[:EACH]], entries=found.entries
    )
