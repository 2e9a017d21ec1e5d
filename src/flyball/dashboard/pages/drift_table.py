"""The heat map as a table: columns by time, the darker the nearer to the threshold, each cell also with a sign and a text."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from markupsafe import Markup, escape

from flyball.dashboard.records import Ask
from flyball.loop.drift_map import Cell, DriftMap, MapRow, Unit
from flyball.monitoring.records import ColumnDrift, State
from flyball.render.report.svg import joined, tag
from flyball.render.report.text import Words, clean, percent

SIGN: dict[State, str] = {"drift": "▲", "warn": "◆", "ok": "", "insufficient data": "○"}
SHARES = ("missing", "new_categories", "out_of_range", "infinite", "unparsable")
CODE: dict[State, str] = {"drift": "drift", "warn": "warn", "ok": "ok", "insufficient data": "few"}


class Telling:
    """Cells in words: of a share that is missing, new, … that share, else the distance beside its threshold."""

    def __init__(self, ask: Ask) -> None:
        words = Words(ask.language)
        self.states: Mapping[State, str] = {state: words(f"state_{code}") for state, code in CODE.items()}
        self._shares: Mapping[str, str] = {code: ask.t(f"drift.by_{code}") for code in SHARES}

    def figure(self, found: ColumnDrift) -> str:
        """What its state is about."""
        code = found.reason.code.partition(".")[2]
        share = next((one for one in SHARES if code.startswith(one)), None)
        if share is None:
            return f"{found.distance:.2f} / {found.threshold:.2f}"
        return f"{percent(getattr(found, share))} {self._shares[share]}"

    def whole(self, cell: Cell) -> str:
        """When, at which version, what it is about, and what that means."""
        return f"{cell.at:%Y-%m-%d %H:%M} UTC, @{cell.version}: {self.figure(cell.found)} {self.states[cell.found.state]}"


def table(
    found: DriftMap, rows: Sequence[MapRow], *, told: Telling, caption: str, heads: tuple[str, str, str], link: Callable[[str], str]
) -> Markup:
    """The rows of a map. `heads`: what the first column, the row of versions and the last value are called; `link`: where a name leads."""
    stretch = found.stretch
    labels = [label(start, stretch.unit) for start in stretch.starts]
    body = [_row(row, told, link, heads[2]) for row in rows]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption, class_="sr"),
            tag("thead", _versions(found, heads[1]), _times(labels, heads[0])),
            tag("tbody", *body),
            class_=f"heat {'many' if len(labels) > 31 else 'some' if len(labels) > 14 else 'little'}",
        ),
        class_="wide newest",
        tabindex="0",
        role="group",
        aria_label=caption,
    )


def label(start: datetime, unit: Unit) -> str:
    """A unit of time in few letters."""
    return f"{start:%H:00}" if unit == "hour" else f"{start:%m-%d}"


def shade(cell: Cell | None) -> str:
    """The class of a cell: none without a look, and for what was too few rows."""
    if cell is None:
        return "none"
    one = cell.found
    if one.state == "insufficient data":
        return "few"
    part = min(one.distance / one.threshold, 1.0) if one.threshold else 0.0
    return "h4" if one.state == "drift" else "h3" if one.state == "warn" else f"h{min(int(part * 4), 3)}"


def _row(row: MapRow, told: Telling, link: Callable[[str], str], now: str) -> Markup:
    newest = row.newest
    name = tag("a", tag("bdi", clean(row.name, 60), class_="name", title=clean(row.name, 200)), href=link(row.name))
    last = "-"
    if newest is not None:
        last = f"{SIGN[newest.found.state] or '●'} {told.figure(newest.found)}"
    value = tag("span", tag("span", f"{now} ", class_="sr"), last, class_="soft value")
    return tag("tr", tag("th", tag("span", name, value, class_="both"), scope="row"), *(_cell(cell, told) for cell in row.cells))


def _cell(cell: Cell | None, told: Telling) -> Markup:
    if cell is None:
        return Markup('<td class="none"></td>')
    sign, text = SIGN[cell.found.state], escape(told.whole(cell))
    spoken = escape(f"{told.figure(cell.found)} {told.states[cell.found.state]}")
    # thousands of them: written at once, all that is in them escaped
    return Markup(f'<td class="{shade(cell)}" title="{text}"><span aria-hidden="true">{sign}</span><span class="sr">{spoken}</span></td>')  # noqa: S704


def _versions(found: DriftMap, head: str) -> Markup:
    groups = [(version, len(list(group))) for version, group in groupby(_carried(found.versions))]
    cells = [tag("th", "" if version is None else f"@{version}", colspan=width, scope="colgroup") for version, width in groups]
    return tag("tr", tag("th", head, scope="row"), *cells, class_="versions")


def _carried(versions: Sequence[int | None]) -> list[int | None]:
    """The version of each unit; where nobody looked, that of the look before."""
    found: list[int | None] = []
    for version in versions:
        found.append(version if version is not None else found[-1] if found else None)
    return found


def _times(labels: Sequence[str], head: str) -> Markup:
    every = max(1, len(labels) // 8)
    cells = [
        tag("th", tag("span", text, class_="" if at % every == 0 and at <= len(labels) - every * 0.6 else "sr"), scope="col")
        for at, text in enumerate(labels)
    ]
    return tag("tr", tag("th", head, scope="col"), joined(cells))
