"""Running the sides: each comparison in a process of its own on one core, the sides taking turns."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from bench.monitoring.results import Comparison, Run, Said, size_name
from bench.serving.environments import UnavailableError, python_of

HERE = Path(__file__).parent / "sides"
# Side → the environment it needs (none: ours), in the order of the tables.
SIDES: Mapping[str, str | None] = {"flyball": None, "scipy": None, "nannyml": "nannyml", "evidently": "evidently"}
TITLES: Mapping[str, str] = {
    "flyball": "**Flyball**",
    "scipy": "scipy `ks_2samp`",
    "nannyml": "NannyML, univariate KS",
    "evidently": "Evidently, `DataDriftPreset`",
}
_PATIENCE = 3600.0
# One thread for every numeric library, and no word to anybody.
_ALONE = {
    **{name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS")},
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "PYTHONWARNINGS": "ignore",
}
REFERENCE_ROWS, LOOK_ROWS, LOOK_COLUMNS, MOVED, PHI = 20_000, 1_000, 20, 0.5, 0.9
CASES: Mapping[str, str] = {
    "null": f"nothing moved; reference of {REFERENCE_ROWS} rows",
    "small": f"nothing moved; reference of {LOOK_ROWS} rows",
    "ar": f"nothing moved, but each row resembles the one before (AR(1), φ = {PHI}); reference of {REFERENCE_ROWS} rows",
    "shift": f"one column moved by {MOVED} standard deviations; reference of {REFERENCE_ROWS} rows",
}


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def start(side: str, verb: str, folder: Path, core: int) -> Any:
    """What a side says; UnavailableError if it cannot say it."""
    environment = SIDES[side]
    env = {**os.environ, **_ALONE}
    if environment is None:
        words = [sys.executable, "-m", f"bench.monitoring.sides.{side}_side", verb, str(folder)]
        env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    else:
        words = [str(python_of(environment)), str(HERE / f"{side}_side.py"), verb, str(folder)]
        env.pop("PYTHONPATH", None)
    pinned = ["taskset", "-c", str(core), *words]
    try:
        done = subprocess.run(pinned, cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE, env=env)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"no answer within {_PATIENCE:g} s") from error
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise UnavailableError(" ".join(([line for line in done.stderr.splitlines() if line.strip()] or ["it ended at once"])[-1:])[:200])
    return json.loads(lines[-1])


def speed(run: Run, folder: Path, core: int, *, slow_rounds: int) -> None:
    """Every side over both sizes, in turns. Evidently takes minutes for the large one: it gets `slow_rounds` there."""
    for rows, columns in run.sizes:
        name = size_name(rows, columns)
        large = rows * columns > 10_000_000
        say(f"two samples of {name}")
        place = folder / f"{rows}x{columns}"
        place.mkdir()
        generator = np.random.default_rng(rows + columns)
        for what in ("reference", "current"):
            np.save(place / f"{what}.npy", generator.normal(size=(rows, columns)))
        found = run.speed.setdefault(name, {})
        for turn in range(run.rounds):
            for side in SIDES:
                if side in run.absent or (large and side == "evidently" and turn >= slow_rounds):
                    continue
                try:
                    once = start(side, "compare", place, core)
                except UnavailableError as error:
                    say(f"{side} does not take part: {error}")
                    run.absent[side] = str(error)
                    continue
                measured = found.setdefault(side, Comparison(once["what"]))
                measured.seconds.append(once["seconds"])
                measured.peak_mb.append(once["peak_mb"])
                measured.repeats = int(once["repeats"])
                say(f"  {side:10} {once['seconds'] * 1e3:10.1f} ms  {once['peak_mb']:8.1f} MB beyond the data")
        for what in ("reference", "current"):
            (place / f"{what}.npy").unlink()


def said(run: Run, folder: Path, core: int, *, looks: int) -> None:
    """What every side says of windows in which nothing happened, and of windows in which one column moved."""
    for case, words in CASES.items():
        say(f"{looks} windows of {LOOK_ROWS} rows, {LOOK_COLUMNS} columns: {words}")
        place = folder / f"looks-{case}"
        place.mkdir()
        reference, windows = _looks(case, looks)
        np.save(place / "reference.npy", reference)
        np.save(place / "looks.npy", windows)
        for side in SIDES:
            # NannyML's thresholds are the spread of the reference's chunks: a reference of one chunk has none.
            if side in run.absent or (side == "nannyml" and case == "small"):
                continue
            try:
                drifted = start(side, "looks", place, core)["drifted"]
            except UnavailableError as error:
                say(f"  {side} has nothing to say: {error}")
                run.absent.setdefault(f"{side}: {words}", str(error))
                continue
            run.said.setdefault(case, {})[side] = found = judged(drifted, LOOK_COLUMNS, {"f0"} if case == "shift" else set())
            say(f"  {side:10} {found.false_alarms} false alarms of columns; the moved column named in {found.looks_that_named_it} windows")


def judged(drifted: list[list[str]], columns: int, moved: set[str]) -> Said:
    """Count the alarms: those of columns that moved are right, all others are false."""
    false = [len(set(names) - moved) for names in drifted]
    return Said(
        looks=len(drifted),
        columns=columns,
        alarms=sum(map(len, drifted)),
        false_alarms=sum(false),
        looks_with_false_alarm=sum(count > 0 for count in false),
        looks_that_named_it=sum(bool(moved) and moved <= set(names) for names in drifted),
    )


def _looks(case: str, looks: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    generator = np.random.default_rng(list(CASES).index(case) + 11)
    before = LOOK_ROWS if case == "small" else REFERENCE_ROWS
    values = generator.normal(size=(before + looks * LOOK_ROWS, LOOK_COLUMNS))
    if case == "ar":
        for at in range(1, len(values)):
            values[at] = PHI * values[at - 1] + np.sqrt(1 - PHI**2) * values[at]
    if case == "shift":
        values[before:, 0] += MOVED
    return values[:before], values[before:].reshape(looks, LOOK_ROWS, LOOK_COLUMNS)


def encode(run: Run) -> bytes:
    """A run as JSON."""
    return msgspec.json.format(msgspec.json.encode(run))
