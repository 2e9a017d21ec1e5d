"""Now: how many requests come, how fast they are answered, by whom; and what there is if nothing answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.window import Window
from flyball.dashboard.pages.now_charts import Spans, answers_by_hour, latencies, refusals_by_minute, requests_by_minute
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.pulses import Beat
from flyball.dashboard.records import Ask, Health, Page, Part
from flyball.dashboard.standing import Facts, facts
from flyball.journal.events import Entry, Promoted, RolledBack, RolloutStarted, Staged
from flyball.loop.fleet import Fleet, fleet_of
from flyball.loop.lately import Requests, requests, rows_by_hour
from flyball.render.report.text import clean
from flyball.server.pulse import address, so_far
from flyball.serving.pace import paces, refusals
from flyball.serving.records import Deployment
from flyball.spec.records import ServeSpec

SPANS: Mapping[str, Spans] = {
    "1h": Spans(span=timedelta(hours=1), step=timedelta(minutes=1)),
    "6h": Spans(span=timedelta(hours=6), step=timedelta(minutes=5)),
    "24h": Spans(span=timedelta(hours=24), step=timedelta(minutes=20)),
}
MOST_WORKERS = 40
_OLD = timedelta(hours=1)
_MANY = 0.05  # of the requests: when more are refused, somebody should look
_LIVE = timedelta(minutes=2)  # of requests that were written down: so long they say how it goes now


@record
class Headline:
    """Whether anything answers, in a word, a sentence, and what to do about it. `commands`: what starts a server."""

    health: Health
    word: str
    why: str
    commands: bool


@record
class Tile:
    """A number with its unit, and what it is about."""

    name: str
    value: str
    about: str


@record
class Answering:
    """A version that answers or scores: as what, since when, its share of the units, and what it really answered.

    `part`: of the rows that were answered lately; `rate`: its rows in a second; None where no server tells.
    """

    role: str
    version: int
    since: datetime | None
    share: float | None
    part: float | None
    rate: float | None
    rows: int


@record
class Replica:
    """A worker that was heard of in the last seconds: `version` 0 where it answers with nothing yet."""

    name: str
    version: int
    since: datetime | None
    behind: bool
    error: str


@record
class Seen:
    """Everything the page is made of."""

    facts: Facts
    serve: ServeSpec
    spec_error: str
    fleet: Fleet
    deployed: Deployment | None
    beat: Beat
    came: Requests


def page(ask: Ask) -> Page:
    """The page. All of it is made anew every two seconds while somebody looks."""
    seen = _look(ask)
    span = ask.query.get("span", "")
    span = span if span in SPANS else "1h"
    hours = Markup("") if seen.facts.state.champion is None else guarded(ask, "hours", lambda: answers_by_hour(ask, seen.facts)).body
    came = seen.came if span == "1h" else requests(ask.world, ask.model, SPANS[span].span, now=ask.now)
    body = filled(
        "now.html",
        ask,
        headline=_headline(ask, seen),
        old=seen.facts.measured_at if seen.facts.entries and ask.now - seen.facts.measured_at > _OLD else None,
        address=address(seen.serve),
        spec_error=seen.spec_error,
        tiles=_tiles(ask, seen),
        answering=_answering(ask, seen),
        replicas=_replicas(seen.fleet)[:MOST_WORKERS],
        left=max(0, len(seen.fleet.workers) - MOST_WORKERS),
        seen=seen,
        came=came,
        span=span,
        spans=tuple(SPANS),
        charts=[requests_by_minute(ask, came, SPANS[span]), refusals_by_minute(ask, came, SPANS[span]), latencies(ask, seen.beat)],
        hours=hours,
        refused=list(refusals(came.counts).items())[:12],
        total=sum(one.requests for one in came.counts),
    )
    return Page(title=ask.t("now.title"), parts=[Part(key="live", body=body, every=2)])


def _look(ask: Ask) -> Seen:
    known, world = facts(ask), ask.world
    try:
        serve, error = ask.project.spec().serve, ""
    except FlyballError as found:  # where to ask is told by the workers all the same
        serve, error = ServeSpec(), clean(f"{found}", 400)
    fleet = fleet_of(ask.model, known.entries, world.deployments, world.leases)
    return Seen(
        facts=known,
        serve=serve,
        spec_error=error,
        fleet=fleet,
        deployed=world.deployments.current(ask.model),
        beat=ask.project.pulse.look(serve, ask.model, fleet.workers, now=ask.now),
        came=requests(world, ask.model, SPANS["1h"].span, now=ask.now),
    )


def _headline(ask: Ask, seen: Seen) -> Headline:
    workers = len(seen.fleet.workers)
    if seen.facts.state.champion is None and seen.beat.numbers is None:
        return Headline(health="look", word=ask.t("now.nothing"), why=ask.t("now.no_champion"), commands=False)
    if seen.beat.numbers is None and not workers:
        newest = seen.came.newest
        why = ask.t("now.never") if newest is None else ask.t("now.none_why")
        return Headline(health="look", word=ask.t("now.none"), why=why, commands=True)
    troubled = [one for one in _replicas(seen.fleet) if one.error or one.behind or not one.version]
    if troubled:
        first = troubled[0]
        why = ask.t("now.troubled_why", worker=clean(first.name, 60), error=clean(first.error, 200) or ask.t("now.behind"))
        health: Health = "act" if first.error else "look"  # one that is only behind follows in a moment
        return Headline(health=health, word=ask.t("now.troubled", troubled=len(troubled), workers=workers), why=why, commands=False)
    _, answered, refused = _rates(ask, seen)
    if refused > _MANY * (answered + refused):
        return Headline(health="look", word=ask.t("now.refuses"), why=ask.t("now.refuses_why"), commands=False)
    if seen.beat.numbers is None:
        why = ask.t("now.elsewhere_why", address=address(seen.serve))
        return Headline(health="good", word=ask.t("now.elsewhere", workers=workers), why=why, commands=False)
    return Headline(health="good", word=ask.t("now.answers"), why=ask.t("now.answers_why", workers=max(workers, 1)), commands=False)


def _tiles(ask: Ask, seen: Seen) -> list[Tile]:
    found, lately = seen.beat.numbers, seen.beat.lately
    if lately is not None:
        about, slow = ask.t("now.over", seconds=round(seen.beat.seconds)), (lately.median, lately.slow)
    else:
        about, slow = (ask.t("now.not_told"), (None, None)) if found is None else (ask.t("now.so_far"), so_far(found))
    told, answered, refused = _rates(ask, seen)
    share = refused / (answered + refused) if refused else 0.0
    return [
        Tile(name=ask.t("now.requests"), value=ask.t("now.per_second", rate=_digits(answered)), about=told),
        Tile(name=ask.t("now.median"), value=_within(slow[0]), about=about),
        Tile(name=ask.t("now.slow"), value=_within(slow[1]), about=about),
        Tile(name=ask.t("now.errors"), value=ask.t("now.per_second", rate=_digits(refused)), about=ask.t("now.error_share", share=share)),
        Tile(name=ask.t("now.workers"), value=f"{len(seen.fleet.workers)}", about=ask.t("now.heard")),
    ]


def _rates(ask: Ask, seen: Seen) -> tuple[str, float, float]:
    """Over what time, and requests in a second that were answered and refused in it: what a server tells, or else what servers wrote down
    of the last whole minute.
    """
    lately = seen.beat.lately
    if lately is not None:
        return ask.t("now.over", seconds=round(seen.beat.seconds)), lately.requests, lately.errors
    if not _fresh(ask, seen):
        return ask.t("now.no_requests"), 0.0, 0.0
    minute = Window(start=seen.came.window.end - timedelta(minutes=1), end=seen.came.window.end)
    pace = paces(seen.came.counts, minute, minute.length)[0]
    return ask.t("now.last_minute"), pace.answered, pace.refused


def _answering(ask: Ask, seen: Seen) -> list[Answering]:
    state, deployed, at = seen.facts.state, seen.deployed, seen.facts.measured_at
    champion = state.champion if deployed is None else deployed.champion
    challenger = state.challenger if deployed is None else deployed.challenger
    share = state.challenger_share if deployed is None else deployed.challenger_share
    shadows = state.shadow if deployed is None else deployed.shadow
    named: list[tuple[str, int | None, float | None]] = [("champion", champion, 1.0 - share), ("challenger", challenger, share)]
    named += [("shadow", one, None) for one in shadows if one not in (champion, challenger)]
    rates = {(version, variant): rate for version, variant, rate in (seen.beat.lately.answers if seen.beat.lately else ())}
    total = sum(rates.values())
    rows = rows_by_hour(ask.world, ask.model, [one for _, one, _ in named if one], Spans.day(at))
    found = []
    for role, version, units in named:
        if version is None:
            continue
        own = sum(rate for (one, _), rate in rates.items() if one == version)
        counted = {variant: sum(hours.values()) for (one, variant), hours in rows.items() if one == version}
        found.append(
            Answering(
                role=role,
                version=version,
                since=_since(seen.facts.entries, version) if version != state.champion else state.champion_since,
                share=units,
                part=own / total if total and role != "shadow" else None,
                rate=own if seen.beat.lately is not None and role != "shadow" else None,
                rows=sum(counted.values()),
            )
        )
    return found


def _since(entries: Sequence[Entry], version: int) -> datetime | None:
    """When a version got its place last."""
    for entry in reversed(entries):
        match entry.event:
            case Promoted() | RolloutStarted() | Staged():
                if entry.event.version == version:
                    return entry.at
                if isinstance(entry.event, Promoted) and entry.event.replaced == version:
                    return entry.at
            case RolledBack():
                if version in (entry.event.to, entry.event.version):
                    return entry.at
            case _:
                pass
    return None


def _replicas(fleet: Fleet) -> list[Replica]:
    found = [
        Replica(
            name=name,
            version=fleet.champions.get(seq) or 0,
            since=fleet.since.get(seq),
            behind=0 < seq < fleet.current,
            error=error,
        )
        for name, (seq, error) in fleet.workers.items()
    ]
    return sorted(found, key=lambda one: (not (one.error or one.behind or not one.version), one.name))


def _fresh(ask: Ask, seen: Seen) -> bool:
    """Whether a server wrote down lately that it was asked."""
    newest = seen.came.newest
    return newest is not None and ask.now - newest < _LIVE


def _digits(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}" if rate >= 1 or rate == 0 else f"{rate:.2g}"


def _within(seconds: float | None) -> str:
    """The bound of a bucket in milliseconds: at most so long, or longer than all of them."""
    if seconds is None:
        return "-"
    return "> 1000 ms" if seconds == float("inf") else f"≤ {seconds * 1000:g} ms"
