"""The report as one self-contained page: no script, nothing from elsewhere, small enough to mail whatever the data."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment
from markupsafe import Markup, escape

from flyball.core.record import record
from flyball.data.profile import ColumnReference
from flyball.loop.picture import Picture, furthest
from flyball.monitoring.records import ColumnDrift, Estimated, PerformanceDetails, SlicePerformance, State
from flyball.monitoring.slow import slow_reasons
from flyball.render.report.answer import answer
from flyball.render.report.bins import drawn
from flyball.render.report.over_time import calibration, distances, heat_map, performance
from flyball.render.report.paper import environment, style
from flyball.render.report.shapes import distribution
from flyball.render.report.text import Words, clean, percent, when, whole
from flyball.stats.scores import METRICS
from flyball.words.sentences import Language

MOST_BYTES = 500_000
STATES: tuple[State, ...] = ("drift", "warn", "ok", "insufficient data")
_CODES = {"drift": "drift", "warn": "warn", "ok": "ok", "insufficient data": "few"}


@record
class Room:
    """How much of each is drawn; what is left out is said."""

    cards: int
    rows: int
    slices: int
    findings: int
    decisions: int


# Tried in turn until the page is small enough: the last is small whatever stands in it.
ROOMS = (
    Room(cards=12, rows=100, slices=30, findings=40, decisions=60),
    Room(cards=8, rows=50, slices=15, findings=20, decisions=30),
    Room(cards=4, rows=20, slices=5, findings=5, decisions=10),
    Room(cards=0, rows=10, slices=2, findings=2, decisions=2),
)


@record
class Card:
    """One column with its charts. `facts`: label and value of what else is known."""

    name: str
    column: ColumnDrift
    shape: Markup | None
    past: Markup | None
    facts: tuple[tuple[str, str], ...]


def html_page(picture: Picture, language: Language = "en") -> str:
    """The page as text, under `MOST_BYTES` as UTF-8. The same picture gives the same page."""
    words = Words(language)
    for room in ROOMS:
        text = _page(picture, words, room)
        if len(text.encode()) < MOST_BYTES:
            break
    return text


def _page(picture: Picture, words: Words, room: Room) -> str:
    report = picture.report
    names = furthest(report.columns)
    details = report.details
    metric = report.performance.metric if report.performance else ""
    hidden = names[room.rows :]
    return (
        _templates(words.language)
        .get_template("page.html")
        .render(
            t=words,
            style=style(),
            p=picture,
            r=report,
            room=room,
            kinds=_CODES,
            codes=_CODES,
            answer=answer(picture),
            tally={state: sum(column.state == state for column in report.columns.values()) for state in STATES},
            floor=_floor(picture),
            guess=_guess(details.estimated if details else (), metric),
            cards=[_card(picture, name, words, number) for number, name in enumerate(_worth(picture, names)[: room.cards])],
            slow=slow_reasons(report.columns),
            map=heat_map(picture, words, "map") if room.cards else None,
            rows=[(name, report.columns[name]) for name in names[: room.rows]],
            left_out=left_out(report.columns, hidden, words) if hidden else "",
            performance_chart=performance(picture, words, "performance"),
            calibration=calibration(picture, words, "calibration"),
            blocks=blocks_name(details, words),
            slices=worst_slices(details.slices if details else ()),
            decisions=list(reversed(picture.decisions)),
            source=_source(picture, words),
        )
    )


def left_out(columns: Mapping[str, ColumnDrift], hidden: Sequence[str], words: Words) -> str:
    """What is said of columns that are not listed: how many, and that all are well, if they are."""
    kept = Counter(columns[name].state for name in hidden)
    if set(kept) == {"ok"}:
        return words("more_ok", count=len(hidden))
    states = ", ".join(f"{kept[state]} {words(f'state_{_CODES[state]}')}" for state in STATES if kept[state])
    return words("more_columns", count=len(hidden), states=states)


def blocks_name(details: PerformanceDetails | None, words: Words) -> str:
    """What the blocks of a performance are called: days, units, or where each row is one, just blocks."""
    code = details.metrics[0].reason.code if details is not None and details.metrics else ""
    return words("blocks_units" if code.endswith("_units") else "blocks_rows" if code.endswith("_rows") else "blocks_days")


def worst_slices(slices: tuple[SlicePerformance, ...]) -> list[SlicePerformance]:
    """Slices by what is certain: those worse for certain, then the others by their better bound, then those of too few rows."""

    def place(one: SlicePerformance) -> tuple[int, float, float]:
        told = one.performance
        higher = METRICS[told.metric].direction == "higher"
        sign, bound = (1.0, told.upper) if higher else (-1.0, told.lower)
        rank = 0 if one.worse else 1 if bound is not None else 2 if told.value is not None else 3
        # among slices of too few rows the value says little, and the larger one is worth more
        return rank, -told.labelled if bound is None else sign * bound, 0.0 if told.value is None else sign * told.value

    return sorted(slices, key=place)


def _worth(picture: Picture, names: list[str]) -> list[str]:
    """The columns that get a card: those that moved, may have, or still have an alert; if none, the three that are furthest."""
    columns = picture.report.columns
    alerts = {alert.key.removeprefix("drift:") for alert in picture.firing}
    told = [name for name in names if columns[name].state == "drift" or name in alerts]
    told += [name for name in names if columns[name].state == "warn" and name not in alerts]
    return told or [name for name in names if columns[name].state == "ok"][:3]


def _card(picture: Picture, name: str, words: Words, number: int) -> Card:
    column = picture.report.columns[name]
    reference = picture.reference.columns.get(name) if picture.reference else None
    counts = picture.counts.columns.get(name) if picture.counts else None
    found = drawn(reference, counts) if reference is not None and counts is not None else None
    return Card(
        name=name,
        column=column,
        shape=distribution(found, name, words, f"s{number}") if found else None,
        past=distances(picture, name, words, f"d{number}"),
        facts=facts(column, reference, words),
    )


def facts(column: ColumnDrift, reference: ColumnReference | None, words: Words) -> tuple[tuple[str, str], ...]:
    """Label and value of what is known of a column beside its sentence."""
    before = f"{percent(reference.missing / max(reference.rows, 1))} → " if reference else ""
    found = [
        (words("fact_distance"), f"{column.distance:.3f} [{column.lower:.3f}, {column.upper:.3f}]"),
        (words("fact_threshold"), f"{column.threshold:.3f}"),
        (words("fact_rows"), whole(column.rows)),
        (words("fact_missing"), before + percent(column.missing)),
    ]
    for code in ("out_of_range", "new_categories", "infinite", "unparsable"):
        share = getattr(column, code)
        if share:
            found.append((words(f"fact_{code}"), percent(share)))
    found += [(words(f"fact_{code}"), f"{value:.3f}") for code, value in column.distances.items() if code in ("psi", "js", "wasserstein")]
    found += [(words(f"fact_{code}"), f"{value:.3f}") for code in ("first", "previous") if (value := getattr(column, code)) is not None]
    return tuple(found)


def _floor(picture: Picture) -> float | None:
    p, floors = picture.report.performance, picture.floors
    if p is None or floors is None or floors.metric != p.metric:
        return None
    return floors.values.get(picture.report.version)


def _guess(estimated: tuple[Estimated, ...], metric: str) -> Estimated | None:
    """The estimate of the metric that is watched, else the first there is."""
    return next((one for one in estimated if one.metric == metric), estimated[0] if estimated else None)


def _source(picture: Picture, words: Words) -> list[tuple[str, str]]:
    source = picture.source
    if source is None:
        return []
    made, lineage = source.registered, source.lineage
    trained = "-"
    if made.trained_from and made.trained_until:
        trained = f"{when(made.trained_from)} – {when(made.trained_until)}"
    rows = [
        (words("source_version"), f"{clean(picture.model, 60)}@{made.version}, {when(source.at)}"),
        (words("source_rows"), whole(made.rows)),
        (words("source_trained"), trained),
        (words("source_snapshot"), lineage.snapshot or "-"),
        (words("source_run"), lineage.run_id or "-"),
        (words("source_commit"), (lineage.commit or "-") + (f" ({words('source_changed')})" if lineage.dirty_diff_sha256 else "")),
        (words("source_engine"), made.engine),
        (words("source_spec"), lineage.spec_digest or "-"),
        (words("source_bundle"), made.bundle),
    ]
    return [(label, clean(value, 200)) for label, value in rows]


def _commands(text: str) -> Markup:
    """A text with what stands between backticks as commands. It is escaped first: a name with backticks in it stays a name."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped in the same line


@cache
def _templates(language: Language) -> Environment:
    made = environment("flyball.render.report", Words(language))
    made.filters |= {"commands": _commands, "number": lambda value: f"{value:.4f}"}
    return made
