"""What came in lately: requests of the newest span there is, and rows by hour of their event time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from flyball.core.record import record
from flyball.core.window import Window
from flyball.loop.world import World
from flyball.monitoring.tally import add_hours
from flyball.ports.watching import TRAFFIC_KEPT
from flyball.serving.pace import newest_of
from flyball.serving.records import Answers

_MINUTE = timedelta(minutes=1)
# How far back is looked for the newest minute, in steps that are short enough to be read and few enough to be asked for.
_FURTHER = tuple(timedelta(days=days) for days in (1, 2, 3, 5, 8, 13, 21, TRAFFIC_KEPT.days + 1))


@record
class Requests:
    """What was answered and refused in a window. `newest`: the end of the newest minute with requests, None if none is kept."""

    window: Window
    counts: Sequence[Answers]
    newest: datetime | None


def requests(world: World, model: str, span: timedelta, *, now: datetime) -> Requests:
    """The requests of the last `span`, of whole minutes; if none came in it, those of the span that ends with the newest there are."""
    end = now.replace(second=0, microsecond=0)
    window = Window(start=end - span, end=end)
    counts = world.traffic.between(model, Window(start=window.start, end=now))
    newest, looked = newest_of(counts), window.start
    for further in _FURTHER:
        if newest is not None:
            break
        if end - further < looked:
            newest, looked = newest_of(world.traffic.between(model, Window(start=end - further, end=looked))), end - further
    if newest is not None and newest <= window.start:
        window = Window(start=newest - span, end=newest)
        counts = world.traffic.between(model, window)
    return Requests(window=window, counts=[one for one in counts if one.minute in window], newest=newest)


def rows_by_hour(world: World, model: str, versions: Collection[int], window: Window) -> Mapping[tuple[int, str], Mapping[int, int]]:
    """Of these versions, by version and variant: how many rows have their event time in which hour (since 1970, UTC) of a window.

    They are those that were counted up to now, not those that wait for the loop.
    """
    first, last = _hour(window.start), _hour(window.end - timedelta(microseconds=1))
    found: dict[tuple[int, str], dict[int, int]] = {}
    for ledger in world.counts.places(model):
        if ledger.version != ledger.against or ledger.version not in versions:
            continue
        own: dict[str, dict[int, int]] = {}
        for slot in world.counts.slots(model, ledger, window):
            add_hours(own.setdefault(slot.variant, {}), [slot.tally()])
        for variant, hours in own.items():  # a version whose bundle was replaced has a ledger more: each row stands in the newest
            found[ledger.version, variant] = {hour: rows for hour, rows in hours.items() if first <= hour <= last}
    return found


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)
