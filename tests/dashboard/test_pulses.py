"""What a server said whenever somebody looked."""

from datetime import UTC, datetime, timedelta

from flyball.dashboard.pulses import Pulse
from flyball.server.metrics import Metrics, Page, render
from flyball.spec.records import ServeSpec

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Served:
    """A page of metrics that is asked for; None while nobody answers."""

    def __init__(self) -> None:
        self.metrics: Metrics | None = Metrics()
        self.asked: list[str] = []

    def get(self, url: str) -> str | None:
        self.asked.append(url)
        return None if self.metrics is None else render([Page("town", self.metrics, [])])

    def answers(self, requests: int, version: int = 3, variant: str = "champion") -> None:
        assert self.metrics is not None
        for _ in range(requests):
            self.metrics.took(0.0004)
        self.metrics.predictions("town", version, variant).number += requests


def test_two_looks_make_a_rate_and_say_who_answered() -> None:
    served = Served()
    pulse = Pulse(served.get)
    first = pulse.look(ServeSpec(), "town", (), now=NOON)
    assert first.numbers is not None and first.lately is None and first.course == ()
    served.answers(30)
    served.answers(10, 4, "challenger")
    then = pulse.look(ServeSpec(), "town", (), now=NOON + timedelta(seconds=4))
    assert then.lately is not None and then.seconds == 4.0
    assert (then.lately.requests, then.lately.median) == (10.0, 0.0005)
    assert then.lately.answers == ((3, "champion", 7.5), (4, "challenger", 2.5))
    assert [one.rates.requests for one in then.course] == [10.0]


def test_a_server_is_not_asked_again_within_a_second() -> None:
    served = Served()
    pulse = Pulse(served.get)
    for moment in (0.0, 0.2, 1.0, 1.4):
        pulse.look(ServeSpec(), "town", (), now=NOON + timedelta(seconds=moment))
    assert len(served.asked) == 1


def test_rates_are_of_the_last_ten_seconds_and_looks_are_kept_for_ten_minutes() -> None:
    served = Served()
    pulse = Pulse(served.get)
    for second in range(0, 1200, 5):
        served.answers(5 if second < 1000 else 10)
        beat = pulse.look(ServeSpec(), "town", (), now=NOON + timedelta(seconds=second))
    assert beat.seconds == 10.0 and beat.lately is not None and beat.lately.requests == 2.0
    assert len(beat.course) == 120


def test_a_server_that_went_away_has_no_numbers_and_what_was_seen_is_still_there() -> None:
    served = Served()
    pulse = Pulse(served.get)
    pulse.look(ServeSpec(), "town", (), now=NOON)
    served.answers(8)
    pulse.look(ServeSpec(), "town", (), now=NOON + timedelta(seconds=2))
    served.metrics = None
    gone = pulse.look(ServeSpec(), "town", (), now=NOON + timedelta(seconds=4))
    assert gone.numbers is None and gone.lately is None and len(gone.course) == 1


def test_time_in_which_nobody_looked_is_no_part_of_the_course() -> None:
    served = Served()
    pulse = Pulse(served.get)
    for second in (0, 2, 300):
        beat = pulse.look(ServeSpec(), "town", (), now=NOON + timedelta(seconds=second))
    assert len(beat.course) == 1 and beat.lately is None


def test_workers_say_on_which_port_to_ask() -> None:
    served = Served()
    Pulse(served.get).look(ServeSpec(), "town", ["9123-w0"], now=NOON)
    assert served.asked == ["http://127.0.0.1:9123/metrics"]
