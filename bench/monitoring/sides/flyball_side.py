"""Ours: counts of the current rows on the cells of the reference, then distances, bounds, states and reasons of every column."""

from typing import Any

import numpy as np
import pandas as pd
from bench.monitoring.sides import clock

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import build_reference
from flyball.monitoring.counts import Counter
from flyball.monitoring.drift import drift
from flyball.monitoring.yardstick import Yardstick

DAY = 1_000  # rows, where the rows are in days


def table(frame: pd.DataFrame) -> Table:
    """The columns as they lie in the frame."""
    return Table({str(name): frame[name].to_numpy() for name in frame.columns})


def prepare(frame: pd.DataFrame, days: bool) -> tuple[Yardstick, Counter]:
    """What training leaves behind: the reference; and what a monitor makes once of it."""
    schema = Schema(columns=tuple(Column(name=str(name), kind="number", nullable=False) for name in frame.columns))
    reference = build_reference(table(frame), schema, {}, np.arange(len(frame)) * (86_400_000_000 // DAY) if days else None)
    return Yardstick(reference), Counter(reference)


def compare(prepared: tuple[Yardstick, Counter], current: pd.DataFrame) -> Any:
    """One comparison, from the frame to the findings."""
    reference, counter = prepared
    return drift(reference, counter.count(table(current), {}))


def drifted(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> list[list[str]]:
    """The columns in state `drift`, window by window, each looked at alone."""
    prepared = prepare(reference, True)
    return [[name for name, found in compare(prepared, window).items() if found.state == "drift"] for window in windows]


if __name__ == "__main__":
    clock.main("counts, KS with certified bounds, PSI, JS, Wasserstein, shares, states and reasons", prepare, compare, drifted)
