"""What a run was made on and with."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.serving.environments import UnavailableError, nginx, versions_of
from bench.serving.results import Machine
from bench.serving.servers import SERVERS, Server

_OURS = ("uvicorn", "uvloop", "httptools", "msgspec", "numpy", "onnxruntime")


def machine(servers: Sequence[Server]) -> Machine:
    """The circumstances of a run; environments that are missing are made now."""
    versions = {"Flyball": _listed({"flyball": version("flyball"), **{name: version(name) for name in _OURS}})}
    for name in dict.fromkeys(server.environment for server in servers if server.environment):
        titles = ", ".join(server.title for server in SERVERS if server.environment == name and not server.ours)
        try:
            versions[titles] = _listed(versions_of(name))
        except UnavailableError:
            versions[titles] = "not installed"
    if any(server.name == "nginx" for server in servers):
        try:
            said = subprocess.run([nginx(), "-v"], capture_output=True, text=True, check=False)
            versions["nginx"] = said.stderr.strip().rpartition("/")[2]
        except UnavailableError:
            versions["nginx"] = "not installed"
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=_processor(),
        cores=os.cpu_count() or 0,
        system=" ".join((platform.system(), platform.release().partition("-")[0])),
        python=platform.python_version(),
        commit=_commit(),
        versions=versions,
    )


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.machine()


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = " and changes" if git("status", "--porcelain", "--untracked-files=no", "--", "../../src") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed
