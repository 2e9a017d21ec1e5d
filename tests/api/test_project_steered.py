"""A project from Python: what a person decides, what is compared, and what is told of the past."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flyball import Project
from flyball.api.view import View
from flyball.core.errors import NotFoundError, RefusedError, UsageError
from recorded import an_answer
from trained import Shop, change, flyball, only_our_warnings


def later() -> datetime:
    return datetime(2025, 3, 10, tzinfo=UTC)


@pytest.fixture
def project(own: Shop, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("FLYBALL_ACTOR", "ann")
    return Project(own.folder, clock=later)


@pytest.fixture
def compared(recorded: Path) -> Project:
    """Version 2 is compared with the champion, 1, in shadow."""
    return Project(recorded, clock=lambda: datetime(2024, 4, 3, tzinfo=UTC))


def shown(view: View) -> str:
    """What a terminal shows; a notebook shows a table or a page."""
    assert view._repr_html_().startswith(("<table>", "<iframe "))
    return repr(view)


def test_a_person_promotes_rolls_back_freezes_and_thaws(project: Project) -> None:
    assert project.status()["champion"].startswith("2 since") and "champion" in shown(project.status())
    with pytest.raises(RefusedError, match="did not pass its gate"):
        project.promote(3)
    with only_our_warnings():
        done = project.promote(3, force=True, reason="a demonstration")
        assert "promote" in shown(done) and "ann" in shown(done) and done.entries[-1].actor == "ann"
        assert "enough of it" in shown(project.rollback("enough of it"))
        assert [one.aliases for one in project.models()] == [(), ("champion",), ()]
        assert "a holiday" in shown(project.freeze("a holiday", length="24h"))
        with pytest.raises(RefusedError, match="frozen until 2025-03-11"):
            project.promote(1)
        assert "thaw" in shown(project.thaw("back"))
        project.promote(1, to="staging", share=0.1, reason="a look")
        assert project.status()["challenger"] == 1
        project.promote(1, to="none")
    assert project.status()["challenger"] is None


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda one: one.freeze(" "), "needs a reason"),
        (lambda one: one.freeze("x", length="a while"), "a while"),
        (lambda one: one.promote(1, share=0.5), "to='staging'"),
        (lambda one: one.promote(1, to="production!"), "is none of"),
        (lambda one: one.promote(3, force=True), "needs --reason"),
        (lambda one: one.history("yesterday"), "yesterday"),
        (lambda one: one.history(datetime(2025, 1, 1)), "has no zone"),  # noqa: DTZ001 - that is the mistake
        (lambda one: one.history("2025-01-01T00:00:00Z", since="2025-01-01T00:00:00Z"), "shows one time"),
        (lambda one: one.verify_journal("5:abc"), "is not the end of a journal"),
        (lambda one: one.backtest("sometimes"), "sometimes"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(project: Project, call: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        call(project)


def test_a_promotion_waits_for_approval_and_is_declined_or_approved(project: Project, own: Shop) -> None:
    change(own.folder, "[rollout]\n", '[rollout]\napprove = "manual"\n')
    asking = Project(own.folder, clock=later)
    with only_our_warnings():
        asking.promote(1, reason="the old one was better")
        assert asking.rollout()["waiting"]["version"] == 1 and "waits for approval" in shown(asking.rollout())
        asking.decline(1, "no")
        with pytest.raises(RefusedError, match="no promotion of"):
            asking.approve(1, "yes")
        asking.promote(1)
        asking.approve(1, "yes")
    assert asking.status()["champion"].startswith("1 since")


def test_a_rollout_is_paused_resumed_and_aborted(compared: Project) -> None:
    assert "shadow" in shown(compared.rollout())
    found = compared.experiment()
    assert (found.running, found.rollout.version) == (True, 2) and found.page.startswith("<!")
    assert "shadow by brier" in shown(found)
    with only_our_warnings():
        compared.pause("a holiday")
        assert compared.rollout()["rollout"]["paused_since"] is not None
        compared.resume("back")
        compared.abort("enough")
    assert compared.rollout()["rollout"] is None
    with pytest.raises(RefusedError, match="being compared"):
        compared.abort("again")


def test_the_past_is_told(compared: Project, recorded: Path) -> None:
    trainings = compared.retrains()
    assert [(one.version, one.became) for one in trainings] == [(1, "champion"), (2, "in comparison")]
    assert "champion" in shown(trainings) and len(compared.retrains(all=True)) >= 2
    assert compared.history("2024-04-01T12:00:00Z").champion == 1
    assert compared.history(datetime(2024, 3, 1, tzinfo=UTC)).champion is None
    assert [one.action for one in compared.history(since="2024-04-01T12:00:00Z")] == ["compare"]
    assert "promote" in shown(compared.history()) and "champion" in shown(compared.history("2024-04-01T12:00:00Z"))
    anchor = flyball(recorded, "journal", "--head").out.strip()
    sound = compared.verify_journal(anchor)
    assert not sound.flaws and "each as it was appended" in shown(sound)
    assert "NOT as appended" in shown(compared.verify_journal(anchor[:-1] + ("0" if anchor[-1] != "0" else "1")))
    assert compared.trace(an_answer(recorded)).registered.version == 1


def test_a_version_is_replayed_and_reproduced(recorded: Path) -> None:
    project = Project(recorded)
    with only_our_warnings():
        report = project.replay(2, last=100)
        assert (report.candidate, report.champion, report.compared) == (2, 1, 20)
        assert report.page.startswith("<!") and "20 of 20 logged requests" in shown(report)
        again = project.reproduce(1)
    assert again.identical and "same bytes" in shown(again)
    with pytest.raises(NotFoundError):
        project.replay(9)


def test_policies_are_compared_over_history(own: Shop) -> None:
    with only_our_warnings():
        found = Project(own.folder).backtest(["never", "every:60d"], start="2024-09-01T00:00:00Z", end="2024-12-01T00:00:00Z", step="7d")
    assert [one.name for one in found.policies] == ["never", "every:60d"]
    assert found.page.startswith("<!") and "never" in shown(found)
