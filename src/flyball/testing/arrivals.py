"""What every prediction log keeps to where rows are read in the order of their arrival."""
# ruff: noqa: D102 - a test's name is its sentence

import numpy as np

from flyball.core.window import Window, to_micros
from flyball.ports.history import PredictionLog
from flyball.serving.records import Place
from flyball.testing.predictions import HOUR
from flyball.testing.samples import NOON, predictions


class ArrivalsSuite:
    """Inherit, and give the fixture `log` (empty)."""

    def test_arrivals_are_read_on_from_a_place_each_once_in_order_of_arrival(self, log: PredictionLog) -> None:
        log.add(predictions(["a", "b", "c"], at=[NOON, NOON - HOUR, NOON + HOUR], score=[0.1, 0.2, 0.3]))
        first = log.arrived("churn", 1, Place(), limit=2)
        assert (first.score.tolist(), first.more) == ([0.1, 0.2], True)
        log.add(predictions(["late"], at=NOON - 99 * HOUR, score=0.4))
        rest = log.arrived("churn", 1, first.place, limit=99)
        assert (rest.score.tolist(), rest.at.tolist(), rest.more) == (
            [0.3, 0.4],
            [to_micros(NOON + HOUR), to_micros(NOON - 99 * HOUR)],
            False,
        )
        assert rest.features.columns["age"].tolist() == [2.0, 0.0]
        nothing = log.arrived("churn", 1, rest.place, limit=99)
        assert (len(nothing.at), nothing.more, nothing.place) == (0, False, rest.place)
        log.add(predictions(["a", "new"], score=0.5))
        assert log.arrived("churn", 1, rest.place, limit=99).score.tolist() == [0.5], "a row that was there already does not arrive again"

    def test_arrivals_say_in_which_role_a_row_was_answered(self, log: PredictionLog) -> None:
        log.add(predictions(["a", "b"], variant=["champion", "pinned"], label=[True, "x"]))
        log.add(predictions(["c"], worker="elsewhere-8000"))
        log.add(predictions(["d"], version=2))
        log.add(predictions(["d"], shadow=True, features=None))
        found = log.arrived("churn", 1, Place(), limit=99)
        assert sorted(found.variant.tolist()) == ["champion", "elsewhere", "pinned", "shadow"]
        assert found.label.tolist()[:2] == [True, "x"]
        assert len(log.arrived("churn", 9, Place(), limit=99).at) == len(log.arrived("fraud", 1, Place(), limit=99).at) == 0

    def test_an_arrived_shadow_has_the_features_of_its_answered_row_if_that_was_there_first(self, log: PredictionLog) -> None:
        log.add(predictions(["late"], version=2, shadow=True, features=None))
        log.add(predictions(["late", "known", "bare"], features=[[1.0, "a"], [2.0, "b"], None]))
        log.add(predictions(["known", "bare"], version=2, shadow=True, features=None))
        found = log.arrived("churn", 2, Place(), limit=99)
        assert found.known.tolist() == [False, True, False]
        assert found.features.columns["age"][1] == 2.0
        assert np.isnan(found.features.columns["age"][[0, 2]]).all()
        again = log.arrived("churn", 2, Place(), limit=1)
        assert again.more and not again.known[0], "what a row brought stays what it was"

    def test_arrivals_of_a_window_are_those_whose_event_time_is_in_it(self, log: PredictionLog) -> None:
        times = [NOON + HOUR * number for number in (3, 0, -2, 1, 2)]
        log.add(predictions(["a", "b", "c", "d", "e"], at=times, score=[0.1, 0.2, 0.3, 0.4, 0.5]))
        log.add(predictions(["d"], at=[NOON + HOUR], version=2, shadow=True, features=None))
        window = Window(start=NOON, end=NOON + 2 * HOUR)
        first = log.arrived("churn", 1, Place(), limit=1, window=window)
        rest = log.arrived("churn", 1, first.place, limit=9, window=window)
        assert (first.score.tolist(), rest.score.tolist(), rest.more) == ([0.2], [0.4], False)
        assert len(log.arrived("churn", 2, Place(), limit=9, window=window).at) == 1
