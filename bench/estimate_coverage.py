"""How often labels show more, or less, than the bounds of an estimate made before them: python bench/estimate_coverage.py [--runs 300].

Scores that are too bold, 100 held-out rows a day for the map, then 7 days of 150 rows whose labels are estimated and then looked at.
`luck`: the standard deviation of what the rows of a day share, as log odds, and no score knows. 5 % are promised on each side.
"""

import argparse
from datetime import UTC, datetime

import numpy as np

from flyball.core.window import Window
from flyball.monitoring.estimated import Unlabelled, estimated
from flyball.monitoring.estimation import learn_classes
from flyball.stats.losses import Codes, Floats
from flyball.stats.scores import METRICS

WEEK = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 8, tzinfo=UTC))


def draw(generator: np.random.Generator, days: int, rows: int, luck: float) -> tuple[Floats, Codes, Codes]:
    """Scores, labels and days."""
    logit = generator.normal(size=(days, rows)) * 1.2
    chance = 1 / (1 + np.exp(-(0.8 * logit - 0.3 + generator.normal(0, luck, (days, 1)))))
    labels = (generator.random((days, rows)) < chance).astype(np.int64)
    return (1 / (1 + np.exp(-logit))).ravel(), labels.ravel(), np.repeat(np.arange(days), rows)


def missed(generator: np.random.Generator, days: int, luck: float, metric: str, runs: int) -> tuple[float, float]:
    """The shares of runs in which labels showed less than the lower and more than the upper bound."""
    below = above = known = 0
    for run in range(runs):
        score, truth, day = draw(generator, days, 100, luck)
        learnt = learn_classes("binary", truth, score, 0.5, day, by_day=True, seed=run)
        score, truth, day = draw(generator, 7, 150, luck)
        found = estimated(learnt, Unlabelled(score=score, day=day), metric, "binary", 0.5, WEEK, seed=run)
        real = METRICS[metric].function(truth, score, 0.5)
        if found.lower is not None and found.upper is not None and real is not None:
            known, below, above = known + 1, below + (real < found.lower), above + (real > found.upper)
    return below / max(1, known), above / max(1, known)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=300)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    generator = np.random.default_rng(options.seed)
    print("| held-out days | luck | metric | less than the lower bound | more than the upper |\n|---|---|---|---|---|")
    for days in (6, 10, 20):
        for luck in (0.0, 0.3):
            for metric in ("roc_auc", "brier"):
                below, above = missed(generator, days, luck, metric, options.runs)
                print(f"| {days} | {luck} | {metric} | {below:.3f} | {above:.3f} |", flush=True)


if __name__ == "__main__":
    main()
