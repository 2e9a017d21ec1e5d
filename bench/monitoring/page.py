"""`docs/monitoring-performance.md`, written from a run and from nothing else."""

from pathlib import Path

from bench.monitoring.goals import digits, goals, interval, seconds
from bench.monitoring.results import Run
from bench.monitoring.run_sides import CASES, LOOK_COLUMNS, LOOK_ROWS, TITLES
from bench.serving.goals import Goal, grouped

NAME = "monitoring-performance.md"
_HOW = """## How to read this

- **Each side does what its users get from one call.** Ours counts the rows on the cells of a reference that was made at training, and then
  says for every column: the Kolmogorov-Smirnov distance with certified bounds, PSI, Jensen-Shannon, Wasserstein, the shares of missing,
  infinite and unseen values, the state and the reason. scipy gives a distance and a p-value. NannyML gives a distance, and judges it by
  the spread of its reference's chunks. Evidently's preset chooses a distance by column and by size (normed Wasserstein for these sizes).
- **What is not on the clock**: reading the data, importing, and what a side can prepare from the reference. For ours that is the
  reference, which training writes; NannyML learns its thresholds; scipy and Evidently can prepare nothing and get the rows each time.
- Data are standard normal columns, as a frame whose columns lie one after the other. Each round runs in a process of its own on one core
  with one thread: a small comparison to warm up, then the comparison, again and again if it is short, and its median counts. The
  sides take turns; figures are medians of rounds, with the lowest and highest.
- **Memory beyond the data** is the highest resident memory during the comparison less that before it (Linux' own count).
- Each peer runs in an environment of its own with the versions below.
"""


def write(run: Run, folder: Path) -> Path:
    """Write the page into the documentation's folder."""
    (folder / NAME).write_text(markdown(run))
    return folder / NAME


def markdown(run: Run) -> str:
    """The page."""
    parts = [
        "# What monitoring costs, and what monitors say",
        "Written by `make bench-monitoring`; every figure on this page is from one run of it.",
        _circumstances(run),
        "## The goals",
        table(goals(run)),
        *_speed(run),
        *_said(run),
        *_request(run),
        *_absent(run),
        _HOW.strip(),
        "## Versions",
        "\n".join(f"- {title}: {versions}" for title, versions in run.machine.versions.items()),
    ]
    return "\n\n".join(parts) + "\n"


def table(found: list[Goal]) -> str:
    """The goals as a table."""
    lines = ["| | goal | measured | met |", "|---|---|---|---|"]
    for goal in found:
        met = "not decided" if goal.met is None else "yes" if goal.met else "**no**"
        lines.append(f"| {_cell(goal.what)} | {goal.goal} | {_cell(goal.measured)} | {met} |")
    return "\n".join(lines)


def _circumstances(run: Run) -> str:
    machine = run.machine
    said = (
        f"{machine.date}, {machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}, commit {machine.commit}; "
        f"{run.rounds} round{'s' if run.rounds > 1 else ''}{', a quick run' if run.quick else ''}."
    )
    if run.busy > 0.1:
        said += f" Other work took {run.busy * 100:.0f} % of the machine just before the run; times suffer from it."
    return said


def _speed(run: Run) -> list[str]:
    parts = []
    for size, sides in run.speed.items():
        cells = int(size.replace(" ", "").partition("×")[0]) * int(size.partition("×")[2])
        lines = ["| | what it computes | time | ns a value | times ours | memory beyond the data |", "|---|---|---|---|---|---|"]
        ours = sides["flyball"].median if "flyball" in sides else 0.0
        for side, found in sorted(sides.items(), key=lambda entry: entry[1].median):
            low, high = min(found.seconds), max(found.seconds)
            spread = f" ({seconds(low)} to {seconds(high)})" if len(found.seconds) > 1 else " (once)"
            ratio = f"{digits(found.median / ours)} ×" if ours and side != "flyball" else ""
            memory = f"{max(found.peak_mb):.1f} MB" if min(found.peak_mb) >= 0 else ""
            each = digits(found.median / cells * 1e9)
            lines.append(f"| {TITLES[side]} | {found.what} | {seconds(found.median)}{spread} | {each} | {ratio} | {memory} |")
        parts += [f"## Two samples of {size}", "\n".join(lines)]
    return parts


def _said(run: Run) -> list[str]:
    parts = []
    for case, sides in run.said.items():
        looks = max(found.looks for found in sides.values())
        lines = ["| | false alarms of columns | a look with any | moved column named |", "|---|---|---|---|"]
        for side, found in sides.items():
            still = found.looks * (found.columns - (case == "shift"))
            named = f"{found.looks_that_named_it} of {found.looks}" if case == "shift" else ""
            lines.append(
                f"| {TITLES[side]} | {found.false_alarms} of {grouped(still)} ({digits(found.false_alarms / still * 100)} %) "
                + f"| {found.looks_with_false_alarm} of {found.looks} | {named} |"
            )
        parts += [f"### {CASES[case][0].upper()}{CASES[case][1:]}", f"{looks} looks.", "\n".join(lines)]
    if not parts:
        return []
    head = (
        f"Every side is given the same windows of {grouped(LOOK_ROWS)} rows in {LOOK_COLUMNS} columns; each is judged alone: "
        "its defaults, its threshold. The rows of the reference come in days of a thousand too, for those who learn from that."
    )
    return ["## What they say", head, *parts]


def _request(run: Run) -> list[str]:
    found = run.request
    if found is None or not found.alone:
        return []
    low, high = interval(found.differences)
    pairs = zip(found.alone, found.counted, strict=True)
    rounds = "\n".join(f"| {alone:.2f} µs | {counted:.2f} µs |" for alone, counted in pairs)
    text = (
        "A server answers a steady load, one row of 20 features per request, everything logged. In turns nobody counts and "
        "somebody counts every second what it logs. CPU of the worker per request; the median difference lies in "
        f"[{low:+.2f}, {high:+.2f}] µs."
    )
    return ["## The request path", text, f"| nobody counts | somebody counts |\n|---|---|\n{rounds}"]


def _absent(run: Run) -> list[str]:
    if not run.absent:
        return []
    lines = [f"- {TITLES.get(name, name).replace('*', '')}: `{reason.replace('`', chr(39))}`" for name, reason in run.absent.items()]
    return ["## Not measured, and why", "\n".join(lines)]


def _cell(text: str) -> str:
    return text.replace("|", "/")
