"""What every prediction log keeps to where it is asked who answered, how likely that was, and what it was worth."""
# ruff: noqa: D102 - a test's name is its sentence

import numpy as np

from flyball.ports.history import OutcomeLog, PredictionLog
from flyball.serving.records import LoggedRows, Maturity, Outcome
from flyball.testing.predictions import ALWAYS, DAY, HOUR, Flush
from flyball.testing.samples import NOON, predictions


class ArmsSuite:
    """Inherit, and give the fixtures of `PredictionLogSuite`."""

    def test_rows_whose_version_was_not_chosen_by_the_split_are_no_comparison_either(self, log: PredictionLog) -> None:
        log.add(predictions(["h", "o", "c", "x"], variant=["holdback", "override", "champion", "challenger"]))
        log.add(predictions(["h", "o", "c", "x"], version=2, shadow=True, features=None))
        assert log.rows("churn", 1, DAY).prediction_id.tolist() == ["h", "o", "c", "x"]
        assert log.rows("churn", 1, DAY, compared=True).prediction_id.tolist() == ["c", "x"]
        assert log.rows("churn", 2, DAY, compared=True).prediction_id.tolist() == ["c", "x"]

    def test_who_answered_how_likely_that_was_and_what_it_was_worth_come_along_if_they_are_asked_for(
        self, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        log.add(predictions(["a", "b", "c"], variant=["champion", "holdback", "pinned"], propensity=[0.75, 0.02, None]))
        log.add(predictions(["a", "b", "c"], version=2, shadow=True, features=None))
        told = [
            Outcome(actual=1, at=NOON + HOUR, prediction_id="a", value=12.5),
            Outcome(actual=0, at=NOON + HOUR * 3, prediction_id="b", value=-3.0),
            Outcome(actual=0, at=NOON + HOUR, prediction_id="c"),
        ]
        assert outcomes.take("churn", told, within=ALWAYS).accepted == 3
        for features in (False, True):
            rows = log.rows("churn", 1, DAY, features=features, arms=True)
            assert _arms(rows) == (["champion", "holdback", "pinned"], [0.75, 0.02, None], [12.5, -3.0, None])
            assert rows.version is None
            shadow = log.rows("churn", 2, DAY, features=features, arms=True, context=("shop",))
            assert _arms(shadow) == (["shadow"] * 3, [None] * 3, [12.5, -3.0, None])
            assert shadow.context is not None
        matured = log.rows("churn", 1, DAY, maturity=Maturity(age=HOUR * 2, by=NOON + HOUR * 9), arms=True)
        assert _arms(matured)[2] == [12.5, None, None]
        assert _arms(log.rows("churn", 1, DAY, compared=True)) == (["champion"], [0.75], [12.5])
        assert _arms(log.rows("churn", 9, DAY, arms=True)) == ([], [], [])
        plain = log.rows("churn", 1, DAY)
        assert (plain.variant, plain.propensity, plain.value) == (None, None, None)

    def test_the_propensity_of_a_prediction_is_kept_with_it_from_a_server_too(self, log: PredictionLog, flush: Flush) -> None:
        log.add(predictions(["p1", "p2"], propensity=[0.25, None]))
        flush(predictions(["p3", "p4"], propensity=[0.5, 1.0]))
        flush(predictions(["p5"]))
        assert log.ingest() == 3
        kept = [found[0].propensity for name in ("p1", "p2", "p3", "p4", "p5") if (found := log.find(name)) is not None]
        assert kept == [0.25, None, 0.5, 1.0, None]

    def test_labelled_rows_say_who_answered_how_likely_that_was_and_what_it_was_worth(
        self, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        log.add(
            predictions(["a", "b", "c"], version=[2, 1, 1], variant=["challenger", "holdback", "champion"], propensity=[0.5, 0.02, None])
        )
        told = [Outcome(actual=1, at=NOON, prediction_id=name, value=worth) for name, worth in (("a", 2.0), ("b", None))]
        told.append(Outcome(actual=1, at=NOON + HOUR, prediction_id="c", value=9.0))
        outcomes.take("churn", told, within=ALWAYS)
        rows = log.labelled("churn", known_by=NOON, unlabelled_after=ALWAYS)
        found = {name: place for place, name in enumerate(rows.prediction_id)}
        order = np.array([found[name] for name in ("a", "b", "c")])
        assert rows.variant is not None and rows.propensity is not None and rows.value is not None and rows.version is not None
        assert rows.variant[order].tolist() == ["challenger", "holdback", "champion"]
        assert np.array_equal(rows.propensity[order], [0.5, 0.02, np.nan], equal_nan=True)
        assert np.array_equal(rows.value[order], [2.0, np.nan, np.nan], equal_nan=True), "what is known later is not known yet"
        assert rows.version[order].tolist() == [2, 1, 1]
        kept = rows.take(rows.version == 1)
        assert kept.version is not None and kept.version.tolist() == [1, 1]


def _arms(rows: LoggedRows) -> tuple[list[str], list[float | None], list[float | None]]:
    """Variant, propensity and value, None for NaN."""
    assert rows.variant is not None and rows.propensity is not None and rows.value is not None
    propensity, value = ([None if one != one else one for one in column.tolist()] for column in (rows.propensity, rows.value))
    return rows.variant.tolist(), propensity, value
