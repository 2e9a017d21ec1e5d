"""The versions of a model: how it stands, what may be done, every version against the champion, and who was champion when."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from flyball.core.record import record
from flyball.dashboard.pages.model_parts import CHIP, MOST_METRICS, Cell, Role, acts, became, cause, cells, champion_of, metric_names, roles
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Part
from flyball.dashboard.standing import Facts
from flyball.loop.options import of_model
from flyball.loop.past.price import standings_of
from flyball.loop.past.reigns import ALIASES, Reign, reigns
from flyball.loop.rollout import rollout_status, waiting_status
from flyball.render.report.reigns import Bar, lanes
from flyball.render.report.text import when

ROWS, REIGNS, BARS = 25, 20, 60


@record
class Row:
    """A version in the table."""

    version: int
    at: datetime
    roles: list[Role]
    became: str
    became_at: datetime | None
    cause: str
    verdict: str
    chip: str
    cells: list[Cell]
    rows: int
    engine: str
    champion: bool


@record
class Paging:
    """A part of a long list: which page of how many, and how many things there are."""

    page: int
    pages: int
    total: int


def listed(ask: Ask, known: Facts) -> list[Part]:
    """The sections."""
    return [
        guarded(ask, "standing", lambda: _standing(ask, known), every=5),
        Part(key="pick", body=pick(ask, known)),
        guarded(ask, "versions", lambda: _versions(ask, known), every=30),
        guarded(ask, "history", lambda: history(ask, known), every=30),
    ]


def _standing(ask: Ask, known: Facts) -> Markup:
    state = known.state
    return filled(
        "model_standing.html",
        ask,
        state=state,
        roles={version: roles(ask, state, version) for version in (state.champion, state.challenger, state.previous) if version},
        rollout=rollout_status(state, now=known.at),
        waiting=waiting_status(state),
        acts=acts(ask, of_model(state, now=ask.now), state),
    )


def _versions(ask: Ask, known: Facts) -> Markup:
    numbers = sorted(known.state.versions, reverse=True)
    paging = paged(ask, "page", len(numbers), ROWS)
    shown = [known.state.versions[one] for one in numbers[(paging.page - 1) * ROWS : paging.page * ROWS]]
    champion = champion_of(known)
    names = metric_names(ask.project.spec(), *(one.registered for one in shown))
    turned = standings_of(known.entries, [one.registered for one in shown])
    rows = []
    for one in shown:
        made = one.registered
        word, at = turned[made.version]
        rows.append(
            Row(
                version=made.version,
                at=one.at,
                roles=roles(ask, known.state, made.version),
                became=became(ask, word),
                became_at=at,
                cause=cause(ask, made),
                verdict=ask.t(f"model.verdict.{made.gate.verdict.value.replace(' ', '_')}"),
                chip=CHIP[made.gate.verdict.value],
                cells=cells(ask, names[:MOST_METRICS], made, champion),
                rows=made.rows,
                engine=made.engine,
                champion=made.version == known.state.champion,
            )
        )
    return filled(
        "model_list.html",
        ask,
        rows=rows,
        names=names[:MOST_METRICS],
        left_out=names[MOST_METRICS:],
        paging=paging,
        champion=known.state.champion,
        places={name: value for name, value in ask.query.items() if name in ("lang", "reigns")},
    )


def pick(ask: Ask, known: Facts, version: int | None = None, against: int | None = None) -> Markup:
    """The choice of two versions to compare."""
    numbers, champion = sorted(known.state.versions, reverse=True), known.state.champion
    other = version or next((one for one in numbers if one != champion), numbers[0])
    second = against or (champion if champion != other else known.state.previous)
    return filled("model_pick.html", ask, numbers=numbers, champion=champion, other=other, second=second)


def history(ask: Ask, known: Facts, version: int | None = None) -> Markup:
    """Which version was champion or challenger when: drawn, and as a table. With a version, only its own times."""
    found = [one for one in reigns(ask.model, known.entries) if version is None or one.version == version]
    paging = paged(ask, "reigns", len(found), REIGNS)
    newest = list(reversed(found))
    return filled(
        "model_history.html",
        ask,
        drawn=_drawn(ask, found[-BARS:], known.at) if found else "",
        left_out=max(len(found) - BARS, 0),
        bars=min(len(found), BARS),
        found=newest[(paging.page - 1) * REIGNS : paging.page * REIGNS],
        paging=paging,
        version=version,
        places={name: value for name, value in ask.query.items() if name in ("lang", "page", "version")},
    )


def _drawn(ask: Ask, found: Sequence[Reign], now: datetime) -> Markup:
    bars = [
        Bar(
            lane=ALIASES.index(one.alias),
            text=f"@{one.version}",
            about=ask.t("model.reign", version=one.version, alias=ask.t(f"model.{one.alias}"), begin=when(one.since), end=_end(ask, one)),
            since=one.since,
            until=one.until or max(now, one.since),
            link=ask.link("model", version=one.version),
            open=one.until is None,
        )
        for one in found
    ]
    names = [ask.t(f"model.{alias}") for alias in ALIASES]
    title, about = ask.t("model.reigns_title"), ask.t("model.reigns_about", count=len(bars))
    return lanes(bars, names, title=title, about=about, key="reigns")


def _end(ask: Ask, one: Reign) -> str:
    return ask.t("model.still") if one.until is None else when(one.until)


def paged(ask: Ask, name: str, total: int, size: int) -> Paging:
    """Which page of a list the address asks for; one that is not there is the nearest."""
    wanted, pages = ask.query.get(name, "1"), max((total + size - 1) // size, 1)
    page = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 7 else 1
    return Paging(page=min(max(page, 1), pages), pages=pages, total=total)
