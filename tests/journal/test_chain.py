"""The chain of the journal: what a hash covers, what verification finds, what old and new records do to it."""

import json
from dataclasses import fields, replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.digest import canonical_json, sha256_bytes
from flyball.core.errors import DataError, IntegrityError, UnsupportedError
from flyball.core.reason import because
from flyball.journal.chain import FORMAT, GENESIS, Link, forge, link_hash, to_entry, verify
from flyball.journal.events import RolledBack, Thawed
from flyball.testing.samples import NOON, one_event_of_each_kind

EVENTS = one_event_of_each_kind()


def chain() -> list[Link]:
    return forge("churn", EVENTS, newest=None, actor="loop", at=NOON)


def test_a_link_hashes_the_canonical_json_of_everything_else() -> None:
    link = chain()[0]
    fields_but_hash = {"event": json.loads(link.body)} | {
        name: getattr(link, name) for name in ("model", "seq", "format", "at", "actor", "kind", "prev_hash")
    }
    assert link.hash == sha256_bytes(canonical_json(fields_but_hash)) == link_hash(link)


def test_a_hash_once_written_stays_the_same_for_ever() -> None:
    (link,) = forge("churn", [Thawed(reason="back to work")], newest=None, actor="ann", at=NOON)
    assert link.prev_hash == GENESIS
    assert link.hash == "806164574e8a774ee659e1e094984d655ca3bfb6e5fcb31b1983622d699e7e4a"


def test_every_kind_of_event_survives_the_way_into_a_link_and_out() -> None:
    assert [to_entry(link).event for link in chain()] == EVENTS


def test_a_sound_chain_verifies_from_any_place() -> None:
    links = chain()
    verify(links)
    for start in range(1, len(links)):
        verify(links[start:], after=start, prev_hash=links[start - 1].hash)


@given(place=st.integers(0, len(EVENTS) - 1), name=st.sampled_from([field.name for field in fields(Link)]), data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_field_of_any_link_can_be_changed_unseen(place: int, name: str, data: st.DataObject) -> None:
    links = chain()
    value = getattr(links[place], name)
    other = data.draw(
        (st.integers(-(2**53), 2**53) if isinstance(value, int) else st.text(max_size=80)).filter(lambda drawn: drawn != value)
    )
    links[place] = replace(links[place], **{name: other})  # type: ignore[arg-type]  # of the type of the field it replaces
    with pytest.raises(IntegrityError):
        verify(links)


@given(order=st.permutations(range(len(EVENTS))))
@settings(max_examples=30, deadline=None)
def test_links_cannot_change_places(order: list[int]) -> None:
    links = chain()
    if order == sorted(order):
        return verify([links[place] for place in order])
    with pytest.raises(IntegrityError):
        verify([links[place] for place in order])
    return None


def test_a_link_forged_anew_does_not_fit_the_one_behind_it() -> None:
    links = chain()
    links[3:4] = [replace(forge("churn", [Thawed(reason="no, this happened")], newest=links[2], actor="eve", at=NOON)[0])]
    with pytest.raises(IntegrityError, match="entry 5"):
        verify(links)


def test_a_missing_link_is_named() -> None:
    links = chain()
    with pytest.raises(IntegrityError, match=r"no entry 4: the next one is 5"):
        verify(links[:3] + links[4:])


def test_fields_that_a_newer_record_has_do_not_hurt_an_older_reader() -> None:
    link = replace(chain()[-4], body='{"reason":"back","since":"later"}', kind="thawed")
    assert to_entry(link).event == Thawed(reason="back")


def test_an_event_of_an_unknown_kind_asks_for_an_upgrade() -> None:
    for newer in (replace(chain()[0], kind="teleported"), replace(chain()[0], format=FORMAT + 1)):
        with pytest.raises(UnsupportedError, match="newer Flyball"):
            to_entry(newer)


@pytest.mark.parametrize(
    "event",
    [
        RolledBack(version=2, to=1, reason=because("x"), evidence={"gain": float("inf")}),
        RolledBack(version=2, to=1, reason=because("x", count=2**60), evidence={}),
        Thawed(reason="\ud800"),
    ],
    ids=["infinite", "too large", "no text"],
)
def test_what_canonical_json_cannot_say_is_refused_before_it_is_written(event: RolledBack | Thawed) -> None:
    with pytest.raises(DataError, match="cannot be kept"):
        forge("churn", [event], newest=None, actor="loop", at=NOON)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(DataError, match="time zone"):
        forge("churn", [Thawed(reason="a")], newest=None, actor="loop", at=datetime(2024, 5, 1))  # noqa: DTZ001 - the point
