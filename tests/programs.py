"""Real programs that tests run: found on the machine, or the test is skipped and says what to install; CI has them all."""

import collections
import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

import pytest

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "flock": "util-linux",
    "systemd-analyze": "systemd",
    "chromium": "chromium",
}


def program(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        missing(name, f"apt-get install {PACKAGES[name]}" if name in PACKAGES else "install it, as new as can be")
    return found


def missing(name: str, how: str) -> NoReturn:
    """Skip the test that needs something; fail it in CI."""
    said = f"{name} is not installed here: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(said)
    pytest.skip(said)


@contextlib.contextmanager
def told(
    words: Sequence[str], pattern: str, *, patience: float, env: Mapping[str, str] | None = None
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A process, as soon as it says on stderr what matches: the first group of that, and the process.

    It is ended with the block, and killed where it does not end within `patience` seconds.
    """
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=dict(os.environ if env is None else env)
    )
    lines: queue.Queue[str] = queue.Queue()
    assert process.stderr is not None
    stream = process.stderr
    reader = threading.Thread(target=collections.deque, args=(map(lines.put, stream),), daemon=True)
    reader.start()
    said: list[str] = []
    try:
        while (found := re.search(pattern, line := lines.get(timeout=60))) is None:
            said.append(line)
        yield found[1], process
    except queue.Empty:
        raise AssertionError(f"it did not start: {''.join(said)}") from None
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(5)
        stream.close()
