"""Requests that were counted by minute, as rates."""

from datetime import UTC, datetime, timedelta

from flyball.core.window import Window
from flyball.serving.pace import newest_of, paces, refusals
from flyball.serving.records import Answers

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minute: int, status: int, requests: int) -> Answers:
    return Answers(minute=NOON + minute * MINUTE, status=status, requests=requests)


def test_each_step_has_its_own_rate_and_a_quiet_one_has_none() -> None:
    counts = [at(0, 200, 60), at(1, 200, 60), at(1, 422, 30), at(5, 200, 600), at(9, 200, 600)]
    found = paces(counts, Window(start=NOON, end=NOON + 6 * MINUTE), 2 * MINUTE)
    assert [(one.answered, one.refused) for one in found] == [(1.0, 0.25), (0.0, 0.0), (5.0, 0.0)]
    assert [one.start for one in found] == [NOON, NOON + 2 * MINUTE, NOON + 4 * MINUTE]


def test_what_was_refused_is_added_up_by_status_and_answers_are_none_of_it() -> None:
    counts = [at(0, 200, 9), at(0, 429, 2), at(1, 422, 3), at(2, 429, 4)]
    assert list(refusals(counts).items()) == [(429, 6), (422, 3)]


def test_the_newest_request_is_in_the_newest_minute_that_has_one() -> None:
    assert newest_of([]) is None
    assert newest_of([at(0, 200, 1), at(3, 503, 1), at(4, 200, 0)]) == NOON + 4 * MINUTE
