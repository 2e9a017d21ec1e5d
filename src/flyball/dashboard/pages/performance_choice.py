"""What the reader of the page performance chose: a metric, a span, a version; from the address, which may say anything."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from flyball.core.record import record
from flyball.core.window import Window
from flyball.dashboard.records import Ask
from flyball.dashboard.standing import Facts
from flyball.loop.past.reigns import Reign, reigns

# So long is looked back where nobody chose anything, and the spans that can be had with one click.
USUAL = timedelta(days=90)
SPANS = (28, 90, 365)
_INSTANT = timedelta(microseconds=1)


@record
class Choice:
    """What is shown. `trouble`: what of the wish could not be understood, in the reader's language.

    `first`, `last`: the days of the span as a form has them; `spans`: days, address, and whether it is the one that is shown.
    `versions`: every version that was champion, the newest first.
    """

    metric: str
    span: Window
    version: int | None
    first: str
    last: str
    spans: tuple[tuple[int, str, bool], ...]
    versions: tuple[int, ...]
    trouble: tuple[str, ...]


def choice(ask: Ask, known: Facts) -> Choice:
    """What the address asks for; whatever it does not say is as usual."""
    past, trouble = champions(ask, known), list[str]()
    version = _version(ask, past, trouble)
    end = known.report.window.end if known.report is not None else known.at
    span = _span(ask, _usual(past, version, end), trouble)
    metric = ask.query.get("metric", "")
    first, last = span.start.astimezone(UTC), (span.end - _INSTANT).astimezone(UTC)
    kept = {name: ask.query[name] for name in ("metric", "version") if ask.query.get(name)}
    spans = []
    for days in SPANS:
        start = (end - timedelta(days=days)).astimezone(UTC).date()
        until = (end - _INSTANT).astimezone(UTC).date()
        here = first.date() == start and last.date() == until
        spans.append((days, ask.link("performance", **{**kept, "from": start, "to": until}), here))
    return Choice(
        metric=metric,
        span=span,
        version=version,
        first=f"{first:%Y-%m-%d}",
        last=f"{last:%Y-%m-%d}",
        spans=tuple(spans),
        versions=tuple(dict.fromkeys(one.version for one in reversed(past))),
        trouble=tuple(trouble),
    )


def champions(ask: Ask, known: Facts) -> list[Reign]:
    """Who was champion when."""
    return [one for one in reigns(ask.model, known.entries) if one.alias == "champion"]


def _version(ask: Ask, past: Sequence[Reign], trouble: list[str]) -> int | None:
    wanted = ask.query.get("version", "")
    if not wanted:
        return None
    found = next((one.version for one in past if str(one.version) == wanted), None)
    if found is None:
        trouble.append(ask.t("performance.no_such_version", wanted=wanted[:20]))
    return found


def _usual(past: Sequence[Reign], version: int | None, end: datetime) -> Window:
    """Where nobody chose: the last months, or all the time in which the version was champion."""
    of = [one for one in past if one.version == version]
    if not of:
        return Window(start=end - USUAL, end=end)
    last = min(of[-1].until or end, end)
    return Window(start=min(of[0].since, last - _INSTANT), end=last)


def _span(ask: Ask, usual: Window, trouble: list[str]) -> Window:
    first, last = (_day(ask, name, trouble) for name in ("from", "to"))
    end = usual.end if last is None else _midnight(last) + timedelta(days=1)
    start = min(usual.start, end - timedelta(days=1)) if first is None else _midnight(first)
    if start >= end:
        trouble.append(ask.t("performance.turned"))
        return usual
    return Window(start=start, end=end)


def _day(ask: Ask, name: str, trouble: list[str]) -> date | None:
    text = ask.query.get(name, "")
    if not text:
        return None
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        trouble.append(ask.t("performance.no_day", wanted=text[:20]))
        return None
    if not 1970 <= found.year <= 9000:  # outside no store has a time
        trouble.append(ask.t("performance.no_day", wanted=text[:20]))
        return None
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
