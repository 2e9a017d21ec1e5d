"""Monitoring beside the monitors people use: what a comparison costs, what each says, and whether our numbers are right.

    python -m bench.monitoring [--quick] [--rounds 5] [--only PART ...] [--json FILE] [--docs FOLDER] [--show FILE]

Parts: speed, said (what monitors say of windows), request (the request path), alarms (a null, a season, delays), exact (certified bounds
and published numbers). The peers are installed by the script, each in an environment of its own under `~/.cache/flyball-bench` (or
`FLYBALL_BENCH_CACHE`). At the end it prints the goals, keeps the run in `bench/results/monitoring.json` and writes
`docs/monitoring-performance.md`; with --quick or --only the page goes to `bench/results/` instead.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil
from bench.monitoring import page
from bench.monitoring.certified import certified
from bench.monitoring.goals import LARGE, SMALL, goals
from bench.monitoring.over_time import over_time
from bench.monitoring.published import published
from bench.monitoring.request import request
from bench.monitoring.results import Run
from bench.monitoring.run_sides import SIDES, TITLES, encode, said, say, speed
from bench.serving.environments import UnavailableError, python_of, versions_of
from bench.serving.machine import machine
from bench.serving.processes import cores

_HERE = Path(__file__).parents[1]
PARTS = ("exact", "alarms", "said", "request", "speed")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    options = _options(arguments)
    results = _HERE / "results"
    results.mkdir(exist_ok=True)
    if options.show:
        run = msgspec.json.decode(options.show.read_bytes(), type=Run)
    else:
        run = measured(options)
        (options.json or results / "monitoring.json").write_bytes(encode(run))
    print(page.markdown(run))
    for goal in goals(run):
        print(f"{ {True: 'yes', False: 'NO', None: '-'}[goal.met]:4}{goal.what}: {goal.goal}: {goal.measured}")
    whole = not (options.only or options.quick or options.show)
    written = page.write(run, options.docs or (_HERE.parent / "docs" if whole else results))
    say(f"written: {written}")


def measured(options: argparse.Namespace) -> Run:
    """One whole run."""
    core, other = cores()
    run = Run(
        machine=machine([]),
        rounds=options.rounds,
        quick=options.quick,
        sizes=[SMALL] if options.quick else [SMALL, LARGE],
        busy=psutil.cpu_percent(interval=2.0) / 100,
    )
    parts = options.only or PARTS
    _environments(run)
    with tempfile.TemporaryDirectory(prefix="fb-") as name:
        folder = Path(name)
        if "exact" in parts:
            _exact(run, cases=200 if options.quick else 1000, most_rows=20_000 if options.quick else 1_000_000)
        if "alarms" in parts:
            _alarms(run, quick=options.quick)
        if "said" in parts:
            said(run, folder, core, looks=20 if options.quick else 100)
        if "request" in parts:
            request(run, folder / "request", (core, other), rounds=3 if options.quick else 12, seconds=2.0 if options.quick else 5.0)
        if "speed" in parts:
            speed(run, folder, core, slow_rounds=1)
    return run


def _environments(run: Run) -> None:
    """Make what is missing, and write down what each peer is made of."""
    for side, environment in SIDES.items():
        if environment is None:
            continue
        try:
            python_of(environment)
            run.machine.versions[TITLES[side]] = ", ".join(f"{name} {number}" for name, number in versions_of(environment).items())
        except UnavailableError as error:
            say(f"{side} does not take part: {error}")
            run.absent[side] = str(error)


def _exact(run: Run, *, cases: int, most_rows: int) -> None:
    say(f"{cases} random cases of up to {most_rows} rows against the exact distance")
    run.certified = certified(cases, most_rows=most_rows)
    say(f"  {run.certified.held} of {run.certified.cases} inside, widest interval {run.certified.widest:.4f}")
    if "nannyml" in run.absent:
        run.absent["published KS"] = run.absent["published ROC AUC"] = run.absent["nannyml"]
        return
    run.published, why = published()
    if why:
        run.absent["published ROC AUC"] = why


def _alarms(run: Run, *, quick: bool) -> None:
    """Days of looking: a null, dependent rows with a season, and how long a shift stays unseen."""
    try:
        run.over_time = over_time(runs=2 if quick else 20, days=0.25 if quick else 3.0)
    except ModuleNotFoundError as error:
        run.absent["alarms over time"] = str(error)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.monitoring", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round, the small size, few cases: does everything run?")
    parser.add_argument("--rounds", type=int, help="comparisons of each side and size (default 5; Evidently does the large size once)")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="only these parts")
    parser.add_argument("--json", type=Path, help="where what was measured is kept (default bench/results/monitoring.json)")
    parser.add_argument("--show", type=Path, help="measure nothing: print and write what an earlier run kept")
    parser.add_argument("--docs", type=Path, help="where the page is written")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 5)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


if __name__ == "__main__":
    main()
