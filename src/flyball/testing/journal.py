"""What every journal keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball.core.errors import ConflictError, DataError
from flyball.core.reason import because
from flyball.journal.chain import GENESIS, to_entry
from flyball.journal.events import EVENTS, Frozen, RolledBack, Thawed
from flyball.ports.history import Journal
from flyball.testing.samples import NOON, one_event_of_each_kind


class JournalSuite:
    """Inherit, and give the fixtures `journal` (an empty one) and `another` (a second handle on the same stream store)."""

    def test_an_empty_journal_knows_no_entries_and_no_models(self, journal: Journal) -> None:
        assert journal.read("churn") == []
        assert journal.models() == []

    def test_entries_are_numbered_from_one_without_gaps_and_come_back_as_they_were_given(self, journal: Journal, another: Journal) -> None:
        first = journal.append("churn", [Frozen(reason="a", until=NOON), Thawed(reason="b")], expected=0, actor="ann", at=NOON)
        second = journal.append("churn", [Thawed(reason="c")], expected=2, actor="bob", at=NOON)
        assert [entry.seq for entry in first + second] == [1, 2, 3]
        assert another.read("churn") == first + second
        assert first[0].event == Frozen(reason="a", until=NOON)
        assert (second[0].actor, second[0].at, second[0].model) == ("bob", NOON, "churn")

    def test_every_kind_of_event_comes_back_equal(self, journal: Journal, another: Journal) -> None:
        events = one_event_of_each_kind()
        assert [type(event) for event in events] == list(EVENTS.values())
        journal.append("churn", events, expected=0, actor="loop", at=NOON)
        assert [entry.event for entry in another.read("churn")] == events

    def test_reading_goes_on_after_a_given_entry(self, journal: Journal) -> None:
        journal.append("churn", [Thawed(reason=str(n)) for n in range(5)], expected=0, actor="loop", at=NOON)
        assert [entry.seq for entry in journal.read("churn", after=3)] == [4, 5]
        assert journal.read("churn", after=5) == []
        assert journal.read("churn", after=50) == []

    def test_each_entry_carries_the_hash_of_the_one_before(self, journal: Journal) -> None:
        journal.append("churn", [Thawed(reason=str(n)) for n in range(3)], expected=0, actor="loop", at=NOON)
        journal.append("churn", [Thawed(reason="3")], expected=3, actor="loop", at=NOON)
        entries = journal.read("churn")
        assert [entry.prev_hash for entry in entries] == [GENESIS, *(entry.hash for entry in entries[:-1])]
        assert len({entry.hash for entry in entries}) == 4

    def test_the_links_are_the_entries_as_they_are_stored(self, journal: Journal) -> None:
        assert journal.links("churn") == []
        journal.append("churn", [Thawed(reason=str(n)) for n in range(3)], expected=0, actor="loop", at=NOON)
        assert [to_entry(link) for link in journal.links("churn")] == journal.read("churn")

    def test_an_append_that_expects_an_older_state_is_refused_and_told_which_entry_came_first(
        self, journal: Journal, another: Journal
    ) -> None:
        journal.append("churn", [Thawed(reason="a")], expected=0, actor="ann", at=NOON)
        journal.append("churn", [RolledBack(version=7, to=6, reason=because("test.reason"), evidence={})], expected=1, actor="bob", at=NOON)
        journal.append("churn", [Thawed(reason="c")], expected=2, actor="eve", at=NOON)
        with pytest.raises(ConflictError, match=r"entry 2 .*'churn'.*rolled back \(churn@7\), by bob"):
            another.append("churn", [Thawed(reason="late")], expected=1, actor="zoe", at=NOON)
        assert len(journal.read("churn")) == 3

    def test_an_append_that_expects_a_state_not_reached_yet_is_refused(self, journal: Journal) -> None:
        with pytest.raises(ConflictError, match="ends at entry 0, not at 4"):
            journal.append("churn", [Thawed(reason="early")], expected=4, actor="zoe", at=NOON)
        assert journal.models() == []

    def test_of_several_events_all_are_appended_or_none(self, journal: Journal) -> None:
        unkeepable = RolledBack(version=2, to=1, reason=because("test.reason"), evidence={"gain": float("nan")})
        with pytest.raises(DataError, match="rolled back"):
            journal.append("churn", [Thawed(reason="sound"), unkeepable], expected=0, actor="loop", at=NOON)
        assert journal.read("churn") == []

    def test_streams_of_different_models_do_not_meet(self, journal: Journal) -> None:
        for model in ("zebra", "churn", "fraud/§ '; --"):
            journal.append(model, [Thawed(reason=model)], expected=0, actor="loop", at=NOON)
        assert journal.models() == ["churn", "fraud/§ '; --", "zebra"]
        assert [entry.event for entry in journal.read("zebra")] == [Thawed(reason="zebra")]

    @given(moves=st.lists(st.tuples(st.booleans(), st.integers(-1, 1), st.integers(1, 3)), max_size=12))
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    def test_whoever_appends_in_whatever_order_the_chain_holds_exactly_what_was_accepted(
        self, journal: Journal, another: Journal, moves: list[tuple[bool, int, int]]
    ) -> None:
        model, accepted = secrets.token_hex(8), list[str]()  # examples share one journal
        for number, (mine, error, size) in enumerate(moves):
            names = [f"{number}.{part}" for part in range(size)]
            try:
                (journal if mine else another).append(
                    model, [Thawed(reason=name) for name in names], expected=max(0, len(accepted) + error), actor="loop", at=NOON
                )
            except ConflictError:
                continue
            accepted += names
        entries = journal.read(model)
        assert [entry.event for entry in entries] == [Thawed(reason=name) for name in accepted]
        assert entries == another.read(model)
