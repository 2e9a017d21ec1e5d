"""Jobs as local processes: each in a session of its own, recorded in a folder, so that any later process can ask how it went.

In `<jobs>/<action>/`: claim.json (who submitted it) · process.json (pid, and when it started) · out, err (what it said) ·
cancelled (somebody ended it) · exit.json (its exit code, and the seconds it took). What ended is kept for thirty days, and of the newest
two hundred jobs.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from flyball.adapters.local.job import write_record
from flyball.adapters.local.process import group_is_gone, identity
from flyball.core.errors import DataError, StoreError, UnsupportedError
from flyball.core.surroundings import for_jobs
from flyball.ports.training import Job, JobState

_ACTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_GRACE = 5.0
"""Seconds a cancelled job has to end by itself."""
_LONGEST_MESSAGE = 4000
_KEPT_JOBS = 200
_KEPT_SECONDS = 30 * 86_400.0


class LocalExecutor:
    """The port `Executor`. Runs `python -P -m flyball …`: the project's folder is the working directory, and not on the import path.

    `keep`: variables that jobs get although nobody else does: in shared stores a verb has to show whose it is. It hands them to no model
    and no training.
    """

    def __init__(
        self, jobs: Path, *, program: tuple[str, ...] = (sys.executable, "-P", "-m", "flyball"), keep: tuple[str, ...] = ()
    ) -> None:
        self._jobs = jobs
        self._program = program
        self._keep = keep

    def submit(self, job: Job) -> None:
        """Start it and return at once; the same `action` again does not start it twice, whoever submitted it first."""
        if not hasattr(os, "posix_spawn"):
            raise UnsupportedError(
                "jobs in the background need Linux or macOS", hint="run `flyball train` yourself, or the loop on Linux or macOS"
            )
        folder = self._folder(job.action)
        if folder.exists() or not self._claim(folder):
            return
        self._clean()
        command = [sys.executable, "-P", "-m", "flyball.adapters.local.job", str(folder.absolute()), str(job.folder.absolute())]
        command += [*self._program, *job.verb]
        try:
            pid = os.posix_spawn(
                sys.executable,
                command,
                {**for_jobs(os.environ), **self._theirs(job)},
                setsid=True,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(folder / "out"), os.O_WRONLY | os.O_CREAT, 0o600),
                    (os.POSIX_SPAWN_OPEN, 2, str(folder / "err"), os.O_WRONLY | os.O_CREAT, 0o600),
                ],
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StoreError(
                f"the job {job.action} could not be started: {error}", hint="free some memory or processes, then try again"
            ) from error
        started = identity(pid)
        if started is not None:  # the job writes the same itself; whoever of us is first
            write_record(folder / "process.json", {"pid": pid, "identity": started})

    def poll(self, action: str) -> JobState:
        """How it stands: `lost` if nobody knows it, or if its process is gone without leaving word."""
        folder = self._folder(action)
        if not folder.is_dir():
            return JobState(state="lost", result="", message=f"nothing is known of the job {action}")
        running = _alive(folder)
        ended = _read(folder / "exit.json")  # after looking whether it lives: it writes this before it goes
        result = _text(folder / "out")
        if ended is not None:
            failed = ended["code"] != 0
            message = _why(folder, f"exit code {ended['code']}") if failed else ""
            return JobState(state="failed" if failed else "done", result=result, message=message, cost=_cost(ended))
        if running:
            return JobState(state="running", result="", message="")
        if (folder / "cancelled").exists():
            return JobState(state="failed", result=result, message=_why(folder, ""))
        return JobState(state="lost", result=result, message=_why(folder, "its process is gone and left no exit code"))

    def cancel(self, action: str) -> None:
        """End it and everything it started that did not leave its process group; nothing happens if it is over or unknown."""
        folder = self._folder(action)
        process = _read(folder / "process.json")
        if process is None or (folder / "exit.json").exists():
            return
        pid = int(process["pid"] or 0)
        if identity(pid) not in (process["identity"], None):
            return  # the pid belongs to somebody else by now
        (folder / "cancelled").touch()
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(pid, number)
            except (ProcessLookupError, PermissionError):
                break
            if _gone_within(pid, _GRACE):
                break

    def _clean(self) -> None:
        """Forget jobs that ended long ago, or before many others. One that runs is never forgotten."""
        aged = []
        for folder in self._jobs.iterdir():
            with contextlib.suppress(OSError):  # another process cleans too
                if folder.is_dir():
                    aged.append((folder.stat().st_mtime, folder))
        oldest = time.time() - _KEPT_SECONDS
        for number, (at, folder) in enumerate(sorted(aged, reverse=True)):
            if (number >= _KEPT_JOBS or at < oldest) and not _alive(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _theirs(self, job: Job) -> dict[str, str]:
        """What a job is given beside what everybody is."""
        return {
            **{name: os.environ[name] for name in self._keep if name in os.environ},
            **({"FLYBALL_ACTOR": job.actor} if job.actor else {}),
        }

    def _folder(self, action: str) -> Path:
        if not _ACTION.fullmatch(action):
            raise DataError(
                f"{action!r} cannot name a job", hint="use letters, digits, '.', '_' and '-', at most 128, a letter or digit first"
            )
        return self._jobs / action

    def _claim(self, folder: Path) -> bool:
        """Make the job's folder, complete with who made it; False if somebody else was first."""
        try:
            self._jobs.mkdir(parents=True, exist_ok=True)
            hidden = Path(tempfile.mkdtemp(prefix=".claim-", dir=self._jobs))
            write_record(hidden / "claim.json", {"pid": os.getpid(), "identity": identity(os.getpid())})
        except OSError as error:
            raise StoreError(
                f"the job {folder.name} could not be written to {self._jobs}: {error}", hint="see to its permissions and space"
            ) from error
        try:
            hidden.rename(folder)
        except OSError:  # not empty: the other one's
            shutil.rmtree(hidden, ignore_errors=True)
            return False
        return True


def _alive(folder: Path) -> bool:
    """Whether the job's process lives, or, before it has one, the process that is about to start it."""
    process = _read(folder / "process.json") or _read(folder / "claim.json")
    if process is None or not isinstance(process["pid"], int):
        return False
    _reap(process["pid"])
    return identity(process["pid"]) == process["identity"]


def _reap(pid: int) -> None:
    """Let go of an ended child of ours; it would stay in the process table until we end."""
    if pid != os.getpid():
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return  # another process started it


def _gone_within(group: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        _reap(group)
        if group_is_gone(group):
            return True
        time.sleep(0.02)
    return False


def _cost(ended: Mapping[str, int | float | str | None]) -> dict[str, float]:
    """What the job's process noted of it; nothing where it was killed before it could."""
    return {name: float(ended[name] or 0) for name in ("cpu_seconds", "seconds") if name in ended}


def _why(folder: Path, otherwise: str) -> str:
    if (folder / "cancelled").exists():
        return "cancelled"
    return _text(folder / "err")[-_LONGEST_MESSAGE:].strip() or otherwise


def _read(path: Path) -> dict[str, int | float | str | None] | None:
    try:
        found: dict[str, int | float | str | None] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
