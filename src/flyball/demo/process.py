"""The other processes of the demo: the first training and the real server, both started as a user would start them."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType

from flyball.core.errors import StoreError, UserCodeError
from flyball.core.record import record
from flyball.core.surroundings import FOR_ADMINS

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_ADDRESS = re.compile(rb"http://(127\.0\.0\.1):(\d+)")


@record
class Training:
    """A running `flyball train`; `out` and `err` are where it writes."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path


def start_training(folder: Path, now: datetime, *options: str, actor: str = "demo") -> Training:
    """Start a training by a person, at a simulated time; what it prints is kept under the name of the `actor`."""
    state = folder / ".flyball"
    state.mkdir(exist_ok=True)
    out, err = state / f"trained-by-{actor}.json", state / f"trained-by-{actor}.log"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            _flyball(folder, "train", "--json", "--now", now.isoformat(), *options),
            stdout=stdout,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "FLYBALL_ACTOR": actor},
            start_new_session=True,  # Ctrl-C belongs to the demo, which then ends its children in order
        )
    return Training(process=process, out=out, err=err)


def finish_training(training: Training, *, gate_may_refuse: bool = False) -> bytes:
    """Wait for the training and give the JSON it printed; UserCodeError with the end of what it said if it failed.

    With `gate_may_refuse`, a version that did not pass its gate is no failure.
    """
    try:
        code = training.process.wait()
    except BaseException:
        stop(training.process)
        raise
    if code and not (gate_may_refuse and training.out.stat().st_size):
        said = training.err.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise UserCodeError("the training failed: " + "\n".join(said[-12:]), hint=f"all it said stands in {training.err}")
    return training.out.read_bytes()


class Server:
    """`flyball serve` on a free port of 127.0.0.1; leaving the block ends it."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / ".flyball" / "server.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.host = "127.0.0.1"
        self.port = 0

    def __enter__(self) -> Server:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                _flyball(self._folder, "serve", "--port", "0", "--clock", "request"),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            stop(self._process)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            stop(self._process)

    @property
    def pid(self) -> int:
        """The process that was started (it may have children)."""
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """StoreError if the server is gone."""
        if self._process is not None and self._process.poll() is not None:
            raise StoreError(f"the server ended with status {self._process.returncode}: {self._last_words()}", hint=f"see {self._log}")

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            self.check()
            if found := _ADDRESS.search(self._log.read_bytes()):
                self.host, self.port = found[1].decode(), int(found[2])
                if _answers(f"http://{self.host}:{self.port}/health/ready"):
                    return
            time.sleep(0.05)
        raise StoreError(f"the server was not ready within {_START_SECONDS:.0f} s: {self._last_words()}", hint=f"see {self._log}")

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class Dashboard:
    """`flyball dashboard` on 8080 or a free port of 127.0.0.1; leaving the block ends it. What goes wrong with it hinders nothing else.

    `tell` is given the address, from a thread, as soon as it is known: with a token that is made for this run, so that the wheel can be
    taken while the year goes by.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None], *, wanted: bool = True) -> None:
        self._log = folder / ".flyball" / "dashboard.log"
        self._folder = folder
        self._tell = tell
        self._wanted = wanted
        self._secret = secrets.token_urlsafe(32)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Dashboard:
        if self._wanted:
            self._log.parent.mkdir(exist_ok=True)
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    _flyball(self._folder, "dashboard"),
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, FOR_ADMINS: f"dashboard:{self._secret}"},
                    start_new_session=True,
                )
            threading.Thread(target=self._tell_address, args=(self._process,), name="dashboard", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            stop(self._process)

    def _tell_address(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            if found := _ADDRESS.search(self._log.read_bytes()):
                self._tell(f"http://127.0.0.1:{int(found[2])}/#token=dashboard:{self._secret}")
                return
            time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process: ask, wait, and only then kill."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address on 127.0.0.1 made here
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _flyball(folder: Path, *words: str) -> Sequence[str]:
    """`-P`: a project's own modules must not stand in for installed ones."""
    return [sys.executable, "-P", "-m", "flyball", "-C", str(folder), *words]
