"""A child process that answers commands: started in a group of its own, listened to, timed, and ended with all it started."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from flyball.core import errors
from flyball.core.errors import FlyballError, UserCodeError
from flyball.core.surroundings import for_others
from flyball.core.window import format_duration

_MOST_OUTPUT = 4 << 20  # bytes of output kept for the log; the newest


class Child:
    """One child process of a project. Not for several threads at once."""

    def __init__(self, project: Path, *, hello: dict[str, Any], echo: Callable[[str], None]) -> None:
        self._project = project
        self._hello = hello
        self._echo = echo
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._kept = bytearray()
        self._echoing: threading.Thread | None = None
        self.run_id = ""

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None:
            return
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-u", "-m", "flyball.adapters.child.main", str(self._project)],
            cwd=self._project,
            env=for_others(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None and process.stderr is not None
        self._send(self._hello)
        threading.Thread(target=self._hear, args=(process.stdout,), daemon=True).start()
        self._echoing = threading.Thread(target=self._pass_on, args=(process.stderr,), daemon=True)
        self._echoing.start()

    def ask(self, command: dict[str, Any], *, timeout: timedelta, doing: str) -> dict[str, Any]:
        """The answer to a command; the error it ended with is raised here. A process that does not answer in time is ended."""
        self.start()
        self._send(command)
        while True:
            try:
                answer = self._answers.get(timeout=timeout.total_seconds())
            except queue.Empty:
                self.close()
                raise UserCodeError(
                    f"{doing} did not end within {format_duration(timeout)} and was stopped",
                    hint="[train] timeout sets how long it may take",
                ) from None
            except BaseException:
                self.close()
                raise
            if answer is None:
                raise self._died(doing)
            if "run" in answer:
                self.run_id = str(answer["run"])
            elif "error" in answer:
                raise _error(answer["error"])
            else:
                found: dict[str, Any] = answer["ok"]
                return found

    def output(self) -> bytes:
        """What it has printed so far, the newest 4 MiB."""
        return bytes(self._kept)

    def close(self) -> None:
        """End the process and everything in its group."""
        process = self._process
        if process is None:
            return
        if hasattr(os, "killpg"):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                process.kill()
        else:
            process.kill()
        process.wait()
        if self._echoing is not None:
            self._echoing.join(timeout=5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # bytes that could not be flushed to a process that is gone
                    continue

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return  # it is gone; waiting for the answer will tell

    def _hear(self, answers: IO[bytes]) -> None:
        try:
            for line in answers:
                self._answers.put(json.loads(line))
        except ValueError:  # the pipe was closed, or a line was cut off by the end
            pass
        self._answers.put(None)

    def _pass_on(self, output: IO[bytes]) -> None:
        try:
            for line in output:
                self._kept += line
                if len(self._kept) > _MOST_OUTPUT:
                    del self._kept[: _MOST_OUTPUT // 4]
                self._echo(line.decode(errors="replace"))
        except ValueError:  # closed while reading
            return

    def _died(self, doing: str) -> FlyballError:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        tail = "\n  ".join(self.output().decode(errors="replace").splitlines()[-8:])
        if code < 0:
            name = signal.Signals(-code).name
            why = "; the system ends processes so when memory runs out" if name == "SIGKILL" else ""
            return UserCodeError(f"{doing}: its process was ended by {name}{why}", hint=tail or "it printed nothing")
        return UserCodeError(f"{doing}: its process ended with exit code {code} without an answer", hint=tail or "it printed nothing")


def _error(told: dict[str, str]) -> FlyballError:
    kind = getattr(errors, told["kind"], FlyballError)
    if not (isinstance(kind, type) and issubclass(kind, FlyballError)):
        kind = FlyballError
    return kind(told["message"], hint=told["hint"])
