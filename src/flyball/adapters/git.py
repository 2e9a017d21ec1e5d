"""What git knows of a project: its commit and what differs from it."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

from flyball.core.errors import FlyballError, IntegrityError, NotFoundError, StoreError
from flyball.training.records import WorkingTree

_LARGEST_DIFF = 10 << 20


def working_tree(project: Path) -> WorkingTree:
    """The commit and the difference of tracked files under the project (without its snapshots); both empty outside git."""
    commit = _git(project, "rev-parse", "--verify", "-q", "HEAD").decode().strip()
    if not commit:
        return WorkingTree(commit="", diff=b"", trouble=_trouble(project))
    diff = _git(project, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff", "--", ".", ":(exclude)snapshots")
    if len(diff) > _LARGEST_DIFF:
        diff = diff[:_LARGEST_DIFF] + b"\n(cut off here)\n"
    return WorkingTree(commit=commit, diff=diff)


class GitSources:
    """The port `Sources`. Reads the repository the project lies in; nothing in it is changed, no branch, no index, no work tree."""

    def __init__(self, project: Path) -> None:
        self._project = project.resolve()

    def knows(self, commit: str) -> bool:
        """Whether git has the commit and what hangs on it."""
        return bool(_git(self._project, "rev-parse", "--verify", "-q", f"{commit}^{{tree}}"))

    def checkout(self, commit: str, diff: bytes, into: Path) -> Path:
        """`git archive` of the project's folder, then `git apply`."""
        if not self.knows(commit):
            raise NotFoundError(
                f"git has no commit {commit[:12]} in {self._project}", hint="fetch it from where the project is pushed: git fetch origin"
            )
        place = _git(self._project, "rev-parse", "--show-prefix").decode().strip()
        archive = _git(self._project, "archive", "--format=tar", commit)
        if not archive:
            raise StoreError(f"git could not write out commit {commit[:12]}", hint="`git archive` shows what is wrong")
        folder = into / place
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:  # without the folders around the project
            tar.extractall(folder, filter="data")
        if diff:
            _apply(diff, into, commit)
        return folder


def _apply(diff: bytes, into: Path, commit: str) -> None:
    """Outside any repository, so that paths count from the folder and not from the top of one around it."""
    away = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    away["GIT_CEILING_DIRECTORIES"] = str(into.resolve().parent)
    try:
        done = subprocess.run(["git", "apply", "-"], input=diff, cwd=into, env=away, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError(f"git apply: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _does_not_fit(commit, said[-1] if said else "")


def _does_not_fit(commit: str, said: str) -> FlyballError:
    return IntegrityError(
        f"the kept difference does not fit commit {commit[:12]}: {said}", hint="was it cut off, or the history rewritten?"
    )


def _trouble(project: Path) -> str:
    """Why git tells nothing of a repository that is there; empty where there is none, or none with a commit."""
    if not any((place / ".git").exists() for place in (project, *project.parents)):
        return ""
    try:
        done = subprocess.run(["git", "-C", str(project), "rev-parse", "--git-dir"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[0].removeprefix("fatal: ") if done.returncode and said else ""


def _git(project: Path, *words: str) -> bytes:
    """What git prints, nothing if it fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(project), *words], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
