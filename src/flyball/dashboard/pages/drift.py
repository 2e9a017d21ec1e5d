"""Drift: which column moved when, the worst first; and everything there is to say of one of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from flyball.core.record import record
from flyball.core.window import Window, parse_time
from flyball.dashboard.pages.drift_column import column_parts
from flyball.dashboard.pages.drift_table import Telling, table
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Page, Part
from flyball.dashboard.standing import Facts, facts
from flyball.loop.drift_map import DriftMap, MapRow, Stretch, drift_map, read_looks, stretch
from flyball.loop.kept_counts import YEAR, features_read
from flyball.monitoring.records import MonitorReport

ROWS = 40
_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
_PRESETS = (("4w", 28), ("13w", 91), ("52w", 364))


@record
class Shown:
    """What the page is about: the newest report, the looks of the stretch that was asked for as a map, and the model's own columns."""

    known: Facts
    report: MonitorReport
    looks: Sequence[MonitorReport]
    map: DriftMap
    features: frozenset[str]
    ends: Sequence[datetime]
    wrong: str


def page(ask: Ask) -> Page:
    """The page."""
    known = facts(ask)
    report = known.report
    if report is None or not (report.columns or report.left_out):
        code = "empty" if report is None or report.rows == 0 else "no_reference"
        return Page(title=ask.t("drift.title"), parts=[Part(key="main", body=filled("drift_empty.html", ask, text=ask.t(f"drift.{code}")))])
    shown = _shown(ask, known, report)
    name = ask.query.get("column")
    if name is not None:
        return Page(title=ask.t("drift.title"), parts=column_parts(ask, known, shown.looks, shown.map, name, choice(ask)))
    return Page(
        title=ask.t("drift.title"),
        parts=[
            Part(key="choose", body=_chooser(ask, shown)),
            guarded(ask, "said", lambda: _said(ask, shown)),
            guarded(ask, "main", lambda: _features(ask, shown)),
        ],
    )


def choice(ask: Ask) -> dict[str, object]:
    """What a link has to carry on so that the page it leads to is about the same stretch and the same names."""
    kept = {name: ask.query[name] for name in ("from", "to") if ask.query.get(name)}
    return {**kept, **({"find": ask.query["find"]} if ask.query.get("find") else {})}


def _shown(ask: Ask, known: Facts, report: MonitorReport) -> Shown:
    ends = ask.world.reports.ends(ask.model)
    wanted, wrong = _stretch(ask, known, report, ends)
    looks = read_looks(ask.world.reports, ask.model, wanted, ends)
    asked = ask.query.get("column")
    seen = asked is not None and any(asked in look.columns for look in looks)
    features = frozenset() if seen else frozenset(features_of(ask, known, report))  # of one column that is known they are not needed
    found = drift_map(looks, wanted, features)
    return Shown(known=known, report=report, looks=looks, map=found, features=features, ends=ends, wrong=wrong)


def features_of(ask: Ask, known: Facts, report: MonitorReport) -> Sequence[str]:
    """The columns the version of a report reads; where its bundle is not here, those of the report that no model says."""
    read = features_read(ask.world, known.state, report.version)
    if read is not None:
        return read
    return [name for name in report.columns if name.removeprefix("model_").partition("_")[0] not in ("score", "answer")]


def _stretch(ask: Ask, known: Facts, report: MonitorReport, ends: Sequence[datetime]) -> tuple[Stretch, str]:
    """The stretch that was asked for, and what of the question could not be read."""
    end, start, wrong = known.at, None, ""
    for name in ("from", "to"):
        text = ask.query.get(name, "").strip()
        if not text:
            continue
        try:
            day = len(text) == 10
            at = datetime.fromisoformat(text).replace(tzinfo=UTC) if day else parse_time(text)
            if not _EARLIEST < at < known.at + _DAY:
                raise ValueError("nobody looked then")
            start, end = (at, end) if name == "from" else (start, min(at + (_DAY if day else timedelta(0)), known.at))
        except (ValueError, OverflowError):
            wrong = text
    first = ends[0] - report.window.length if ends else end - 28 * _DAY
    if start is not None and start >= end:
        start, wrong = None, wrong or ask.query.get("from", "")
    begin = max(end - 28 * _DAY if start is None else start, min(first, end - _DAY))
    return stretch(begin, end), wrong


def _chooser(ask: Ask, shown: Shown) -> Markup:
    wanted = shown.map.stretch
    names = [row for row in shown.map.rows if row.newest is not None]
    worst = next((row for row in names if row.newest is not None and row.newest.found.state == "drift"), None)
    end = shown.known.at
    last = shown.looks[-1] if shown.looks else None
    presets = [
        (ask.t(f"drift.last_{code}"), ask.link("drift", **{"from": f"{end - days * _DAY:%Y-%m-%d}", "find": ask.query.get("find")}))
        for code, days in _PRESETS
    ]
    before = Window(start=wanted.window.start - YEAR, end=wanted.window.end - YEAR)
    if shown.ends and shown.ends[0] < before.end:
        dates = {"from": f"{before.start:%Y-%m-%d}", "to": f"{before.end - _INSTANT:%Y-%m-%d}", "find": ask.query.get("find")}
        presets.append((ask.t("drift.year_earlier"), ask.link("drift", **dates)))
    return filled(
        "drift.html",
        ask,
        wanted=wanted,
        wrong=shown.wrong,
        presets=presets,
        newest=last,
        worst=worst,
        worst_link="" if worst is None else ask.link("drift", column=worst.name, **choice(ask)),
        start=f"{wanted.window.start:%Y-%m-%d}",
        end=f"{wanted.window.end - _INSTANT:%Y-%m-%d}",
        looks=len(shown.looks),
        report=shown.report,
        kept=(shown.ends[0], shown.ends[-1]) if shown.ends else None,
        unit=ask.t(f"drift.unit_{wanted.unit}"),
    )


def _said(ask: Ask, shown: Shown) -> Markup:
    """What the model itself says, over time."""
    rows = [row for row in shown.map.rows if row.name not in shown.features]
    return filled("drift_said.html", ask, table=_table(ask, shown, rows[:ROWS], "said") if rows and shown.looks else None)


def _features(ask: Ask, shown: Shown) -> Markup:
    """The features over time, those that were searched for, a page of them."""
    wanted = ask.query.get("find", "").strip().casefold()
    every = [row for row in shown.map.rows if row.name in shown.features]
    rows = [row for row in every if wanted in row.name.casefold()]
    pages = max(1, -(-len(rows) // ROWS))
    text = ask.query.get("page", "1")
    number = min(max(int(text) if text.isdecimal() and len(text) < 6 else 1, 1), pages)
    here = rows[(number - 1) * ROWS : number * ROWS]

    def to(other: int) -> str | None:
        return ask.link("drift", **choice(ask), page=other) if 1 <= other <= pages else None

    return filled(
        "drift_features.html",
        ask,
        table=_table(ask, shown, here, "features") if here and shown.looks else None,
        rows=len(rows),
        every=len(every),
        number=number,
        pages=pages,
        before=to(number - 1),
        after=to(number + 1),
        first=(number - 1) * ROWS + 1,
        last=(number - 1) * ROWS + len(here),
        left_out=sum(shown.report.left_out.values()),
        kept=len(shown.report.columns),
        looks=len(shown.looks),
    )


def _table(ask: Ask, shown: Shown, rows: Sequence[MapRow], key: str) -> Markup:
    carried = choice(ask)
    return table(
        shown.map,
        rows,
        told=Telling(ask),
        caption=ask.t(f"drift.caption_{key}"),
        heads=(ask.t("drift.column"), ask.t("drift.version"), ask.t("drift.now")),
        link=lambda name: ask.link("drift", column=name, **carried),
    )
