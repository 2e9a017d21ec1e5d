"""Alerts from outside: open while they are repeated, over when they say so or fall silent."""

from datetime import datetime, timedelta

from flyball.adapters.memory.journal import MemoryJournal
from flyball.core.reason import because
from flyball.journal.events import RequestClosed, RetrainRequested
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.telling.inbound import MOST_OPEN, close_silent, hear
from flyball.testing.samples import NOON

DAY = timedelta(days=1)
WHY = because("retrain.alert_bare", alerts="FeatureDrift", sender="Alertmanager")


def state(journal: MemoryJournal) -> State:
    return fold("m", journal.read("m"))


def said(journal: MemoryJournal, key: str, at: datetime, *, firing: bool = True) -> str:
    return hear(journal, "m", key, firing=firing, reason=WHY, actor="a", now=at)


def test_what_is_repeated_stays_open_and_the_journal_hears_of_it_every_third_day() -> None:
    journal = MemoryJournal()
    answers = {said(journal, "k", NOON + timedelta(hours=4) * number) for number in range(6 * 30)}
    assert answers == {"requested", "known"}
    assert len(journal.read("m")) == 10, "of 180 repetitions in 30 days"
    assert state(journal).requests["k"].at == NOON
    assert close_silent(journal, state(journal), actor="loop", now=NOON + 30 * DAY) == []


def test_an_alert_told_every_six_days_is_the_same_alert() -> None:
    journal = MemoryJournal()
    assert [said(journal, "k", NOON + 6 * number * DAY) for number in range(4)] == ["requested", "known", "known", "known"]


def test_a_lost_word_that_it_is_over_does_not_silence_an_alert_for_ever() -> None:
    journal = MemoryJournal()
    assert said(journal, "k", NOON) == "requested"
    assert said(journal, "k", NOON + 8 * DAY) == "requested"
    assert [type(entry.event) for entry in journal.read("m")] == [RetrainRequested, RequestClosed, RetrainRequested]
    assert state(journal).requests["k"].at == NOON + 8 * DAY


def test_a_tick_ends_what_nobody_repeats() -> None:
    journal = MemoryJournal()
    said(journal, "old", NOON)
    said(journal, "new", NOON + 5 * DAY)
    (entry,) = close_silent(journal, state(journal), actor="loop", now=NOON + 8 * DAY)
    assert entry.event == RequestClosed(key="old")
    assert set(state(journal).requests) == {"new"}


def test_forgotten_alerts_make_room_for_others() -> None:
    journal = MemoryJournal()
    for number in range(MOST_OPEN):
        said(journal, f"k{number}", NOON)
    assert said(journal, "more", NOON + DAY) == "too many"
    assert said(journal, "more", NOON + 8 * DAY) == "requested"
    assert set(state(journal).requests) == {"more"}
