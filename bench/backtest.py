"""A year of flights under five policies: what it costs, what came of it, and whether it decides what the demo decides.

    python bench/backtest.py [--days 306] [--seed 0] [--without-demo] [--demo FILE]

Prints the wall and processor seconds of `flyball backtest` over 1 March to 31 December 2013 (goal: 5 minutes on two cores, which are 600
seconds of the processor), the policies with their metrics and costs, and then the decisions of the demo beside those of the replay of the
same stream, with the colleague's training of 26 November, which only this bench asks for: they must be the same. `--demo` takes the JSON
of an earlier `flyball demo --json`.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from flyball.adapters.local.mapper import LocalMapper
from flyball.adapters.replay.benches import ReplayBenches
from flyball.core.window import parse_duration
from flyball.demo.colleague import TRAINS_AT, WINDOW
from flyball.demo.project import write_example
from flyball.demo.run import END, START
from flyball.loop.backtest.records import BacktestReport, ByHand, Request
from flyball.loop.backtest.run import backtest
from flyball.spec.load import load_spec
from flyball.words.sentences import sentence

GOAL = 600.0
Decision = tuple[str, str, int | None]


def project(folder: Path, seed: int) -> None:
    """The flights example over the whole year."""
    write_example("flights", folder)
    path = folder / "flyball.toml"
    path.write_text(re.sub(r"random_state = \d+", f"random_state = {seed}", path.read_text()))


def replayed(folder: Path, request: Request, *, processes: int | None) -> BacktestReport:
    """A backtest in a scratch folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        return backtest(
            (folder / "flyball.toml").read_text(),
            load_spec(folder),
            request,
            benches=ReplayBenches(project=folder, scratch=Path(scratch)),
            mapper=LocalMapper(processes),
            say=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )


def spent() -> float:
    """Seconds of the processor so far, of this process and of those it has waited for."""
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def year(folder: Path, request: Request) -> None:
    """The five usual policies: seconds, and a line for each."""
    began, cpu = time.perf_counter(), spent()
    report = replayed(folder, request, processes=None)
    wall, cpu = time.perf_counter() - began, spent() - cpu
    print(f"five policies, {report.rows} rows each: {wall:.0f} s on the clock, {cpu:.0f} s of the processor (goal {GOAL:.0f})")
    print(
        f"{'policy':14}{'AUC':>8}{'Brier':>8}{'retrains':>9}{'CPU s':>7}{'promoted':>9}{'refused':>8}{'alarms':>7}{'false':>6}{'missed':>7}"
    )
    for one in report.policies:
        numbers = f"{one.mean['roc_auc']:8.4f}{one.mean['brier']:8.4f}{one.retrains:9}{one.cost.cpu_seconds:7.0f}{one.promotions:9}"
        print(f"{one.name:14}{numbers}{one.refused:8}{len(one.alarms):7}{one.false_alarms!s:>6}{one.missed!s:>7}")
        for metric, gap in one.against.items():
            if metric in ("roc_auc", "brier"):
                print(f"{'':14}{metric} against spec {gap.gain:+.4f} [{gap.lower:+.4f}, {gap.upper:+.4f}]")


def demo(seed: int, days: int | None) -> dict[str, Any]:
    """One run of the demo, as its JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        words = [sys.executable, "-m", "flyball", "demo", "--json", "--seed", str(seed), "--folder", str(Path(scratch) / "demo")]
        done = subprocess.run([*words, *(["--days", str(days)] if days else [])], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the demo failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def agree(folder: Path, request: Request, live: dict[str, Any]) -> bool:
    """Print both columns of decisions, and say whether they are the same."""
    report = replayed(folder, request, processes=1)
    (spec,) = report.policies
    ours: list[Decision] = [(f"{made.at:%Y-%m-%d %H:%M}", made.action, made.version) for made in spec.decisions]
    theirs: list[Decision] = [(one["at"][:16].replace("T", " "), one["action"], one["version"]) for one in live["decisions"]]
    for place in range(max(len(ours), len(theirs))):
        left, right = (side[place] if place < len(side) else None for side in (ours, theirs))
        shown = left or right
        assert shown is not None
        why = sentence(spec.decisions[place].reason)[:90] if place < len(ours) else ""
        print(f"{'  ' if left == right else '≠ '}{shown[0]} {shown[1]} {shown[2] or ''}  {why}")
        if left != right:
            print(f"    replay {left}, demo {right}")
    for metric, months in (("roc_auc", live["roc_auc"]["loop"]), ("brier", live["brier"]["loop"])):
        gap = max(abs(value - spec.months[metric][month]) for month, value in months.items() if value is not None)
        print(f"largest difference of a month's {metric} between demo and replay: {gap:.6f}")
    same = ours == theirs
    print(f"{len(ours)} decisions of the replay, {len(theirs)} of the demo: {'the same' if same else 'NOT the same'}")
    return same


def main() -> None:
    """Measure, compare, print; exit 1 if replay and demo disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-demo", action="store_true")
    parser.add_argument("--without-year", action="store_true")
    parser.add_argument("--demo", type=Path)
    options = parser.parse_args()
    end = END if options.days is None else START + timedelta(days=options.days)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "flights"
        project(folder, options.seed)
        if not options.without_year:
            year(folder, Request(start=START, end=end))
        if options.without_demo:
            return
        live = json.loads(options.demo.read_text()) if options.demo else demo(options.seed, options.days)
        by_hand = ByHand(at=TRAINS_AT, actor="colleague", window=parse_duration(WINDOW))
        if not agree(folder, Request(policies=("spec",), start=START, end=end, by_hand=(by_hand,)), live):
            sys.exit(1)


if __name__ == "__main__":
    main()
