"""Days of looking at every minute, from `bench.monitoring.alarms`: false alarms in days without a change, minutes until one is seen."""

import importlib
import math
from typing import Any

from bench.monitoring.results import OverTime
from bench.monitoring.run_sides import say

SHIFTS = (0.25, 0.5, 1.0)


def over_time(*, runs: int, days: float) -> OverTime:
    """So many runs of each; ModuleNotFoundError where the simulations are not there."""
    alarms: Any = importlib.import_module("bench.monitoring.alarms")
    found = OverTime(runs=runs, days=days)
    say(f"{runs} runs of {days:g} days in which nothing happens, looked at every minute")
    for seed in range(runs):
        one = alarms.null(seed, days=days)
        found.looks = int(one.looks)
        found.null.append(int(one.alarms))
        found.naive.append(int(one.naive))
        say(f"  {one.alarms} alarms; ks_2samp calls {one.naive} features drifted")
    say("the same of rows that resemble the one before, with a daily wave, on a calibrated reference")
    for seed in range(runs):
        found.season.append(int(alarms.season(seed, days=days).alarms))
        say(f"  {found.season[-1]} alarms")
    for shift in SHIFTS:
        minutes = [float(alarms.delay(seed, shift).minutes) for seed in range(runs)]
        found.delays[f"{shift:g}"] = [one if math.isfinite(one) else None for one in minutes]
        say(f"  {shift:g} sd: minutes until drift {', '.join(f'{one:.1f}' for one in minutes)}")
    return found
