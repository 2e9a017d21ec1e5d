"""The experiment page: what is known of a comparison, what would decide it, and what is shown where something is missing."""

import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest

from dashboarded import asked, made, well_formed
from flyball.core.errors import DataError
from flyball.core.verdict import Verdict
from flyball.dashboard.pages.experiment import page
from flyball.dashboard.pages.experiment_reckoned import Reckoned
from flyball.dashboard.pages.experiment_shown import gate_of, guards_of, row_of
from flyball.loop.experiment import ExperimentView, trials
from replayed import town


def settled(folder: Path, language: Any = "en", **query: str) -> str:
    """The page once its figures are there."""
    for _ in range(200):
        found = made(folder, "experiment", language, None, **query)
        if "being reckoned" not in found and "正在根据" not in found:
            return found
        time.sleep(0.05)
    raise AssertionError("the figures never came")


def test_a_comparison_is_shown_with_its_bounds_its_guardrails_and_its_gate(lived: Path) -> None:
    found = settled(lived)
    assert "against champion" in found and "always-valid" in found
    assert found.count("<svg") >= 2  # the bounds over time, and the gain day by day
    assert "has not acted" in found and "99th percentile" in found
    assert "What the gate said of version" in found and "All comparisons" in found


def test_a_comparison_is_shown_in_chinese(lived: Path) -> None:
    found = settled(lived, "zh")
    assert "护栏" in found and "全部比较" in found and "dashboard." not in found


def test_the_comparison_of_any_version_can_be_asked_for(lived: Path) -> None:
    entries = asked(lived, "experiment").world.journal.read("flight-delay")
    first = trials(entries)[0].rollout
    assert f"Version {first.version} against champion {first.champion}" in settled(lived, of=str(first.version))
    assert "was never compared" in settled(lived, of="900")
    assert "was never compared" in settled(lived, of="<b>")


def test_one_that_runs_is_looked_at_again_and_can_be_paused_and_ended_and_one_that_is_over_cannot(lived: Path) -> None:
    entries = asked(lived, "experiment").world.journal.read("flight-delay")
    for one in trials(entries):
        found = settled(lived, of=str(one.rollout.version))
        assert ('data-do="rollout/abort"' in found) is (one.end is None)
        parts = {part.key: part.every for part in page(asked(lived, "experiment", of=str(one.rollout.version))).parts}
        assert (parts["answer"] > 0) is (one.end is None)


def test_the_rows_of_the_list_are_what_the_journal_says(lived: Path) -> None:
    entries = asked(lived, "experiment").world.journal.read("flight-delay")
    ended = [one for one in trials(entries) if one.end is not None]
    assert ended
    for one in ended:
        row, gate = row_of(one, None), gate_of(entries, one)
        assert row.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED) and row.end is not None
        assert gate is not None and gate.others
        assert [guard.name for guard in guards_of(one, [])] == ["errors", "nan", "latency", "score_drift"]


def test_without_a_comparison_it_is_said_how_one_begins(tmp_path: Path) -> None:
    town(tmp_path / "town")
    found = made(tmp_path / "town", "experiment")
    assert "No version was compared" in found and "flyball train" in found


def test_figures_that_take_long_come_later_and_the_older_ones_are_shown_meanwhile() -> None:
    reckoned, go = Reckoned(wait=0.02), threading.Event()
    old, new = cast(ExperimentView, "old"), cast(ExperimentView, "new")

    def slow() -> ExperimentView:
        assert go.wait(10)
        return new

    assert reckoned.get("it", 1, lambda: old).view == old
    assert (waiting := reckoned.get("it", 2, slow)).view == old and waiting.pending
    assert reckoned.get("it", 1, slow).pending is False
    go.set()
    for _ in range(100):
        found = reckoned.get("it", 2, slow)
        if not found.pending:
            break
    assert (found.view, found.pending) == (new, False)


def test_figures_that_cannot_be_had_are_tried_again() -> None:
    reckoned = Reckoned(wait=5.0)

    def broken() -> ExperimentView:
        raise DataError("the bundle is gone")

    with pytest.raises(DataError, match="gone"):
        reckoned.get("it", 1, broken)
    good: Future[ExperimentView] = Future()
    good.set_result(cast(ExperimentView, "there"))
    assert reckoned.get("it", 1, good.result).view == cast(ExperimentView, "there")


def test_what_the_journal_says_stands_though_the_figures_cannot_be_had(lived: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(lived, tmp_path / "copy", ignore=shutil.ignore_patterns("server.json"))
    shutil.rmtree(tmp_path / "copy" / ".flyball" / "bundles")
    entries = asked(tmp_path / "copy", "experiment").world.journal.read("flight-delay")
    ended = next(one for one in trials(entries) if one.end is not None)
    ask = asked(tmp_path / "copy", "experiment", of=str(ended.rollout.version))
    bodies = {part.key: str(part.body) for part in page(ask).parts}
    for body in bodies.values():
        well_formed(body)
    assert "against champion" in bodies["answer"] and "All comparisons" in bodies["all"]
