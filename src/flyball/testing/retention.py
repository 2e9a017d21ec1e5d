"""What every retention keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

from datetime import timedelta

from flyball.core.window import Window
from flyball.ports.history import OutcomeLog, PredictionLog, Retention
from flyball.serving.records import Outcome, Place
from flyball.testing.samples import NOON, predictions

DAY = timedelta(days=1)
EVER = Window(start=NOON - 1000 * DAY, end=NOON + 1000 * DAY)


class RetentionSuite:
    """Inherit, and give the fixtures `retention`, and `log` and `outcomes` over the same store (empty)."""

    def test_what_is_older_goes_with_all_that_hangs_on_it_and_the_rest_stays(
        self, retention: Retention, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        times = [NOON - 3 * DAY, NOON - 2 * DAY, NOON - DAY, NOON]
        log.add(predictions(["a", "b", "c", "d"], at=times, client_id=["one", "two", None, None]))
        log.add(predictions(["again"], at=NOON - 3 * DAY, client_id=["one"]))
        log.add(predictions(["a", "d"], at=[times[0], times[3]], version=2, shadow=True, features=None))
        told = [Outcome(actual=1, at=NOON, prediction_id=name) for name in ("a", "c")]
        assert outcomes.take("churn", told, within=timedelta(0)).accepted == 2
        dropped = retention.drop_before(NOON - DAY)
        assert (dropped.predictions, dropped.more) == (2, False)
        assert log.rows("churn", 1, EVER).prediction_id.tolist() == ["c", "d"]
        assert log.rows("churn", 1, EVER).actual.tolist() == [1, None]
        assert log.rows("churn", 2, EVER).prediction_id.tolist() == ["d"]
        assert [log.find(name) is None for name in ("a", "b", "one", "two", "again", "c", "d")] == [True] * 5 + [False] * 2
        assert outcomes.labelled_since("churn", NOON - 9 * DAY, NOON) == 1
        assert outcomes.take("churn", [Outcome(actual=1, at=NOON, prediction_id="b")], within=timedelta(0)).rejected[0].why == "unknown"

    def test_a_day_goes_whole_or_not_at_all(self, retention: Retention, log: PredictionLog) -> None:
        log.add(predictions(["a", "b"], at=[NOON - timedelta(hours=11), NOON + timedelta(hours=11)]))
        assert retention.drop_before(NOON).predictions == 0
        assert retention.drop_before(NOON + timedelta(hours=12)).predictions == 2 - _newest_stays(log)

    def test_there_is_nothing_to_drop_twice_or_where_nothing_is(self, retention: Retention, log: PredictionLog) -> None:
        assert retention.drop_before(NOON).predictions == 0
        log.add(predictions(["a", "b"], at=[NOON - DAY, NOON]))
        assert [retention.drop_before(NOON).predictions for _ in range(2)] == [1, 0]

    def test_no_row_arrives_at_a_place_that_was_given_before(self, retention: Retention, log: PredictionLog) -> None:
        log.add(predictions(["new"], at=NOON))
        log.add(predictions(["old"], at=NOON - 9 * DAY))
        log.add(predictions(["old"], at=NOON - 9 * DAY, shadow=True, version=2, features=None))
        after = log.arrived("churn", 1, Place(), limit=9).place
        shadows = log.arrived("churn", 2, Place(), limit=9).place
        retention.drop_before(NOON)
        log.add(predictions(["next"], at=NOON))
        log.add(predictions(["next"], at=NOON, shadow=True, version=2, features=None))
        assert len(log.arrived("churn", 1, after, limit=9).at) == 1
        assert len(log.arrived("churn", 2, shadows, limit=9).at) == 1

    def test_what_comes_late_for_a_day_that_was_dropped_is_taken_in_and_dropped_again(
        self, retention: Retention, log: PredictionLog
    ) -> None:
        log.add(predictions(["a", "b"], at=[NOON - 5 * DAY, NOON]))
        assert retention.drop_before(NOON).predictions == 1
        assert log.add(predictions(["late"], at=NOON - 5 * DAY)) == 1
        assert log.find("late") is not None
        log.add(predictions(["c"], at=NOON))
        assert retention.drop_before(NOON).predictions == 1
        assert log.rows("churn", 1, EVER).prediction_id.tolist() == ["b", "c"]

    def test_what_goes_bit_by_bit_is_gone_in_the_end(self, retention: Retention, log: PredictionLog) -> None:
        log.add(predictions(list("abcdefg"), at=NOON - 2 * DAY))
        log.add(predictions(list("abcdefg"), at=NOON - 2 * DAY, version=2, shadow=True, features=None))
        log.add(predictions(["new"], at=NOON))
        log.add(predictions(["new"], at=NOON, version=2, shadow=True, features=None))
        dropped = [retention.drop_before(NOON, most=4) for _ in range(5)]
        assert sum(one.predictions for one in dropped) == 7 and not dropped[-1].more
        assert [log.rows("churn", version, EVER).prediction_id.tolist() for version in (1, 2)] == [["new"], ["new"]]


def _newest_stays(log: PredictionLog) -> int:
    """How many rows are left of those that went: a store may have to keep the newest."""
    return len(log.rows("churn", 1, EVER).at)
