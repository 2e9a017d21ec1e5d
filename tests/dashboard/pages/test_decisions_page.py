"""The page of decisions: the journal in sentences, what is looked for, and each entry with its evidence."""

import re
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import pytest

from dashboarded import asked, made
from flyball.core.errors import NotFoundError
from flyball.dashboard.pages.decisions import EACH, did, kind_code, read_query
from flyball.dashboard.table import maker
from flyball.journal.events import EVENTS, Entry, Frozen, Registered
from flyball.journal.explain import tell
from flyball.loop.past.price import Became
from flyball.testing.samples import one_event_of_each_kind
from flyball.words.sentences import catalogue

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def entries(folder: Path) -> list[Entry]:
    ask = asked(folder, "decisions")
    return ask.world.journal.read(ask.model)


def test_what_the_loop_did_and_why_is_told_the_newest_first(lived: Path) -> None:
    page = made(lived, "decisions")
    assert "promoted" in page and "made a version" in page
    numbers = [int(one) for one in re.findall(r'entry=(\d+)" aria-label', page)]
    assert numbers == sorted(numbers, reverse=True)


def test_a_month_is_one_click_and_its_evidence_another(lived: Path) -> None:
    at = entries(lived)[-1].at
    assert f"from={at:%Y-%m}-01&amp;to={at:%Y-%m}" in made(lived, "decisions")
    month = made(lived, "decisions", "en", NOW, **{"from": f"{at:%Y-%m}-01", "to": f"{at:%Y-%m-%d}", "show": "all"})
    assert f"entry={entries(lived)[-1].seq}" in month


def test_every_entry_has_its_evidence_in_both_languages(lived: Path) -> None:
    for entry in entries(lived):
        assert entry.hash in made(lived, "decisions", entry=str(entry.seq))
    assert "此条的哈希" in made(lived, "decisions", "zh", entry="1")


def test_a_version_that_was_made_shows_its_gate_and_metrics(lived: Path) -> None:
    entry = next(one for one in entries(lived) if isinstance(one.event, Registered))
    page = made(lived, "decisions", entry=str(entry.seq))
    assert "roc_auc" in page and "Its gate, check by check" in page


def test_the_chain_is_checked_when_asked_and_not_before(lived: Path) -> None:
    assert "Check the whole chain now" in made(lived, "decisions", entry="1")
    assert f"All {len(entries(lived))} entries are as they were appended" in made(lived, "decisions", entry="1", verify="1")


@pytest.mark.parametrize("text", ["0", "9999999", "x", "", "1 or 1", "٣"])
def test_an_entry_that_is_not_there_is_told(lived: Path, text: str) -> None:
    make = maker("decisions")
    assert make is not None
    with pytest.raises(NotFoundError):
        make(asked(lived, "decisions", entry=text))


@pytest.mark.parametrize("query", [{"from": "July"}, {"to": "2013-02-30"}, {"version": "x"}, {"kind": "<b>"}, {"page": "-1"}])
def test_what_cannot_be_read_is_said_and_left_out(lived: Path, query: dict[str, str]) -> None:
    page = made(lived, "decisions", "en", NOW, **query)
    assert 'role="alert"' in page and "<b>" not in page


def test_the_last_day_is_part_of_the_span(lived: Path) -> None:
    wanted = read_query(asked(lived, "decisions", "en", NOW, **{"from": "2013-07-01", "to": "2013-07-31"})).wanted
    assert (wanted.since, wanted.until) == (datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 8, 1, tzinfo=UTC))


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1969-07-20"])
def test_days_far_away_find_nothing_and_break_nothing(lived: Path, day: str) -> None:
    assert "timeline" in made(lived, "decisions", "en", NOW, **{"from": day})


def test_every_kind_of_entry_has_words(lived: Path) -> None:
    ask = asked(lived, "decisions")
    assert all(f"dashboard.{kind_code(kind)}" in catalogue() for kind in EVENTS)
    for event in one_event_of_each_kind():
        entry = Entry(model="m", seq=1, at=datetime(2026, 1, 1, tzinfo=UTC), actor="a", event=event, prev_hash="", hash="")
        assert not did(ask, tell(entry)).startswith("dashboard."), event


def test_whatever_becomes_of_a_version_has_words() -> None:
    assert all(f"dashboard.decisions.became.{one.replace(' ', '_')}" in catalogue() for one in Became.__args__)  # type: ignore[attr-defined]


def test_a_long_journal_is_turned_page_by_page(lived: Path, tmp_path: Path) -> None:
    own = tmp_path / "flights"
    copytree(lived, own, symlinks=True)
    ask, count = asked(own, "decisions"), len(entries(lived))
    more = [Frozen(reason=f"pause {number}", until=None) for number in range(2 * EACH)]
    ask.world.journal.append(ask.model, more, expected=count, actor="ann", at=entries(lived)[-1].at)
    first, second = made(own, "decisions"), made(own, "decisions", page="2")
    assert "page=2" in first and "page 2 of" in second
    assert f"entry={count + 2 * EACH}" in first and f"entry={count + EACH}" in second
