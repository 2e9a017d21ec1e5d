"""What was in production at a time is a fold of what had been written by then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.journal.events import AlertFired, Entry, Event, Frozen, Promoted, RolloutStarted, Thawed
from flyball.journal.moves import ShareMoved
from flyball.journal.state import empty, fold
from flyball.loop.past.history import changes, entries_until, production_at, state_at
from journalled import HOUR, T0, WHY, entries_of, journal, moves, stories, versions
from versions import registered

events: st.SearchStrategy[Event] = st.one_of(
    moves,
    st.builds(ShareMoved, version=versions, share=st.floats(0, 1), reason=st.just(WHY), evidence=st.just({})),
    st.builds(Frozen, reason=st.just("r"), until=st.none() | st.just(T0 + 3 * HOUR)),
    st.builds(Thawed, reason=st.just("r")),
    st.builds(AlertFired, key=st.sampled_from(["a", "b"]), reason=st.just(WHY)),
)
journals = stories(events)


@given(journals)
def test_after_the_last_entry_everything_is_known_and_before_the_first_nothing(found: list[tuple[Event, int]]) -> None:
    entries = journal(found)
    last = entries[-1].at if entries else T0
    assert state_at("m", entries, last) == fold("m", entries)
    assert state_at("m", entries, T0 - HOUR) == empty("m")


@given(journals, st.integers(0, 60), st.integers(0, 60))
def test_the_entries_between_two_times_lead_from_the_one_state_to_the_other(found: list[tuple[Event, int]], one: int, other: int) -> None:
    entries = journal(found)
    first, last = T0 + min(one, other) * HOUR, T0 + max(one, other) * HOUR
    before, after = entries_until(entries, first), entries_until(entries, last)
    assert list(after[: len(before)]) == list(before)
    assert fold("m", after[len(before) :], start=state_at("m", entries, first)) == state_at("m", entries, last)


@given(journals, st.integers(0, 60))
def test_what_comes_later_does_not_change_what_was(found: list[tuple[Event, int]], hours: int) -> None:
    entries = journal(found)
    at = T0 + hours * HOUR
    assert production_at("m", entries, at) == production_at("m", entries_until(entries, at), at)


@given(journals)
def test_the_last_change_shows_what_stands_now(found: list[tuple[Event, int]]) -> None:
    entries = journal(found)
    told, state = changes("m", entries), fold("m", entries)
    assert [one.entry.seq for one in told] == sorted(one.entry.seq for one in told)
    if told:
        assert (told[-1].champion, told[-1].challenger) == (state.champion, state.challenger)
    else:
        assert state.champion is None


def test_a_clock_that_ran_ahead_hides_nothing_that_was_written_after() -> None:
    entries = entries_of(registered(1), Promoted(version=1, replaced=None, reason=WHY, forced=False, watch_until=None), Thawed(reason="r"))
    early = [entries[0], Entry(**{**fields(entries[1]), "at": T0 + 99 * HOUR}), entries[2]]  # type: ignore[arg-type]  # its own fields
    assert production_at("m", early, T0 + 4 * HOUR).champion == 1


def fields(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in ("model", "seq", "at", "actor", "event", "prev_hash", "hash")}


def test_the_challenger_its_share_and_the_alerts_of_that_time_are_told() -> None:
    entries = entries_of(
        registered(1),
        Promoted(version=1, replaced=None, reason=WHY, forced=False, watch_until=None),
        registered(2),
        RolloutStarted(
            version=2,
            champion=1,
            strategy="canary",
            metric="brier",
            spec_digest="",
            start_at=T0,
            deadline_at=T0,
            reason=WHY,
            share=0.1,
        ),
        AlertFired(key="drift:temp", reason=WHY),
        ShareMoved(version=2, share=0.5, reason=WHY, evidence={}),
    )
    stood = production_at("m", entries, T0 + 5 * HOUR)
    assert (stood.champion, stood.challenger, stood.challenger_share, list(stood.firing)) == (1, 2, 0.1, ["drift:temp"])
    assert stood.bundles == {1: "b1", 2: "b2"}
    assert production_at("m", entries, T0 + 6 * HOUR).challenger_share == 0.5
    assert [one.action for one in changes("m", entries, since=T0 + 2 * HOUR)] == ["compare", "move share"]
    assert [one.entry.seq for one in changes("m", entries, until=T0 + 3 * HOUR)] == [2]


@pytest.mark.parametrize(("hours", "frozen"), [(1, True), (2, True), (3, False)])
def test_a_freeze_is_told_as_long_as_it_held(hours: int, frozen: bool) -> None:
    entries = entries_of(Frozen(reason="audit", until=T0 + 3 * HOUR))
    assert (production_at("m", entries, T0 + hours * HOUR).freeze is not None) is frozen
