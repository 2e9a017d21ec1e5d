"""Rollouts between versions that are equally good, looked at all the time: how many would have been promoted."""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from flyball.core.record import record
from flyball.monitoring.alike import RATIO_LEVEL
from flyball.stats.arms import MIN_UNITS, UNIT_TUNING, Arms, by_day, sequence_factor
from flyball.stats.losses import Floats
from flyball.stats.sequential import block_sequence, ratio_log_factor

ALPHA = 0.05


@record
class Share:
    """How many of some runs did it, and over how many looks each."""

    what: str
    runs: int
    hits: int
    looks: int

    @property
    def share(self) -> float:
        """The part of the runs."""
        return self.hits / self.runs


def paths(
    units: int, share: float, chance: np.random.Generator, draw: Callable[[int], Floats] | Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """The difference of two arms after every unit, its standard error, what the arms are worth in units of arms of one size, and the
    freedom: as `stats.arms.by_unit` reckons them, for all looks at once.
    """
    challenger = chance.random(units) < share
    loss = draw(units) if callable(draw) else draw
    rows = np.stack([np.cumsum(~challenger), np.cumsum(challenger)]).astype(np.float64)
    sums = np.stack([np.cumsum(np.where(challenger, 0.0, loss)), np.cumsum(np.where(challenger, loss, 0.0))])
    squares = np.stack([np.cumsum(np.where(challenger, 0.0, loss**2)), np.cumsum(np.where(challenger, loss**2, 0.0))])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / rows
        rest = np.maximum(squares - rows * mean**2, 0.0)
        each = rest / (rows - 1) / rows
        worth = rows[0] * rows[1] / rows.sum(axis=0)
        variance = np.maximum(each.sum(axis=0), rest.sum(axis=0) / np.maximum(rows.sum(axis=0) - 2, 1) / worth)
        within = (each**2 / (rows - 1)).sum(axis=0)
        freedom = np.minimum(variance**2 / within, rows.sum(axis=0) - 2)
    enough = rows.min(axis=0) >= MIN_UNITS
    return (mean[0] - mean[1])[enough], np.sqrt(variance)[enough], 4 * worth[enough], np.maximum(freedom[enough], 1.0)


def first_crossing(gain: Floats, error: Floats, size: Floats, freedom: Floats) -> int | None:
    """At which look the lower bound first lies above zero; None if it never does."""
    passed = gain > sequence_factor(size, freedom, alpha=ALPHA, tuning=UNIT_TUNING) * error
    return int(np.argmax(passed)) if passed.any() else None


def by_outcome(runs: int, units: int, *, share: float = 0.5, seed: int = 0) -> Share:
    """Unit blocks, one outcome each, looked at after every outcome: 0 or 1, wrong in a quarter of the cases."""
    chance, hits = np.random.default_rng(seed), 0
    for _ in range(runs):
        found = paths(units, share, chance, lambda count: (chance.random(count) < 0.25).astype(np.float64))
        hits += first_crossing(*found) is not None
    return Share(what=f"units, challenger {share:.0%}, a look after every outcome", runs=runs, hits=hits, looks=units)


def by_days(runs: int, days: int, rows: int, *, share: float = 0.5, units: int = 2000, seed: int = 1) -> Share:
    """Day blocks, looked at every day: units that come back and differ, days that differ."""
    chance, hits = np.random.default_rng(seed), 0
    for _ in range(runs):
        day = np.repeat(np.arange(days), rows)
        unit = chance.integers(0, units, days * rows)
        base = 0.25 + 0.08 * chance.normal(size=units)[unit] + 0.08 * chance.normal(size=days)[day]
        arms = Arms(
            loss=(chance.random(days * rows) < base).astype(np.float64),
            challenger=(chance.random(units) < share)[unit],
            phase=np.zeros(days * rows, dtype=np.int64),
            day=day.astype(np.int64),
            unit=unit.astype(np.int64),
        )
        for seen in range(7, days + 1):
            lower, _ = by_day(_until(arms, seen * rows)).bounds(ALPHA)
            if lower is not None and lower > 0:
                hits += 1
                break
    return Share(what=f"days, challenger {share:.0%}, a look after every day", runs=runs, hits=hits, looks=days)


def by_steps(runs: int, days: int, rows: int, *, steps: int = 12, hours: float = 2.0, seed: int = 6) -> Share:
    """A canary of short steps by day blocks, looked at every day: each day favours one of the two by chance, none on average."""
    chance, hits, shares = np.random.default_rng(seed), 0, np.linspace(0.2, 0.5, steps)
    for _ in range(runs):
        hour = np.tile(np.sort(chance.random(rows)) * 24, days)
        day = np.repeat(np.arange(days), rows)
        phase = np.minimum(((24 * day + hour) // hours).astype(np.int64), steps - 1)
        challenger = chance.random(days * rows) < shares[phase]
        arms = Arms(
            loss=0.1 * chance.normal(size=days * rows) + 0.02 * chance.normal(size=days)[day] * challenger,
            challenger=challenger,
            phase=phase,
            day=day.astype(np.int64),
            unit=np.arange(days * rows),
        )
        for seen in range(1, days + 1):
            lower, _ = by_day(_until(arms, seen * rows)).bounds(ALPHA)
            if lower is not None and lower > 0:
                hits += 1
                break
    return Share(what=f"days, canary of {steps} steps of {hours:g} hours, a look after every day", runs=runs, hits=hits, looks=days)


def paired(runs: int, days: int, *, seed: int = 2) -> Share:
    """Shadow: both versions scored every row, days differ by more than their rows explain, looked at every day."""
    chance, hits = np.random.default_rng(seed), 0
    for _ in range(runs):
        gains = chance.standard_t(5, days) * 0.003
        hits += any((low := block_sequence(gains[:seen], alpha=ALPHA).lower) is not None and low > 0 for seen in range(7, days + 1))
    return Share(what="paired (shadow), a look after every day", runs=runs, hits=hits, looks=days)


def split(runs: int, units: int, *, share: float = 0.5, level: float = RATIO_LEVEL, seed: int = 3) -> Share:
    """An honest split, tested after every unit: how many runs ever ring at the level of each of the product's two tests."""
    chance, hits = np.random.default_rng(seed), 0
    line = np.log(1 / level)
    for _ in range(runs):
        challenger = np.cumsum(chance.random(units) < share)
        looks = np.arange(1, units + 1)
        factors = _log_factors(looks - challenger, challenger, share)
        hits += bool((factors > line).any())
    return Share(what=f"sample ratio, challenger {share:.0%}, a look after every unit", runs=runs, hits=hits, looks=units)


def _log_factors(champion: np.ndarray, challenger: np.ndarray, share: float) -> Floats:
    """`ratio_log_factor` at every look."""
    from scipy.special import gammaln

    total, found = champion + challenger, 0.0
    found = gammaln(1000.0) - gammaln(1000.0 + total)
    for count, weight in ((champion, 1 - share), (challenger, share)):
        found = found + gammaln(1000.0 * weight + count) - gammaln(1000.0 * weight) - count * np.log(weight)
    last = ratio_log_factor([int(champion[-1]), int(challenger[-1])], [1 - share, share])
    if abs(float(found[-1]) - last) > 1e-6 * max(1.0, abs(last)):
        raise AssertionError("the bench does not reckon the split as the product does")
    return np.asarray(found)


@record
class Peeking:
    """Share of null comparisons that ever look significant, by how one looks; `looks`: the naive test at so many looks."""

    looks: dict[int, float]
    naive: float
    sequence: float
    rows: int
    runs: int


def peeking(runs: int, rows: int, *, seed: int = 4) -> Peeking:
    """One stream of standard normal differences with no mean: a two-sided test at 5 %, looked at so many times or after every row."""
    chance = np.random.default_rng(seed)
    line = float(ndtri(0.975))
    looks = dict.fromkeys((1, 2, 5, 10, 20, 50), 0)
    naive = sequence = 0
    n = np.arange(1, rows + 1)
    factor = sequence_factor(n, np.maximum(n - 1, 1), alpha=ALPHA / 2, tuning=5000)
    for _ in range(runs):
        z = np.cumsum(chance.normal(size=rows)) / np.sqrt(n)
        for count in looks:
            at = (np.arange(1, count + 1) * rows // count) - 1
            looks[count] += bool((np.abs(z[at]) > line).any())
        naive += bool((np.abs(z[99:]) > line).any())
        sequence += bool((np.abs(z[99:]) > factor[99:]).any())
    return Peeking(
        looks={count: found / runs for count, found in looks.items()}, naive=naive / runs, sequence=sequence / runs, rows=rows, runs=runs
    )


def _until(arms: Arms, rows: int) -> Arms:
    return Arms(
        loss=arms.loss[:rows], challenger=arms.challenger[:rows], phase=arms.phase[:rows], day=arms.day[:rows], unit=arms.unit[:rows]
    )
