"""Telling processes apart: a pid is reused, a pid together with when it started is not."""

import os
import subprocess
from pathlib import Path


def identity(pid: int) -> str | None:
    """What distinguishes the process that has this pid now from every other that had or will have it; None if it has ended."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            state, *fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id")
        return None if state in "ZX" else f"{boot.read_text().strip() if boot.exists() else ''}:{fields[18]}"
    told = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.split(
        maxsplit=1
    )
    return None if not told or told[0].startswith("Z") else told[1].strip()


def group_is_gone(group: int) -> bool:
    """True if no process of a process group is left (ended ones that nobody has waited for do not count)."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    if not Path("/proc/self/stat").exists():
        return False
    return not any(_runs_in(entry, group) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _runs_in(entry: Path, group: int) -> bool:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False  # it ended while we looked
    return int(fields[2]) == group and fields[0] not in "ZX"
