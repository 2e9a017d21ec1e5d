"""The process around a job: `python -m flyball.adapters.local.job RECORD_FOLDER PROJECT_FOLDER COMMAND…` leaves word of how it ended.

It runs the command, waits, and writes the exit code and what it took, so that whoever polls later can tell an end from a disappearance.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from flyball.adapters.local.process import identity


def write_record(path: Path, record: Mapping[str, int | float | str | None]) -> None:
    """Write a small JSON file so that a reader finds all of it or none, whatever happens to us or to the machine."""
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    with hidden.open("w", encoding="utf-8") as file:
        file.write(json.dumps(record))
        file.flush()
        os.fsync(file.fileno())
    hidden.replace(path)


def main(arguments: list[str]) -> int:
    """Run the command and record its end."""
    folder, project, *command = arguments
    record = Path(folder)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # a server's port among them, which must not stay taken for as long as a job of its runs
    signal.signal(signal.SIGTERM, lambda *_: None)  # the whole group gets it: the command ends by it, and then we write that down
    write_record(record / "process.json", {"pid": os.getpid(), "identity": identity(os.getpid())})
    began = time.monotonic()
    try:
        code = subprocess.call(command, cwd=project, env=dict(os.environ))  # what it may have, the executor chose
    except OSError as error:
        sys.stderr.write(f"could not start {command[0]} in {project}: {error}\n")
        code = 127
    took = {"seconds": round(time.monotonic() - began, 3), "cpu_seconds": round(children_cpu(), 3)}
    write_record(record / "exit.json", {"code": code, **took})
    return code if code >= 0 else 128 - code


def children_cpu() -> float:
    """Processor seconds, user and system, of every child of this process that has ended and been waited for, and of theirs."""
    told = os.times()
    return told.children_user + told.children_system


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
