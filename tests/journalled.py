"""Journals made of events: by hand, an hour apart, and by chance."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from flyball.core.reason import because
from flyball.journal.events import Entry, Event, Promoted, RolledBack, Staged
from versions import registered

T0, HOUR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)
WHY = because("x")
versions = st.integers(1, 4)
moves: st.SearchStrategy[Event] = st.one_of(
    versions.map(registered),
    st.builds(Promoted, version=versions, replaced=st.none() | versions, reason=st.just(WHY), forced=st.booleans(), watch_until=st.none()),
    st.builds(RolledBack, version=versions, to=versions, reason=st.just(WHY), evidence=st.just({})),
    st.builds(Staged, version=st.none() | versions, share=st.floats(0, 1), reason=st.just(WHY)),
)
"""What gives versions their places and takes them away."""


def stories(events: st.SearchStrategy[Event]) -> st.SearchStrategy[list[tuple[Event, int]]]:
    """Events, and how many hours after the one before each came."""
    return st.lists(st.tuples(events, st.integers(0, 5)), max_size=12)


def journal(found: list[tuple[Event, int]]) -> list[Entry]:
    """Entries with times that rise, some of them equal."""
    at, entries = T0, []
    for seq, (event, hours) in enumerate(found, start=1):
        at += hours * HOUR
        entries.append(Entry(model="m", seq=seq, at=at, actor="ann", event=event, prev_hash="", hash=""))
    return entries


def entries_of(*found: Event) -> list[Entry]:
    """Events, an hour apart."""
    return journal([(event, 1) for event in found])
