"""Servers as processes: started on their core, found again however they fork, measured, stopped while others are measured, ended."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

_MARK = "FLYBALL_BENCH_SERVER"
# One thread for every numeric library: there is one core.
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def cores() -> tuple[int, int]:
    """The core of the servers and the core of the load."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        sys.exit("this bench needs two cores: one for the server, one for the load")
    return allowed[0], allowed[1]


def free_port() -> int:
    """A port that nobody listens on now, below those the system gives out itself: it stays free until the server takes it."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Family:
    """One server with all its processes, wherever they went: each carries a mark in its environment."""

    def __init__(self, words: Sequence[str], *, core: int, folder: Path, env: Mapping[str, str]) -> None:
        self._mark = secrets.token_hex(8)
        self._folder = folder
        self.output = folder / "output.txt"
        self.started = time.perf_counter()
        with self.output.open("wb") as output:
            self.first = subprocess.Popen(
                ["taskset", "-c", str(core), *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **_ONE_THREAD, "PYTHONUNBUFFERED": "1", **env, _MARK: self._mark},
            )
        self._core = core

    def members(self) -> list[psutil.Process]:
        """Every process that is alive, the first one first."""
        wanted, found = f"{_MARK}={self._mark}".encode(), {self.first.pid}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if wanted in (entry / "environ").read_bytes():
                        found.add(int(entry.name))
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {child.pid for child in psutil.Process(self.first.pid).children(recursive=True)}
        alive = []
        for pid in sorted(found, key=lambda pid: (pid != self.first.pid, pid)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        return alive

    def pin(self) -> None:
        """Put every process back on the server's core, in case one chose for itself."""
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                process.cpu_affinity([self._core])

    def cpu(self) -> dict[int, float]:
        """CPU seconds, user and system, of each process by its id."""
        found = {}
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                found[process.pid] = float(times.user + times.system)
        return found

    def memory(self) -> dict[int, float]:
        """Resident megabytes of each process by its id."""
        found = {}
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                found[process.pid] = process.memory_info().rss / 1e6
        return found

    def freeze(self) -> None:
        """Stop all processes where they are, so that they take nothing from the server that is measured."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all processes go on."""
        self._signal(signal.SIGCONT)

    def end(self, *, patience: float = 8.0) -> None:
        """End every process: first asked, given some seconds, then made to."""
        self.thaw()
        self._signal(signal.SIGTERM, only_first=True)
        if not self._gone(patience):
            self._signal(signal.SIGTERM)
            if not self._gone(5.0):
                self._signal(signal.SIGKILL)
                self._gone(5.0)

    def last_words(self) -> str:
        """The end of what the server printed, for the reason why it is not in the table."""
        lines = [line.strip() for line in self.output.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "rror" in line]
        return " ".join((errors or lines)[-1:])[:200]

    def _gone(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.first.poll()
            if not self.members():
                return True
            time.sleep(0.1)
        return False

    def _signal(self, number: signal.Signals, *, only_first: bool = False) -> None:
        members = self.members()
        for process in members[:1] if only_first else members:
            with contextlib.suppress(psutil.Error, OSError):
                process.send_signal(number)
