"""CPU per request of `flyball serve` beside the servers people use, each pinned to one core, and the page that shows it.

    python -m bench.serving [--rounds 5] [--seconds 5] [--only NAME ...] [--quick] [--json FILE] [--docs FOLDER]

Peers are installed by the script, each in an environment of its own under `~/.cache/flyball-bench` (or `FLYBALL_BENCH_CACHE`). At the end
it prints the table of goals and writes `docs/performance.md` and `docs/performance.svg`; with `--only` it writes neither unless `--docs`
says where. `--show FILE` writes the page again from the JSON of an earlier run.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

import msgspec
import psutil
from bench.serving import models, page
from bench.serving.extras import start_up, two_workers
from bench.serving.goals import goals
from bench.serving.machine import machine
from bench.serving.measure import Field, rounds, say
from bench.serving.models import Served
from bench.serving.processes import cores
from bench.serving.results import Run
from bench.serving.servers import SERVERS, Server

_DOCS = Path(__file__).parents[2] / "docs"
_HALF_ROUNDS = 3


def main() -> None:
    """Measure, print, write."""
    options = _options()
    if options.show:
        run = msgspec.json.decode(options.show.read_bytes(), type=Run)
    else:
        signal.signal(signal.SIGTERM, _as_interrupt)
        names = set(options.only or [server.name for server in SERVERS])
        run = measured([server for server in SERVERS if server.name in names], options)
        if options.json:
            options.json.write_bytes(msgspec.json.format(msgspec.json.encode(run)))
    for goal in goals(run):
        print(f"{ {True: 'yes', False: 'NO', None: '-'}[goal.met]:4}{goal.what}: {goal.goal}: {goal.measured}")
    if options.docs or not (options.only or options.show):
        page.write(run, options.docs or _DOCS)
        say(f"written: {options.docs or _DOCS}/performance.md and performance.svg")


def measured(servers: Sequence[Server], options: argparse.Namespace) -> Run:
    """One whole run. Whatever ends it, no process is left behind."""
    server_core, load_core = cores()
    busy = psutil.cpu_percent(interval=2.0) / 100
    run = Run(machine=machine(servers), rounds=options.rounds, seconds=options.seconds, busy=busy)
    with tempfile.TemporaryDirectory(prefix="fb-") as name:
        folder = Path(name)
        say("training the models")
        made = _models(servers, folder)
        os.sched_setaffinity(0, {load_core})
        field = Field(folder, made, server_core, run)
        try:
            there = field.enter(servers)
            rounds(field, there, options.rounds, options.seconds, lambda case: case != "half")
            _half(field, [server for server in there if "half" in server.cases], options)
            field.end()
            if any(server.name == "flyball" for server in there):
                start_up(folder / "start-up", made["forest"], server_core, run, times=3 if options.quick else 7)
                two_workers(folder / "two-workers", made["forest"], server_core, run, seconds=options.seconds)
        except KeyboardInterrupt:
            say("interrupted: ending the servers")
            field.end()
            sys.exit(130)
        finally:
            field.end()
    return run


def _half(field: Field, servers: Sequence[Server], options: argparse.Namespace) -> None:
    for count in range(0 if not servers else 1 if options.quick else _HALF_ROUNDS):
        say(f"half load, round {count + 1}, {time.strftime('%H:%M')}")
        for server in servers:
            field.turn(server, "half", options.seconds * 2, counts=True)


def _models(servers: Sequence[Server], folder: Path) -> dict[str, Served]:
    wanted = {server.model for server in servers}
    made: dict[str, Served] = {}
    if wanted & {"forest", "forest-alone"}:
        pair = made["forest"] = models.forest(folder)
        made["forest-alone"] = replace(pair, estimators=pair.estimators[:1], expected=pair.expected[:1])
        models.write_mlflow(made["forest"], signature=False)
    if wanted & {"frame", "frame-plain"}:
        wide = models.frame(folder)
        made["frame"], made["frame-plain"] = wide, replace(wide, name="frame-plain")
        models.write_mlflow(wide, signature=True)
        models.write_mlflow(made["frame-plain"], signature=False)
    if "mlp" in wanted:
        made["mlp"] = models.network(folder)
    return made


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--only", nargs="+", choices=[server.name for server in SERVERS])
    parser.add_argument("--quick", action="store_true", help="one round of two seconds: does everything run?")
    parser.add_argument("--json", type=Path, help="keep what was measured")
    parser.add_argument("--show", type=Path, help="measure nothing: print and write what an earlier --json kept")
    parser.add_argument("--docs", type=Path, help="where the page and the plot are written")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (2.0 if options.quick else 5.0)
    return options


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
