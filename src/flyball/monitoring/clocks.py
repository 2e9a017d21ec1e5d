"""Times and repeats of what was asked: clocks that run ahead, rows that come late, the same question again and again, and silence."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from flyball.core.reason import Reason
from flyball.core.schema import Schema
from flyball.core.window import format_duration, from_micros, to_micros
from flyball.data.findings import Rows, missing_rows, shown
from flyball.data.profile import Reference
from flyball.data.repeats import row_hashes
from flyball.monitoring.quality import about_rows
from flyball.monitoring.records import QualityFinding
from flyball.serving.records import LoggedRows
from flyball.stats.bins import atoms
from flyball.stats.bounds import share_lower

# Clocks of two machines in order may differ by this.
TOLERANCE = timedelta(minutes=5)
# This part of the rows repeating others, for certain, is worth a line.
_REPEATED = 0.05
_ALPHA = 1e-3
_MIN_REFERENCE = 100
# So many rows in each of the times compared with: less is no habit.
HABIT = 5


def clock_findings(rows: LoggedRows, later: LoggedRows, *, now: datetime, length: timedelta) -> Iterator[QualityFinding]:
    """Event times after the server's own, and rows that were told of long after they happened. `later`: those that lie after `now`.

    Rows that were made after `now` are left alone: then somebody looks back, and clocks cannot be compared.
    """
    for part in (rows, later):
        if part.made_at is None or not len(part.at):
            continue
        before = part.made_at <= to_micros(now)
        ahead = part.at - part.made_at
        future = before & (ahead > _micros(TOLERANCE))
        if future.any():
            most = timedelta(microseconds=int(ahead[future].max()))
            yield about_rows("warning", "", "quality.ahead", future, part, by=_told(most))
        late = before & (-ahead > _micros(length))
        if late.any():
            most = timedelta(microseconds=int((-ahead[late]).max()))
            yield about_rows("warning", "", "quality.late", late, part, by=_told(most), window=format_duration(length))


def repeat_findings(rows: LoggedRows, schema: Schema, reference: Reference) -> Iterator[QualityFinding]:
    """The same features asked again, of the same unit or id; without one of them only where the features cannot repeat by chance."""
    found = rows.features
    if found is None or len(rows.at) < 2:
        return
    names = [name for name in schema.names if name in found]
    named = ~(missing_rows(rows.unit) & missing_rows(rows.entity))
    alike = named if not _varied(names, reference) else np.ones(len(rows.at), dtype=bool)
    if np.count_nonzero(alike) < 2 or not names:
        return
    columns = [*(found[name][alike] for name in names), rows.unit[alike], rows.entity[alike]]
    _, where, repeats = np.unique(row_hashes(columns, int(alike.sum())), return_inverse=True, return_counts=True)
    again = len(where) - len(repeats)
    if share_lower(again, len(where), _ALPHA) <= _REPEATED:
        return
    often: Rows = np.zeros(len(rows.at), dtype=bool)
    often[np.flatnonzero(alike)[where == int(repeats.argmax())]] = True
    yield about_rows("warning", "", "quality.repeated", often, rows, again=again, looked=len(where))


def silent_span(newest: int | None, *, now: datetime, length: timedelta) -> tuple[datetime, datetime] | None:
    """The second half of the time in which nothing was asked, if that is long enough to wonder; the first half is left to chance.

    `newest`: the event time of the newest row, None if the window has none.
    """
    gap = length if newest is None else min(length, now - from_micros(newest))
    return (now - gap / 2, now) if gap >= length / 4 else None


def silence_finding(before: Sequence[int], newest: int | None, span: tuple[datetime, datetime]) -> QualityFinding | None:
    """An error if the same hours of the seven days before (`before`, yesterday first), or of the same weekday of three weeks, had rows."""
    week, weekly = list(before[:7]), list(before[6::7])
    daily = len(week) == 7 and min(week) >= HABIT
    if not daily and not (len(weekly) == 3 and min(weekly) >= HABIT):
        return None
    usual = sorted(week if daily else weekly)
    since = span[0] if newest is None else from_micros(newest)
    reason = Reason(
        code="quality.silent" if newest is None else "quality.silent_since",
        values={
            "since": f"{since:%Y-%m-%d %H:%M}",
            "start": f"{span[0]:%H:%M}",
            "end": f"{span[1]:%H:%M}",
            "usual": usual[len(usual) // 2],
        },
    )
    return QualityFinding(severity="error", column="", reason=reason, rows=0, examples=())


def _varied(names: Sequence[str], reference: Reference) -> bool:
    """Whether two columns take so many values that rows hardly agree in both by chance: most of their values stood alone in training."""
    varied = 0
    for name in names:
        known = reference.columns.get(name)
        if known is not None and known.kind == "number" and known.rows >= _MIN_REFERENCE and known.edges:
            inner = np.array(known.counts[1:-3], dtype=np.int64)
            spread = int(inner[~atoms(np.array(known.edges))].sum())
            varied += 2 * spread > int(inner.sum())
    return varied >= 2


def _micros(span: timedelta) -> int:
    return round(span.total_seconds() * 1e6)


def _told(span: timedelta) -> str:
    """A span to one place, in the unit one would say it in."""
    seconds = span.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return shown(f"{seconds:.0f} s")
