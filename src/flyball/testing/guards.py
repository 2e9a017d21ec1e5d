"""What every `Guards` promises, as a suite any adapter is put through."""

import math
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flyball.core.errors import DataError
from flyball.core.reason import because
from flyball.ports.watching import Guards
from flyball.serving.records import Trip
from flyball.testing.samples import NOON

SECOND = timedelta(seconds=1)


def trip(**changes: Any) -> Trip:
    """A challenger that failed too many requests."""
    why = because("guardrail.errors", share=0.25, champion=0.0, name="temp · 温度")
    given = Trip(
        model="churn",
        version=2,
        arm="challenger",
        guardrail="errors",
        worker="w0",
        at=NOON,
        reason=why,
        evidence={"requests": 200.0, "failed": 50.0},
    )
    return replace(given, **changes)


class GuardsSuite:
    """Derive from this and give a fixture `guards`."""

    def test_what_was_kept_comes_back_whole_and_in_order_of_time(self, guards: Guards) -> None:
        """Whatever the order it was told in."""
        assert guards.trips("churn", since=NOON) == []
        told = [
            trip(at=NOON + 2 * SECOND, guardrail="latency"),
            trip(),
            trip(at=NOON + SECOND, version=3, arm="champion", guardrail="nan", evidence={}),
        ]
        for one in told:
            guards.trip(one)
        guards.trip(trip(model="fraud"))
        assert guards.trips("churn", since=NOON) == [told[1], told[2], told[0]]
        assert guards.trips("fraud", since=NOON) == [trip(model="fraud")]

    def test_the_first_of_a_version_and_guardrail_since_a_time_counts(self, guards: Guards) -> None:
        """Every worker that sees it tells it; another rollout of the same version begins afresh."""
        for second, worker in ((3, "w1"), (1, "w0"), (1, "w2"), (9, "w0")):
            guards.trip(trip(at=NOON + second * SECOND, worker=worker))
        guards.trip(trip(at=NOON + SECOND, reason=because("guardrail.other")))
        assert guards.trips("churn", since=NOON) == [trip(at=NOON + SECOND)]
        assert guards.trips("churn", since=NOON + SECOND) == [trip(at=NOON + SECOND)]
        assert guards.trips("churn", since=NOON + SECOND + timedelta(microseconds=1)) == [trip(at=NOON + 3 * SECOND, worker="w1")]
        assert guards.trips("churn", since=NOON + 4 * SECOND) == [trip(at=NOON + 9 * SECOND)]
        assert guards.trips("churn", since=NOON + 10 * SECOND) == []

    def test_a_trip_with_a_number_that_is_none_is_refused(self, guards: Guards) -> None:
        """It could not be read back."""
        with pytest.raises(DataError, match=r"evidence\.failed"):
            guards.trip(trip(evidence={"failed": math.nan}))
        assert guards.trips("churn", since=NOON) == []

    def test_workers_that_tell_at_once_lose_nothing(self, guards: Guards) -> None:
        """Each in a thread of its own."""
        threads = [threading.Thread(target=guards.trip, args=(trip(version=number),)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.version for one in guards.trips("churn", since=NOON)] == list(range(8))
