"""The whole demo for real: training, server, replay, ticks, summary. And what Ctrl-C leaves behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def demo(folder: Path, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """`flyball demo` in a process of its own, ended with the block."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "flyball", "demo", "--folder", str(folder), "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                run.terminate()


def servers_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder) in words:
                found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_days_of_flights_are_replayed_without_a_failed_request(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demo(folder, "--days", "4", "--seed", "3", "--dashboard") as run:
        out, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    told = json.loads(out)
    assert re.search(r"the dashboard is at http://127\.0\.0\.1:\d+/#token=dashboard:\S{32,}\n", err)
    assert told["failed_requests"] == 0
    assert told["rejected_outcomes"] == 0
    assert told["finished"]
    assert told["predictions"] == 3_606
    assert 3_000 < told["outcomes"] < told["predictions"]
    assert set(told["roc_auc"]) == {"loop", "frozen", "scheduled"}
    assert told["decisions"][0]["action"] == "registered"
    assert told["decisions"][1]["version"] == 1
    # nothing was retrained in four days, so what served all along is the first model
    assert told["roc_auc"]["loop"] == pytest.approx(told["roc_auc"]["frozen"], abs=1e-4)
    assert "random_state = 3" in (folder / "flyball.toml").read_text()
    assert servers_of(folder) == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_ctrl_c_ends_the_server_and_tells_what_was_seen(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demo(folder, "--speed", "2") as run:
        deadline = time.monotonic() + 120
        log = folder / ".flyball" / "server.log"
        while not (log.exists() and b"answers at" in log.read_bytes()) and time.monotonic() < deadline:
            assert run.poll() is None
            time.sleep(0.2)
        time.sleep(3)
        assert servers_of(folder)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    told = json.loads(out)
    assert not told["finished"]
    assert told["failed_requests"] == 0
    assert "Traceback" not in err
    assert servers_of(folder) == []


def test_a_folder_that_is_no_former_demo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with demo(tmp_path) as run:
        _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "not made by flyball demo" in err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
