"""What is wrong with an edited journal is named entry by entry, as far as a chain can tell, and with an anchor further."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import UsageError
from flyball.journal.chain import Link, forge, link_hash
from flyball.journal.events import Thawed
from flyball.journal.examine import Head, examine, head_of, parse_head
from flyball.testing.samples import NOON, one_event_of_each_kind

SIZE = len(one_event_of_each_kind())


def chain() -> list[Link]:
    return forge("churn", one_event_of_each_kind(), newest=None, actor="loop", at=NOON)


def found(links: list[Link], *, expected: Head | None = None, served: int = 0) -> list[tuple[int, str]]:
    return [(flaw.seq, flaw.reason.code) for flaw in examine("churn", links, expected=expected, served=served).flaws]


def numbered(links: list[Link]) -> list[Link]:
    return [replace(link, seq=number) for number, link in enumerate(links, start=1)]


def test_a_sound_chain_has_no_flaws_and_its_head_is_the_newest_entry() -> None:
    links = chain()
    told = examine("churn", links, expected=head_of(links), served=SIZE)
    assert (told.flaws, told.entries, told.head) == ((), SIZE, Head(seq=SIZE, hash=links[-1].hash))
    assert examine("churn", []).head is None


@given(place=st.integers(0, SIZE - 1), name=st.sampled_from(["body", "actor", "at", "kind", "hash"]))
def test_an_edited_entry_is_named_and_no_other(place: int, name: str) -> None:
    links = chain()
    other = {"body": '{"reason":"never"}', "actor": "eve", "at": 1, "kind": "thawed", "hash": "0" * 64}[name]
    if getattr(links[place], name) == other:
        return
    links[place] = replace(links[place], **{name: other})  # type: ignore[arg-type]  # of the type of the field it replaces
    named = {seq for seq, _ in found(links)}
    assert named == {place + 1}


def test_several_edits_are_all_named() -> None:
    links = chain()
    for place in (2, 7):
        links[place] = replace(links[place], actor="eve")
    assert found(links) == [(3, "journal.edited"), (8, "journal.edited")]


@given(first=st.integers(1, SIZE - 2), count=st.integers(1, 5))
def test_entries_taken_out_are_missing(first: int, count: int) -> None:
    links = chain()
    count = min(count, SIZE - 1 - first)
    (flaw,) = examine("churn", [*links[:first], *links[first + count :]]).flaws
    assert (flaw.seq, flaw.reason.code, flaw.reason.values["count"]) == (first + 1, "journal.missing", count)


@given(first=st.integers(1, SIZE - 2), count=st.integers(1, 5))
def test_entries_taken_out_are_seen_too_where_the_rest_was_renumbered(first: int, count: int) -> None:
    links = chain()
    count = min(count, SIZE - 1 - first)
    (flaw,) = examine("churn", numbered([*links[:first], *links[first + count :]])).flaws
    assert (flaw.seq, flaw.reason.code, flaw.reason.values["count"]) == (first + 1, "journal.removed", count)


@given(place=st.integers(1, SIZE - 1))
def test_an_entry_put_in_between_is_named(place: int) -> None:
    links = chain()
    (forged,) = forge("churn", [Thawed(reason="never")], newest=links[place - 1], actor="eve", at=NOON)
    assert found(numbered([*links[:place], forged, *links[place:]])) == [(place + 1, "journal.inserted")]


def test_an_entry_written_anew_with_a_hash_of_its_own_is_named() -> None:
    links = chain()
    forged = replace(links[4], actor="eve")
    links[4] = replace(forged, hash=link_hash(forged))
    assert found(links) == [(5, "journal.exchanged")]


def test_a_beginning_that_was_cut_off_is_seen() -> None:
    assert found(chain()[3:]) == [(1, "journal.missing")]
    (alone,) = forge("churn", [Thawed(reason="x")], newest=chain()[0], actor="eve", at=NOON)
    first = replace(alone, seq=1)
    assert found([replace(first, hash=link_hash(first))]) == [(1, "journal.no_beginning")]


def test_an_end_that_was_cut_off_needs_an_anchor_or_a_server_that_remembers() -> None:
    links = chain()
    anchor = head_of(links)
    assert found(links[:-2]) == []
    assert found(links[:-2], expected=anchor) == [(SIZE, "journal.cut")]
    assert found(links[:-2], served=SIZE) == [(SIZE - 1, "journal.cut_served")]


def test_a_chain_written_anew_from_the_last_entry_on_needs_an_anchor() -> None:
    links = chain()
    anchor = head_of(links)
    forged = replace(links[-1], actor="eve")
    links[-1] = replace(forged, hash=link_hash(forged))
    assert found(links) == []
    assert found(links, expected=anchor) == [(SIZE, "journal.not_expected")]


def test_a_journal_that_has_grown_still_holds_its_anchor() -> None:
    links = chain()
    anchor = head_of(links[:5])
    assert anchor is not None
    assert found(links, expected=parse_head(f"{anchor.seq}:{anchor.hash[:12]}")) == []


@pytest.mark.parametrize("text", ["", "5", "5:abc", "0:" + "a" * 64, "x:" + "a" * 64, "5:" + "g" * 64, "5:" + "a" * 65])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="end of a journal"):
        parse_head(text)
