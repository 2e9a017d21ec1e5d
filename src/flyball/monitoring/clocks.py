"""Times and repeats of what was asked: clocks that run ahead, rows that come late, the same question again and again, and silence."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from flyball.core.reason import Reason, Value
from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.window import Window, format_duration, from_micros, to_micros
from flyball.data.findings import Rows, missing_rows
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
_DAY = timedelta(days=1)
_MIN_REFERENCE = 100
# So many rows in each of the times compared with: less is no habit.
HABIT = 5


def ahead_findings(rows: LoggedRows, *, now: datetime) -> Iterator[QualityFinding]:
    """Event times after the server's own.

    Rows that were made after `now` are left alone: then somebody looks back, and clocks cannot be compared.
    """
    if rows.made_at is None or not len(rows.at):
        return
    by = rows.at - rows.made_at
    ahead = (rows.made_at <= to_micros(now)) & (by > _micros(TOLERANCE))
    if ahead.any():
        yield about_rows("warning", "", "quality.ahead", ahead, rows, by=_told(int(by[ahead].max())))


def late_findings(before: LoggedRows, *, now: datetime, length: timedelta) -> Iterator[QualityFinding]:
    """Rows of the window before this one that were told of only since it ended: the reports of their time do not have them."""
    if before.made_at is None or not len(before.at):
        return
    by = before.made_at - before.at
    late = (before.made_at <= to_micros(now)) & (by > _micros(length))
    if late.any():
        yield about_rows("warning", "", "quality.late", late, before, by=_told(int(by[late].max())), window=format_duration(length))


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


@record
class Silence:
    """A time in which nothing was asked: its second half (the first is left to chance), and how many days before are like it.

    `daily`: the seven days before the last row, `weekly`: the same weekday of the three weeks before it; both as days to go back.
    """

    span: Window
    daily: tuple[int, ...]
    weekly: tuple[int, ...]


def silence(newest: int | None, *, now: datetime, length: timedelta) -> Silence | None:
    """The silence that lasts, if it is long enough to wonder. `newest`: the event time of the newest row, None if the window has none."""
    gap = length if newest is None else min(length, now - from_micros(newest))
    if gap < length / 4:
        return None
    days = max(1, math.ceil(gap / _DAY))
    weeks = math.ceil(days / 7)
    return Silence(
        span=Window(start=now - gap / 2, end=now),
        daily=tuple(range(days, days + 7)),
        weekly=tuple(7 * week for week in range(weeks, weeks + 3)),
    )


def silence_finding(silence: Silence, newest: int | None, rows: Mapping[int, int]) -> QualityFinding | None:
    """An error if the same hours of all days that are like it had rows. `rows`: how many each had, by days to go back."""
    usual: list[int] = []
    for days in (silence.daily, silence.weekly):
        counts = [rows[back] for back in days]
        if not usual and min(counts) >= HABIT:
            usual = sorted(counts)
    if not usual:
        return None
    start, end = silence.span.start, silence.span.end
    told: dict[str, Value] = {"start": f"{start:%Y-%m-%d %H:%M}", "end": f"{end:%Y-%m-%d %H:%M}", "usual": usual[len(usual) // 2]}
    if newest is not None:
        told["newest"] = f"{from_micros(newest):%Y-%m-%d %H:%M}"
    reason = Reason(code="quality.silent" if newest is None else "quality.silent_since", values=told)
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


def _told(span: int) -> str:
    """A span of microseconds to one place, in the unit one would say it in."""
    seconds = span / 1e6
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
