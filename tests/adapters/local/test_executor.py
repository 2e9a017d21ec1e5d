"""Jobs as local processes: found again by other processes, lost when they vanish, ended with everything they started."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flyball.adapters.local.executor import LocalExecutor
from flyball.adapters.local.process import group_is_gone, identity
from flyball.core.errors import DataError
from flyball.ports.training import Job
from flyball.testing.executor import ExecutorSuite, wait_for

_VERBS = r"""
import json, pathlib, signal, subprocess, sys, time
verb, *words = sys.argv[1:]
if verb == "note":
    with open("notes", "a") as file:
        file.write(words[0] + "\n")
    print(json.dumps({"said": words[0]}, ensure_ascii=False))
elif verb == "half":
    print(json.dumps({"gate": "fail"}))
    sys.exit(1)
elif verb == "fail":
    sys.exit(words[0])
elif verb in ("sleep", "stubborn"):
    if verb == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path("child").write_text(str(child.pid))
    pathlib.Path("begun").touch()
    time.sleep(600)
"""

_SUBMITTER = """
import sys
from pathlib import Path
from flyball.adapters.local.executor import LocalExecutor
from flyball.ports.training import Job
program = (sys.executable, "-c", sys.argv[1])
LocalExecutor(Path(sys.argv[2]), program=program).submit(Job(action="a1", verb=("note", "x"), folder=Path(sys.argv[3])))
"""


@pytest.fixture
def executor(tmp_path: Path) -> LocalExecutor:
    return LocalExecutor(tmp_path / "jobs", program=(sys.executable, "-X", "utf8", "-c", _VERBS))


class TestLocalExecutor(ExecutorSuite):
    pass


def test_a_job_is_known_to_every_later_process(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _SUBMITTER, _VERBS, str(tmp_path / "jobs"), str(tmp_path)], check=True)
    state = wait_for(LocalExecutor(tmp_path / "jobs"), "a1")
    assert (state.state, state.result) == ("done", '{"said": "x"}')


def test_processes_that_submit_the_same_action_at_once_start_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SUBMITTER, _VERBS, str(tmp_path / "jobs"), str(tmp_path)]
    racers = [subprocess.Popen(command) for _ in range(4)]
    assert [racer.wait() for racer in racers] == [0, 0, 0, 0]
    assert wait_for(LocalExecutor(tmp_path / "jobs"), "a1").state == "done"
    assert (tmp_path / "notes").read_text() == "x\n"
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["a1"]


def test_a_job_that_fails_still_hands_over_what_it_printed(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(Job(action="a1", verb=("half",), folder=tmp_path))
    state = wait_for(executor, "a1")
    assert (state.state, state.result, state.message) == ("failed", '{"gate": "fail"}', "exit code 1")


def test_a_job_that_was_killed_is_lost_and_cancelling_it_ends_what_it_left(executor: LocalExecutor, tmp_path: Path) -> None:
    child = _begin(executor, tmp_path, "sleep")
    process = json.loads((tmp_path / "jobs" / "a1" / "process.json").read_text())
    os.kill(process["pid"], signal.SIGKILL)
    assert wait_for(executor, "a1").state == "lost"
    assert identity(child) is not None
    executor.cancel("a1")
    assert identity(child) is None


@pytest.mark.parametrize("verb", ["sleep", "stubborn"])
def test_cancelling_ends_the_job_and_everything_it_started(
    executor: LocalExecutor, tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flyball.adapters.local.executor._GRACE", 0.5)
    child = _begin(executor, tmp_path, verb)
    assert executor.poll("a1").state == "running"
    executor.cancel("a1")
    assert identity(child) is None
    state = executor.poll("a1")
    assert (state.state, state.message) == ("failed", "cancelled")


def test_a_pid_that_belongs_to_another_process_by_now_is_neither_alive_nor_ended(executor: LocalExecutor, tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "a1"
    folder.mkdir(parents=True)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        (folder / "process.json").write_text(json.dumps({"pid": stranger.pid, "identity": "before the flood"}))
        assert executor.poll("a1").state == "lost"
        executor.cancel("a1")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_job_whose_submitter_died_before_starting_it_is_lost(executor: LocalExecutor, tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "a1"
    folder.mkdir(parents=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (folder / "claim.json").write_text(json.dumps({"pid": gone.pid, "identity": "x"}))
    assert executor.poll("a1").state == "lost"


def test_a_job_in_a_folder_that_does_not_exist_fails_and_says_so(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(Job(action="a1", verb=("note", "x"), folder=tmp_path / "nowhere"))
    state = wait_for(executor, "a1")
    assert state.state == "failed"
    assert "nowhere" in state.message


@pytest.mark.parametrize("action", ["", "../etc", "a/b", ".hidden", "a" * 129, "a\n", "ä"])
def test_an_action_that_could_name_another_folder_is_refused(executor: LocalExecutor, tmp_path: Path, action: str) -> None:
    for ask in (lambda: executor.submit(Job(action=action, verb=("note", "x"), folder=tmp_path)), lambda: executor.poll(action)):
        with pytest.raises(DataError, match="cannot name a job"):
            ask()


def test_a_process_is_told_apart_from_one_that_ended(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    mine = identity(child.pid)
    assert mine is not None
    assert mine == identity(child.pid)
    assert not group_is_gone(child.pid)
    child.kill()
    while identity(child.pid) is not None:  # a process that nobody has waited for yet counts as ended
        time.sleep(0.01)
    assert group_is_gone(child.pid)
    child.wait()
    assert identity(child.pid) is None


def _begin(executor: LocalExecutor, folder: Path, verb: str) -> int:
    executor.submit(Job(action="a1", verb=(verb,), folder=folder))
    while not (folder / "begun").exists():
        assert executor.poll("a1").state == "running"
        time.sleep(0.02)
    return int((folder / "child").read_text())


def test_what_a_job_took_is_known_once_it_is_over(tmp_path: Path) -> None:
    busy = "import subprocess, sys; work = 'sum(range(15_000_000))'; exec(work); subprocess.run([sys.executable, '-c', work], check=True)"
    executor = LocalExecutor(tmp_path / "jobs", program=(sys.executable, "-c", busy))
    executor.submit(Job(action="a1", verb=(), folder=tmp_path))
    state = wait_for(executor, "a1")
    assert state.state == "done"
    assert state.cost["cpu_seconds"] > 0.2
    assert state.cost["seconds"] > 0.2
    assert LocalExecutor(tmp_path / "jobs").poll("a1").cost == state.cost


def test_a_job_of_before_costs_were_noted_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "a1"
    folder.mkdir(parents=True)
    (folder / "exit.json").write_text('{"code": 0}')
    assert LocalExecutor(tmp_path / "jobs").poll("a1").cost == {}


def ended_job(jobs: Path, name: str, *, ago: float) -> Path:
    """What a job that ended so many seconds ago has left."""
    folder = jobs / name
    folder.mkdir(parents=True)
    (folder / "exit.json").write_text('{"code": 0}')
    (folder / "process.json").write_text('{"pid": 999999999, "identity": "gone"}')
    os.utime(folder, (time.time() - ago, time.time() - ago))
    return folder


def test_what_jobs_left_is_forgotten_after_thirty_days_or_two_hundred_others(executor: LocalExecutor, tmp_path: Path) -> None:
    jobs, day = tmp_path / "jobs", 86_400.0
    old, young = ended_job(jobs, "old", ago=31 * day), ended_job(jobs, "young", ago=29 * day)
    executor.submit(Job(action="a1", verb=("note", "x"), folder=tmp_path))
    wait_for(executor, "a1")
    assert not old.exists() and young.exists()
    many = [ended_job(jobs, f"j{number}", ago=100.0 + number) for number in range(210)]
    executor.submit(Job(action="a2", verb=("note", "x"), folder=tmp_path))
    wait_for(executor, "a2")
    assert not young.exists() and not many[-1].exists() and many[150].exists()
    assert len(list(jobs.iterdir())) == 200


def test_a_job_that_runs_is_never_forgotten(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(Job(action="a1", verb=("sleep",), folder=tmp_path))
    try:
        os.utime(tmp_path / "jobs" / "a1", (0, 0))
        executor.submit(Job(action="a2", verb=("note", "x"), folder=tmp_path))
        wait_for(executor, "a2")
        assert executor.poll("a1").state == "running"
    finally:
        executor.cancel("a1")
