"""From ports to rows: each function gives the rows of a table one after the other, with few of them in memory."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flyball.core.codec import to_json
from flyball.core.errors import StoreError
from flyball.core.window import Window, from_micros
from flyball.data.cells import CategoryCells
from flyball.data.profile import Reference
from flyball.journal.chain import Link
from flyball.loop.leaving.records import Row
from flyball.monitoring.slots import CountKey
from flyball.ports.history import PredictionLog
from flyball.ports.watching import CountStore, Reports, Traffic
from flyball.serving.records import LoggedRows, Outcome, Prediction

_HOUR = 3_600_000_000
_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_REPORTS = 50  # read at once
_FOUND = 2000  # predictions looked up at once

Cell = tuple[str, str, float | None, float | None, str | None]
"""Column, kind of cell, lower and upper bound, category."""


def pieces(log: PredictionLog, model: str, window: Window, *, most: int) -> Iterator[Window]:
    """The window cut until no piece has more than so many answered rows, in order of time."""
    waiting = [window]
    while waiting:
        one = waiting.pop()
        middle = one.start + (one.end - one.start) / 2
        if one.start < middle < one.end and sum(log.count(model, one).values()) > most:
            waiting += [Window(start=middle, end=one.end), Window(start=one.start, end=middle)]
        else:
            yield one


def logged(log: PredictionLog, model: str, versions: Sequence[int], window: Window, *, most: int) -> Iterator[tuple[Row, Row | None]]:
    """Every prediction, and its outcome if it has one and was answered."""
    for piece in pieces(log, model, window, most=most):
        for version in versions:
            rows = log.rows(model, version, piece, arms=True)
            assert rows.variant is not None, "they were asked for"
            for first in range(0, len(rows.at), _FOUND):
                some = range(first, min(first + _FOUND, len(rows.at)))
                shadow = rows.variant == "shadow"
                answered = log.find_all([rows.prediction_id[at] for at in some if not shadow[at]])
                for at in some:
                    yield (_shadow(rows, at, model, version), None) if shadow[at] else _answered(answered, rows.prediction_id[at])


def counted(
    counts: CountStore, model: str, ledger: CountKey, cells: Sequence[Cell], window: Window
) -> Iterator[tuple[list[Row], list[Row]]]:
    """The counts and the hours of each slot of a ledger. `cells` are those of its reference, or none if that is not here."""
    whose: Row = {"version": ledger.version, "against": ledger.against, "reference": ledger.reference}
    for slot in counts.slots(model, ledger, window):
        tally = slot.tally()
        span: Row = {**whose, "variant": slot.variant, "start": from_micros(slot.start), "end": from_micros(slot.start + slot.length)}
        found: list[Row] = []
        for number, count in zip(tally.cells.tolist(), tally.counts.tolist(), strict=True):
            column, cell, lower, upper, category = cells[number] if number < len(cells) else (None, None, None, None, None)
            place = {"number": number, "column": column, "cell": cell, "lower": lower, "upper": upper, "category": category}
            found.append({**span, **place, "count": count})
        hours: list[Row] = [
            {**whose, "variant": slot.variant, "hour": from_micros(hour * _HOUR), "rows": rows}
            for hour, rows in sorted(tally.hours.items())
        ]
        yield found, hours


def cells_of(reference: Reference, columns: Sequence[str]) -> list[Cell]:
    """What each cell of a reference holds, numbered through as counts number them, on these of its columns."""
    found: list[Cell] = []
    for name in columns:
        held = reference.columns[name].cells()
        if isinstance(held, CategoryCells):
            found += [(name, "category", None, None, one) for one in held.categories]
            found += [(name, kind, None, None, None) for kind in ("other", "missing")]
            continue
        edges = reference.columns[name].edges
        found.append((name, "-inf", None, None, None))
        if edges:
            found.append((name, "below", None, edges[0], None))
            found += [(name, "range", lower, upper, None) for lower, upper in pairwise(edges)]
            found.append((name, "above", edges[-1], None, None))
        else:
            found.append((name, "range", None, None, None))
        found += [(name, kind, None, None, None) for kind in ("+inf", "missing", "unparsable")]
    return found


def requests(traffic: Traffic, model: str, window: Window, *, now: datetime, kept: timedelta) -> Iterator[Row]:
    """What servers answered and refused, day by day from as long ago as it is kept."""
    at = max(window.start, now - kept - _DAY)
    while at < min(window.end, now + _DAY):
        upto = min(at + _DAY, window.end)
        for one in traffic.between(model, Window(start=at, end=upto)):
            yield {"minute": one.minute, "status": one.status, "requests": one.requests}
        at = upto


def reported(reports: Reports, model: str, window: Window) -> Iterator[Row]:
    """The reports whose windows end within a window."""
    ends = sorted({end for end in reports.ends(model) if window.start <= end < window.end})
    for first in range(0, len(ends), _REPORTS):
        some = ends[first : first + _REPORTS]
        for one in reports.between(model, Window(start=some[0], end=some[-1] + _INSTANT)):
            yield {
                "version": one.version,
                "start": one.window.start,
                "end": one.window.end,
                "rows": one.rows,
                "report": to_json(one),
            }


def happened(links: Sequence[Link], window: Window) -> Iterator[Row]:
    """The journal's entries of a window, as they are stored."""
    for link in links:
        at = from_micros(link.at)
        if window.start <= at < window.end:
            yield {
                "model": link.model,
                "seq": link.seq,
                "format": link.format,
                "at": at,
                "actor": link.actor,
                "kind": link.kind,
                "event": link.body,
                "prev_hash": link.prev_hash,
                "hash": link.hash,
            }


def _answered(found_all: Mapping[str, tuple[Prediction, Outcome | None]], prediction_id: str) -> tuple[Row, Row | None]:
    found = found_all.get(prediction_id)
    if found is None:
        raise StoreError(f"the prediction {prediction_id} went away while it was read", hint="export again when nothing is deleted")
    one, outcome = found
    row: Row = {
        **{name: getattr(one, name) for name in ("prediction_id", "model", "version", "variant", "worker", "at", "made_at")},
        **{name: getattr(one, name) for name in ("unit", "entity", "client_id", "label", "propensity", "features", "context")},
        "score": list(one.score) if isinstance(one.score, tuple) else one.score,
    }
    if outcome is None:
        return row, None
    return row, {
        "prediction_id": one.prediction_id,
        "version": one.version,
        "actual": outcome.actual,
        "at": outcome.at,
        "value": outcome.value,
    }


def _shadow(rows: LoggedRows, at: int, model: str, version: int) -> Row:
    return {
        "prediction_id": rows.prediction_id[at],
        "model": model,
        "version": version,
        "variant": "shadow",
        "at": from_micros(int(rows.at[at])),
        "unit": rows.unit[at],
        "entity": rows.entity[at],
        "label": rows.label[at],
        "score": _score(rows.score[at]),
    }


def _score(score: NDArray[np.float64] | np.float64) -> float | list[float]:
    return score.tolist()
