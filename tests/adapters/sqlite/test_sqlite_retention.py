"""Retention in SQLite, through the suite of the port."""

from datetime import timedelta

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.adapters.sqlite.retention import SqliteRetention
from flyball.testing.retention import EVER, RetentionSuite
from flyball.testing.samples import NOON, predictions


@pytest.fixture
def retention(database: Database) -> SqliteRetention:
    return SqliteRetention(database)


class TestSqliteRetention(RetentionSuite):
    pass


def test_rows_go_in_small_transactions_and_as_many_at_a_time_as_may(
    retention: SqliteRetention, log: SqlitePredictionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flyball.adapters.sqlite.retention._AT_ONCE", 7)
    log.add(predictions([f"p{number}" for number in range(50)], at=NOON - timedelta(days=3)))
    log.add(predictions(["new"], at=NOON))
    first = retention.drop_before(NOON, most=20)
    assert (first.predictions, first.more) == (20, True)
    assert retention.drop_before(NOON, most=100).predictions == 30
    assert log.rows("churn", 1, EVER).prediction_id.tolist() == ["new"]


def test_rows_are_told_from_the_ones_they_refer_to_again_afterwards(retention: SqliteRetention, database: Database) -> None:
    retention.drop_before(NOON)
    with database.read() as connection:
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_shadows_count_for_as_many_as_may_go_at_a_time(retention: SqliteRetention, log: SqlitePredictionLog) -> None:
    log.add(predictions(list("abcde"), at=NOON - timedelta(days=3)))
    log.add(predictions(list("abcde"), at=NOON - timedelta(days=3), version=2, shadow=True, features=None))
    log.add(predictions(["new"], at=NOON))
    log.add(predictions(["new"], at=NOON, version=2, shadow=True, features=None))
    dropped = [retention.drop_before(NOON, most=3) for _ in range(4)]
    assert [(one.predictions, one.more) for one in dropped] == [(0, True), (1, True), (3, True), (1, False)]
