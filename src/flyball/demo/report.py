"""The summary as a person reads it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flyball.demo.summary import Summary, mean

_JULY = datetime(2013, 7, 15, tzinfo=UTC)
_COLUMNS = {
    "frozen": "first model, left alone",
    "scheduled": "evenly spaced retraining",
    "loop": "the loop",
}


def print_summary(summary: Summary, console: Console) -> None:
    """Print the figures per month, the decisions, and where to look next."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    state = "" if summary.finished else ", stopped before the end"
    say("")
    say(f"{summary.days} days, {summary.predictions:,} predictions, {summary.outcomes:,} outcomes{state}")
    say(f"failed requests: {summary.failed_requests}" + (f" (the first: {summary.first_failure})" if summary.failed_requests else ""))
    if summary.rejected_outcomes:
        say(f"rejected outcomes: {summary.rejected_outcomes} (the first: {summary.first_failure})")
    say("")
    console.print(_figures(summary))
    say("")
    say("Every decision, with its reason:")
    for one in summary.decisions:
        version = f" @{one.version}" if one.version else ""
        say(f"  {one.at:%Y-%m-%d}  {one.action}{version}: {one.reason}")
    say("")
    say(f"Every alarm, from when to when: {len(summary.alarms)} in {summary.days} days")
    for alarm in summary.alarms:
        until = f"{alarm.until:%m-%d}" if alarm.until else "still"
        say(f"  {alarm.at:%Y-%m-%d} to {until}  {alarm.reason}")
    say("")
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in summary.parts.items())
    say(f"{summary.seconds:.0f} s in all: {took}; this process took {summary.peak_memory_mb:.0f} MB at most")
    say("")
    _next_steps(summary, say)


def _figures(summary: Summary) -> Table:
    table = Table(title="per month: ROC AUC (higher is better), Brier (lower is better)", title_justify="left", box=None, pad_edge=False)
    names = [name for name in _COLUMNS if name in summary.roc_auc]
    table.add_column("month")
    for metric in ("ROC AUC", "Brier"):
        for name in names:
            table.add_column(f"{metric}\n{_COLUMNS[name]}", justify="right")
    months = sorted({month for monthly in summary.roc_auc.values() for month in monthly})
    metrics = (summary.roc_auc, summary.brier)
    for month in months:
        table.add_row(month, *(_figure(metric[name].get(month)) for metric in metrics for name in names))
    table.add_row("mean", *(_figure(mean(metric[name])) for metric in metrics for name in names), style="bold")
    table.add_row("retrainings", *(_retrains(summary, name) for _ in metrics for name in names))
    return table


def _retrains(summary: Summary, name: str) -> str:
    return str(summary.retrains.get(name, 0))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _next_steps(summary: Summary, say: Callable[[str], None]) -> None:
    folder, flyball = _near(summary.folder), _program()
    say("Where to look next:")
    say(f"  {flyball} -C {folder} dashboard         # all of it in a browser: what was done when and why, and buttons")
    say(f"  {flyball} -C {folder} up                # server, loop and dashboard over this project; the loop is frozen, `thaw` lets it act")
    if summary.until is not None:
        say(f"  {flyball} -C {folder} monitor --now {summary.until:%Y-%m-%d}T00:00:00Z --html report.html    # a page to mail")
    say(f"  {flyball} -C {folder} retrains          # what each training cost, what became of it, what it bought")
    if summary.until is not None and summary.until > _JULY:
        say(f"  {flyball} -C {folder} history --at {_JULY:%Y-%m-%d}T00:00:00Z            # what was in production in July")
    if summary.champion is not None:
        say(f"  {flyball} -C {folder} why @{summary.champion}            # why this version serves")
    if summary.prediction_id:
        say(f"  {flyball} -C {folder} trace {summary.prediction_id}")


def _program() -> str:
    """How this command was called: by name if that is on the path, else by its place."""
    if shutil.which("flyball"):
        return "flyball"
    called = Path(sys.argv[0]).absolute()
    return "python -m flyball" if called.name == "__main__.py" else _near(called)


def _near(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
