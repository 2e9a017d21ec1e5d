"""What a job takes over from whoever started it: a name, and neither a port nor the key to the admin routes."""

import json
import socket
import sys
import time
from pathlib import Path

import pytest

from flyball.adapters.local.executor import LocalExecutor
from flyball.core.surroundings import for_jobs, for_others
from flyball.ports.training import Job
from flyball.testing.executor import wait_for

_VERBS = """
import json, os, pathlib, sys, time
if sys.argv[1] == "sleep":
    pathlib.Path("begun").touch()
    time.sleep(600)
if sys.argv[1] == "parents":
    around = pathlib.Path(f"/proc/{os.getppid()}/environ").read_bytes() + pathlib.Path("/proc/self/environ").read_bytes()
    print(json.dumps("FLYBALL_ADMIN_TOKEN" in around.decode()))
    sys.exit()
print(json.dumps([os.environ.get("FLYBALL_ADMIN_TOKEN"), os.environ.get("FLYBALL_ACTOR")]))
"""


@pytest.fixture
def executor(tmp_path: Path) -> LocalExecutor:
    return LocalExecutor(tmp_path / "jobs", program=(sys.executable, "-c", _VERBS))


def test_a_job_keeps_no_port_of_whoever_started_it(executor: LocalExecutor, tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)  # as a server's workers hold theirs
    executor.submit(Job(action="a1", verb=("sleep",), folder=tmp_path))
    try:
        while not (tmp_path / "begun").exists():
            time.sleep(0.02)
        address = listener.getsockname()
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
    finally:
        executor.cancel("a1")


def test_a_job_runs_in_the_name_it_was_given_and_without_the_servers_admin_token(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "s" * 32)
    monkeypatch.setenv("FLYBALL_ACTOR", "whoever started the server")
    executor.submit(Job(action="a1", verb=("environment",), folder=tmp_path, actor="token:alice"))
    executor.submit(Job(action="a2", verb=("environment",), folder=tmp_path))
    assert json.loads(wait_for(executor, "a1").result) == [None, "token:alice"]
    assert json.loads(wait_for(executor, "a2").result) == [None, "whoever started the server"]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_process_around_a_job_has_no_admin_token_to_be_read_either(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "s" * 32)
    executor.submit(Job(action="a1", verb=("parents",), folder=tmp_path))
    assert json.loads(wait_for(executor, "a1").result) is False


def test_a_job_may_sign_and_the_code_it_runs_may_not() -> None:
    around = {"FLYBALL_ADMIN_TOKEN": "s", "FLYBALL_SIGNING_KEY": "k", "WAREHOUSE_URL": "w"}
    assert for_jobs(around, FLYBALL_ACTOR="a") == {"FLYBALL_SIGNING_KEY": "k", "WAREHOUSE_URL": "w", "FLYBALL_ACTOR": "a"}
    assert for_others(around) == {"WAREHOUSE_URL": "w"}
