"""Drift of each column of some windows from its reference: effect first, certain at a stated error, with its reason in a sentence."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.window import Window
from flyball.data.profile import Reference
from flyball.data.season import SLOTS, Season
from flyball.monitoring.counts import Counts, Span
from flyball.monitoring.hours import weights_of
from flyball.monitoring.look import MIN_REFERENCE_ROWS, RELEASE, Look, look_at
from flyball.monitoring.records import ColumnDrift, DatasetDrift, State
from flyball.monitoring.scales import SCALES
from flyball.monitoring.signals import MOVED_PART, SIGNALS, Limits
from flyball.monitoring.together import dataset_drift
from flyball.monitoring.yardstick import Yardstick

Floats = NDArray[np.float64]

__all__ = ["LOOKS", "MIN_REFERENCE_ROWS", "MIN_ROWS", "RELEASE", "SCALES", "DriftFound", "Held", "drift", "drift_over", "hysteresis"]

# Looks at one window, the error budget is shared over: a daily look for a quarter, longer than most versions serve.
LOOKS = 100
# Looking at every minute goes on for so long.
HORIZON = timedelta(days=100)
EVERY = timedelta(minutes=1)
MIN_ROWS = 500
# A held alarm ends when the distance stays under RELEASE times its threshold for so many windows.
RELEASE_WINDOWS = 3


@record
class Held:
    """The state of a column with its memory: a drift stays until `calm` windows in a row were quiet."""

    state: State
    calm: int


@record
class DriftFound:
    """Each column that is watched, and all of them together."""

    columns: Mapping[str, ColumnDrift]
    dataset: DatasetDrift


def drift(
    reference: Reference | Yardstick,
    counts: Counts,
    *,
    margin: float = 0.05,
    share_margin: float = 0.002,
    alpha: float = 0.05,
    looks: int = LOOKS,
    min_rows: int = MIN_ROWS,
    days: float = 1,
) -> dict[str, ColumnDrift]:
    """How far each column of one window is from the reference.

    Drift means: the lower bound of the distance is over max(`margin`, what windows of about `days` days did in training by
    themselves), or the lower bound of a share is over its own margin. The bounds hold together, for all columns and `looks` looks, with
    probability 1 - `alpha` (for rows that are independent; what dependence and season do is in the calibration).
    """
    start = datetime(1970, 1, 1, tzinfo=UTC)
    span = Span(window=Window(start=start, end=start + timedelta(days=days)), counts=counts, hours={})
    found = drift_over(
        reference,
        [span],
        latest=None,
        margin=margin,
        share_margin=share_margin,
        alpha=alpha,
        looks=looks,
        min_rows=min_rows,
    )
    return dict(found.columns)


def drift_over(
    reference: Reference | Yardstick,
    spans: Sequence[Span],
    *,
    latest: Counts | Span | None,
    history: Sequence[Span] = (),
    margin: float = 0.05,
    share_margin: float = 0.002,
    alpha: float = 0.05,
    looks: int | None = None,
    min_rows: int = MIN_ROWS,
    season: Season = "none",
    zone: str = "UTC",
    ignore: Collection[str] = (),
) -> DriftFound:
    """How far each column is from the reference in the newest windows of several lengths, and all columns together.

    A short window shows a large change in minutes, a long one proves what is too small for it. `spans`: one per length, in any order.
    `latest`: the newest `min_rows` rows or more; what a window shows must still be there, so that a fault that is over does not alarm
    for a month. `history`: disjoint finer windows, the oldest first, in which the onset of a drift is found (`ColumnDrift.since`). Each
    column gets its most serious finding, the shortest window among equals; of what is ok the longest window up to a day is told.

    The bounds of all columns, signals, lengths and looks hold together with probability 1 - `alpha` (for rows that are independent, of
    each hour if there is a season): a union bound. `looks`: how many windows of one length are looked at. None: one that ends at every
    minute of 100 days, so 144 000 of each of the lengths in `SCALES`, however much they overlap. That costs only a logarithm: the bounds
    are 1.2 times as wide as for 100 looks.

    A window shorter than all that were calibrated in training has no alarm for values that moved: nobody knows what such windows do by
    themselves. More infinite or unreadable values than the margin are drift in it all the same, and a flood of missing or unknown ones
    (half of what is usually not there). With `season`, a window is compared with the hours it has rows in, if the reference was made for
    that season and zone. A `Yardstick` instead of the reference is quicker where one looks often (its own `ignore` counts then).
    """
    yard = reference if isinstance(reference, Yardstick) else Yardstick(reference, ignore)
    _check(yard, spans, latest, history)
    many = max(1, len(yard.names))
    lengths = len(spans) if looks is not None else max(len(spans), len(SCALES))
    tests = lengths * (HORIZON // EVERY if looks is None else looks)
    limits = Limits(
        margin=margin,
        share_margin=share_margin,
        alpha=0.75 * alpha * (1.0 - MOVED_PART) / (many * (SIGNALS - 1) * tests),
        moved_alpha=0.75 * alpha * MOVED_PART / (many * tests),
        reference_alpha=0.25 * alpha / (many * SIGNALS),
    )
    look = _look(yard, spans, latest, history, limits, min_rows, season, zone, tests)
    columns: dict[str, ColumnDrift] = {}
    p_values: dict[str, float] = {}
    for block in yard.blocks:
        for name, (found, p_value) in look_at(look, block).items():
            columns[name], p_values[name] = found, p_value
    told = {name: columns[name] for name in yard.names}
    return DriftFound(columns=told, dataset=dataset_drift(told, p_values, alpha))


def hysteresis(
    previous: Mapping[str, Held], current: Mapping[str, ColumnDrift], *, release: float = RELEASE, windows: int = RELEASE_WINDOWS
) -> dict[str, Held]:
    """The states after another window: drift begins at once and ends after `windows` quiet ones in a row.

    Quiet: the state is ok, and the distance without what chance contributes is under `release` times its threshold. A window with
    too little data changes nothing.
    """
    held = {}
    for name, now in current.items():
        was = previous.get(name)
        if now.state == "drift" or was is None or was.state != "drift":
            held[name] = Held(state=now.state, calm=0)
        elif now.state == "insufficient data":
            held[name] = was
        else:
            quiet = now.state == "ok" and max(now.lower, now.distance - now.chance) < release * now.threshold
            calm = was.calm + 1 if quiet else 0
            held[name] = Held(state=now.state, calm=0) if calm >= windows else Held(state="drift", calm=calm)
    return held


def _look(
    yard: Yardstick,
    spans: Sequence[Span],
    latest: Counts | Span | None,
    history: Sequence[Span],
    limits: Limits,
    min_rows: int,
    season: Season,
    zone: str,
    tests: int,
) -> Look:
    ordered = sorted(spans, key=lambda span: span.window.length)
    seasonal = yard.seasonal(season, zone)
    return Look(
        yard=yard,
        spans=ordered,
        latest=latest.counts if isinstance(latest, Span) else latest,
        history=history,
        limits=limits,
        min_rows=min_rows,
        weights=_weights(ordered, latest, season, zone) if seasonal else None,
        past=[weights_of(span.hours, season, zone, SLOTS[season]) for span in history] if seasonal else None,
        place=UTC if zone == "UTC" else ZoneInfo(zone),
        tests=tests,
    )


def _check(yard: Yardstick, spans: Sequence[Span], latest: Counts | Span | None, history: Sequence[Span]) -> None:
    if not spans:
        raise DataError("there is no window to compare with the reference")
    newest = [] if latest is None else [latest.counts if isinstance(latest, Span) else latest]
    every = [*(span.counts for span in spans), *newest, *(span.counts for span in history)]
    if any(counts.reference != yard.digest for counts in every):
        raise DataError("these counts were made against another reference", hint="count the rows again on this one")


def _weights(spans: Sequence[Span], latest: Counts | Span | None, season: Season, zone: str) -> tuple[Sequence[Floats], Floats]:
    """The part of the rows in each hour of the season, per window and for the latest rows."""
    slots = SLOTS[season]
    found = [weights_of(span.hours, season, zone, slots) for span in spans]
    if isinstance(latest, Span):
        return found, weights_of(latest.hours, season, zone, slots)
    # Rows without their hours: those of the shortest window that holds as many.
    rows = 0 if latest is None else latest.rows
    holds = [one for span, one in zip(spans, found, strict=True) if span.counts.rows >= rows]
    return found, (holds or found[-1:])[0]
