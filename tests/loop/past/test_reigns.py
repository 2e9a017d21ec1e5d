"""Who was champion and challenger when follows from the journal, without a gap and without two at once."""

from hypothesis import given
from hypothesis import strategies as st

from flyball.core.reason import because
from flyball.journal.events import Event, Promoted, RolledBack, Staged
from flyball.loop.past.history import production_at
from flyball.loop.past.reigns import reigns
from journalled import HOUR, T0, WHY, entries_of, journal, moves, stories
from versions import registered

journals = stories(moves)


def test_a_champion_reigns_until_the_next_one_and_the_last_one_still() -> None:
    first = Promoted(version=1, replaced=None, reason=because("a"), forced=False, watch_until=None)
    second = Promoted(version=2, replaced=1, reason=because("b"), forced=False, watch_until=None)
    back = RolledBack(version=2, to=1, reason=because("c"), evidence={})
    found = reigns("m", entries_of(registered(1), first, registered(2), second, back))
    assert [(one.version, one.since, one.until) for one in found] == [
        (1, T0 + 2 * HOUR, T0 + 4 * HOUR),
        (2, T0 + 4 * HOUR, T0 + 5 * HOUR),
        (1, T0 + 5 * HOUR, None),
    ]
    assert [one.began.code for one in found] == ["a", "b", "c"]
    assert [None if one.over is None else one.over.code for one in found] == ["b", "c", None]


def test_a_challenger_that_is_taken_away_reigns_no_longer() -> None:
    champion = Promoted(version=1, replaced=None, reason=WHY, forced=False, watch_until=None)
    staged, away = Staged(version=2, share=0.1, reason=WHY), Staged(version=None, share=0.0, reason=WHY)
    found = reigns("m", entries_of(registered(1), registered(2), champion, staged, away))
    assert [(one.alias, one.version, one.until is None) for one in found] == [("champion", 1, True), ("challenger", 2, False)]


@given(journals, st.integers(0, 60))
def test_at_any_time_the_reigns_name_who_was_in_production(found: list[tuple[Event, int]], hours: int) -> None:
    entries, at = journal(found), T0 + hours * HOUR
    stood = production_at("m", entries, at)
    then = [one for one in reigns("m", entries) if one.since <= at and (one.until is None or at < one.until)]
    for alias, holder in (("champion", stood.champion), ("challenger", stood.challenger)):
        assert [one.version for one in then if one.alias == alias] == ([] if holder is None else [holder])
