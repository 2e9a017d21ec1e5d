"""A minute of 1 000 replicas: what each counts is sent as bytes, added up, and held against counting everything in one place.

    python bench/scale.py [--replicas 1000] [--rows 600] [--columns 20] [--rate 1000000] [--sample 0.001]

Counting, the bytes, adding and both stores are those of the product. Every replica of the simulation counts `--rows` rows of a minute; the
bytes of a replica at the full rate are measured on one of them that counts all of its share. The last lines are the arithmetic that
docs/scale.md goes through, at `--rate` predictions a second.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from flyball.adapters.sqlite.counts import SqliteCounts
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import build_reference
from flyball.monitoring.counts import Counter
from flyball.monitoring.slots import CountKey, Slot, Step
from flyball.monitoring.tally import Tally, added, tally_from_bytes, tally_to_bytes
from flyball.serving.records import Place, PredictionBatch
from flyball.serving.segments import MAGIC, encode

MODEL = "scale"
MINUTE = 60_000_000
_AT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
_AT_ONCE = 5_000
_LOGGED = 100_000
_DAY = 86_400  # seconds


@record
class Options:
    """What is simulated."""

    replicas: int
    rows: int
    columns: int
    rate: int
    sample: float


@record
class Measured:
    """What was measured of one minute."""

    exact: bool
    count_seconds: float
    rows: int
    sent: int
    full: int
    merge_seconds: float
    merged: int
    whole: int
    store_each: float
    store_once: float
    log_rows: int
    log_seconds: float
    log_bytes: int


class World:
    """The reference that all replicas count on, and the rows of each."""

    def __init__(self, columns: int) -> None:
        chance = np.random.default_rng(0)
        self.numbers = [f"number_{one}" for one in range(columns - columns // 5)]
        self.texts = [f"text_{one}" for one in range(columns // 5)]
        self.known = np.array([f"value {one}" for one in range(40)], dtype=object)
        schema = Schema(
            columns=(
                *(Column(name=name, kind="number", nullable=True) for name in self.numbers),
                *(Column(name=name, kind="category", nullable=True, categories=tuple(self.known)) for name in self.texts),
            )
        )
        self.counter = Counter(build_reference(self.table(chance, 20_000), schema, {}))

    def table(self, chance: np.random.Generator, rows: int) -> Table:
        """Some rows."""
        numbers = {name: chance.normal(size=rows) for name in self.numbers}
        return Table({**numbers, **{name: self.known[chance.integers(0, len(self.known), rows)] for name in self.texts}})

    def minute(self, replica: int, rows: int) -> Iterator[tuple[Table, np.ndarray]]:
        """The rows that a replica answered in one minute, and when; the same whenever it is asked."""
        for first in range(0, rows, _AT_ONCE):
            chance = np.random.default_rng([replica, first])
            part = min(_AT_ONCE, rows - first)
            yield self.table(chance, part), _AT + np.sort(chance.integers(0, MINUTE, part))

    def tally(self, replica: int, rows: int) -> tuple[Tally, float]:
        """What a replica counts of its minute, and the seconds the counting took."""
        parts, spent = [], 0.0
        for table, at in self.minute(replica, rows):
            began = time.perf_counter()
            parts += self.counter.tallies(self.counter.places(table, {}, len(at)), None, np.zeros(len(at), dtype=np.intp), at)
            spent += time.perf_counter() - began
        return added(parts), spent


def in_one_place(world: World, options: Options) -> tuple[np.ndarray, dict[int, int]]:
    """All rows of all replicas, counted column by column into one array."""
    columns = {name: np.zeros(0, dtype=np.int64) for name in world.counter.columns}
    hours: dict[int, int] = {}
    for replica in range(options.replicas):
        for table, at in world.minute(replica, options.rows):
            counts = world.counter.count(table, {})
            columns = {name: cells + columns[name] if len(columns[name]) else cells for name, cells in counts.columns.items()}
            for hour, rows in zip(*np.unique(at // 3_600_000_000, return_counts=True), strict=True):
                hours[int(hour)] = hours.get(int(hour), 0) + int(rows)
    return np.concatenate(list(columns.values())), hours


def measure(options: Options, folder: Path) -> Measured:
    """Simulate the minute."""
    world = World(options.columns)
    sent, spent = [], 0.0
    for replica in range(options.replicas):
        tally, seconds = world.tally(replica, options.rows)
        spent += seconds
        sent.append(tally_to_bytes(tally))
    full, _ = world.tally(0, options.rate * 60 // options.replicas)
    began = time.perf_counter()
    merged = added([tally_from_bytes(content) for content in sent])
    merge_seconds = time.perf_counter() - began
    sums = np.zeros(world.counter.size, dtype=np.int64)
    merged.add_to(sums)
    whole, hours = in_one_place(world, options)
    database = Database(folder / "flyball.db")
    log_seconds, log_bytes = into_log(world, folder, database)
    return Measured(
        exact=bool(np.array_equal(sums, whole)) and dict(merged.hours) == hours,
        count_seconds=spent,
        rows=options.replicas * options.rows,
        sent=sum(len(content) for content in sent),
        full=len(tally_to_bytes(full)),
        merge_seconds=merge_seconds,
        merged=len(tally_to_bytes(merged)),
        whole=len(tally_to_bytes(Tally(hours=full.hours, cells=full.cells, counts=full.counts * options.replicas))),
        store_each=into_counts(SqliteCounts(database), [tally_from_bytes(content) for content in sent[:100]]),
        store_once=into_counts(SqliteCounts(database), [merged] * 100),
        log_rows=_LOGGED,
        log_seconds=log_seconds,
        log_bytes=log_bytes,
    )


def into_counts(store: SqliteCounts, tallies: list[Tally]) -> float:
    """Tallies a second into one slot of the store of counts."""
    ledger = CountKey(version=1, against=1, reference="r")
    after = store.places(MODEL).get(ledger)
    began = time.perf_counter()
    for tally in tallies:
        place = Place(answered=0 if after is None else after.answered + 1, shadows=0)
        slot = Slot(start=_AT, length=MINUTE, variant="champion", tally=tally)
        assert store.add(MODEL, [Step(ledger=ledger, after=after, place=place, slots=(slot,))])
        after = place
    return len(tallies) / (time.perf_counter() - began)


def into_log(world: World, folder: Path, database: Database) -> tuple[float, int]:
    """Seconds to take rows that servers have flushed into the prediction log, and how many bytes the log has for them."""
    log = folder / "log"
    log.mkdir()
    names = list(world.counter.columns)
    for number in range(_LOGGED // _AT_ONCE):
        table, at = next(world.minute(number, _AT_ONCE))
        columns = [table[name].tolist() for name in names]
        first = number * _AT_ONCE
        batch = PredictionBatch(
            model=MODEL,
            worker="bench",
            schema_id="bench",
            feature_names=names,
            prediction_id=[f"{first + row:032x}" for row in range(_AT_ONCE)],
            version=[1] * _AT_ONCE,
            variant=["champion"] * _AT_ONCE,
            shadow=[False] * _AT_ONCE,
            at=at.tolist(),
            made_at=at.tolist(),
            unit=[None] * _AT_ONCE,
            entity=[None] * _AT_ONCE,
            client_id=[None] * _AT_ONCE,
            label=[1] * _AT_ONCE,
            score=[0.5] * _AT_ONCE,
            features=[list(row) for row in zip(*columns, strict=True)],
            context=[None] * _AT_ONCE,
        )
        (log / f"{number:016d}-bench-{number:07d}.seg").write_bytes(MAGIC + encode(batch))
    before = database.path.stat().st_size
    began = time.perf_counter()
    assert SqlitePredictionLog(database, log).ingest() == _LOGGED
    seconds = time.perf_counter() - began
    database.close()
    return seconds, database.path.stat().st_size - before


def tell(options: Options, found: Measured) -> None:
    """Print what was measured, and the arithmetic."""
    count, rate = found.rows / found.count_seconds, options.rate
    kept = rate * options.sample
    log = found.log_rows / found.log_seconds
    row = found.log_bytes / found.log_rows
    print(f"{options.replicas:,} replicas, {options.columns} columns, {options.rows:,} rows each: {found.rows:,} rows of one minute")
    print(f"the sum of what they sent is what counting everything in one place gives: {'yes' if found.exact else 'NO'}")
    print(f"counting: {count:,.0f} rows/s on one core")
    print(f"a replica sends {found.sent / options.replicas / 1e3:.1f} kB a minute here, {found.full / 1e3:.1f} kB at its full share")
    print(f"adding all of them up: {found.merge_seconds:.2f} s, into {found.merged / 1e3:.1f} kB")
    print(f"store of counts (SQLite): {found.store_each:,.0f} replicas/s one by one, {found.store_once:,.0f} sums/s")
    print(f"prediction log (SQLite): {log:,.0f} rows/s, {row:,.0f} bytes a row")
    print(f"at {rate:,} predictions/s:")
    print(f"  a replica answers and counts {rate / options.replicas:,.0f}/s: {rate / options.replicas / count:.1%} of a core for counting")
    sent = found.full * options.replicas
    print(f"  counts sent: {sent / 1e6:.0f} MB a minute, {sent / 60 / 1e6:.2f} MB/s in all; every prediction is in them")
    day = f"{found.whole * 1440 / 1e6:.0f} MB a day"
    print(f"  sums kept: {found.whole / 1e3:.1f} kB a minute, {day} at one slot a minute, before they are made coarser")
    print(f"  a log of all: {rate / log:,.0f} stores as this one and {rate * row * _DAY / 1e12:,.1f} TB a day")
    print(f"  a log of {options.sample:.2%}: {kept:,.0f} rows/s, {kept / log:.1%} of one store, {kept * row * _DAY / 1e9:,.1f} GB a day")


def main() -> None:
    """Print what was measured and what follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--rate", type=int, default=1_000_000)
    parser.add_argument("--sample", type=float, default=0.001)
    options = Options(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    tell(options, found)
    if not found.exact:
        sys.exit("the counts differ from those of one place")


if __name__ == "__main__":
    main()
