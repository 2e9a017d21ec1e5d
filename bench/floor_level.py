"""How often the alarm of the floor fires without cause in half a year of daily looks: python bench/floor_level.py [--runs 1000] [--seed 0]

Day losses have one mean for ever. "at": that mean is the floor exactly. "bound": the floor is the 95 % bound of 30 held-out days before,
drop 0; "+ .3": a drop of .3 standard deviations of a day more. `like`: correlation of a day with the one before it.
"""

import argparse

import numpy as np

from flyball.monitoring.floor import HORIZON_DAYS, alarm_level
from flyball.stats.blocked import value_with_neighbours
from flyball.stats.intervals import block_t
from flyball.stats.scores import METRICS

HELD_OUT = 30
MEAN, LEVEL = METRICS["mae"], 20.0  # errors around 20, so that they are days' losses and never negative


def false_alarms(generator: np.random.Generator, window: int, like: float, runs: int) -> list[float]:
    """The shares of runs with an alarm: for each of the three floors, and for the third with the 95 % bound of a single look."""
    level, alarms = alarm_level(window), np.zeros(4)
    rows, block, nothing = np.ones(window), np.arange(window), np.zeros(window)
    for _ in range(runs):
        days = generator.normal(size=HELD_OUT + HORIZON_DAYS + window)
        for at in range(1, len(days)):
            days[at] = like * days[at - 1] + np.sqrt(1 - like**2) * days[at]
        days += LEVEL
        held_out = block_t(days[:HELD_OUT], np.ones(HELD_OUT))
        assert held_out is not None and held_out.upper is not None
        floors, hit = np.array([LEVEL, held_out.upper, held_out.upper + 0.3]), np.zeros(4, dtype=bool)
        for look in range(HORIZON_DAYS):
            seen = days[HELD_OUT + look : HELD_OUT + look + window]
            found, once = value_with_neighbours(MEAN, seen, nothing, 0.5, block, generator, alpha=level), block_t(seen, rows)
            assert found is not None and found.lower is not None and once is not None and once.lower is not None
            hit |= np.append(found.lower > floors, once.lower > floors[1])
        alarms += hit
    return [float(share) for share in alarms / runs]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    generator = np.random.default_rng(options.seed)
    print("| window | like | level | at | bound | + .3 | bound, every look at 5 % |\n|---|---|---|---|---|---|---|")
    for window in (7, 14, 28, 60):
        for like in (0.0, 0.3, 0.5):
            at, bound, more, once = false_alarms(generator, window, like, options.runs)
            print(f"| {window} | {like} | {alarm_level(window):.5f} | {at:.3f} | {bound:.3f} | {more:.3f} | {once:.3f} |", flush=True)


if __name__ == "__main__":
    main()
