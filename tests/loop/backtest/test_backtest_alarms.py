"""Which alarms were right, and what none was raised about."""

from collections.abc import Sequence
from datetime import timedelta

from flyball.core.reason import because
from flyball.journal.events import AlertFired, AlertResolved, Entry, Event
from flyball.loop.backtest.alarms import alarms, by_changes, by_losses, losses, unjudged
from flyball.loop.backtest.records import Looked, Loss
from quarter import DAY, FIRST

WITHIN = timedelta(days=14)


def entries(*events: tuple[int, Event]) -> list[Entry]:
    """Events on days of the quarter."""
    return [
        Entry(model="town", seq=number, at=FIRST + day * DAY, actor="loop", event=event, prev_hash="", hash="")
        for number, (day, event) in enumerate(events, 1)
    ]


def fired(key: str = "drift:price") -> AlertFired:
    return AlertFired(key=key, reason=because("x"))


def over(key: str = "drift:price") -> AlertResolved:
    return AlertResolved(key=key, reason=because("x"))


def loss(start: int, end: int) -> Loss:
    return Loss(start=FIRST + start * DAY, end=FIRST + end * DAY)


def looks(below: Sequence[int], days: int = 40) -> list[Looked]:
    return [Looked(at=FIRST + day * DAY, champion=1, below=day in below, drifting=0) for day in range(days)]


def test_looks_below_the_floor_one_after_the_other_are_one_loss() -> None:
    assert losses(looks([3, 4, 5, 9]), DAY) == (loss(3, 5), loss(9, 9))
    assert losses(looks([]), DAY) == ()


def test_what_fires_at_one_look_is_one_alarm_and_quality_is_none() -> None:
    found = alarms(entries((1, fired("drift:a")), (1, fired("performance:brier")), (2, fired("quality:a")), (3, fired("drift:b"))))
    assert [one.keys for one in found] == [("drift:a", "performance:brier"), ("drift:b",)]


def test_an_alarm_before_a_loss_or_in_it_is_right_and_one_long_before_or_after_is_false() -> None:
    found = by_losses(
        entries((1, fired("drift:a")), (16, fired("drift:b")), (32, fired("drift:c")), (41, fired("drift:d"))), [loss(30, 40)], WITHIN
    )
    assert [one.false for one in found.alarms] == [True, False, False, True]
    assert (found.false, found.missed) == (2, 0)


def test_a_loss_is_missed_if_nothing_fires_around_its_start() -> None:
    assert by_losses(entries(), [loss(30, 40)], WITHIN).missed == 1
    assert by_losses(entries((45, fired())), [loss(30, 60)], WITHIN).missed == 1
    assert by_losses(entries((44, fired())), [loss(30, 60)], WITHIN).missed == 0
    assert by_losses(entries((1, fired()), (5, over())), [loss(30, 40)], WITHIN).missed == 1
    assert by_losses(entries((1, fired())), [loss(30, 40)], WITHIN).missed == 0  # it fires still


def test_an_alarm_belongs_to_a_change_shortly_before_it() -> None:
    changes = [FIRST + 20 * DAY, FIRST + 60 * DAY]
    found = by_changes(
        entries((19, fired("drift:a")), (20, fired("drift:b")), (34, fired("drift:c")), (35, fired("drift:d"))), changes, WITHIN
    )
    assert [one.false for one in found.alarms] == [True, False, False, True]
    assert (found.false, found.missed) == (2, 1)


def test_without_anything_to_judge_by_nothing_is_called_false() -> None:
    found = unjudged(entries((1, fired())))
    assert (found.false, found.missed, found.alarms[0].false) == (None, None, None)
