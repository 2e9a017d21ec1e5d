"""The outcome log in PostgreSQL."""

from datetime import timedelta

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.outcomes import PostgresOutcomeLog
from flyball.adapters.postgres.predictions import PostgresPredictionLog
from flyball.core.window import to_micros
from flyball.serving.records import Outcome
from flyball.testing.outcomes import OutcomeLogSuite
from flyball.testing.samples import NOON, Clock, predictions


class TestPostgresOutcomeLog(OutcomeLogSuite):
    pass


def test_an_outcome_keeps_when_it_became_known_and_when_it_was_received(
    database: Database, log: PostgresPredictionLog, outcomes: PostgresOutcomeLog, clock: Clock
) -> None:
    log.add(predictions(["p1"]))
    clock.advance(timedelta(days=3))
    outcomes.take("churn", [Outcome(actual=1, at=NOON, prediction_id="p1")], within=timedelta(0))
    with database.read() as connection:
        kept = connection.execute("SELECT at, received_at FROM outcomes").fetchall()
    assert kept == [(to_micros(NOON), to_micros(NOON + timedelta(days=3)))]
