"""The outcome log in SQLite."""

from datetime import timedelta

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.outcomes import SqliteOutcomeLog
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.core.window import to_micros
from flyball.serving.records import Outcome
from flyball.testing.outcomes import OutcomeLogSuite
from flyball.testing.samples import NOON, Clock, predictions


class TestSqliteOutcomeLog(OutcomeLogSuite):
    pass


def test_an_outcome_keeps_when_it_became_known_and_when_it_was_received(
    database: Database, log: SqlitePredictionLog, outcomes: SqliteOutcomeLog, clock: Clock
) -> None:
    log.add(predictions(["p1"]))
    clock.advance(timedelta(days=3))
    outcomes.take("churn", [Outcome(actual=1, at=NOON, prediction_id="p1")], within=timedelta(0))
    with database.read() as connection:
        kept = connection.execute("SELECT at, received_at FROM outcomes").fetchall()
    assert kept == [(to_micros(NOON), to_micros(NOON + timedelta(days=3)))]


def test_outcomes_are_matched_by_indexes_alone(database: Database) -> None:
    from flyball.adapters.sqlite import outcomes as module

    with database.read() as connection:
        for column in ("entity", "unit"):
            for query, values in ((module._LATEST, (1, "x", 5, 0)), (module._LATER, (1, "x", 5))):
                plan = connection.execute("EXPLAIN QUERY PLAN " + query.format(column=column), values).fetchall()
                assert all(f"predictions_by_{column}" in step[3] for step in plan if "predictions" in step[3] or "SEARCH" in step[3]), plan
                assert not any("SCAN predictions" in step[3] for step in plan)
