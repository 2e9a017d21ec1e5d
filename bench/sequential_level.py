"""How often the live comparison is wrong, and how often it promotes: the real bounds on simulated days, looked at every day.

    python bench/sequential_level.py [--runs 20000] [--days 60] [--seed 0]

First table: the share of runs in which a comparison of two equal models is ever called better, one-sided at alpha .05, looked at every
day from the seventh on. Second table: what becomes of a candidate of a known true gain under the rules of the flights example
(`alpha = 0.1`, `margin = 0.002`, `min_days = 7`, 12 held-out days first, then at most 45 live ones), and without the margin.
The days of the second table are simulated too: Gaussian, correlated by .2 from day to day, with the given spread (standard deviation)
of the daily mean difference. The spread of your own model's days decides how much a margin lets through: compare both.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.stats.sequential import block_sequence

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Floats]

FIRST = 7
HELD_OUT, LIVE, MARGIN = 12, 45, 0.002
SPREADS = (0.005, 0.01)
GAINS = (-0.006, -0.004, -0.002, 0.0, 0.002, 0.005, 0.01)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=20_000)
    arguments.add_argument("--days", type=int, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    rng = np.random.default_rng(options.seed)
    print(f"two equal models, {options.days} days, looked at daily from day {FIRST}, alpha .05, {options.runs} runs")
    for name, draw in NULLS.items():
        low, _ = bounds(draw(rng, options.runs, options.days), alpha=0.05)
        print(f"  {name:48} {np.mean((low > 0).any(axis=1)):6.1%}")
    for spread in SPREADS:
        noise = spread * correlated(0.2)(rng, options.runs, HELD_OUT + LIVE)
        print(f"\n{HELD_OUT} held-out and at most {LIVE} live days, alpha .1, spread of the days {spread:g}, {options.runs} runs")
        print(f"  {'true gain':>10}   {f'margin {MARGIN:g}':^30}   {'margin 0':^30}")
        print(f"  {'':>10}   {'promoted':>10}{'refused':>10}{'undecided':>10}   {'promoted':>10}{'refused':>10}{'undecided':>10}")
        for gain in GAINS:
            low, high = bounds(noise + gain, alpha=0.1)
            with_margin, without = fates(low, high, MARGIN), fates(low, high, 0.0)
            print(f"  {gain:>+10.3f}   {''.join(f'{one:>10.1%}' for one in with_margin)}   {''.join(f'{one:>10.1%}' for one in without)}")


def bounds(days: Floats, *, alpha: float) -> tuple[Floats, Floats]:
    """Lower and upper bound after every day from `FIRST` on, one run per row."""
    count = np.arange(1, days.shape[1] + 1)
    mean = np.cumsum(days, axis=1) / count
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.maximum(np.cumsum(days**2, axis=1) - count * mean**2, 0.0) / (count - 1) / count)
    half = spread * np.array([widths(int(number), alpha) for number in count])
    return (mean - half)[:, FIRST - 1 :], (mean + half)[:, FIRST - 1 :]


def widths(blocks: int, alpha: float) -> float:
    """How many standard errors the bound of `block_sequence` lies from the mean after so many blocks; it depends on nothing else."""
    if blocks < FIRST:
        return 0.0
    probe = np.arange(blocks, dtype=np.float64)
    found = block_sequence(probe, alpha=alpha)
    assert found.lower is not None
    return float((found.mean - found.lower) / (probe.std(ddof=1) / np.sqrt(blocks)))


def fates(low: Floats, high: Floats, margin: float) -> Sequence[float]:
    """The shares of runs that are promoted, refused, and undecided at the deadline."""
    never = low.shape[1]
    live = np.arange(FIRST, FIRST + never) - HELD_OUT
    promote = (low > -margin) & (live >= FIRST)
    refuse = (high < 0) & (live >= 1)
    promoted_at = np.where(promote.any(axis=1), promote.argmax(axis=1), never)
    refused_at = np.where(refuse.any(axis=1), refuse.argmax(axis=1), never)
    promoted = (promoted_at <= refused_at) & (promoted_at < never)
    refused = (refused_at < promoted_at) & (refused_at < never)
    return [float(promoted.mean()), float(refused.mean()), float((~promoted & ~refused).mean())]


def correlated(rho: float) -> Draw:
    """Gaussian days of variance 1, each correlated by `rho` with the day before."""

    def draw(rng: np.random.Generator, runs: int, days: int) -> Floats:
        fresh = rng.normal(size=(runs, days))
        found = fresh.copy()
        for day in range(1, days):
            found[:, day] = rho * found[:, day - 1] + np.sqrt(1 - rho**2) * fresh[:, day]
        return found

    return draw


NULLS: dict[str, Draw] = {
    "Gaussian days": lambda rng, runs, days: rng.normal(size=(runs, days)),
    "heavy tails (Student t3)": lambda rng, runs, days: rng.standard_t(3, size=(runs, days)),
    "correlation .2 from day to day": correlated(0.2),
    "correlation .25 from day to day": correlated(0.25),
    "rare bad days (exponential, against the claim)": lambda rng, runs, days: 1 - rng.exponential(size=(runs, days)),
}


if __name__ == "__main__":
    main()
