"""In the child: run a user's command, pass on what it prints, and leave nothing of it running behind its end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from flyball.core.errors import UserCodeError
from flyball.core.surroundings import for_others

_LEASH = Path(__file__).with_name("leash.py")
_REPORT = ".ended.json"
_TAIL = 8  # lines of what it said last
_A_MOMENT = 1.0  # seconds in which the rest of what it printed is read, when something it started still holds the pipe


def run_command(words: Sequence[str], project: Path, folder: Path, what: str) -> tuple[int, str]:
    """Run it in the project's folder and wait for its end: the exit code, negative for a signal, and the last lines it printed.

    What it started and left behind is ended with it, unless that has a session of its own; so is all of it when this process ends. The
    command finds `folder` in `FLYBALL_EXCHANGE`.
    """
    report = folder / _REPORT
    end, lifeline = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LEASH), str(end), str(report), *words],
            cwd=project,
            env=for_others(os.environ, FLYBALL_EXCHANGE=str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[end],
            process_group=0,
        )
    except OSError as error:
        os.close(lifeline)
        raise UserCodeError(f"{what} cannot be started: {error.strerror}", hint="free memory or processes") from error
    finally:
        os.close(end)
    assert process.stdout is not None
    tail: deque[str] = deque(maxlen=_TAIL)
    reading = threading.Thread(target=_pass_on, args=(process.stdout, tail), daemon=True)
    reading.start()
    try:
        code = process.wait()
        reading.join(_A_MOMENT)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        os.close(lifeline)
    reading.join(_A_MOMENT)
    return _ended(report, code, words[0], what), "\n  ".join(list(tail)) or "it printed nothing"


def _pass_on(output: IO[bytes], tail: deque[str]) -> None:
    with output:
        for line in output:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
            tail.append(line.decode(errors="replace").rstrip())


def _ended(report: Path, code: int, word: str, what: str) -> int:
    """How it ended, as its leash wrote it down; as the leash itself ended where that was killed."""
    try:
        told = json.loads(report.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return code
    report.unlink()
    if "error" in told:
        raise UserCodeError(
            f"{what} cannot be started: {word}: {told['error']}", hint="is it installed, and written as it is found from the project?"
        )
    return int(told["code"])
