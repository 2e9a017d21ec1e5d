"""The process around a user's command: `python leash.py LIFELINE REPORT COMMAND…`, first of a process group of its own.

It runs the command and writes to REPORT how that ended. When LIFELINE, a pipe that nobody writes to, closes because whoever waits is
gone, it ends the whole group: the command and what that left in the background. Imports nothing of Flyball.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the command and report its end."""
    lifeline, report, *words = arguments
    threading.Thread(target=_end_with, args=(int(lifeline),), daemon=True).start()
    try:
        told: dict[str, int | str] = {"code": subprocess.call(words)}
    except OSError as error:
        told = {"error": error.strerror or str(error)}
    draft = Path(report + ".draft")
    draft.write_text(json.dumps(told), encoding="utf-8")
    draft.replace(report)
    return 0


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
