"""A database as an older Flyball left it: its migrations alone, and rows as its own statements wrote them."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.migrations import MIGRATIONS
from flyball.core.window import to_micros


@contextmanager
def older(path: Path, migrations: int, patch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with the first `migrations` alone, open until the block ends."""
    with patch.context() as then:
        then.setattr("flyball.adapters.sqlite.database.MIGRATIONS", MIGRATIONS[:migrations])
        with Database(path) as database:
            yield database


def answer_then(database: Database, answered: Mapping[str, datetime], *, version: int = 1) -> None:
    """Answered predictions of `churn`, by id and event time, each with a feature `age` of its place."""
    with database.write() as connection:
        stream = _stream(connection, version)
        connection.execute("INSERT OR IGNORE INTO contracts (id, schema_id, feature_names) VALUES (1, 'schema', ?)", ('["age","plan"]',))
        for number, (name, at) in enumerate(answered.items()):
            features = msgspec.msgpack.encode([float(number), "basic"])
            connection.execute(
                "INSERT INTO predictions (stream, model, at, prediction_id, made_at, variant, worker, label, score, contract, features)"
                " VALUES (?, 1, ?, ?, ?, 'champion', 'w0', 1, 0.5, 1, ?)",
                (stream, to_micros(at), name, to_micros(at), features),
            )


def shadow_then(database: Database, shadowed: Mapping[str, datetime], *, version: int, score: float) -> None:
    """What a version said of them without answering."""
    with database.write() as connection:
        stream = _stream(connection, version)
        for name, at in shadowed.items():
            connection.execute(
                "INSERT INTO shadows (stream, at, prediction_id, answered, label, score)"
                " VALUES (?1, ?2, ?3, (SELECT id FROM predictions WHERE prediction_id = ?3), 1, ?4)",
                (stream, to_micros(at), name, score),
            )


def outcome_then(database: Database, known: Mapping[str, tuple[int, datetime]]) -> None:
    """What became of predictions, by id, and when it was known."""
    with database.write() as connection:
        for name, (actual, at) in known.items():
            connection.execute(
                "INSERT INTO outcomes (prediction, model, at, received_at, actual)"
                " SELECT id, model, ?, ?, ? FROM predictions WHERE prediction_id = ?",
                (to_micros(at), to_micros(at), actual, name),
            )


def _stream(connection: sqlite3.Connection, version: int) -> int:
    connection.execute("INSERT OR IGNORE INTO models (id, name) VALUES (1, 'churn')")
    connection.execute("INSERT OR IGNORE INTO streams (model, version) VALUES (1, ?)", (version,))
    (found,) = connection.execute("SELECT id FROM streams WHERE model = 1 AND version = ?", (version,)).fetchone()
    return int(found)
