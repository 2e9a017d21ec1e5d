"""The same work on processes of this machine, on Dask and on Ray: startup, memory, tasks a second, and a job of real work.

    python bench/clusters.py [--tasks 300] [--processes 2] [--on local dask ray]

Every engine is measured through the same port, one after the other, each with so many processes. An engine whose package is not installed
is left out, and says so. Read the ratios: the seconds are this machine's.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from flyball.adapters.engines import ENGINES, open_mapper
from flyball.core.errors import UnsupportedError
from flyball.core.record import record
from flyball.ports.mapping import Say

_SMALL = 8  # tasks of the job of real work
_ROWS = 400_000
_FEW = 20  # tasks for an engine that starts a process for each


@record
class Measured:
    """What one engine took: seconds until a first result, bytes of its processes, tasks a second, seconds of the job."""

    startup: float
    memory: int
    rate: float
    job: float


def nothing(item: int, say: Say) -> int:
    """The smallest task."""
    return item


def sort(item: int, say: Say) -> float:
    """A task of real work."""
    found = 0.0
    for seed in range(4):
        found += float(np.median(np.sort(np.random.default_rng([item, seed]).normal(size=_ROWS))))
    return found


def memory() -> int:
    """Bytes that this process's descendants hold for themselves; what they share is counted once for each."""
    return sum(_own(child) for child in psutil.Process().children(recursive=True))


def _own(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0


def measure(on: str, processes: int, tasks: int) -> Measured:
    """One engine, from nothing to nothing."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with open_mapper(on, Path(folder), processes=processes) as mapper:
            assert mapper.map(nothing, [1, 2], say=_unheard) == [1, 2]
            startup = time.perf_counter() - began
            count = _FEW if on == "local" else tasks
            began = time.perf_counter()
            assert mapper.map(nothing, range(count), say=_unheard) == list(range(count))
            rate = count / (time.perf_counter() - began)
            began, held = time.perf_counter(), 0
            for _ in mapper.each(sort, range(_SMALL), say=_unheard):
                held = max(held, memory())
            return Measured(startup=startup, memory=held, rate=rate, job=time.perf_counter() - began)


def _unheard(_: str) -> None:
    """Nothing is said here."""


def apart(on: str, processes: int, tasks: int) -> Measured | None:
    """Measured in a process of its own, so that one engine leaves nothing behind for the next."""
    command = [sys.executable, __file__, "--one", on, "--processes", str(processes), "--tasks", str(tasks)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    words = done.stdout.split()
    if done.returncode or len(words) != 4:
        return None
    startup, held, rate, job = map(float, words)
    return Measured(startup=startup, memory=int(held), rate=rate, job=job)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--on", nargs="*", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        try:
            found = measure(options.one, options.processes, options.tasks)
        except UnsupportedError as error:
            sys.exit(f"{options.one}: {error}")
        print(found.startup, found.memory, found.rate, found.job)
        return
    measured = {on: one for on in options.on if (one := apart(on, options.processes, options.tasks)) is not None}
    if not measured:
        sys.exit("no engine could be measured")
    print(f"{options.processes} processes; tasks that do nothing, and a job of {_SMALL} tasks that sort {4 * _ROWS:,} numbers each")
    print(f"{'engine':8} {'first result':>14} {'memory':>12} {'tasks/s':>12} {'job':>10}")
    for on, one in measured.items():
        print(f"{on:8} {one.startup:12.1f} s {one.memory / 1e6:9.0f} MB {one.rate:12.0f} {one.job:8.1f} s")
    first, base = next(iter(measured.items()))
    for on, one in list(measured.items())[1:]:
        told = f"{one.startup / base.startup:.1f} × the time to a first result, {one.memory / max(base.memory, 1):.1f} × the memory"
        print(
            f"{on} beside {first}: {told}, {one.rate / base.rate:.0f} × the tasks a second, {one.job / base.job:.2f} × the time of the job"
        )


if __name__ == "__main__":
    main()
