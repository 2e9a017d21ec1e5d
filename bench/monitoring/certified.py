"""Bounds from counts against the exact distance: random columns of every kind, and any split of their rows added up again."""

import numpy as np
from bench.monitoring.results import Certified
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.cells import alone
from flyball.data.profile import build_reference
from flyball.monitoring.counts import Counter, merge
from flyball.stats.distances import ks_interval

Floats = NDArray[np.float64]
_SCHEMA = Schema(columns=(Column(name="x", kind="number", nullable=True),))
_VALUES = -2  # the last two cells of a number hold what is missing and what could not be read
_EXACT = 1e-12  # what two ways to divide whole numbers may differ by


def certified(cases: int, *, most_rows: int, seed: int = 0) -> Certified:
    """Try so many random pairs of samples, one to `most_rows` rows each (evenly over the magnitudes)."""
    generator = np.random.default_rng(seed)
    held, widest, largest = 0, 0.0, 0
    for _ in range(cases):
        first, second = (_sample(generator, most_rows) for _ in range(2))
        largest = max(largest, len(first), len(second))
        lower, upper, whole = _bounds(first, second, generator)
        with np.errstate(divide="ignore"):  # its p-value, which is not wanted, of one row
            exact = float(ks_2samp(first, second, method="asymp").statistic)
        held += whole and lower - _EXACT <= exact <= upper + _EXACT
        widest = max(widest, upper - lower)
    return Certified(cases=cases, held=held, widest=widest, slowest_rows=largest)


def _bounds(first: Floats, second: Floats, generator: np.random.Generator) -> tuple[float, float, bool]:
    """The certified interval, and whether the counts of any split of the rows add up to those of all."""
    reference = build_reference(Table({"x": first}), _SCHEMA, {})
    counter, column = Counter(reference), reference.columns["x"]
    counts = counter.count(Table({"x": second}), {})
    cuts = np.sort(generator.integers(0, len(second) + 1, 3))
    parts = merge(counter.count(Table({"x": part}), {}) for part in np.split(generator.permutation(second), cuts))
    same = bool((parts.columns["x"] == counts.columns["x"]).all()) and parts.rows == counts.rows
    before = np.array(column.counts, dtype=np.int64)
    lower, upper = ks_interval(before[:_VALUES], counts.columns["x"][:_VALUES], alone(np.array(column.edges)))
    return lower, upper, same


def _sample(generator: np.random.Generator, most_rows: int) -> Floats:
    rows = max(1, int(10 ** generator.uniform(0.0, np.log10(most_rows))))
    place, spread = generator.normal(), 10.0 ** generator.uniform(-3, 3)
    kind = generator.integers(8)
    values: Floats
    match int(kind):
        case 0:
            values = generator.normal(place, spread, rows)
        case 1:  # ties
            values = np.round(generator.normal(place, 3.0, rows), int(generator.integers(0, 3)))
        case 2:  # mostly zero
            values = generator.normal(place, spread, rows) * (generator.random(rows) < generator.random())
        case 3:  # constant
            values = np.full(rows, float(generator.integers(-1, 2)))
        case 4:  # heavy tails
            values = generator.standard_cauchy(rows) * spread
        case 5:
            values = generator.lognormal(place, 3.0, rows)
        case 6:  # counts
            values = generator.poisson(10 ** generator.uniform(-1, 3), rows).astype(float)
        case _:  # one huge value
            values = generator.normal(place, spread, rows)
            values[generator.integers(rows)] = generator.choice([-1e300, 1e300, -np.inf, np.inf])
    return values
