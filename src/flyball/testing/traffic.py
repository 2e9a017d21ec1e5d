"""What every `Traffic` promises, as a suite any adapter is put through."""

from datetime import UTC, datetime, timedelta

from flyball.core.window import Window
from flyball.ports.watching import TRAFFIC_KEPT, Traffic
from flyball.serving.records import Answers

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def answers(minute: datetime, status: int, requests: int) -> Answers:
    """So many of them."""
    return Answers(minute=minute, status=status, requests=requests)


class TrafficSuite:
    """Derive from this and give a fixture `traffic`."""

    def test_what_several_count_of_one_minute_adds_up(self, traffic: Traffic) -> None:
        """Whoever counted it, and in what order."""
        traffic.add("churn", [answers(NOON + MINUTE, 422, 5), answers(NOON, 200, 7)])
        traffic.add("churn", [answers(NOON, 200, 3), answers(NOON, 503, 1)])
        traffic.add("churn", [])
        traffic.add("fraud", [answers(NOON, 200, 100)])
        found = traffic.between("churn", Window(start=NOON, end=NOON + 2 * MINUTE))
        assert found == [answers(NOON, 200, 10), answers(NOON, 503, 1), answers(NOON + MINUTE, 422, 5)]

    def test_a_minute_belongs_to_the_window_in_which_it_starts(self, traffic: Traffic) -> None:
        """The end of a window is not in it."""
        traffic.add("churn", [answers(NOON + number * MINUTE, 200, 1) for number in range(4)])
        found = traffic.between("churn", Window(start=NOON + MINUTE, end=NOON + 3 * MINUTE))
        assert [one.minute for one in found] == [NOON + MINUTE, NOON + 2 * MINUTE]
        assert traffic.between("other", Window(start=NOON, end=NOON + MINUTE)) == []

    def test_minutes_that_are_too_old_are_dropped_of_this_model_alone(self, traffic: Traffic) -> None:
        """Retention is by the newest minute that was told."""
        whole = Window(start=NOON - MINUTE, end=NOON + TRAFFIC_KEPT + 2 * MINUTE)
        for model in ("churn", "fraud"):
            traffic.add(model, [answers(NOON, 200, 1), answers(NOON + MINUTE, 200, 1)])
        traffic.add("churn", [answers(NOON + TRAFFIC_KEPT + MINUTE, 200, 1)])
        assert [one.minute for one in traffic.between("churn", whole)] == [NOON + MINUTE, NOON + TRAFFIC_KEPT + MINUTE]
        assert len(traffic.between("fraud", whole)) == 2
