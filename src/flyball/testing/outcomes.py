"""What every outcome log keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

from datetime import datetime, timedelta

import pytest

from flyball.core.window import Window
from flyball.ports.history import OutcomeLog, PredictionLog
from flyball.serving.records import Accepted, Label, Outcome
from flyball.testing.samples import NOON, predictions

HOUR = timedelta(hours=1)
DAY = Window(start=NOON - timedelta(hours=12), end=NOON + timedelta(hours=12))
ALWAYS = timedelta(0)


class OutcomeLogSuite:
    """Inherit, and give the fixtures `log` (an empty prediction log) and `outcomes` (the outcome log beside it)."""

    def test_an_outcome_is_taken_by_the_servers_id_and_by_the_clients(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2"], client_id=[None, "order-2"]))
        accepted = outcomes.take("churn", [_by_id("p1", 1), _by_id("order-2", 0)], within=ALWAYS)
        assert accepted == Accepted(accepted=2, rejected=())
        assert log.rows("churn", 1, DAY).actual.tolist() == [1, 0]

    def test_an_outcome_by_entity_or_unit_belongs_to_the_latest_prediction_before_it(
        self, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        times = [NOON, NOON + HOUR, NOON + HOUR * 5]
        log.add(predictions(["e1", "e2", "e3"], at=times, entity="flight-7"))
        log.add(predictions(["u1", "u2", "u3"], at=times, unit="tail-9"))
        taken = [Outcome(actual=1, at=NOON + HOUR * 2, entity="flight-7"), Outcome(actual=0, at=NOON + HOUR, unit="tail-9")]
        assert outcomes.take("churn", taken, within=HOUR * 24).accepted == 2
        assert _labelled(log) == {"e2": 1, "u2": 0}

    def test_an_outcome_that_fits_several_predictions_of_one_time_is_ambiguous(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["a", "b", "c"], at=[NOON, NOON, NOON - HOUR], unit="u", entity=["e", "f", "e"]))
        answer = outcomes.take("churn", [Outcome(actual=1, at=NOON + HOUR, unit="u")], within=ALWAYS)
        assert _why(answer) == [("u", "ambiguous")]
        assert "prediction_id" in answer.rejected[0].error
        clear = [Outcome(actual=1, at=NOON, entity="e"), Outcome(actual=0, at=NOON - HOUR, unit="u"), _by_id("b")]
        assert outcomes.take("churn", clear, within=ALWAYS).accepted == 3
        assert _labelled(log) == {"a": 1, "b": 1, "c": 0}

    def test_a_prediction_longer_ago_than_allowed_does_not_count(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2"], entity=["a", "b"]))
        edge, beyond = NOON + HOUR * 3, NOON + HOUR * 3 + timedelta(microseconds=1)
        answer = outcomes.take("churn", [Outcome(actual=1, at=edge, entity="a"), Outcome(actual=1, at=beyond, entity="b")], within=HOUR * 3)
        assert answer.accepted == 1
        assert _why(answer) == [("b", "unknown")]
        assert outcomes.take("churn", [Outcome(actual=1, at=beyond, entity="b")], within=ALWAYS).accepted == 1

    def test_an_outcome_too_late_for_its_id_is_told_how_old_the_prediction_is_and_what_to_do(
        self, log: PredictionLog, outcomes: OutcomeLog
    ) -> None:
        days = timedelta(days=1)
        log.add(predictions(["p1", "p2", "u1"], at=[NOON - days, NOON, NOON], entity=["a", "a", None], unit=[None, None, "u"]))
        late = [Outcome(actual=1, at=NOON + 31 * days, entity="a"), Outcome(actual=1, at=NOON + 30 * days + HOUR, unit="u")]
        answer = outcomes.take("churn", late, within=30 * days)
        assert _why(answer) == [("a", "unknown"), ("u", "unknown")]
        by_id, by_unit = (rejected.error for rejected in answer.rejected)
        assert "the latest prediction for id 'a', made for 2024" in by_id and "is 31 days older than this outcome" in by_id
        assert "outcomes told by id are joined within data.matures = 30d: tell it by prediction_id, or raise matures" in by_id
        assert "unit 'u'" in by_unit and "is 30 days, 1:00:00 older" in by_unit
        log.add(predictions(["p3", "u3"], at=[NOON + 70 * days, NOON + 31 * days], entity=["a", None], unit=[None, "u"]))
        assert _why(outcomes.take("churn", late, within=30 * days)) == [("a", "unknown"), ("u", "malformed")]  # whichever is nearer
        assert outcomes.take("churn", [_by_id("p2"), _by_id("u1")], within=30 * days).accepted == 2

    def test_nothing_is_taken_for_what_nobody_predicted(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1"], entity="a", unit="u"))
        log.add(predictions(["q1"], model="fraud"))
        strangers = [_by_id("nobody"), _by_id("q1"), Outcome(actual=1, at=NOON, entity="u"), Outcome(actual=1, at=NOON, unit="a")]
        answer = outcomes.take("churn", strangers, within=ALWAYS)
        assert answer.accepted == 0
        assert _why(answer) == [("nobody", "unknown"), ("q1", "unknown"), ("u", "unknown"), ("a", "unknown")]
        assert _why(outcomes.take("unheard of", [_by_id("p1")], within=ALWAYS)) == [("p1", "unknown")]
        assert _labelled(log) == {}

    def test_a_second_outcome_of_a_prediction_is_rejected_and_told_which_stands(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2"], entity=[None, "a"]))
        answer = outcomes.take("churn", [_by_id("p1", 1), _by_id("p1", 0), _by_id("p1", 1)], within=ALWAYS)
        assert answer.accepted == 1
        assert _why(answer) == [("p1", "twice"), ("p1", "twice")]
        assert "the outcome 1 already" in answer.rejected[0].error
        assert "known already" in answer.rejected[1].error
        outcomes.take("churn", [Outcome(actual="x", at=NOON + HOUR, entity="a")], within=ALWAYS)
        assert _why(outcomes.take("churn", [_by_id("p2", "y")], within=ALWAYS)) == [("p2", "twice")]
        assert _labelled(log) == {"p1": 1, "p2": "x"}

    def test_an_outcome_before_its_prediction_is_malformed(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2", "p3"], entity=[None, "a", None], unit=[None, None, "u"]))
        before = NOON - timedelta(microseconds=1)
        early = [
            Outcome(actual=1, at=before, prediction_id="p1"),
            Outcome(actual=1, at=before, entity="a"),
            Outcome(actual=1, at=before, unit="u"),
        ]
        answer = outcomes.take("churn", early, within=HOUR)
        assert _why(answer) == [("p1", "malformed"), ("a", "malformed"), ("u", "malformed")]
        assert all("before" in rejected.error for rejected in answer.rejected)
        assert outcomes.take("churn", [Outcome(actual=1, at=NOON, prediction_id="p1")], within=HOUR).accepted == 1

    @pytest.mark.parametrize(
        "outcome",
        [
            Outcome(actual=1, at=NOON),
            Outcome(actual=1, at=NOON, prediction_id=""),
            Outcome(actual=1, at=datetime(2024, 5, 1, 13), prediction_id="p1"),  # noqa: DTZ001 - a time without zone is the point
            Outcome(actual=float("nan"), at=NOON, prediction_id="p1"),
            Outcome(actual=float("inf"), at=NOON, prediction_id="p1"),
            Outcome(actual=2**63, at=NOON, prediction_id="p1"),
            Outcome(actual="\ud800", at=NOON, prediction_id="p1"),
            Outcome(actual=1, at=NOON, prediction_id="p\udfff"),
            Outcome(actual=None, at=NOON, prediction_id="p1"),  # type: ignore[arg-type]  # what a caller without types gives
        ],
        ids=["names nothing", "empty id", "no zone", "nan", "inf", "too large", "surrogate", "surrogate id", "nothing happened"],
    )
    def test_what_can_never_be_an_outcome_is_malformed_and_the_others_are_taken(
        self, log: PredictionLog, outcomes: OutcomeLog, outcome: Outcome
    ) -> None:
        log.add(predictions(["p1", "p2"]))
        answer = outcomes.take("churn", [outcome, _by_id("p2")], within=ALWAYS)
        assert answer.accepted == 1
        assert [rejected.why for rejected in answer.rejected] == ["malformed"]
        assert _labelled(log) == {"p2": 1}

    def test_what_an_outcome_was_worth_is_kept_with_it(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1", "p2"], client_id=[None, "order-2"]))
        told = [Outcome(actual=1, at=NOON + HOUR, prediction_id="p1", value=-12.5), _by_id("order-2")]
        assert outcomes.take("churn", told, within=ALWAYS).accepted == 2
        kept = [found[1] for name in ("p1", "p2") if (found := log.find(name)) is not None]
        assert kept == [told[0], Outcome(actual=1, at=NOON + HOUR, prediction_id="p2")]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "12"])
    def test_a_worth_that_is_no_finite_number_is_malformed(self, log: PredictionLog, outcomes: OutcomeLog, value: float) -> None:
        log.add(predictions(["p1", "p2"]))
        answer = outcomes.take("churn", [Outcome(actual=1, at=NOON, prediction_id="p1", value=value), _by_id("p2")], within=ALWAYS)
        assert _why(answer) == [("p1", "malformed")]
        assert "value" in answer.rejected[0].error
        assert _labelled(log) == {"p2": 1}

    def test_shadow_rows_alone_take_no_outcome(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        log.add(predictions(["p1"], shadow=True, features=None, entity="a"))
        answer = outcomes.take("churn", [_by_id("p1"), Outcome(actual=1, at=NOON + HOUR, entity="a")], within=ALWAYS)
        assert _why(answer) == [("p1", "unknown"), ("a", "unknown")]

    def test_outcomes_are_counted_by_when_they_became_known(self, log: PredictionLog, outcomes: OutcomeLog) -> None:
        ids = [f"p{n}" for n in range(5)]
        log.add(predictions(ids))
        outcomes.take("churn", [Outcome(actual=1, at=NOON + HOUR * n, prediction_id=name) for n, name in enumerate(ids)], within=ALWAYS)
        assert outcomes.labelled_since("churn", NOON + HOUR, NOON + HOUR * 3) == 2
        assert outcomes.labelled_since("churn", NOON - HOUR, NOON + HOUR * 9) == 5
        assert outcomes.labelled_since("churn", NOON + HOUR * 4, NOON + HOUR * 9) == 0
        assert outcomes.labelled_since("fraud", NOON - HOUR, NOON + HOUR * 9) == 0


def _by_id(name: str, actual: Label = 1) -> Outcome:
    return Outcome(actual=actual, at=NOON + HOUR, prediction_id=name)


def _why(answer: Accepted) -> list[tuple[str, str]]:
    return [(rejected.prediction_id, rejected.why) for rejected in answer.rejected]


def _labelled(log: PredictionLog) -> dict[str, Label]:
    rows = log.rows("churn", 1, DAY)
    return {name: actual for name, actual in zip(rows.prediction_id, rows.actual, strict=True) if actual is not None}
