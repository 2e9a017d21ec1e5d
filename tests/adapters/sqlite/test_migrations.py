"""A database of an older Flyball is opened by this one, and keeps what it held."""

from pathlib import Path

import numpy as np
import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.guards import SqliteGuards
from flyball.adapters.sqlite.migrations import MIGRATIONS
from flyball.adapters.sqlite.outcomes import SqliteOutcomeLog
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.serving.records import Outcome
from flyball.testing.guards import trip
from flyball.testing.predictions import ALWAYS, DAY, HOUR
from flyball.testing.samples import NOON, Clock, predictions
from older import answer_then, older, outcome_then, shadow_then


def test_rows_from_before_there_were_propensities_and_values_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with older(tmp_path / "old.db", 7, monkeypatch) as database:
        answer_then(database, {"a": NOON, "b": NOON + HOUR})
        shadow_then(database, {"a": NOON}, version=2, score=0.75)
        outcome_then(database, {"a": (1, NOON + HOUR)})
    with Database(tmp_path / "old.db") as database:
        log, outcomes = SqlitePredictionLog(database, tmp_path / "log"), SqliteOutcomeLog(database, clock=Clock())
        found = log.find("a")
        assert found is not None and found[1] is not None
        assert (found[0].propensity, found[0].features, found[1].value, found[1].actual) == (None, {"age": 0.0, "plan": "basic"}, None, 1)
        log.add(predictions(["c"], at=NOON + 2 * HOUR, propensity=0.25))
        assert outcomes.take("churn", [Outcome(actual=1, at=NOON + 3 * HOUR, prediction_id="c", value=7.0)], within=ALWAYS).accepted == 1
        rows = log.rows("churn", 1, DAY, arms=True)
        assert rows.propensity is not None and rows.value is not None and rows.variant is not None
        assert np.array_equal(rows.propensity, [np.nan, np.nan, 0.25], equal_nan=True)
        assert np.array_equal(rows.value, [np.nan, np.nan, 7.0], equal_nan=True)
        assert rows.variant.tolist() == ["champion"] * 3
        assert log.rows("churn", 2, DAY, arms=True).actual.tolist() == [1]
        guards = SqliteGuards(database)
        guards.trip(trip())
        assert guards.trips("churn", since=NOON) == [trip()]


@pytest.mark.parametrize("migrations", range(1, len(MIGRATIONS)))
def test_a_database_of_every_older_version_is_brought_up_to_the_present_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrations: int
) -> None:
    with older(tmp_path / "old.db", migrations, monkeypatch) as database:
        answer_then(database, {"a": NOON})
    with Database(tmp_path / "old.db") as old, Database(tmp_path / "new.db") as new:
        assert _tables(old) == _tables(new)
        assert SqlitePredictionLog(old, tmp_path / "log").rows("churn", 1, DAY).prediction_id.tolist() == ["a"]


def _tables(database: Database) -> dict[str, list[str]]:
    with database.read() as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'index') ORDER BY name")]
        return {name: [row[1] for row in connection.execute(f"PRAGMA table_xinfo({name})")] for name in names}
