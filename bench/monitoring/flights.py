"""Drift of real flights: trained on January and February of 2013, looked at every midnight of the months after."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from bench.monitoring.streams import Floats

from flyball.adapters.pandas.frames import to_table
from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.core.window import Window, to_micros
from flyball.data.profile import build_reference, score_columns
from flyball.demo.dataset import load_flights
from flyball.examples.flights.pipeline import CATEGORIES, NUMBERS, prepare, train
from flyball.monitoring.counts import Counter, Counts, Span, merge
from flyball.monitoring.drift import MIN_ROWS, DriftFound, Held, drift_over, hysteresis
from flyball.monitoring.scales import SCALES
from flyball.monitoring.yardstick import Yardstick
from flyball.words.sentences import sentence

TRAINED_UNTIL = datetime(2013, 3, 1, tzinfo=UTC)
ZONE = "America/New_York"
SCHEMA = Schema(
    columns=tuple(Column(name=name, kind="category" if name in CATEGORIES else "number", nullable=True) for name in (*CATEGORIES, *NUMBERS))
)


def scored() -> tuple[Table, np.ndarray, Mapping[str, Array], np.ndarray]:
    """All flights in the order of time: features, times in microseconds, scores and answers, and which rows trained."""
    frame = prepare(load_flights())
    at = frame["scheduled_at"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    early = at < to_micros(TRAINED_UNTIL)
    features = frame[[*CATEGORIES, *NUMBERS]]
    known = early & frame["late"].notna().to_numpy()
    fit = known & (at < to_micros(TRAINED_UNTIL - timedelta(days=14)))  # the newest two weeks are held out, for the scores
    model = train(features[fit], frame.loc[fit, "late"].astype(int), n_estimators=50)
    score: Floats = model.predict_proba(features)[:, 1]
    answers = np.where(score >= 0.5, "late", "on time").astype(object)
    table = to_table(pd.DataFrame(features)).table
    return table, at, score_columns(score, ("on time", "late"), SCHEMA, answers), early


def looks(season: str = "none") -> Sequence[tuple[datetime, DriftFound]]:
    """What every midnight from 2 March on says, local days, windows of all lengths that have rows of the champion."""
    table, at, said, early = scored()
    held = early & (at >= to_micros(TRAINED_UNTIL - timedelta(days=14)))
    reference = build_reference(
        table.take(np.flatnonzero(early)),
        SCHEMA,
        {name: values[held] for name, values in said.items()},
        at[early],
        score_times=at[held],
        season="week" if season == "week" else "day" if season == "day" else "none",
        zone=ZONE,
    )
    counter, yard = Counter(reference), Yardstick(reference)
    hour = at // 3_600_000_000
    parts: dict[int, Counts] = {}
    for one in np.unique(hour[~early]).tolist():
        rows = np.flatnonzero(hour == one)
        parts[one] = counter.count(table.take(rows), {name: values[rows] for name, values in said.items()})
    found = []
    first = min(parts)
    midnights = [datetime(2013, 3, 1, tzinfo=ZoneInfo(ZONE)) + timedelta(days=day) for day in range(306)]
    midnights = [midnight.astimezone(UTC) for midnight in midnights]
    for day in range(1, 306):
        now = midnights[day]
        spans = [_span(parts, now - scale, now) for scale in SCALES if scale >= timedelta(hours=1)]
        kept = [span for span in spans if span is not None and to_micros(span.window.start) // 3_600_000_000 >= first - 24]
        newest = next((span for span in kept if span.counts.rows >= MIN_ROWS), kept[-1])
        back = range(max(0, day - 60), day)
        days = [_span(parts, midnights[one], midnights[one + 1]) for one in back]
        history = [span for span in days if span is not None]
        found.append((now, drift_over(yard, kept, latest=newest, history=history, season=reference.season, zone=ZONE)))
    return found


def _span(parts: Mapping[int, Counts], start: datetime, end: datetime) -> Span | None:
    first, last = (to_micros(when) // 3_600_000_000 for when in (start, end))
    inside = {hour: parts[hour] for hour in range(first, last) if hour in parts}
    if not inside:
        return None
    return Span(window=Window(start=start, end=end), counts=merge(inside.values()), hours={hour: one.rows for hour, one in inside.items()})


def say_flights() -> None:
    """Print, for each month, which columns were in drift and for how many of its days, and what was said when each began."""
    for season in ("none", "day"):
        found = looks(season)
        print(f'flights: trained on January and February, looked at every midnight; season = "{season}"')
        held: dict[str, Held] = {}
        told: list[str] = []
        days: dict[str, dict[str, int]] = {}
        for now, one in found:
            before = {name for name, state in held.items() if state.state == "drift"}
            held = reduce(hysteresis, [one.columns], held)
            for name in sorted(name for name, state in held.items() if state.state == "drift"):
                month = days.setdefault(f"{now - timedelta(hours=12):%B}", {})
                month[name] = month.get(name, 0) + 1
                if name not in before:
                    told.append(f"  {now:%d %b}  {sentence(one.columns[name].reason)}")
        print("\n".join(told))
        for when, columns in days.items():
            print(f"  {when:10} {', '.join(f'{name} {count}' for name, count in sorted(columns.items()))}")
        print(f"  last day: {sentence(found[-1][1].dataset.reason)}", flush=True)


if __name__ == "__main__":
    say_flights()
