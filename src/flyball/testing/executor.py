"""What every executor keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

import time
from pathlib import Path

from flyball.ports.training import Executor, Job, JobState


def wait_for(executor: Executor, action: str) -> JobState:
    """Poll until the job is over."""
    while (state := executor.poll(action)).state == "running":
        time.sleep(0.02)
    return state


class ExecutorSuite:
    """Inherit, and give the fixture `executor`: one whose jobs understand three verbs.

    `note TEXT` appends TEXT to the file `notes` in the job's folder and prints `{"said": "TEXT"}`; `fail TEXT` says TEXT and fails;
    `sleep` notes its beginning in the file `begun`, if it runs at all, and does not end by itself.
    """

    def test_a_job_that_ends_well_is_done_and_its_output_is_the_result(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(Job(action="a1", verb=("note", "hello, 世界 $HOME"), folder=tmp_path))
        assert wait_for(executor, "a1") == JobState(state="done", result='{"said": "hello, 世界 $HOME"}', message="")
        assert executor.poll("a1").state == "done"

    def test_a_job_that_fails_says_why(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(Job(action="a1", verb=("fail", "no such column"), folder=tmp_path))
        state = wait_for(executor, "a1")
        assert state.state == "failed"
        assert "no such column" in state.message

    def test_the_same_action_is_not_started_twice(self, executor: Executor, tmp_path: Path) -> None:
        for _ in range(3):
            executor.submit(Job(action="a1", verb=("note", "x"), folder=tmp_path))
        assert wait_for(executor, "a1").state == "done"
        executor.submit(Job(action="a1", verb=("note", "y"), folder=tmp_path))
        assert wait_for(executor, "a1").result == '{"said": "x"}'
        assert (tmp_path / "notes").read_text() == "x\n"

    def test_a_job_that_nobody_knows_is_lost(self, executor: Executor) -> None:
        assert executor.poll("never-submitted").state == "lost"

    def test_a_cancelled_job_ends_as_failed_and_another_is_not_touched(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(Job(action="a1", verb=("sleep",), folder=tmp_path))
        executor.submit(Job(action="a2", verb=("note", "x"), folder=tmp_path))
        executor.cancel("a1")
        state = wait_for(executor, "a1")
        assert (state.state, state.message) == ("failed", "cancelled")
        assert wait_for(executor, "a2").state == "done"

    def test_cancelling_what_is_over_or_unknown_changes_nothing(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(Job(action="a1", verb=("note", "x"), folder=tmp_path))
        before = wait_for(executor, "a1")
        executor.cancel("a1")
        executor.cancel("never-submitted")
        assert executor.poll("a1") == before
