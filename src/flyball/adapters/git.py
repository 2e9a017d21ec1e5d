"""What git knows of a project: its commit and what differs from it."""

import subprocess
from pathlib import Path

from flyball.training.records import WorkingTree

_LARGEST_DIFF = 10 << 20


def working_tree(project: Path) -> WorkingTree:
    """The commit and the difference of tracked files under the project (without its snapshots); both empty outside git."""
    commit = _git(project, "rev-parse", "--verify", "-q", "HEAD").decode().strip()
    if not commit:
        return WorkingTree(commit="", diff=b"")
    diff = _git(project, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff", "--", ".", ":(exclude)snapshots")
    if len(diff) > _LARGEST_DIFF:
        diff = diff[:_LARGEST_DIFF] + b"\n(cut off here)\n"
    return WorkingTree(commit=commit, diff=diff)


def _git(project: Path, *words: str) -> bytes:
    """What git prints, nothing if it fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(project), *words], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
