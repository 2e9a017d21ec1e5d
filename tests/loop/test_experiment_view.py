"""A rollout is measured by its arms or paired, and shown as it was looked at, running or ended."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from arms import HALF, START, log_rows, rollout, started
from flyball.core.errors import RefusedError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.journal.events import Event, RolloutEnded
from flyball.journal.known import Phase
from flyball.journal.moves import RolloutPaused, ShareMoved
from flyball.loop.evidence.live import rollout_evidence
from flyball.loop.experiment import ExperimentView, _earliest, _expected, experiment_view, so_far, trials
from flyball.loop.memory import Memory
from flyball.monitoring.records import ArmsEvidence, PairedEvidence
from flyball.render.experiment.page import experiment_page
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from watched import MODEL, Watched, reference

DAY = timedelta(days=1)


class Trial:
    """A world with versions 1 (champion) and 2, and a rollout of 2."""

    def __init__(self, folder: Path, *, days: int = 12, worse: float = 0.0, shadow: bool = False, **changes: Any) -> None:
        self.watched = Watched(folder)
        known = reference()
        self.watched.register(1, known).promote(1).register(2, known)
        self.spec: Spec = replace(self.watched.spec, data=replace(self.watched.spec.data, matures=DAY))
        self.happened(START, started(**{**({"strategy": "shadow", "share": 0.0} if shadow else {}), **changes}))
        challenger, champion = rollout(3, days=days, rows=300, worse=worse)
        if shadow:
            log_rows(self.watched.world, MODEL, [(1, champion)], shadow=2)
        else:
            log_rows(self.watched.world, MODEL, [(2, challenger), (1, champion)])

    def happened(self, at: datetime, event: Event) -> None:
        self.watched.world.journal.append(MODEL, [event], expected=self.watched.state.seq, actor="test", at=at)

    def view(self, at: datetime) -> ExperimentView:
        return experiment_view(self.watched.world, self.spec, self.watched.state, Memory(), at)

    def evidence(self, at: datetime) -> Any:
        return rollout_evidence(self.watched.world, self.spec, self.watched.state, Memory(), at)


def test_only_whole_matured_days_count_and_all_rows_are_assigned(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    found = trial.evidence(START + 9.5 * DAY)
    assert isinstance(found, ArmsEvidence)
    assert (found.live_blocks, found.blocks) == (8, 8)
    assert found.champion.matured < found.champion.rows
    assert found.champion.rows == len(trial.watched.world.predictions.rows(MODEL, 1, Window(start=START, end=START + 9.5 * DAY)).at)


def test_a_loop_that_remembers_sees_what_one_that_starts_afresh_sees(tmp_path: Path) -> None:
    trial, memory = Trial(tmp_path), Memory()
    for day in range(3, 14):
        found = rollout_evidence(trial.watched.world, trial.spec, trial.watched.state, memory, START + day * DAY + DAY / 3)
        assert found == trial.evidence(START + day * DAY + DAY / 3)


def test_a_worse_challenger_is_shown_as_such_with_the_bounds_closing_in(tmp_path: Path) -> None:
    view = Trial(tmp_path, worse=0.2).view(START + 13 * DAY)
    assert (view.running, view.verdict) == (True, Verdict.FAIL)
    assert "certainly worse than 1" in sentence(view.reason)
    assert len(view.looks) == 12 and len(view.days) == 12
    widths = [one.upper - one.lower for one in view.looks if one.lower is not None and one.upper is not None]
    assert len(widths) == 6 and widths[-1] < widths[0]
    assert sum(one.gain < 0 for one in view.days) >= 10


def test_two_alike_are_not_decided_and_it_is_said_when_they_will_be(tmp_path: Path) -> None:
    view = Trial(tmp_path).view(START + 13 * DAY)
    assert view.verdict is Verdict.UNDECIDED
    assert view.expected_at is None or START + 13 * DAY < view.expected_at <= view.rollout.deadline_at
    (tmp_path / "early").mkdir()
    early = Trial(tmp_path / "early").view(START + 4 * DAY)
    assert "bounds are given from 7 days on" in sentence(early.reason)
    assert early.earliest_at == START + 8 * DAY


def test_an_ended_rollout_is_shown_as_it_was_when_it_ended(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    before = trial.view(START + 10 * DAY)
    why = because("rollout.by_hand", actor="ada", version=2)
    trial.happened(START + 10 * DAY, RolloutEnded(version=2, verdict=Verdict.UNDECIDED, reason=why, evidence={}))
    after = trial.view(START + 40 * DAY)
    assert after.evidence == before.evidence
    assert (after.running, after.ended_at, after.expected_at) == (False, START + 10 * DAY, None)
    assert after.ended is not None and "ada" in sentence(after.ended)


def test_shadows_are_shown_too(tmp_path: Path) -> None:
    view = Trial(tmp_path, shadow=True).view(START + 13 * DAY)
    assert isinstance(view.evidence, PairedEvidence)
    assert view.evidence.live_blocks == 12 and len(view.days) == 12
    assert view.evidence.gain < 0


def test_a_share_that_moved_gives_phases(tmp_path: Path) -> None:
    trial = Trial(tmp_path, strategy="canary", days=12)
    trial.happened(START + 6 * DAY, ShareMoved(version=2, share=0.5, reason=because("test.reason"), evidence={}))
    view = trial.view(START + 13 * DAY)
    assert isinstance(view.evidence, ArmsEvidence)
    assert [phase.share for phase in view.phases] == [0.5, 0.5]
    assert len(view.evidence.phases) == 2 and None not in view.evidence.phases
    assert view.evidence.trouble is None


def test_without_any_rollout_there_is_nothing_to_show(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.register(1, reference()).promote(1)
    with pytest.raises(RefusedError, match="no rollout of churn has been started"):
        experiment_view(watched.world, watched.spec, watched.state, Memory(), START)


def test_nothing_matured_says_so() -> None:
    verdict, reason = so_far(None, 0.0, DAY)
    assert verdict is Verdict.UNDECIDED
    assert "outcomes count 1d after the prediction" in sentence(reason)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_stands_alone_and_is_the_same_for_the_same_view(tmp_path: Path, language: Any) -> None:
    view = Trial(tmp_path, worse=0.2).view(START + 13 * DAY)
    page = experiment_page(view, language)
    assert page == experiment_page(view, language)
    assert "<script" not in page and "http://" not in page and "https://" not in page and "report.exp_" not in page
    assert page.count("<svg") == 2 and ("Worse" in page if language == "en" else "更差" in page)
    hostile = replace(view, model="<b>&\x1b[2J</b>")
    assert "<b>&" not in experiment_page(hostile, language)


def test_a_rollout_in_trouble_is_not_said_to_be_decided_soon(tmp_path: Path) -> None:
    found = Trial(tmp_path).evidence(START + 11 * DAY)
    assert isinstance(found, ArmsEvidence) and found.lower is not None
    near = started(margin=-found.lower * 0.999)
    assert _expected(found, near, START + 11 * DAY, START) is not None
    assert _expected(replace(found, trouble=because("arms.delay")), near, START + 11 * DAY, START) is None


def test_nothing_is_expected_in_favour_before_its_least_days_and_the_last_step_of_a_canary(tmp_path: Path) -> None:
    found = Trial(tmp_path).evidence(START + 11 * DAY)
    assert isinstance(found, ArmsEvidence) and found.lower is not None
    now, margin = START + 11 * DAY, -found.lower * 0.999
    many = started(margin=margin, min_days=25)
    assert _earliest(many, HALF, DAY) == START + 26 * DAY
    assert _expected(found, many, now, START + 26 * DAY) == START + 26 * DAY
    assert _expected(found, many, now, START + 31 * DAY) is None, "after its deadline nothing is decided"
    steps = started(strategy="canary", steps=(0.1, 0.3, 0.5), hold=3 * DAY, margin=margin)
    climbing = (Phase(since=START, share=0.1), Phase(since=START + 10 * DAY, share=0.3))
    assert _earliest(steps, climbing, DAY) == START + 16 * DAY
    assert _earliest(steps, (*climbing, Phase(since=START + 14 * DAY, share=0.5)), DAY) == START + 17 * DAY
    losing = replace(found, gain=-0.01, lower=-0.0201, upper=0.0001)
    worse = _expected(losing, many, now, START + 26 * DAY)
    assert worse is not None and worse < START + 26 * DAY, "a version that is worse is refused at once"


def test_the_first_day_of_a_rollout_counts_from_its_midnight(tmp_path: Path) -> None:
    evening = started(start_at=START + 0.9 * DAY)
    assert _earliest(evening, HALF, DAY) == START + 8 * DAY
    assert _earliest(replace(evening, min_days=0), HALF, timedelta(0)) == START + 0.9 * DAY


def test_a_paused_rollout_is_not_said_to_be_decided_soon(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.happened(START + 12 * DAY, RolloutPaused(version=2, reason=because("test.reason")))
    assert trial.view(START + 13 * DAY).expected_at is None


def test_a_shadow_that_begins_within_a_day_counts_from_the_next_midnight_on(tmp_path: Path) -> None:
    """The rest of that day would count as much as a whole one."""
    noon = START + 0.5 * DAY
    trial = Trial(tmp_path, shadow=True, start_at=noon)
    found = trial.evidence(START + 9 * DAY)
    assert isinstance(found, PairedEvidence) and found.live_blocks == 7
    (tmp_path / "midnight").mkdir()
    later = Trial(tmp_path / "midnight", shadow=True, start_at=START + DAY).evidence(START + 9 * DAY)
    assert found == later
    assert trial.evidence(START + 1.5 * DAY).rows == 0
    view = trial.view(START + 9 * DAY)
    assert (len(view.days), view.earliest_at) == (7, START + 9 * DAY)


def test_what_was_known_at_each_look_is_what_the_loop_found_then(tmp_path: Path) -> None:
    trial = Trial(tmp_path, shadow=True)
    view = trial.view(START + 13 * DAY)
    assert len(view.looks) == 12
    for look in view.looks:
        then = trial.evidence(look.at)
        assert (look.gain, look.lower, look.upper) == pytest.approx((then.gain, then.lower, then.upper))
        assert look.blocks == then.blocks


def test_every_rollout_of_the_journal_can_be_looked_at_again(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    why = because("rollout.by_hand", actor="ada", version=2)
    trial.happened(START + 10 * DAY, RolloutEnded(version=2, verdict=Verdict.UNDECIDED, reason=why, evidence={}))
    trial.happened(START + 11 * DAY, started(start_at=START + 11 * DAY))
    entries = trial.watched.world.journal.read(MODEL)
    first, second = trials(entries)
    assert (first.end is not None, second.end, first.at, second.at) == (True, None, START, START + 11 * DAY)
    past, now = (
        experiment_view(trial.watched.world, trial.spec, trial.watched.state, Memory(), START + 12 * DAY, entries=entries, of=one)
        for one in (first, second)
    )
    assert (past.running, past.ended_at, now.running) == (False, START + 10 * DAY, True)
    assert past.evidence is not None and past.evidence.rows > 0
