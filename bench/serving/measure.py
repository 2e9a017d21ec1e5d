"""Starting, checking and measuring servers: one at a time, the others stopped, rounds alternated."""

import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.serving import dialects, load
from bench.serving.environments import UnavailableError
from bench.serving.models import SAMPLE, Served
from bench.serving.processes import Family, free_port
from bench.serving.results import Logged, Measured, Run
from bench.serving.servers import Server

_START = 120.0
_REFUSES = 20.0
_AWAKE = 0.3  # what became due while a server was stopped is done before it is measured
LAST_MOVE = 60.0  # seconds for what is left of a log to be moved into the database when its server ends
_SETTLED = 0.03  # CPU seconds in a second and a bit: nothing is being moved into the database any more


@dataclass(frozen=True)
class Case:
    """One way of asking: rows in a request, connections, and whether requests come at half the server's own peak."""

    rows: int
    connections: int
    half: bool = False


CASES: Mapping[str, Case] = {
    "row": Case(1, 64),
    "single": Case(1, 1),
    "rows": Case(100, 64),
    "frame": Case(1, 64),
    "mlp": Case(1, 64),
    "mlp-single": Case(1, 1),
    "half": Case(1, 64, half=True),
}


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Contestant:
    """A server that runs, with the requests it is asked."""

    def __init__(self, server: Server, served: Served, folder: Path, core: int) -> None:
        self.server = server
        self.served = served
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        words, env = server.start(folder, served, self.port)
        self.requests = {
            case: dialects.requests(server.path, self.port, dialects.bodies(server.dialect, served, rows=CASES[case].rows))
            for case in server.cases
        }
        self.family = Family(words, core=core, folder=folder, env=env)
        self.answered = 0  # rows

    def check(self) -> float:
        """Wait for the first answer, then compare some with what the estimators say; seconds from the start to the first answer."""
        first = self.wait()
        self.family.pin()
        for case, requests in self.requests.items():
            rows = CASES[case].rows
            for number in range(SAMPLE if rows == 1 else 2):
                said = load.ask(self.port, requests[number])
                self.answered += rows
                if trouble := dialects.wrong(self.server.dialect, self.served, number, rows, said):
                    raise UnavailableError(f"wrong answers: {trouble}")
        return first

    def wait(self) -> float:
        """Ask until there is an answer."""
        request = next(iter(self.requests.values()))[0]
        trouble, since = "", 0.0
        while time.perf_counter() - self.family.started < _START:
            if self.family.first.poll() is not None:
                raise UnavailableError(f"it ended at once: {self.family.last_words()}")
            try:
                load.ask(self.port, request)
            except load.WrongAnswerError as error:
                if str(error)[:15] != trouble[:15]:
                    trouble, since = str(error), time.perf_counter()
                elif time.perf_counter() - since > _REFUSES:
                    break  # it is there, and does not answer this: more time does not help
                time.sleep(0.1)
            except OSError:
                time.sleep(0.005)
            else:
                self.answered += CASES[self.server.cases[0]].rows
                return time.perf_counter() - self.family.started
        status, _, rest = trouble.partition("\r\n")
        raise UnavailableError(f"no answer: {status} {rest.rpartition(chr(10))[2].strip()[:120]} {self.family.last_words()}")

    def measure(self, name: str, seconds: float, peak: float | None) -> tuple[float, float, load.Outcome]:
        """CPU microseconds per request on the request path and beside it, and what the clients saw."""
        case, requests = CASES[name], self.requests[name]
        before = self.family.cpu()
        if case.half:
            rate = (peak or 0.0) / 2
            outcome = load.open_loop(self.port, requests, connections=case.connections, seconds=seconds, rate=rate)
        else:
            outcome = load.closed_loop(self.port, requests, connections=case.connections, seconds=seconds)
        after = self.family.cpu()
        self.answered += outcome.answers * case.rows
        spent = {pid: used - before.get(pid, 0.0) for pid, used in after.items()}
        beside = 0.0
        if self.server.ours and len(spent) > 1:
            first = self.family.first.pid
            beside = self._settled(first) - before.get(first, 0.0)
            del spent[first]
        return sum(spent.values()) / outcome.answers * 1e6, beside / outcome.answers * 1e6, outcome

    def _settled(self, pid: int) -> float:
        """The supervisor's CPU seconds when it has moved the whole log into the database."""
        used = self.family.cpu()[pid]
        for _ in range(60):
            time.sleep(1.2)
            now = self.family.cpu()[pid]
            if now - used < _SETTLED:
                return now
            used = now
        return used


class Field:
    """All contestants: started once and stopped while another is measured, or, if they cannot bear that, started for each turn."""

    def __init__(self, folder: Path, models: Mapping[str, Served], core: int, run: Run) -> None:
        self._folder = folder
        self._models = models
        self._core = core
        self._run = run
        self._running: dict[str, Contestant] = {}
        self._turns = 0

    def enter(self, servers: Sequence[Server]) -> list[Server]:
        """Start and check every server; those that cannot take part are left out, with the reason in the results."""
        there = []
        for server in servers:
            try:
                contestant = self._take(server)
            except (UnavailableError, load.WrongAnswerError, OSError) as error:
                say(f"{server.name} does not take part: {error}")
                self._run.absent[server.name] = str(error)
                self._let_go(server)
                continue
            there.append(server)
            say(f"{server.name} answers right, {contestant.server.setup}")
            self._put_back(server)
        return there

    def turn(self, server: Server, case: str, seconds: float, *, counts: bool) -> None:
        """Measure one case of one server once."""
        contestant = self._take(server)
        measured = self._run.measured.setdefault(server.name, {}).setdefault(case, Measured())
        row = self._run.measured[server.name].get("row")
        peak = statistics.median(row.rate) if row is not None and row.rate else None
        try:
            cpu, beside, outcome = contestant.measure(case, seconds, peak)
        except (load.WrongAnswerError, OSError) as error:
            say(f"{server.name} failed under load: {str(error)[:200]} {contestant.family.last_words()}")
            measured.failures.append(" ".join(str(error).split())[:200])
            self._let_go(server)
            return
        if counts:
            measured.add(cpu, beside, outcome)
            rate = outcome.answers / outcome.seconds
            said = f"{cpu:9.1f} µs" + (f" + {beside:5.1f} µs beside" if contestant.server.ours else "")
            say(f"  {server.name:18}{case:11}{said}  {rate:8.0f}/s  p50 {outcome.p50 * 1e3:7.2f} ms  p99 {outcome.p99 * 1e3:7.2f} ms")
        if server.ours:
            memory = contestant.family.memory()
            self._run.memory[server.name] = [size for pid, size in memory.items() if pid != contestant.family.first.pid]
        self._put_back(server)

    def end(self) -> None:
        """End every process that was started; then count what ours have logged."""
        for contestant in self._running.values():
            contestant.family.end(patience=LAST_MOVE if contestant.server.logs else 8.0)
            if contestant.server.logs:
                logged = sum(logged_by_worker(contestant.folder).values())
                self._run.logged[contestant.server.name] = Logged(answered=contestant.answered, logged=logged)
        self._running.clear()

    def _take(self, server: Server) -> Contestant:
        found = self._running.get(server.name)
        if found is not None:
            found.family.thaw()
            time.sleep(_AWAKE)
            return found
        self._turns += 1
        found = Contestant(server, self._models[server.model], self._folder / f"{server.name}-{self._turns}", self._core)
        self._running[server.name] = found
        found.check()
        return found

    def _put_back(self, server: Server) -> None:
        if server.freezes:
            self._running[server.name].family.freeze()
        else:
            self._let_go(server)

    def _let_go(self, server: Server) -> None:
        found = self._running.pop(server.name, None)
        if found is not None:
            found.family.end()


def logged_by_worker(folder: Path) -> dict[str, int]:
    """How many predictions of each worker stand in the database of a folder whose server has ended."""
    with closing(sqlite3.connect(f"file:{folder / 'flyball.db'}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT worker, count(*) FROM predictions GROUP BY worker ORDER BY worker"))


def rounds(field: Field, servers: Sequence[Server], number: int, seconds: float, wanted: Callable[[str], bool]) -> None:
    """One warm-up round that is not counted, then so many that are: every server in turn, every case that is wanted."""
    for count in range(number + 1):
        say(f"round {count} of {number}" if count else "warm-up round, not counted")
        for server in servers:
            for case in server.cases:
                if wanted(case):
                    field.turn(server, case, seconds if count else min(1.0, seconds), counts=count > 0)
