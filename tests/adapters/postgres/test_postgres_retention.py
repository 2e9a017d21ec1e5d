"""Retention in PostgreSQL, through the suite of the port: over partitions of days, and where there are none."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from flyball.adapters.logged import MICROS_PER_DAY
from flyball.adapters.postgres.database import Connection, Database, one
from flyball.adapters.postgres.days import Days, made, name_from
from flyball.adapters.postgres.held import held
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.adapters.postgres.retention import PostgresRetention
from flyball.core.ids import id_maker
from flyball.core.window import to_micros
from flyball.testing.retention import DAY, EVER, RetentionSuite
from flyball.testing.samples import NOON, predictions


@pytest.fixture
def retention(database: Database) -> PostgresRetention:
    return PostgresRetention(database)


class TestPostgresRetention(RetentionSuite):
    pass


class TestPostgresRetentionWithoutPartitions(RetentionSuite):
    @pytest.fixture
    def log(self, database: Database, tmp_path: Path) -> PostgresPredictionLog:
        return PostgresPredictionLog(database, tmp_path / "log", reach=0)


def _days(database: Database) -> list[int]:
    with database.read() as connection:
        return made(connection)


def test_old_days_go_as_whole_partitions(database: Database, retention: PostgresRetention, log: PostgresPredictionLog) -> None:
    make, day = id_maker(), to_micros(NOON) // MICROS_PER_DAY
    for back in range(4):
        at = NOON - back * DAY
        log.add(predictions([make(to_micros(at)) for _ in range(5)], at=at))
    before = _days(database)
    dropped = retention.drop_before(NOON - DAY)
    assert (dropped.predictions, dropped.days) == (10, (day - 3, day - 2))
    assert [one_day for one_day in before if one_day not in _days(database)] == [day - 3, day - 2]
    with database.read() as connection:
        assert one(connection, "SELECT to_regclass(%s)", (f"names_{day - 3}",)) == (None,)
        assert one(connection, "SELECT count(*) FROM names") == (10,)


def test_where_a_prediction_for_a_later_day_is_to_be_found_outlives_the_day_it_was_made(
    retention: PostgresRetention, log: PostgresPredictionLog
) -> None:
    own = id_maker()(to_micros(NOON - 5 * DAY))
    log.add(predictions(["x"], at=NOON - 5 * DAY))
    log.add(predictions([own], at=NOON))
    assert retention.drop_before(NOON - DAY).predictions == 1
    assert log.find(own) is not None
    assert log.add(predictions([own], at=NOON)) == 0


def test_days_that_come_are_made_before_their_first_row_and_days_far_off_never(database: Database, tmp_path: Path) -> None:
    log = PostgresPredictionLog(database, tmp_path / "log")
    log.add(predictions(["a", "b"], at=[NOON - 9000 * DAY, NOON + 90_000 * DAY]))
    with database.read() as connection:
        (today,) = one(connection, "SELECT floor(extract(epoch FROM now()) / 86400)::bigint")
        assert one(connection, "SELECT count(*) FROM predictions_rest") == (2,)
    assert _days(database) == [today, today + 1, today + 2, today + 3]


def test_rows_that_came_before_their_partition_are_moved_into_it(database: Database, log: PostgresPredictionLog, tmp_path: Path) -> None:
    make, day = id_maker(), to_micros(NOON) // MICROS_PER_DAY
    ids = [make(to_micros(NOON)) for _ in range(3)]
    PostgresPredictionLog(database, tmp_path / "log", reach=0).add(predictions(ids, at=NOON))
    assert day not in _days(database)
    assert Days(database, reach=100_000).make([day]) == [day]
    with database.read() as connection:
        for table in ("predictions", "names"):
            assert one(connection, f"SELECT count(*) FROM {table}_{day}") == (3,)
            assert one(connection, f"SELECT count(*) FROM {table}_rest") == (0,)
    assert log.rows("churn", 1, EVER).prediction_id.tolist() == ids
    assert log.add(predictions(ids, at=NOON)) == 0


@pytest.fixture
def reader(shared: str) -> Iterator[Database]:
    with Database(shared) as other:
        yield other


def test_a_day_that_somebody_reads_stays_for_the_next_time(
    retention: PostgresRetention, log: PostgresPredictionLog, reader: Database
) -> None:
    log.add(predictions(["a", "b"], at=[NOON - 5 * DAY, NOON]))
    with reader.read() as connection:
        connection.execute("SELECT count(*) FROM predictions")
        dropped = retention.drop_before(NOON)
        assert (dropped.predictions, dropped.more) == (0, True)
    assert retention.drop_before(NOON).predictions == 1


def test_ids_of_a_day_begin_with_its_time() -> None:
    day = to_micros(NOON) // MICROS_PER_DAY
    first, last = id_maker()(day * MICROS_PER_DAY), id_maker()((day + 1) * MICROS_PER_DAY - 1)
    assert name_from(day) <= first < last < name_from(day + 1)
    assert timedelta(days=1) == DAY


def test_a_day_that_goes_while_the_database_is_looked_at_is_passed_over(
    database: Database, log: PostgresPredictionLog, retention: PostgresRetention, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.add(predictions(["a", "b"], at=[NOON - 9 * DAY, NOON]))

    def dropped_meanwhile(connection: Connection) -> list[int]:
        days = made(connection)
        with Database(database._address) as other:
            PostgresRetention(other).drop_before(NOON)
        return days

    monkeypatch.setattr("flyball.adapters.postgres.held.made", dropped_meanwhile)
    found = held(database)
    assert found.newest == found.oldest == NOON.replace(hour=0)


def test_rows_of_no_day_go_beside_days_that_go_whole_and_shadows_count_among_them(
    database: Database, retention: PostgresRetention, tmp_path: Path, log: PostgresPredictionLog
) -> None:
    log.add(predictions(list("abcde"), at=NOON - 2 * DAY))  # a partition
    loose = PostgresPredictionLog(database, tmp_path / "log", reach=0)
    loose.add(predictions(list("vwxyz"), at=NOON - 9 * DAY))
    loose.add(predictions(list("vwxyz"), at=NOON - 9 * DAY, version=2, shadow=True, features=None))
    dropped = [retention.drop_before(NOON, most=3) for _ in range(4)]
    assert [(one.predictions, one.more) for one in dropped] == [(5, True), (1, True), (3, True), (1, False)]
