"""What keeping counts costs: microseconds a row, bytes a slot, and megabytes a year, for models of 50 and 500 numbers.

    python bench/counting.py [--per-minute 100]

Rows come at a steady rate; each is counted on one reference. A champion of later trainings is counted on three: its own, the first and
the previous one.
"""

import argparse
import time
from datetime import timedelta

import numpy as np

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import build_reference
from flyball.monitoring.counts import Counter
from flyball.monitoring.scales import GRAINS
from flyball.monitoring.tally import Tally, added, tally_from_bytes, tally_to_bytes

_AT_ONCE = 1000
_YEAR = timedelta(days=365)
_LOGGED = 9  # bytes of a number in the prediction log


def counted(counter: Counter, names: list[str], rows: int, rng: np.random.Generator) -> tuple[Tally, float]:
    """The tally of so many rows, and the seconds it took to count them."""
    parts, spent = [], 0.0
    for first in range(0, rows, _AT_ONCE):
        part = min(_AT_ONCE, rows - first)
        table, at = Table({name: rng.normal(size=part) for name in names}), np.zeros(part, dtype=np.int64)
        began = time.perf_counter()
        parts += counter.tallies(counter.places(table, {}, part), None, np.zeros(part, dtype=np.intp), at)
        spent += time.perf_counter() - began
    return added(parts), spent


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-minute", type=int, default=100)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    for width in (50, 500):
        names = [f"feature_{number}" for number in range(width)]
        schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=True) for name in names))
        counter = Counter(build_reference(Table({name: rng.normal(size=20_000) for name in names}), schema, {}))
        total, since = 0.0, timedelta(0)
        for grain in GRAINS:
            rows = round(options.per_minute * (grain.slot / timedelta(minutes=1)))
            tally, spent = counted(counter, names, rows, rng)
            began = time.perf_counter()
            content = tally_to_bytes(tally)
            packed = time.perf_counter()
            tally_from_bytes(content)
            read = time.perf_counter()
            slots = (min(grain.age, _YEAR) - since) / grain.slot
            total, since = total + slots * len(content), grain.age
            told = f"{spent / rows * 1e6:.1f} us a row, {len(content) / 1e3:.1f} kB a slot, {slots:.0f} of them"
            timed = f"{(packed - began) * 1e3:.1f} ms to write one, {(read - packed) * 1e3:.1f} ms to read"
            print(f"{width} columns, slots of {grain.slot}: {rows} rows, {told}, {timed}")
        logged = options.per_minute * (_YEAR / timedelta(minutes=1)) * width * _LOGGED
        kept = f"{total / 1e6:.0f} MB for a year on one reference, {3 * total / 1e6:.0f} MB on three"
        print(f"{width} columns: {kept}; the features in the log take {logged / total:.0f} times as much")


if __name__ == "__main__":
    main()
