"""`docs/performance.md` and its plot, written from a run and from nothing else."""

from pathlib import Path

from bench.serving.goals import goals, grouped, micros, millis
from bench.serving.plot import Bar, draw
from bench.serving.results import Measured, Run
from bench.serving.servers import SERVERS, Server

_TITLE = "CPU per request, one row, 64 connections"
_CASES = {
    "row": ("One row per request, 64 connections", "RandomForest(100 trees, depth 10) on 20 features."),
    "single": ("One row per request, 1 connection", "The same model; what a single client sees."),
    "rows": ("100 rows per request, 64 connections", "The same model. CPU is per request: divide by 100 for a row."),
    "frame": (
        "A frame of 600 columns, 64 connections",
        "`dataframe_split` through `/invocations`; a forest of the same size on 600 columns.",
    ),
    "mlp": ("Neural net (3 layers of 512), 64 connections", "Scoring together what arrives in one turn of the event loop, and not."),
    "mlp-single": ("Neural net, 1 connection", "Nothing arrives together here: gathering must not cost anything."),
    "half": (
        "One row per request, at half of each server's own peak",
        "Requests are due at a fixed rate; a time counts from when its request was due.",
    ),
}
_HOW = """## How to read this

- **CPU per request** is user and system time of all processes of a server, over the requests it answered. On one core a server can answer a
  million divided by it per second. It is the figure to compare: on a machine with little to spare, wall times move with what else runs.
- Every server and all its processes are pinned to one core, the load to another. While one is measured, the others are stopped.
- **Ours** is served with everything on: units split between two versions, every prediction logged, metrics. *CPU per request*
  is the worker's, its log included; *ingestion* is the supervisor's, which moves the log into the database, until it has moved all of it.
- The rows of the requests rotate over {payloads} different ones, and the units over {units}, more than a worker remembers: one row or one
  unit repeated flatters caches and batching.
- Before a server is measured, its answers are compared with what scikit-learn says of the same rows; under load every answer must be a 200.
- Rounds alternate between the servers. The first is not counted; the figures are medians, with the lowest and the highest.
- Wall figures (requests per second, p50, p99) are those of the clients. Where a server answers more than the load can ask from its one core
  (about what nginx shows), the load is the limit.
- Each peer is set up as its documentation advises, with batching where it has it, in an environment of its own with the versions below.
"""


def write(run: Run, folder: Path) -> None:
    """Write the page and the plot into the documentation's folder."""
    bars = _bars(run)
    (folder / "performance.md").write_text(markdown(run, plot=bool(bars)))
    if bars:
        what = "RandomForest(100 trees, depth 10), 20 features, rotating rows, one core. Dashed: with the ingestion into the database."
        (folder / "performance.svg").write_text(draw(bars, _TITLE, what))


def markdown(run: Run, *, plot: bool) -> str:
    """The page."""
    from bench.serving.models import PAYLOADS, UNITS

    parts = [
        "# Performance",
        "Written by `make bench-serving`; every figure on this page is from one run of it.",
        _circumstances(run),
        *(["![CPU per request of every server, logarithmic](performance.svg)"] if plot else []),
        "## The goals",
        _goals(run),
        *_tables(run),
        *_absent(run),
        _HOW.format(payloads=grouped(PAYLOADS), units=grouped(UNITS)).strip(),
        "## Versions",
        _versions(run),
    ]
    return "\n\n".join(parts) + "\n"


def _circumstances(run: Run) -> str:
    machine = run.machine
    said = (
        f"{machine.date}, {machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}, commit {machine.commit}; "
        f"{run.rounds} round{'s' if run.rounds > 1 else ''} of {run.seconds:g} s; our engine for the forest: `{run.engine}`."
    )
    if run.busy > 0.1:
        said += f" Other work took {run.busy * 100:.0f} % of the machine just before the run; wall figures and p99 suffer from it."
    return said


def _goals(run: Run) -> str:
    lines = ["| | goal | measured | met |", "|---|---|---|---|"]
    for goal in goals(run):
        met = "not measured" if goal.met is None else "yes" if goal.met else "**no**"
        lines.append(f"| {goal.what} | {goal.goal} | {goal.measured} | {met} |")
    return "\n".join(lines)


def _tables(run: Run) -> list[str]:
    parts = []
    for case, (title, what) in _CASES.items():
        rows = [(server, found) for server in SERVERS if (found := run.found(server.name, case)) is not None]
        if rows:
            rows.sort(key=lambda row: row[1].median("cpu"))
            head = ["| | set-up | CPU per request | ingestion | requests/s | p50 | p99 |", "|---|---|---|---|---|---|---|"]
            parts += [f"## {title}", what, "\n".join([*head, *(_line(server, found) for server, found in rows)])]
    return parts


def _line(server: Server, found: Measured) -> str:
    title = f"**{server.title}**" if server.ours else server.title
    low, high = min(found.cpu), max(found.cpu)
    spread = f" ({micros(low)} to {micros(high)})" if len(found.cpu) > 1 else ""
    beside = micros(found.median("beside")) if any(found.beside) else ""
    rate = grouped(found.median("rate"))
    cpu = micros(found.median("cpu"))
    return (
        f"| {title} | {server.setup} | {cpu}{spread} | {beside} | {rate} | {millis(found.median('p50'))} | {millis(found.median('p99'))} |"
    )


def _absent(run: Run) -> list[str]:
    titles = {server.name: server.title for server in SERVERS}
    failed = {name: found.failures[0] for name, cases in run.measured.items() for found in cases.values() if found.failures}
    missing = {**{name: f"failed under load: {reason}" for name, reason in failed.items()}, **run.absent}
    if not missing:
        return []
    lines = [f"- {titles[name]}: {_plain(reason)}" for name, reason in missing.items()]
    return ["## Not measured, and why", "\n".join(lines)]


def _plain(reason: str) -> str:
    """A program's own words, without what Markdown or HTML would take for its own."""
    return "`" + reason.replace("`", "'").replace("|", "/") + "`"


def _versions(run: Run) -> str:
    return "\n".join(f"- {title}: {versions}" for title, versions in run.machine.versions.items())


def _bars(run: Run) -> list[Bar]:
    bars = []
    for server in SERVERS:
        found = run.found(server.name, "row")
        if found is not None:
            bars.append(Bar(server.title.replace("`", ""), found.median("cpu"), found.median("total"), server.ours))
    return bars
