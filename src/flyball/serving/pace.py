"""How fast requests came: what was counted by minute, as rates over steps of equal length."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from flyball.core.record import record
from flyball.core.window import Window
from flyball.serving.records import Answers

OK = 200
_MINUTE = timedelta(minutes=1)


@record
class Pace:
    """Requests in a second that were answered and refused, over a step that starts at `start`."""

    start: datetime
    answered: float
    refused: float


def paces(counts: Sequence[Answers], window: Window, step: timedelta) -> list[Pace]:
    """The rates of each step of a window. A minute that nobody counted had no requests.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> found = paces([Answers(minute=noon, status=200, requests=120)], Window(start=noon, end=noon + 2 * _MINUTE), _MINUTE)
    >>> [one.answered for one in found]
    [2.0, 0.0]
    """
    number = max(1, -((window.start - window.end) // step))
    sums = [[0, 0] for _ in range(number)]
    for one in counts:
        if one.minute in window:
            sums[(one.minute - window.start) // step][one.status != OK] += one.requests
    seconds = step.total_seconds()
    return [
        Pace(start=window.start + at * step, answered=answered / seconds, refused=refused / seconds)
        for at, (answered, refused) in enumerate(sums)
    ]


def refusals(counts: Sequence[Answers]) -> Mapping[int, int]:
    """How many requests were refused, by status, most first."""
    found = dict[int, int]()
    for one in counts:
        if one.status != OK:
            found[one.status] = found.get(one.status, 0) + one.requests
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def newest_of(counts: Sequence[Answers]) -> datetime | None:
    """The end of the newest minute in which a request came."""
    return max((one.minute + _MINUTE for one in counts if one.requests), default=None)
