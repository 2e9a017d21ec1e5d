"""From flyball.db into the shared database: everything as it was, all of it or nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from flyball.adapters.postgres.copy import COPIED, LEFT, copy_stores
from flyball.adapters.postgres.counts import PostgresCounts
from flyball.adapters.postgres.database import Database, one
from flyball.adapters.postgres.deployments import PostgresDeployments
from flyball.adapters.postgres.guards import PostgresGuards
from flyball.adapters.postgres.ingest import origin_of
from flyball.adapters.postgres.journal import PostgresJournal
from flyball.adapters.postgres.looks import PostgresLooks
from flyball.adapters.postgres.outbox import PostgresOutbox
from flyball.adapters.postgres.outcomes import PostgresOutcomeLog
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.adapters.postgres.reports import PostgresReports
from flyball.adapters.postgres.traffic import PostgresTraffic
from flyball.adapters.sqlite.counts import SqliteCounts
from flyball.adapters.sqlite.database import Database as OwnDatabase
from flyball.adapters.sqlite.deployments import SqliteDeployments
from flyball.adapters.sqlite.guards import SqliteGuards
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.adapters.sqlite.looks import SqliteLooks
from flyball.adapters.sqlite.outbox import SqliteOutbox
from flyball.adapters.sqlite.outcomes import SqliteOutcomeLog
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.adapters.sqlite.reports import SqliteReports
from flyball.adapters.sqlite.traffic import SqliteTraffic
from flyball.core.errors import IntegrityError, RefusedError
from flyball.core.window import Window
from flyball.journal.events import Thawed
from flyball.ports.history import OutcomeLog, PredictionLog
from flyball.serving.records import Answers, LoggedRows, Outcome, Place
from flyball.serving.segments import SegmentWriter
from flyball.testing.counts import MINUTE, OWN, held, slot, step
from flyball.testing.guards import trip
from flyball.testing.outbox import letter, told
from flyball.testing.predictions import DAY, HOUR
from flyball.testing.reports import report
from flyball.testing.samples import NOON, Clock, deployment, one_event_of_each_kind, predictions


@pytest.fixture
def source(tmp_path: Path) -> Iterator[OwnDatabase]:
    with OwnDatabase(tmp_path / "flyball.db") as database:
        yield database


@pytest.fixture
def filled(source: OwnDatabase, tmp_path: Path) -> OwnDatabase:
    """A database with something of everything."""
    SqliteJournal(source).append("churn", one_event_of_each_kind(), expected=0, actor="ann", at=NOON)
    SqliteJournal(source).append("fraud", [Thawed(reason="z")], expected=0, actor="bob", at=NOON)
    log = SqlitePredictionLog(source, tmp_path / "log")
    _fill(log, SqliteOutcomeLog(source, clock=Clock()))
    SqliteCounts(source).add("churn", [step(OWN, None, 3, slot(MINUTE, 1, 2), slot(MINUTE * 2, 1))])
    SqliteDeployments(source, clock=Clock()).publish(deployment(7))
    SqliteReports(source).save("churn", report(1))
    SqliteLooks(source).looked("churn", NOON)
    SqliteTraffic(source).add("churn", [Answers(minute=NOON, status=200, requests=9)])
    SqliteOutbox(source).put("churn", [letter("a")], [told("a")], [], expected=0)
    SqliteGuards(source).trip(trip())
    return source


def _fill(log: PredictionLog, outcomes: OutcomeLog) -> None:
    labels = [True, "a", 1, 1.5, float("inf"), 0]
    scores = [0.25, float("nan"), [0.1, 0.2, 0.7], 1.0, 0.5, 0.0]
    log.add(
        predictions(
            [f"p{number}" for number in range(6)],
            at=[NOON + HOUR * number for number in range(6)],
            label=labels,
            score=scores,
            unit=["u", None, "\x00", "\x1b1", "u", "u"],
            entity=[None, "e", None, None, None, None],
            client_id=["c0", None, None, None, None, "c5"],
            context=[{"shop": "x"}, None, None, None, None, None],
            propensity=[0.5, None, None, None, None, None],
        )
    )
    log.add(predictions(["again"], client_id=["c0"]))
    log.add(predictions(["p0", "p9"], version=2, shadow=True, features=None, at=NOON))
    actual: list[str | int | float | bool] = [True, "a", 1]
    told = [Outcome(actual=one, at=NOON + HOUR * 9, prediction_id=f"p{n}", value=2.5) for n, one in enumerate(actual)]
    assert outcomes.take("churn", told, within=timedelta(0)).accepted == 3


def _same(one_: LoggedRows, other: LoggedRows) -> None:
    for name in ("prediction_id", "at", "unit", "entity", "label", "actual", "outcome_at", "variant"):
        assert getattr(one_, name).tolist() == getattr(other, name).tolist(), name
    for name in ("score", "propensity", "value"):
        assert np.array_equal(getattr(one_, name), getattr(other, name), equal_nan=True), name
    assert one_.features is not None and other.features is not None
    assert [(name, str(column.tolist())) for name, column in one_.features.columns.items()] == [
        (name, str(column.tolist())) for name, column in other.features.columns.items()
    ]


def test_everything_is_there_as_it_was(filled: OwnDatabase, database: Database, tmp_path: Path) -> None:
    said: list[str] = []
    copied = copy_stores(filled, database, origin="here", say=said.append)
    assert "predictions: 6 rows" in said
    own, log = SqlitePredictionLog(filled, tmp_path / "log"), PostgresPredictionLog(database, tmp_path / "log")
    for version in (1, 2):
        _same(log.rows("churn", version, DAY, features=True, arms=True), own.rows("churn", version, DAY, features=True, arms=True))
    for name in ("p0", "c0", "again", "c5", "p2"):
        assert str(log.find(name)) == str(own.find(name))  # as texts: NaN is not equal to itself
    for model in ("churn", "fraud"):
        assert PostgresJournal(database).links(model) == SqliteJournal(filled).links(model)
        assert PostgresJournal(database).read(model) == SqliteJournal(filled).read(model)
    assert held(PostgresCounts(database)) == held(SqliteCounts(filled))
    assert PostgresCounts(database).places("churn") == SqliteCounts(filled).places("churn")
    assert PostgresDeployments(database, clock=Clock()).current("churn") == deployment(7)
    assert PostgresReports(database).latest("churn") == report(1)
    assert PostgresLooks(database).looks("churn") == [NOON]
    assert PostgresTraffic(database).between("churn", Window(start=NOON, end=NOON + HOUR))[0].requests == 9
    assert PostgresOutbox(database).waiting("churn") == [letter("a")]
    assert PostgresOutbox(database).ledger("churn") == SqliteOutbox(filled).ledger("churn")
    assert PostgresGuards(database).trips("churn", since=NOON - HOUR) == [trip()]
    entries = len(one_event_of_each_kind()) + 1
    assert [copied[table] for table in ("journal", "predictions", "shadows", "duplicates")] == [entries, 6, 2, 1]


def test_what_comes_afterwards_goes_on_where_the_file_ended(filled: OwnDatabase, database: Database, tmp_path: Path) -> None:
    own = SqlitePredictionLog(filled, tmp_path / "log")
    place = own.arrived("churn", 1, Place(), limit=99).place
    copy_stores(filled, database, origin="here")
    log = PostgresPredictionLog(database, tmp_path / "log")
    assert len(log.arrived("churn", 1, place, limit=99).at) == 0
    assert log.add(predictions(["p0", "new"], client_id=["c0", None])) == 1
    assert log.add(predictions(["other"], client_id=["c5"])) == 0
    assert log.add(predictions(["x"], model="fraud", version=3)) == 1
    assert len(log.arrived("churn", 1, place, limit=99).at) == 1
    counts = PostgresCounts(database)
    assert counts.add("churn", [step(OWN, 3, 4, slot(MINUTE, 1))])
    again = PostgresOutcomeLog(database, clock=Clock()).take(
        "churn", [Outcome(actual=True, at=NOON + HOUR * 9, prediction_id="p0")], within=timedelta(0)
    )
    assert again.rejected[0].why == "twice"
    PostgresOutbox(database).put("churn", [letter("b")], [], [], expected=1)
    PostgresJournal(database).append("fraud", [Thawed(reason="on")], expected=1, actor="bob", at=NOON)


def test_a_segment_that_was_half_ingested_goes_on_from_there(source: OwnDatabase, database: Database, tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "log", "8000-w0")
    writer.append([predictions(["a", "b"])], now=1_700_000_000_000_000)
    assert SqlitePredictionLog(source, tmp_path / "log").ingest() == 2
    copy_stores(source, database, origin=origin_of(tmp_path / "log"))
    with database.write() as connection:
        connection.execute("DELETE FROM names")  # rows taken in again would be new
    writer.append([predictions(["c"])], now=1_700_000_000_000_000)
    writer.close()
    assert PostgresPredictionLog(database, tmp_path / "log").ingest() == 1


def test_a_database_that_holds_something_is_refused_and_stays_as_it_is(filled: OwnDatabase, database: Database, tmp_path: Path) -> None:
    PostgresJournal(database).append("other", [Thawed(reason="theirs")], expected=0, actor="eve", at=NOON)
    with pytest.raises(RefusedError, match=r"not empty \(table journal\)"):
        copy_stores(filled, database, origin="here")
    assert PostgresJournal(database).models() == ["other"]
    assert PostgresPredictionLog(database, tmp_path / "log").count("churn", DAY) == {}


def test_an_edited_journal_is_not_copied(filled: OwnDatabase, database: Database) -> None:
    with filled.write() as connection:
        connection.execute("DROP TRIGGER journal_is_never_edited")
        connection.execute("UPDATE journal SET actor = 'eve' WHERE seq = 3")
    with pytest.raises(IntegrityError, match="entry 3"):
        copy_stores(filled, database, origin="here")
    assert PostgresJournal(database).models() == []


def test_a_copy_that_fails_half_way_leaves_nothing_and_can_be_made_again(filled: OwnDatabase, database: Database) -> None:
    with database.write() as connection:
        connection.execute("ALTER TABLE trips ADD CONSTRAINT never CHECK (version < 0)")  # what comes last of those that are alike
    with pytest.raises(Exception, match="never"):
        copy_stores(filled, database, origin="here")
    with database.write() as connection:
        assert one(connection, "SELECT count(*) FROM journal") == (0,)
        connection.execute("ALTER TABLE trips DROP CONSTRAINT never")
    assert copy_stores(filled, database, origin="here")["trips"] == 1


def test_every_table_of_the_file_is_copied_or_left_behind_by_name(source: OwnDatabase) -> None:
    with source.read() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables == {*COPIED, *LEFT}
