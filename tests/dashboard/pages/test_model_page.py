"""The page of the model: versions against each other, one version with all that is known of it, two side by side, and what may be done."""

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboarded import asked, made, well_formed
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.dashboard.pages.model import page
from flyball.dashboard.pages.model_list import paged
from flyball.dashboard.records import Ask, Links
from flyball.journal.events import AlertFired, Event, Frozen, Promoted
from flyball.wiring import open_dashboard
from flyball.words.sentences import Language
from rollouts import Small, rollout, spec_of
from versions import judged, registered

WHY = because("rollout.start")
T0 = datetime(2026, 3, 1, tzinfo=UTC)
NASTY = '<script>alert("x")</script>\u202e{{7*7}}\x1b[2J'


def html(ask: Ask) -> str:
    found = "".join(str(part.body) for part in page(ask).parts)
    well_formed(found)
    return found


def ask_of(known: Small, lived: Path, **query: str) -> Ask:
    """The page over a journal of one's own, with the ports in memory."""
    project = replace(open_dashboard([lived]).projects[0], name="m", spec=lambda: known.spec, world=lambda: known.world)
    return Ask(project=project, page="model", query=query, language="en", now=T0 + timedelta(days=3000))


def promoted(version: int, replaced: int | None) -> Promoted:
    return Promoted(version=version, replaced=replaced, reason=WHY, forced=False, watch_until=None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_versions_are_listed_against_the_champion(lived: Path, language: Language) -> None:
    found = made(lived, "model", language)
    assert found.count("<tr") >= 3
    assert ("better" if language == "en" else "优") in found or ("worse" if language == "en" else "差") in found
    assert "dashboard." not in found and "option." not in found, "every text has words"
    assert 'class="reign lane0"' in found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_version_is_shown_with_gate_lineage_parity_card_and_story(lived: Path, language: Language) -> None:
    found = made(lived, "model", language, version="1")
    assert "dashboard." not in found and "option." not in found
    assert found.count("<svg") == 3, "the graph lying and standing, and who was champion when"
    for words in (("What its gate said", "门槛结果"), ("Parity", "一致性"), ("Model card", "模型卡"), ("Its story", "经过")):
        assert words[language == "zh"] in found
    assert "max_depth" in found, "the spec is still the one it was trained with"
    assert 'href="/m/flight-delay/decisions?version=1"' in found


def test_two_versions_stand_side_by_side_with_the_direction_of_each_metric(lived: Path) -> None:
    there, back = made(lived, "model", version="2", against="1"), made(lived, "model", version="1", against="2")
    assert there.count("better") and there.count('"gain-up"') == back.count('"gain-down"')
    assert "Both read the same features" in there or "of another kind" in there or "only in version" in there
    assert "each of its own time" in there


def test_a_run_leads_to_mlflow_where_that_is_known(lived: Path) -> None:
    ask = asked(lived, "model", version="1")
    assert "/#/runs/" not in html(ask)
    found = html(replace(ask, project=replace(ask.project, links=Links(mlflow="http://mlflow:5000/"))))
    assert 'href="http://mlflow:5000/#/runs/' in found and 'href="http://mlflow:5000/#/models/flight-delay/versions/1"' in found


@pytest.mark.parametrize("query", [{"version": "99"}, {"version": "x"}, {"version": NASTY}, {"version": "1", "against": "0"}])
def test_a_version_that_is_not_there_is_said_with_the_way_back(lived: Path, query: dict[str, str]) -> None:
    found = html(replace(asked(lived, "model"), query=query))
    assert "There is no version" in found and 'href="/m/flight-delay/model"' in found and "<script" not in found


@pytest.mark.parametrize("query", [{"page": "99"}, {"page": "-1"}, {"page": "x"}, {"reigns": "7"}, {"against": "1"}, {"version": ""}])
def test_an_address_that_makes_no_sense_shows_the_list(lived: Path, query: dict[str, str]) -> None:
    assert "Versions against the champion" in html(replace(asked(lived, "model"), query=query))


def test_without_a_version_the_page_says_what_to_do(lived: Path, tmp_path: Path) -> None:
    assert "flyball train" in html(ask_of(Small(tmp_path, spec_of("shadow", shapes=False)), lived))


def test_a_bundle_that_is_gone_is_said_and_the_rest_stands(lived: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(lived, tmp_path / "copy"))
    shutil.rmtree(folder / ".flyball" / "bundles")
    found = made(folder, "model", version="1")
    assert found.count("Its bundle cannot be read") == 3
    assert "Its story" in found and "Held-out metrics" in found
    assert "Its bundle cannot be read" in made(folder, "model", version="1", against="2")


def test_a_spec_that_cannot_be_read_takes_only_its_sections_with_it(lived: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(lived, tmp_path / "copy"))
    ask = asked(folder, "model")
    (folder / "flyball.toml").write_text("[model\n")
    found = html(ask)
    assert "cannot be shown" in found and "Who was champion when" in found


def test_buttons_are_there_for_what_is_possible_and_reasons_for_the_rest(lived: Path, tmp_path: Path) -> None:
    known = Small(tmp_path, spec_of("experiment")).happen(registered(1), promoted(1, None), registered(2), rollout("experiment"))
    found = html(ask_of(known, lived))
    assert 'data-do="rollout/pause"' in found and 'data-do="rollout/resume"' not in found and 'data-do="rollback"' not in found
    assert "there is no version before the champion" in found
    version = html(ask_of(known, lived, version="2"))
    assert "&#34;force&#34;:true" in version and 'data-reason="required"' in version
    known.happen(Frozen(reason="audit", until=None))
    assert "the loop is stopped (audit)" in html(ask_of(known, lived, version="2"))


def test_names_from_the_journal_do_nothing(lived: Path, tmp_path: Path) -> None:
    gate = replace(judged(Verdict.FAIL), checks=())
    nasty = registered(1, metrics={NASTY: 0.1, "brier": 0.2}, run_id=NASTY, snapshot=NASTY, bundle=NASTY, gate=gate, source=NASTY)
    known = Small(tmp_path, spec_of("shadow", shapes=False)).happen(nasty, promoted(1, None), registered(2), actor=NASTY)
    for query in ({}, {"version": "1"}, {"version": "1", "against": "2"}):
        found = html(ask_of(known, lived, **query))
        assert "<script" not in found and "\x1b" not in found and "\u202e" not in found


def test_two_hundred_versions_and_ten_thousand_entries_are_shown_fast(lived: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    for version in range(1, 201):
        rolled = rollout("shadow", version=version, champion=version - 1)
        events += [registered(version), *([rolled] if version > 1 else []), promoted(version, version - 1 or None)]
        events += [AlertFired(key=f"drift:c{number}", reason=because("x")) for number in range(46)]
    known = Small(tmp_path, spec_of("shadow", shapes=False)).happen(*events)
    assert len(known.entries) > 9_700
    first = html(ask_of(known, lived))
    assert first.count('scope="row"') == 25 + 20 and "page 1 of 8" in first and "@176<" in first and ">@175<" not in first.split("<svg")[0]
    for query in ({}, {"page": "8"}, {"version": "200"}, {"version": "200", "against": "1"}):
        began = time.process_time()
        html(ask_of(known, lived, **query))
        assert time.process_time() - began < 1.5, "on a busy machine; it is 0.3 s on a quiet one"


def test_pages_of_a_list_hold_every_thing_once(lived: Path) -> None:
    ask = replace(asked(lived, "model"), query={"page": "2"})
    assert (paged(ask, "page", 60, 25).page, paged(ask, "page", 60, 25).pages, paged(ask, "page", 10, 25).page) == (2, 3, 1)
