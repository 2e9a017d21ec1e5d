"""A database in a folder of its own, and what a server does beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.outcomes import SqliteOutcomeLog
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.serving.records import PredictionBatch
from flyball.serving.segments import SegmentWriter
from flyball.testing.samples import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "flyball.db") as opened:
        yield opened


@pytest.fixture
def log(database: Database, tmp_path: Path) -> SqlitePredictionLog:
    return SqlitePredictionLog(database, tmp_path / "log")


@pytest.fixture
def outcomes(database: Database, clock: Clock) -> SqliteOutcomeLog:
    return SqliteOutcomeLog(database, clock=clock)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SegmentWriter]:
    opened = SegmentWriter(tmp_path / "log", "w0")
    yield opened
    opened.close()


@pytest.fixture
def flush(writer: SegmentWriter) -> Callable[[PredictionBatch], None]:
    return lambda batch: writer.append([batch], now=1_700_000_000_000_000)
