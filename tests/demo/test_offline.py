"""What would have been: trained only on what was known, served only until the next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flyball.core.window import to_micros
from flyball.demo.offline import evenly_spaced, scheduled_scores
from flyball.demo.project import example_files
from flyball.demo.stream import make_stream
from flyball.demo.summary import by_month, mean
from flyball.spec.load import parse_spec
from flyball.spec.records import SplitSpec

START = datetime(2013, 3, 1, tzinfo=UTC)


class Constant:
    """Answers one probability to everything."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict_proba(self, frame: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.float64]]":
        return np.column_stack([np.full(len(frame), 1 - self.value), np.full(len(frame), self.value)])


def flights(days: int) -> pd.DataFrame:
    """Hourly flights around START, every fifth late, each landing three hours later; every seventh is cancelled."""
    count = days * 2 * 24
    at = pd.Timestamp(START) + pd.to_timedelta(np.arange(count) - count // 2, unit="h")
    cancelled = np.arange(count) % 7 == 3
    frame = pd.DataFrame(
        {
            "flight_id": [f"f{i:05d}" for i in range(count)],
            "aircraft": "N1",
            "scheduled_at": at.as_unit("us"),
            "landed_at": pd.Series((at + pd.Timedelta(hours=3)).as_unit("us")).mask(cancelled),
            "late": pd.Series((np.arange(count) % 5 == 0).astype(int)).astype("Int64").mask(cancelled),
        }
    )
    for name in SPEC.data.features or ():
        frame[name] = "UA" if name in ("carrier", "origin", "dest") else 1.0
    frame["distance"] = np.arange(count)  # says which row it is
    return frame


_SHIPPED = parse_spec(example_files("flights")["flyball.toml"], folder=Path())
SPEC = replace(_SHIPPED, evaluate=replace(_SHIPPED.evaluate, split=SplitSpec(by="time", test=0.2)))


def test_times_are_evenly_spaced_and_inside() -> None:
    assert evenly_spaced(START, START + timedelta(days=40), 3) == [START + timedelta(days=day) for day in (10, 20, 30)]
    assert evenly_spaced(START, START + timedelta(days=40), 0) == []


def test_each_retraining_sees_only_what_was_known_and_serves_until_the_next() -> None:
    prepared = flights(20)
    stream = make_stream(prepared, list(SPEC.data.features or ()), start=START, end=START + timedelta(days=20))
    times = evenly_spaced(START, START + timedelta(days=20), 3)
    seen: list[pd.DataFrame] = []
    targets: list[pd.Series[int]] = []

    def train(frame: pd.DataFrame, target: "pd.Series[int]", **params: Any) -> Constant:
        assert params == dict(SPEC.train.params)
        seen.append(frame)
        targets.append(target)
        return Constant(len(seen) / 10)

    done: list[int] = []
    scores = scheduled_scores(prepared, SPEC, train, stream, np.zeros(len(stream)), times, done.append)
    assert done == [1, 2, 3]
    for number, at in enumerate(times):
        rows = prepared.iloc[seen[number]["distance"].to_numpy(dtype=int)]
        assert (rows["landed_at"] < at).all()
        assert targets[number].notna().all()
        ripe = prepared[prepared["landed_at"].notna() & (prepared["scheduled_at"] + SPEC.data.matures < at)]
        newest_fifth = ripe["scheduled_at"].iloc[-round(0.2 * len(ripe))]
        assert rows["scheduled_at"].max() + SPEC.data.matures < newest_fifth  # held out, and not known before it begins
        assert len(rows) == pytest.approx(0.8 * len(ripe), abs=24)
    served = {0.0: (START, times[0]), 0.1: (times[0], times[1]), 0.2: (times[1], times[2]), 0.3: (times[2], START + timedelta(days=20))}
    for value, (first, last) in served.items():
        inside = (stream.at >= to_micros(first)) & (stream.at < to_micros(last))
        assert set(scores[inside].round(6)) == {value}


def test_a_metric_per_month_is_none_where_it_is_not_defined() -> None:
    stream = make_stream(flights(40), list(SPEC.data.features or ()), start=START, end=START + timedelta(days=40))
    march = np.flatnonzero(stream.at < to_micros(datetime(2013, 4, 1, tzinfo=UTC)))
    late_only = march[stream.actual[march] == 1]
    monthly = by_month("roc_auc", stream, late_only, np.zeros(len(stream)))
    assert monthly == {"2013-03": None}
    assert mean(monthly) is None
    perfect = by_month("roc_auc", stream, np.arange(len(stream)), stream.actual.astype(float))
    assert perfect == {"2013-03": 1.0, "2013-04": 1.0}
    assert mean(perfect) == 1.0
