"""Which of several servers' trips counts: the rule of every `Guards` alike."""

from collections.abc import Iterable

from flyball.serving.records import Trip


def first_trips(trips: Iterable[Trip]) -> list[Trip]:
    """The first of each version and guardrail, in the order given."""
    found: dict[tuple[int, str], Trip] = {}
    for trip in trips:
        found.setdefault((trip.version, trip.guardrail), trip)
    return list(found.values())
