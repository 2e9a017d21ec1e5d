"""What monitoring costs a request: nothing is done for it on the way, and the CPU of a worker says so.

A worker does not even load the code that counts, and its memory map is asked whether that is so. And a worker under a steady load is
measured with and without a process that counts what it logs every second; both take turns. What counting a logged row costs, wherever it
is done, is measured beside it.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from bench.monitoring.results import Request, Run
from bench.monitoring.run_sides import say
from bench.monitoring.sides.counting import FEATURES, counter
from bench.serving import load, models
from bench.serving.environments import UnavailableError
from bench.serving.measure import Contestant
from bench.serving.servers import SERVERS

from flyball.core.table import Table
from flyball.stats.bins import compiled

# Requests a second: far below what the server can answer, so that its turns of the event loop are alike with and without company.
RATE = 4_000.0
CONNECTIONS = 16
_TOGETHER = 1_000  # rows a tick counts at a time at least


def request(run: Run, folder: Path, cores: tuple[int, int], *, rounds: int, seconds: float) -> None:
    """Measure a server in turns: alone, and counted."""
    run.request = found = Request(row=counting_a_row())
    say(f"counting a logged row of {FEATURES} features: {found.row:.3f} µs")
    server = next(server for server in SERVERS if server.name == "flyball")
    folder.mkdir()
    place = folder / "server"
    try:
        contestant = Contestant(server, models.forest(folder), place, cores[0])
    except UnavailableError as error:
        found.failure = str(error)
        return
    try:
        contestant.check()
        found.loads_counting = _loads_counting(contestant)
        _turns(contestant, found, cores[1], rounds, seconds)
    except (UnavailableError, load.WrongAnswerError, OSError) as error:
        found.failure = " ".join(str(error).split())[:200]
        say(f"the server failed: {found.failure}")
    finally:
        contestant.family.end()


def counting_a_row() -> float:
    """Microseconds for one row of 20 features, a thousand counted together; the best of many, because others only ever slow it down."""
    names = [f"x{number}" for number in range(FEATURES)]
    generator = np.random.default_rng(1)
    rows = Table({name: generator.normal(size=_TOGETHER) for name in names})
    counts, best = counter(names), float("inf")
    for _ in range(200):
        began = time.perf_counter()
        counts.count(rows, {})
        best = min(best, time.perf_counter() - began)
    return best / _TOGETHER * 1e6


def _turns(contestant: Contestant, found: Request, core: int, rounds: int, seconds: float) -> None:
    requests = contestant.requests["row"]
    load.open_loop(contestant.port, requests, connections=CONNECTIONS, seconds=seconds, rate=RATE)  # a first one that does not count
    for turn in range(rounds):
        for counted in (turn % 2 == 0, turn % 2 != 0):  # who comes first changes
            beside = _count_beside(contestant.folder, core) if counted else None
            try:
                spent = _worker_micros(contestant, requests, seconds)
            finally:
                told = _end(beside) if beside else {}
            (found.counted if counted else found.alone).append(spent)
            found.rounds_of_counting += told.get("rounds", 0)
            found.rows_counted += told.get("rows", 0)
            say(f"  {'counted every second' if counted else 'alone':22}{spent:7.2f} µs per request")


def _workers(contestant: Contestant) -> list[int]:
    """The workers; the supervisor, which moves the log, is not on the request path."""
    return [process.pid for process in contestant.family.members() if process.pid != contestant.family.first.pid]


def _loads_counting(contestant: Contestant) -> bool | None:
    """Whether a worker has the compiled counting in its memory; None if there is none to look for."""
    if compiled() is None:
        return None
    return any("/stats/_bins." in Path(f"/proc/{pid}/maps").read_text() for pid in _workers(contestant))


def _worker_micros(contestant: Contestant, requests: list[bytes], seconds: float) -> float:
    """CPU microseconds of the workers per request, by the scheduler's own clock."""
    before = _on_cpu(contestant)
    outcome = load.open_loop(contestant.port, requests, connections=CONNECTIONS, seconds=seconds, rate=RATE)
    return (_on_cpu(contestant) - before) / outcome.answers / 1e3


def _on_cpu(contestant: Contestant) -> int:
    """Nanoseconds, all threads."""
    threads = [thread for pid in _workers(contestant) for thread in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)


def _count_beside(folder: Path, core: int) -> subprocess.Popen[str]:
    words = ["taskset", "-c", str(core), sys.executable, "-m", "bench.monitoring.sides.counting", str(folder)]
    started = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert started.stdout is not None
    started.stdout.readline()  # it has counted once
    return started


def _end(process: subprocess.Popen[str]) -> dict[str, int]:
    process.terminate()
    said, _ = process.communicate(timeout=30)
    lines = [line for line in said.splitlines() if line.startswith("{") and line.endswith("}")]
    found: dict[str, int] = json.loads(lines[-1]) if lines else {}
    return found
