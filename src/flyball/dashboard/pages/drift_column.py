"""One column: training and now, how far it was over time, what is missing or new in it, and the same hours and days before."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from markupsafe import Markup

from flyball.core.errors import IntegrityError, NotFoundError
from flyball.core.record import record
from flyball.core.window import Window, parse_time
from flyball.dashboard.pages.drift_table import CODE, SIGN, Telling, label, shade
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Part
from flyball.dashboard.standing import Facts
from flyball.loop.drift_map import DriftMap, MapRow
from flyball.loop.kept_counts import YEAR, ColumnThen, column_then, expected, on_cells
from flyball.loop.memory import Memory
from flyball.monitoring.records import ColumnDrift, MonitorReport, QualityFinding
from flyball.render.report.bins import drawn
from flyball.render.report.over_time import Share, distance_line, share_line
from flyball.render.report.page import facts as facts_of
from flyball.render.report.shapes import distribution
from flyball.render.report.svg import tag
from flyball.render.report.text import Words, clean

SHARES: tuple[Share, ...] = ("missing", "new_categories", "out_of_range", "infinite", "unparsable")
_LONG = timedelta(days=8)  # of longer windows the newest part is drawn
_NEAR = timedelta(days=14)


@record
class Column:
    """What is shown of a column: the look that is told, what it found (None: no kept look holds it), and the window that is drawn."""

    name: str
    look: MonitorReport
    found: ColumnDrift | None
    window: Window
    row: MapRow | None


def column_parts(
    ask: Ask, known: Facts, looks: Sequence[MonitorReport], found: DriftMap, name: str, carried: Mapping[str, object]
) -> list[Part]:
    """The sections of one column."""
    column = _column(ask, known, looks, found, name)
    memory = Memory()
    then = cache(lambda: _then(ask, known, column, memory))
    return [
        guarded(ask, "column", lambda: _told(ask, column, found, carried)),
        guarded(ask, "shape", lambda: _shape(ask, column, then())),
        guarded(ask, "past", lambda: _past(ask, looks, column)),
        guarded(ask, "season", lambda: _season(ask, known, column, then(), memory)),
        guarded(ask, "examples", lambda: _examples(ask, column)),
    ]


def _column(ask: Ask, known: Facts, looks: Sequence[MonitorReport], found: DriftMap, name: str) -> Column:
    """The look that was asked for, or the newest that holds the column."""
    assert known.report is not None
    holding = [look for look in looks if name in look.columns]
    at = _time(ask.query.get("at", ""))
    named = None if at is None else ask.world.reports.latest(ask.model, by=at)
    look = named or (holding or list(looks) or [known.report])[-1]
    column = look.columns.get(name)
    span = column.span if column is not None and column.span is not None else look.window
    if span.length > _LONG:
        span = Window(start=span.end - max(_LONG, look.window.length), end=span.end)
    row = next((row for row in found.rows if row.name == name), None)
    return Column(name=name, look=look, found=column, window=span, row=row)


def _then(ask: Ask, known: Facts, column: Column, memory: Memory) -> ColumnThen | None:
    """The counts of what the look is about; where no row of it has a value, those of the whole window of the look."""
    found = column_then(ask.world, known.state, column.look.version, column.name, column.window, memory)
    if column.window == column.look.window or (found is not None and drawn(found.reference, found.counts) is not None):
        return found
    return column_then(ask.world, known.state, column.look.version, column.name, column.look.window, memory) or found


def _time(text: str) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except (ValueError, OverflowError):
        return None


def _told(ask: Ask, column: Column, found: DriftMap, carried: Mapping[str, object]) -> Markup:
    one, telling = column.found, Telling(ask)
    strip = []
    for start, cell in zip(found.stretch.starts, column.row.cells if column.row else (), strict=False):
        day = label(start, found.stretch.unit)
        if cell is None:
            strip.append(tag("li", tag("span", "·", class_="none", title=day)))
            continue
        end = f"{cell.at:%Y-%m-%dT%H:%M:%SZ}"
        text = telling.whole(cell)
        here = {"aria_current": "true"} if cell.at == column.look.window.end else {}
        address = ask.link("drift", column=column.name, **carried, at=end)
        body = (tag("span", SIGN[cell.found.state] or "●", aria_hidden="true"), tag("span", text, class_="sr"))
        strip.append(tag("li", tag("a", *body, href=address, title=text, class_=shade(cell), **here)))
    return filled(
        "drift_column.html",
        ask,
        column=column,
        found=one,
        state="" if one is None else telling.states[one.state],
        code="few" if one is None else CODE[one.state],
        strip=strip,
        back=ask.link("drift", **carried),
        unknown=column.row is None,
        first=f"{found.stretch.window.start:%Y-%m-%d}",
        last=f"{found.stretch.window.end:%Y-%m-%d}",
    )


def _shape(ask: Ask, column: Column, then: ColumnThen | None) -> Markup:
    """Training against the window of the look."""
    words = Words(ask.language)
    found = None if then is None else drawn(then.reference, then.counts)
    table = facts_of(column.found, None if then is None else then.reference, words) if column.found is not None else ()
    return filled(
        "drift_shape.html",
        ask,
        chart=None if found is None else distribution(found, column.name, words, "shape"),
        then=then,
        facts=table,
        version=column.look.version,
        words=words,
    )


def _past(ask: Ask, looks: Sequence[MonitorReport], column: Column) -> Markup:
    """The distance and the shares over time."""
    words = Words(ask.language)
    line = distance_line(looks, column.name, words, "distance", width=720, height=200)
    shares = []
    for code in SHARES:
        title = ask.t(f"drift.share_{code}")
        chart = share_line(looks, column.name, code, f"{clean(column.name, 60)}: {title}", f"share-{code}")
        if chart is not None:
            shares.append((title, chart))
    return filled("drift_past.html", ask, line=line, shares=shares, words=words)


def _season(ask: Ask, known: Facts, column: Column, then: ColumnThen | None, memory: Memory) -> Markup:
    """The same hours in training, where the reference knows them, and the same days a year before, where they were counted."""
    words, name = Words(ask.language), column.name
    hours = None if then is None else expected(then)
    drawn_hours = None if then is None or hours is None else drawn(hours, then.counts)
    before = _year_before(ask, known, column, memory)
    cells = None if then is None or before is None else on_cells(before, then.reference)
    drawn_year = None if then is None or cells is None else drawn(cells, then.counts)
    return filled(
        "drift_season.html",
        ask,
        then=then,
        hours=None
        if drawn_hours is None
        else distribution(drawn_hours, name, words, "hours", title=f"{clean(name, 60)}: {ask.t('drift.hours_title')}"),
        year=None
        if drawn_year is None
        else distribution(drawn_year, name, words, "year", title=f"{clean(name, 60)}: {ask.t('drift.year_title')}"),
        before=before,
        words=words,
    )


def _year_before(ask: Ask, known: Facts, column: Column, memory: Memory) -> ColumnThen | None:
    """What the column held a year before, as the version of then counted it."""
    window = Window(start=column.window.start - YEAR, end=column.window.end - YEAR)
    look = ask.world.reports.latest(ask.model, by=window.end + _NEAR)
    if look is None or look.window.end < window.start - _NEAR:
        return None
    try:
        return column_then(ask.world, known.state, look.version, column.name, window, memory)
    except (IntegrityError, NotFoundError):  # the bundle of then is gone: what is here is shown without it
        return None


def _examples(ask: Ask, column: Column) -> Markup:
    """Rows that quality found something in, which lead to their predictions."""
    found: list[QualityFinding] = [one for one in column.look.quality if one.column == column.name]
    return filled("drift_examples.html", ask, findings=found[:20], name=column.name)
