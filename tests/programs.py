"""Real programs that tests run: found on the machine, or the test is skipped and says what to install; CI has them all."""

import os
import shutil
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
