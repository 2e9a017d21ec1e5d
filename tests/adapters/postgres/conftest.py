"""A database of its own for each test, and what a server does beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.outcomes import PostgresOutcomeLog
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.serving.records import PredictionBatch
from flyball.serving.segments import SegmentWriter
from flyball.testing.samples import Clock

EVERY_DAY = 100_000
"""Days back that get partitions: all of them, so that the suites, whose days are long ago, run over partitions."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(shared: str) -> Iterator[Database]:
    with Database(shared) as opened:
        yield opened


@pytest.fixture
def log(database: Database, tmp_path: Path) -> PostgresPredictionLog:
    return PostgresPredictionLog(database, tmp_path / "log", reach=EVERY_DAY)


@pytest.fixture
def outcomes(database: Database, clock: Clock) -> PostgresOutcomeLog:
    return PostgresOutcomeLog(database, clock=clock)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SegmentWriter]:
    opened = SegmentWriter(tmp_path / "log", "w0")
    yield opened
    opened.close()


@pytest.fixture
def flush(writer: SegmentWriter) -> Callable[[PredictionBatch], None]:
    return lambda batch: writer.append([batch], now=1_700_000_000_000_000)
