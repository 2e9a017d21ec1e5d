"""How a model stands is said in few words, about the time that the loop looked last."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from dashboarded import asked, write
from flyball.dashboard.standing import did, facts, newest, said, standing
from flyball.journal.events import Entry, Event, Frozen, RetrainEnded, RetrainStarted, Thawed
from flyball.journal.moves import ApprovalAsked
from flyball.testing.samples import one_event_of_each_kind
from flyball.words.sentences import Language, catalogue
from rollouts import WHY
from trained import Shop


@pytest.fixture
def copy(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "copy"))


def test_all_is_about_the_last_look_and_not_about_what_people_do_later(copy: Path) -> None:
    before = facts(asked(copy, "loop"))
    assert before.at == before.looks[-1] and before.at.year == 2013
    write(copy, Frozen(reason="audit", until=None))
    after = facts(asked(copy, "loop"))
    assert after.at == before.at and len(after.entries) == len(before.entries) + 1


def test_before_the_loop_looked_it_is_about_the_newest_entry(shop: Shop) -> None:
    known = facts(asked(shop.folder, "loop"))
    assert known.looks == [] or known.looks == ()
    assert known.at == known.entries[-1].at
    found = standing(asked(shop.folder, "loop"), known)
    assert found.health == "unknown" and "flyball up" in found.step


def test_without_a_version_the_first_training_is_waited_for(tmp_path: Path, shop: Shop) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    shutil.copy(shop.folder / "flyball.toml", folder)
    ask = asked(folder, "loop")
    assert facts(ask).at == ask.now
    found = standing(ask)
    assert (found.health, found.last, found.last_at, found.due, found.due_at) == ("unknown", "", None, "", None)
    assert found.person and "first training" in found.waits and "flyball train" in found.step


def test_a_standing_says_health_why_and_what_comes_next(lived: Path) -> None:
    found = standing(asked(lived, "loop"))
    assert found.health in ("good", "look", "act") and found.why and found.step
    assert found.last_at is not None and found.last_at.year == 2013 and ": " in found.last
    assert found.due_at is not None and "UTC" not in found.due, "the time is told beside the sentence, once"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_is_waited_for_is_told_apart_from_what(copy: Path, language: Language) -> None:
    write(copy, Frozen(reason="audit", until=None))
    found = standing(asked(copy, "loop", language))
    assert found.person and "audit" in found.waits
    write(copy, Thawed(reason="over"))
    known = facts(asked(copy, "loop"))
    assert known.state.champion is not None
    version = max(known.state.versions)
    write(copy, ApprovalAsked(version=version, reason=WHY, evidence={}))
    found = standing(asked(copy, "loop", language))
    assert found.person and str(version) in found.waits


def test_a_training_that_runs_is_waited_for_by_nobody_in_particular(copy: Path) -> None:
    write(copy, RetrainStarted(action="a", cause="drift", reason=WHY))
    found = standing(asked(copy, "loop"))
    assert not found.person and found.waits.count("UTC") == 1 and "training" in found.waits


def test_a_freeze_that_has_ended_is_none(copy: Path) -> None:
    write(copy, Frozen(reason="audit", until=datetime.now(UTC) - timedelta(hours=1)))
    assert "audit" not in standing(asked(copy, "loop")).waits


def test_the_newest_decisions_leave_out_what_the_version_tells_anyhow(copy: Path) -> None:
    write(copy, RetrainEnded(action="a", outcome="registered", version=1, reason=WHY), Frozen(reason="audit", until=None))
    found = newest(facts(asked(copy, "loop")).entries, 3)
    assert found[0].action == "freeze" and "retrain registered" not in [one.action for one in found]
    assert len(found) == 3 and newest([], 3) == []


@pytest.mark.parametrize("event", one_event_of_each_kind(), ids=lambda event: type(event).__name__)
def test_every_decision_has_words(event: Event, shop: Shop) -> None:
    ask = asked(shop.folder, "loop")
    entry = Entry(model=ask.model, seq=1, at=ask.now, actor="loop", event=event, prev_hash="", hash="")
    for told in newest([entry], 1):
        assert f"dashboard.did.{told.action.replace(' ', '_').replace(':', '')}" in catalogue()
        assert said(ask, told).startswith(did(ask, told))


@pytest.mark.parametrize("outcome", ["unchanged", "failed", "lost"])
def test_every_end_of_a_training_has_words(outcome: Literal["unchanged", "failed", "lost"], shop: Shop) -> None:
    ask = asked(shop.folder, "loop")
    event = RetrainEnded(action="a", outcome=outcome, version=0, reason=WHY)
    entry = Entry(model=ask.model, seq=1, at=ask.now, actor="loop", event=event, prev_hash="", hash="")
    (told,) = newest([entry], 1)
    assert not did(ask, told).startswith("dashboard.")
