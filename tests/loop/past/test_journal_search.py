"""What is looked for in the journal is found, the newest first: by kind, version, person, words and time."""

from datetime import UTC, datetime, timedelta

import pytest

from flyball.core.reason import Reason, because
from flyball.journal.events import EVENTS, AlertFired, Entry, Event, Frozen, Promoted, RetrainStarted, Thawed
from flyball.loop.past.search import GROUPS, Wanted, group_of, search
from flyball.testing.samples import one_event_of_each_kind
from versions import registered

T0 = datetime(2026, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def entries(*found: Event) -> list[Entry]:
    return [
        Entry(model="m", seq=seq, at=T0 + seq * DAY, actor="Ann" if seq % 2 else "loop", event=event, prev_hash="", hash="")
        for seq, event in enumerate(found, start=1)
    ]


def said(reason: Reason) -> str:
    return f"it is said: {reason.values.get('text', reason.code)}"


JOURNAL = entries(
    registered(1),
    Promoted(version=1, replaced=None, reason=because("x", text="Better on Mondays"), forced=False, watch_until=None),
    AlertFired(key="drift:age", reason=because("y")),
    Frozen(reason="holidays", until=None),
    Thawed(reason="back"),
    RetrainStarted(action="a", cause="drift", reason=because("z")),
)


def found(wanted: Wanted) -> list[int]:
    return [one.entry.seq for one in search(JOURNAL, wanted, said)]


def test_only_decisions_are_found_unless_every_entry_is_asked_for() -> None:
    assert found(Wanted()) == [6, 5, 4, 2, 1]
    assert found(Wanted(every=True)) == [6, 5, 4, 3, 2, 1]


def test_a_kind_or_a_group_of_kinds_is_found_though_it_is_no_decision() -> None:
    assert found(Wanted(kind="alert fired")) == [3]
    assert found(Wanted(kind="people")) == [5, 4]
    assert found(Wanted(kind="no such kind")) == []


def test_a_version_is_found_with_what_happened_to_it() -> None:
    assert found(Wanted(version=1)) == [2, 1]
    assert found(Wanted(version=9)) == []


def test_people_and_words_are_found_in_capitals_or_not() -> None:
    assert found(Wanted(actor="ann")) == [5, 1]
    assert found(Wanted(text="MONDAYS")) == [2]
    assert found(Wanted(text="freeze")) == [4]


def test_a_span_has_its_first_moment_and_not_its_last() -> None:
    assert found(Wanted(since=T0 + 4 * DAY, until=T0 + 6 * DAY)) == [5, 4]
    assert found(Wanted(version=1, until=T0 + 2 * DAY)) == [1]


@pytest.mark.parametrize("kind", EVENTS)
def test_every_kind_of_entry_is_in_one_group(kind: str) -> None:
    assert sum(kind in some for some in GROUPS.values()) == 1


def test_every_entry_is_about_something() -> None:
    assert {group_of(one) for one in entries(*one_event_of_each_kind())} == set(GROUPS)
