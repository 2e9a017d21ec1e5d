"""The dashboard over a large project: `make bench-dashboard`, or `ARGS="--rows 1000000"`. Writes docs/dashboard-performance.md.

A project with 500 features is trained and looked at. To it come a year of predictions, written into its tables directly, 200 versions,
10 000 entries in the journal and a report a day. Then every page is asked for and timed, opened in Chromium, and fifty tabs look at the
pages while a server beside it answers, in alternating rounds with and without them.
"""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import httpx
import numpy as np
from bench.serving.machine import machine

from browsers import chromium, dashboard, tab
from flyball.core.reason import because
from flyball.core.slug import slug
from flyball.core.window import Window, to_micros
from flyball.dashboard.table import PAGES
from flyball.journal.chain import Link, forge
from flyball.journal.events import AlertFired, AlertResolved, Event, Promoted, Registered, RetrainEnded, RetrainStarted
from flyball.settings import read_settings
from flyball.wiring import open_world
from grown import Grown, ask, look, train
from trained import running

PAGE = Path(__file__).parents[1] / "docs" / "dashboard-performance.md"
MODEL = "large"
GOAL, PAINT, SLOWER = 0.300, 1.0, 0.02
CHAMPIONS = 20
TABS = 50
SHOWN = ("loop", "now", "model", "drift", "performance", "experiment", "decisions", "alerts")


@dataclass(frozen=True)
class Timed:
    """Seconds a page took: the first time, and then; `paint`: until something was seen in Chromium."""

    name: str
    first: float
    took: Sequence[float]
    size: int
    paint: float

    @property
    def median(self) -> float:
        return statistics.median(self.took)


@dataclass(frozen=True)
class Beside:
    """How long predictions took, in milliseconds, median of each round: alone, and while tabs were open."""

    alone: Sequence[float]
    tabs: Sequence[float]
    asked: int

    @property
    def slower(self) -> float:
        return statistics.median(self.tabs) / statistics.median(self.alone) - 1

    @property
    def pairs(self) -> list[float]:
        """The same of each pair of rounds, the least first."""
        return sorted(tabs / alone - 1 for alone, tabs in zip(self.alone, self.tabs, strict=True))

    @property
    def met(self) -> str:
        """Whether the goal is met; a difference that pairs of rounds do not agree on was not measured."""
        if self.pairs[-1] <= SLOWER:
            return "yes"
        return "**no**" if self.pairs[0] > SLOWER else "not told apart, see below"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000_000)
    options.add_argument("--features", type=int, default=500)
    options.add_argument("--versions", type=int, default=200)
    options.add_argument("--entries", type=int, default=10_000)
    options.add_argument("--times", type=int, default=7, help="how often each page is asked for")
    options.add_argument("--rounds", type=int, default=6, help="rounds with tabs, and as many without; 0: none")
    options.add_argument("--seconds", type=float, default=8.0, help="of a round")
    options.add_argument("--keep", type=Path, help="a folder for the project, which is used again if it is there")
    given = options.parse_args()
    with contextlib.ExitStack() as kept:
        folder = given.keep or Path(kept.enter_context(tempfile.TemporaryDirectory())) / MODEL
        if not (folder / "flyball.toml").exists():
            _build(folder, given)
        pages, memory = _pages(folder, given.times)
        beside = _beside(folder, given.rounds, given.seconds) if given.rounds else None
    text = _page(given, pages, memory, beside)
    print(text)
    PAGE.write_text(text, encoding="utf-8")


def _build(folder: Path, given: argparse.Namespace) -> None:
    folder.mkdir(parents=True)
    started = (datetime.now(UTC) - timedelta(days=400)).replace(hour=0, minute=0, second=0, microsecond=0)
    features = [f"f{number:03d}" for number in range(given.features)]
    project = Grown(folder, MODEL, features, {}, rows=2_000, start=started)
    began = time.perf_counter()
    train(project)
    now = replace(project, start=started + timedelta(days=365))  # what is asked, and looked at, is a year later
    _journal(folder, given, project.asked, now.asked)
    ask(now, now.rows)
    look(now)
    _say(f"trained, and looked at, after {time.perf_counter() - began:.0f} s")
    _reports(folder, now)
    _rows(folder, given.rows, given.versions, project.asked, now.asked)
    _say(f"{given.rows:,} rows after {time.perf_counter() - began:.0f} s")


def _journal(folder: Path, given: argparse.Namespace, start: datetime, end: datetime) -> None:
    """Versions, promotions, trainings and alerts of a year, in one transaction; the champion at the end is the first version."""
    world = open_world(read_settings(folder))
    entries = world.journal.read(MODEL)
    first = next(entry.event for entry in entries if isinstance(entry.event, Registered))
    events = _events(first, given.versions, given.entries - len(entries))
    with contextlib.closing(sqlite3.connect(folder / "flyball.db")) as connection:
        columns = "model, seq, format, at, actor, kind, body, prev_hash, hash"
        last = connection.execute(f"SELECT {columns} FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        newest = Link(**dict(zip(columns.split(", "), last, strict=True)))
        links: list[Link] = []
        for number, event in enumerate(events):
            links += forge(MODEL, [event], newest=newest, actor="loop", at=start + (end - start) * (number / len(events)))
            newest = links[-1]
        values = [[getattr(link, name) for name in columns.split(", ")] for link in links]
        connection.executemany(f"INSERT INTO journal ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        connection.commit()


def _events(first: Registered, versions: int, count: int) -> list[Event]:
    why = because("promote.by_hand", version=1, actor="bench", reason="a year of a busy model")
    found: list[Event] = []
    champion, every = 1, max(1, count // versions)
    for number in range(count):
        version, place = number // every + 2, number % every
        if version <= versions and place == 0:
            found.append(RetrainStarted(action=f"a{version}", cause="schedule", reason=why))
        elif version <= versions and place == 1:
            brier = first.metrics["brier"] * (1 - 0.0005 * version)
            found.append(
                replace(
                    first, version=version, run_id=f"{version:032x}", identity=f"{version:064x}", metrics={**first.metrics, "brier": brier}
                )
            )
        elif version <= versions and place == 2:
            found.append(RetrainEnded(action=f"a{version}", outcome="registered", version=version, reason=why))
        elif version <= versions and place == 3 and version % max(1, versions // CHAMPIONS) == 0:
            found.append(Promoted(version=version, replaced=champion, reason=why, forced=False, watch_until=None))
            champion = version
        else:
            key, moved = f"drift:f{number // 2 % 500:03d}", number % 2 == 0
            found.append(AlertFired(key=key, reason=why) if moved else AlertResolved(key=key, reason=why))
    return [*found[:-1], Promoted(version=1, replaced=champion, reason=why, forced=False, watch_until=None)]


def _reports(folder: Path, project: Grown) -> None:
    """The report of the last look, for every day of the year before it."""
    world = open_world(read_settings(folder))
    report = world.reports.latest(MODEL)
    assert report is not None
    length = report.window.end - report.window.start
    for day in range(1, 365):
        end = report.window.end - timedelta(days=day)
        world.reports.save(MODEL, replace(report, window=Window(start=end - length, end=end)))
        world.looks.looked(MODEL, end)


def _rows(folder: Path, rows: int, versions: int, start: datetime, end: datetime) -> None:
    """Predictions by the champions of the year, and outcomes of nine in ten; features are only kept of those that were asked before."""
    first, length = to_micros(start), (to_micros(end) - to_micros(start)) // rows
    with contextlib.closing(sqlite3.connect(folder / "flyball.db", isolation_level=None)) as connection:
        for setting in ("synchronous = OFF", "cache_size = -500000", "temp_store = MEMORY", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {setting}")
        (model,), (contract,) = (connection.execute(f"SELECT id FROM {name}").fetchone() for name in ("models", "contracts"))
        numbers = [1, *(version for version in range(2, versions + 1) if version % max(1, versions // CHAMPIONS) == 0)]
        connection.executemany("INSERT OR IGNORE INTO streams (model, version) VALUES (?, ?)", [(model, number) for number in numbers])
        streams = [key for (key,) in connection.execute("SELECT id FROM streams ORDER BY version")]
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('predictions', 'outcomes')"
        ).fetchall()
        connection.execute("BEGIN")
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        (before,) = connection.execute("SELECT MAX(id) FROM predictions").fetchone()
        part = rows // len(streams)
        for place, stream in enumerate(streams):
            connection.execute(
                _MORE,
                {
                    "from": place * part,
                    "rows": part,
                    "before": before,
                    "stream": stream,
                    "model": model,
                    "first": first,
                    "length": length,
                    "contract": contract,
                },
            )
        connection.execute(
            "INSERT INTO outcomes (prediction, model, at, received_at, actual)"
            " SELECT id, model, at + 3600000000, at + 3600000000, id * 7919 % 1000 < 300 FROM predictions WHERE id > ? AND id % 10 < 9",
            (before,),
        )
        (newest,) = connection.execute("SELECT MAX(id) FROM predictions").fetchone()
        connection.execute("UPDATE ledgers SET answered = ?", (newest,))
        minute = to_micros(end + timedelta(days=3)) // 60_000_000 * 60_000_000
        connection.executemany(
            "INSERT OR REPLACE INTO traffic (model, minute, status, requests) VALUES (?, ?, ?, ?)",
            [(MODEL, minute - 60_000_000 * number, status, many) for number in range(7 * 1440) for status, many in ((200, 1200), (422, 3))],
        )
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_MORE = """
WITH RECURSIVE n (i) AS (SELECT :from UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :from + :rows)
INSERT INTO predictions (id, stream, model, at, prediction_id, made_at, variant, worker, unit, entity, client_id, label, score, contract)
SELECT :before + 1 + i, :stream, :model, :first + i * :length, printf('bench-%012d', i), :first + i * :length, 'champion', 'w0',
  NULL, NULL, NULL, (i * 7919 % 1000) > 500, (i * 7919 % 1000) / 1000.0, :contract
FROM n
"""


def _pages(folder: Path, times: int) -> tuple[list[Timed], dict[str, int]]:
    """Each page, asked for several times past the dashboard's own second of memory, then opened in Chromium; megabytes of the process."""
    found: list[Timed] = []
    memory: dict[str, int] = {}
    with _dashboard(folder) as (url, process), httpx.Client(base_url=url, timeout=600) as asks:
        time.sleep(3)  # it imports its pages
        memory["at the start"] = _memory(process)
        where = f"/m/{slug(MODEL)}"
        for row in PAGES:
            took = []
            size = 0
            for turn in range(times + 1):
                began = time.perf_counter()
                answer = asks.get(f"{where}/{row.name}", params={"bench": turn})
                took.append(time.perf_counter() - began)
                size = len(answer.content)
                if answer.status_code != 200:
                    raise SystemExit(f"{row.name}: {answer.status_code} {answer.text[:500]}")
            found.append(Timed(row.name, took[0], took[1:], size, 0.0))
            _say(f"{row.name:<12} first {took[0] * 1000:7.0f} ms, then {statistics.median(took[1:]) * 1000:7.0f} ms, {size / 1000:.0f} kB")
        memory["after all pages"] = _memory(process)
        with chromium() as browser:
            for place, one in enumerate(found):
                paints = []
                for turn in range(3):
                    with tab(browser, url) as seen:
                        seen.go(f"{where}/{one.name}?paint={turn}")
                        paints.append(seen.page.evaluate(_PAINT) / 1000)
                found[place] = replace(one, paint=statistics.median(paints))
        memory["after being looked at"] = _memory(process)
    return found, memory


_PAINT = """() => new Promise((done) => {
  const look = () => {
    const found = performance.getEntriesByName("first-contentful-paint")[0];
    found ? done(found.startTime) : setTimeout(look, 20);
  };
  look();
})"""


@contextlib.contextmanager
def _dashboard(folder: Path) -> Iterator[tuple[str, int]]:
    """A dashboard, and the number of its process."""
    with dashboard(folder) as url:
        port = url.rpartition(":")[2]
        yield url, _listening(int(port))


def _listening(port: int) -> int:
    """Which of our children listens there."""
    inodes = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[1].endswith(f":{port:04X}")}
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    for child in children:
        for link in Path(f"/proc/{child}/fd").iterdir():
            with contextlib.suppress(OSError):
                found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
                if found and found[1] in inodes:
                    return int(child)
    raise SystemExit("the dashboard's process was not found")


def _memory(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1000


def _beside(folder: Path, rounds: int, seconds: float) -> Beside:
    """Predictions, one after the other, alone and while fifty tabs look: medians of milliseconds."""
    features = [f"f{number:03d}" for number in range(_features(folder))]
    row = dict(zip(features, np.random.default_rng(0).normal(size=len(features)).round(3).tolist(), strict=True))
    with running(folder, "serve") as (server, _), _dashboard(folder) as (url, _):
        client = subprocess.Popen([sys.executable, "-P", "-c", _TABS, url, slug(MODEL), str(TABS), *SHOWN], stdout=subprocess.PIPE)
        try:
            time.sleep(10.0)  # tabs are opened once, and then look for hours
            client.send_signal(signal.SIGSTOP)
            alone: list[float] = []
            tabs: list[float] = []
            asyncio.run(_asked(server, row, 2.0))
            for turn in range(2 * rounds):
                with_tabs = turn % 2 == 1
                if with_tabs:
                    client.send_signal(signal.SIGCONT)
                    time.sleep(2.0)
                (tabs if with_tabs else alone).append(asyncio.run(_asked(server, row, seconds)))
                client.send_signal(signal.SIGSTOP)
                _say(f"round {turn + 1}: {(tabs if with_tabs else alone)[-1]:.3f} ms {'with tabs' if with_tabs else 'alone'}")
                time.sleep(1.0)
        finally:
            client.kill()
            client.wait()
    return Beside(alone, tabs, len(features))


# Each tab opens a page, and fetches its sections again as often as they ask for it. It does so in a process that stands back, as the
# browsers of fifty people are on machines of their own.
_TABS = """
import asyncio, os, re, sys, httpx
os.nice(19)
url, slug, count, *pages = sys.argv[1:]

async def tab(asks, number):
    where = f"/m/{slug}/{pages[number % len(pages)]}"
    await asyncio.sleep(number * 0.05)
    text = (await asks.get(where)).text
    parts = re.findall(r'<section id="[^"]*" data-part="([^"]*)" data-every="([0-9]+)"', text)
    async def again(part, every):
        while True:
            await asyncio.sleep(int(every))
            try:
                await asks.get(where, params={"part": part})
            except httpx.HTTPError:
                pass
    await asyncio.gather(*(again(part, every) for part, every in parts))

async def main():
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=httpx.Limits(max_connections=300)) as asks:
        await asyncio.gather(*(tab(asks, number) for number in range(int(count))))
    await asyncio.sleep(3600)

asyncio.run(main())
"""


async def _asked(server: str, row: dict[str, float], seconds: float) -> float:
    """The median of milliseconds an answer takes, of 100 requests a second."""
    took: list[float] = []
    async with httpx.AsyncClient(base_url=server) as asks:
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            answer = await asks.post("/predict", json={"features": row})
            took.append((time.perf_counter() - began) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"predict: {answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(max(0.0, 0.01 - (time.perf_counter() - began)))
    return statistics.median(took)


def _features(folder: Path) -> int:
    return len(re.findall(r'"f\d{3}"', (folder / "flyball.toml").read_text()))


def _page(given: argparse.Namespace, pages: Sequence[Timed], memory: dict[str, int], beside: Beside | None) -> str:
    on = machine([])
    worst = max(pages, key=lambda one: one.median)
    painted = max(pages, key=lambda one: one.paint)
    rows = [
        ("server time of any page, median", "≤ 300 ms", f"{worst.median * 1000:.0f} ms ({worst.name})", _met(worst.median <= GOAL)),
        ("first paint in Chromium", "≤ 1 s", f"{painted.paint * 1000:.0f} ms ({painted.name})", _met(painted.paint <= PAINT)),
    ]
    if beside is not None:
        said = f"{beside.slower * 100:+.1f} % ({statistics.median(beside.tabs):.2f} ms against {statistics.median(beside.alone):.2f} ms)"
        rows.append((f"a prediction while {TABS} tabs are open", "≤ 2 % slower", said, beside.met))
    lines = [
        "# What the dashboard costs",
        "",
        "Written by `make bench-dashboard`; every figure on this page is from one run of it.",
        "",
        f"{on.date}, {on.processor}, {on.cores} cores, {on.system}, Python {on.python}, commit {on.commit}.",
        f"A project with {given.rows:,} logged predictions, {given.features} features, {given.versions} versions, {given.entries:,} "
        "entries in the journal and a report a day for a year, in `flyball.db`.",
        "",
        "| | goal | measured | met |",
        "|---|---|---|---|",
        *(f"| {what} | {goal} | {measured} | {met} |" for what, goal, measured, met in rows),
        "",
        "## Pages",
        "",
        f"Each was asked for {given.times} times, past the second for which the dashboard shows what it made to whoever else asks. "
        "`first`: the first time anybody asked, three seconds after the start.",
        "",
        "| page | first, ms | median, ms | worst, ms | size, kB | first paint, ms |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.first * 1000:.0f} | {one.median * 1000:.0f} | {max(one.took) * 1000:.0f} | {one.size / 1000:.0f}"
            f" | {one.paint * 1000:.0f} |"
            for one in pages
        ),
        "",
        "## Memory of its process",
        "",
        *(f"- {when}: {size} MB" for when, size in memory.items()),
    ]
    if beside is not None:
        lines += [
            "",
            "## Beside a server",
            "",
            f"One client asks for predictions of {beside.asked} features, a hundred a second; {TABS} tabs have {', '.join(SHOWN)} open.",
            "Rounds alternate; medians of each, in milliseconds.",
            "",
            f"- alone: {', '.join(f'{one:.2f}' for one in beside.alone)}",
            f"- with tabs: {', '.join(f'{one:.2f}' for one in beside.tabs)}",
            "",
            f"Pair by pair predictions were slower by {beside.pairs[0] * 100:+.0f} % to {beside.pairs[-1] * 100:+.0f} %.",
            "Where these lie on both sides of the goal, this machine was too busy with other things to tell such a difference apart.",
        ]
    return "\n".join(lines) + "\n"


def _met(goal: bool) -> str:
    return "yes" if goal else "**no**"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
