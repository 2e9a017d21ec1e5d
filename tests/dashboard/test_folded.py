"""What follows from a journal is kept from page to page, as long as the journal is the same."""

import random
from datetime import UTC, datetime, timedelta

from flyball.core.reason import because
from flyball.dashboard.folded import Folded
from flyball.journal.events import AlertFired, AlertResolved, Entry, Event, Frozen, Thawed
from flyball.journal.state import fold
from flyball.testing.samples import one_event_of_each_kind

MODEL = "flights"
START = datetime(2026, 3, 1, tzinfo=UTC)
WHY = because("promote.by_hand", version=1, actor="test", reason="a test")


def entries(*events: Event) -> list[Entry]:
    return [
        Entry(model=MODEL, seq=number, at=START + timedelta(minutes=number), actor="loop", event=event, prev_hash="", hash="")
        for number, event in enumerate(events, start=1)
    ]


def many(seed: int, count: int) -> list[Entry]:
    """Events of every kind in any order, many of them alerts."""
    chance = random.Random(seed)
    kinds = one_event_of_each_kind()
    alerts: list[Event] = [AlertFired(key="drift:a", reason=WHY), AlertResolved(key="drift:a", reason=WHY)]
    return entries(*(chance.choice(alerts if chance.random() < 0.5 else kinds) for _ in range(count)))


def test_a_state_that_was_gone_on_from_is_that_of_the_whole_journal() -> None:
    for seed in range(20):
        known, folded = many(seed, 60), Folded()
        for end in (0, 1, 7, 7, 30, 31, 60):
            assert folded.state(MODEL, known[:end]) == fold(MODEL, known[:end])


def test_what_is_known_already_is_not_folded_again() -> None:
    known, folded = many(1, 40), Folded()
    first = folded.state(MODEL, known[:20])
    assert folded.state(MODEL, known[:20]).versions is first.versions
    assert folded.state(MODEL, [*known[:20], *entries(*[Thawed(reason="over")] * 21)[20:]]).versions is first.versions


def test_a_journal_that_was_put_back_from_a_backup_is_folded_anew() -> None:
    first = entries(Frozen(reason="audit", until=None), *[AlertResolved(key="drift:a", reason=WHY)] * 3)
    other = entries(Frozen(reason="holiday", until=None), *[AlertResolved(key="drift:a", reason=WHY)] * 3)
    folded = Folded()
    folded.state(MODEL, first)
    found = folded.state(MODEL, other)  # its newest entry is equal to the newest one of the journal before
    assert found == fold(MODEL, other) and found.freeze is not None and found.freeze.reason == "holiday"


def test_a_journal_that_became_shorter_is_folded_anew() -> None:
    known, folded = entries(Frozen(reason="audit", until=None), Thawed(reason="over")), Folded()
    assert folded.state(MODEL, known).freeze is None
    assert folded.state(MODEL, known[:1]).freeze is not None
    assert folded.state(MODEL, []) == fold(MODEL, [])
