"""How soon a real difference is found, beside a test of a size fixed beforehand."""

import numpy as np
from bench.decisions.aa import ALPHA, first_crossing, paths

from flyball.core.record import record
from flyball.stats.arms import MIN_UNITS
from flyball.stats.planning import fixed_rows


@record
class Power:
    """The rows of both arms after which a difference was certain: median, 80 % and 90 % of the runs.

    `fixed`: what a two-sided test that is looked at once needs for a power of 80 %. `alike`: what a one-sided one at the level of the
    sequence needs for a power of 50 % (beside the median) and of 80 % (beside the 80 %). `found`: the share of the runs that found it
    within `most` rows.
    """

    accuracy: float
    points: float
    runs: int
    median: float
    eighty: float
    ninety: float
    fixed: float
    alike: tuple[float, float]
    found: float
    most: int

    @property
    def ratio(self) -> float:
        """The median against the fixed size."""
        return self.median / self.fixed


def power(runs: int, *, accuracy: float = 0.75, points: float = 0.03, most: int = 60_000, seed: int = 5) -> Power:
    """A challenger that is right in `points` more of the cases, at balanced traffic, looked at after every outcome."""
    chance, rows = np.random.default_rng(seed), []
    wrong = 1 - accuracy
    for _ in range(runs):
        sides = np.random.default_rng(chance.integers(2**63))
        challenger = np.random.default_rng(sides.integers(2**63))
        state = challenger.bit_generator.state
        side = challenger.random(most) < 0.5
        challenger.bit_generator.state = state
        draws = sides.random(most)
        loss = (draws < np.where(side, wrong - points, wrong)).astype(np.float64)
        at = first_crossing(*paths(most, 0.5, challenger, loss))
        # looks begin once each arm has its least units
        begin = int(np.argmax(np.minimum(np.cumsum(side), np.cumsum(~side)) >= MIN_UNITS))
        rows.append(np.inf if at is None else float(begin + at + 1))
    variances = (wrong * accuracy, (wrong - points) * (accuracy + points))
    half, most_of = (fixed_rows(points, variances, alpha=ALPHA, power=found, two_sided=False) for found in (0.5, 0.8))
    return Power(
        accuracy=accuracy,
        points=points,
        runs=runs,
        median=float(np.median(rows)),
        eighty=float(np.quantile(rows, 0.8)),
        ninety=float(np.quantile(rows, 0.9)),
        fixed=fixed_rows(points, variances),
        alike=(half, most_of),
        found=float(np.isfinite(rows).mean()),
        most=most,
    )
