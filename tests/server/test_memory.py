"""What was freed goes back to the system."""

import subprocess
import sys

import pytest

CODE = """
import platform, sys
from flyball.server.memory import be_frugal, give_back
be_frugal()
if platform.libc_ver()[0] != "glibc":
    give_back()
    sys.exit(77)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
kept = []
blocks = []
for _ in range(50_000):
    blocks.append(bytes(2_000))
    kept.append(bytes(700))
full = resident()
del blocks
give_back()
print(full - resident())
"""


def test_memory_between_blocks_that_stay_is_given_back_too() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("only glibc's allocator has these switches")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
