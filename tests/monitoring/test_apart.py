"""Many columns measured at once are measured as each alone, and their distances bound the exact ones."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.core.window import Window
from flyball.data.cells import alone
from flyball.data.profile import ColumnReference, Reference, build_reference
from flyball.data.season import pack
from flyball.monitoring.apart import apart
from flyball.monitoring.counts import Counts, Span, count
from flyball.monitoring.details import distances, table_tests
from flyball.monitoring.drift import drift, drift_over
from flyball.monitoring.records import ColumnDrift
from flyball.monitoring.yardstick import Block, Yardstick
from flyball.stats.bounds import ks_radius
from flyball.stats.distances import (
    chance_variation,
    group_cells,
    grouped,
    jensen_shannon,
    ks_exact,
    ks_interval,
    largest_difference,
    psi,
    total_variation,
)
from flyball.stats.significance import table_test

ALPHA = 1e-6


def _variation_radius(pooled: Array, n: int, m: int) -> float:
    """What chance adds on average at most, and McDiarmid's room around it: on each side half of the error."""
    spread = 1.0 / n + 1.0 / m
    return 0.5 * float(np.sqrt(pooled * (1.0 - pooled) * spread).sum()) + math.sqrt(math.log(4.0 / ALPHA) * spread / 2.0)


def _draw(rng: np.random.Generator, rows: int) -> Array:
    shift = rng.normal(0, 0.5)
    kinds: list[Array] = [
        rng.normal(shift, 1, rows),
        rng.standard_cauchy(rows) + shift,
        rng.lognormal(shift, 2, rows),
        rng.poisson(abs(shift) + 1, rows).astype(float),
        rng.normal(shift, 1, rows) * (rng.random(rows) < 0.4),
        np.full(rows, round(shift, 1)),
        np.append(rng.normal(shift, 1, rows - 1), rng.choice([-1e300, 1e300, np.inf, -np.inf])),
        rng.choice([-np.inf, 0.0, 1.0, np.inf], rows),
    ]
    values: Array = kinds[int(rng.integers(len(kinds)))]
    values[rng.random(rows) < rng.choice([0.0, 0.1])] = np.nan
    return values


def _blocks(kind: str, before: dict[str, Array], now: dict[str, Array]) -> list[tuple[Block, Array]]:
    schema = Schema(columns=tuple(Column(name=name, kind=kind, nullable=True) for name in before))  # type: ignore[arg-type]  # a parameter
    reference = build_reference(Table(dict(before)), schema, {}, bins=64)
    counts = count(reference, Table(dict(now)), {})
    return [(block, block.gathered(counts)) for block in Yardstick(reference).blocks]


def test_numbers_side_by_side_are_measured_as_each_alone_and_bound_the_exact_distance() -> None:
    rng = np.random.default_rng(3)
    for rows, live in ((1, 1), (700, 40), (3000, 20_000)):
        before = {f"f{at}": _draw(rng, rows) for at in range(120)}
        now = {name: _draw(rng, live) for name in before}
        for block, counts in _blocks("number", before, now):
            far = apart(block, counts, ALPHA, None)
            further, tested = distances(block, counts, far, None), table_tests(block, counts)
            for at, (name, column) in enumerate(zip(block.names, block.columns, strict=True)):
                start = int(block.flat.starts[at])
                f = block.known[start : start + len(column.counts) - 2]
                g = counts[start : start + len(column.counts) - 2]
                first, second = (values[~np.isnan(values)] for values in (before[name], now[name]))
                least, most = ks_interval(f, g, alone(np.array(column.edges)))
                exact = ks_exact(first, second)[0]
                assert least <= exact <= most
                assert far.distance[at] == pytest.approx(least, abs=1e-12)
                if len(first) and len(second):
                    radius = ks_radius(len(second), len(first), ALPHA)
                    assert far.upper[at] == pytest.approx(min(1.0, most + radius), abs=1e-9)
                    assert far.lower[at] == pytest.approx(min(least, max(0.0, least - radius)), abs=1e-9)
                    group = group_cells(f, 10)
                    tenths = grouped(f, group), grouped(g, group)
                    assert further[at]["psi"] == pytest.approx(psi(*tenths))
                    assert further[at]["js"] == pytest.approx(jensen_shannon(*tenths), abs=1e-7)
                _same_table(tested[at], f, g)


def test_categories_side_by_side_are_measured_as_each_alone() -> None:
    rng = np.random.default_rng(4)
    before, now = {}, {}
    for at in range(60):
        names = np.array([f"k{number}" for number in range(int(rng.integers(1, 60)))], dtype=object)
        shares = rng.dirichlet(np.full(len(names), 0.5))
        before[f"c{at}"] = rng.choice(names, 2000, p=shares)
        now[f"c{at}"] = rng.choice(np.append(names, "new"), 900)
    for block, counts in _blocks("category", before, now):
        far = apart(block, counts, ALPHA, None)
        further, tested = distances(block, counts, far, None), table_tests(block, counts)
        for at, column in enumerate(block.columns):
            start = int(block.flat.starts[at])
            f, g = (one[start : start + len(column.counts) - 1] for one in (block.known, counts))
            roomy = (f + g + 0.5) / ((f + g).sum() + 0.5 * len(f))
            assert far.distance[at] == pytest.approx(total_variation(f, g))
            assert far.chance[at] == pytest.approx(chance_variation(f + g, 900, 2000))
            assert far.upper[at] == pytest.approx(min(1.0, total_variation(f, g) + _variation_radius(roomy, 900, 2000)))
            assert further[at]["psi"] == pytest.approx(psi(f, g))
            assert further[at]["js"] == pytest.approx(jensen_shannon(f, g))
            assert further[at]["largest"] == pytest.approx(largest_difference(f, g))
            _same_table(tested[at], f, g)


def test_the_bounds_of_categories_hold_the_true_distance() -> None:
    rng = np.random.default_rng(0)
    before, now = np.full(20, 0.05), np.linspace(0.02, 0.08, 20)
    true = 0.5 * np.abs(before - now / now.sum()).sum()
    names = np.array([f"k{number}" for number in range(20)], dtype=object)
    schema = Schema(columns=tuple(Column(name=f"c{at}", kind="category", nullable=False) for at in range(300)))
    reference = build_reference(Table({name: rng.choice(names, 900, p=before) for name in schema.names}), schema, {})
    counts = count(reference, Table({name: rng.choice(names, 400, p=now / now.sum()) for name in schema.names}), {})
    wrong = 0
    for block in Yardstick(reference).blocks:
        far = apart(block, block.gathered(counts), 0.2, None)
        wrong += int(((far.lower > true) | (far.upper < true)).sum())
    assert wrong <= 0.2 * 300


def test_the_wasserstein_distance_is_that_of_the_values_in_units_of_their_scale() -> None:
    rng = np.random.default_rng(5)
    before = {f"f{at}": rng.normal(10.0 * at, 1 + at, 30_000) for at in range(5)}
    now = {name: values + 0.3 * values.std() for name, values in before.items()}
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in before))
    reference = build_reference(Table(dict(before)), schema, {})
    counts = count(reference, Table(dict(now)), {})
    for block in Yardstick(reference).blocks:
        far = apart(block, block.gathered(counts), ALPHA, None)
        for at, found in enumerate(distances(block, block.gathered(counts), far, None)):
            name = block.names[at]
            exact = scipy_stats.wasserstein_distance(before[name], now[name]) / before[name].std()
            assert found["wasserstein"] == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("categories", [21, 30, 50, 100, 300])
def test_half_of_many_rare_categories_gone_is_drift(categories: int) -> None:
    rng = np.random.default_rng(categories)
    names = np.array([f"c{at}" for at in range(categories)], dtype=object)
    schema = Schema(columns=(Column(name="x", kind="category", nullable=False),))
    for rows, live in ((2000, 700), (9973, 4999), (30_000, 1231)):  # of some sizes all shares together are a little over 1
        reference = build_reference(Table({"x": rng.choice(names, rows)}), schema, {})
        found = drift(reference, count(reference, Table({"x": rng.choice(names[: categories // 2], live)}), {}))["x"]
        assert found.lower > 0.05
        assert found.state == "drift"


_MANY = st.one_of(st.integers(0, 3), st.integers(0, 100_000), st.just(2**52))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["number", "category"]), seasonal=st.booleans(), size=st.integers(0, 80))
def test_whatever_the_counts_every_field_is_finite_and_the_bounds_hold_the_distance(
    data: st.DataObject, kind: str, *, seasonal: bool, size: int
) -> None:
    cells = size + (5 if kind == "number" else 2)

    def drawn() -> Array:
        one = data.draw(_MANY)  # flat, or any
        return np.array(data.draw(st.one_of(st.just([one] * cells), st.lists(_MANY, min_size=cells, max_size=cells))), dtype=np.int64)

    before, now = drawn(), drawn()
    values = cells - (2 if kind == "number" else 1)
    starts = np.arange(0, values, max(1, values // data.draw(st.integers(1, 32))))
    per_hour = np.array(data.draw(st.lists(st.integers(0, 100_000), min_size=24, max_size=24)), dtype=np.int64)
    column = ColumnReference(
        kind="number" if kind == "number" else "category",
        edges=tuple(float(at) for at in range(size)) if kind == "number" else (),
        categories=tuple(f"c{at}" for at in range(size)) if kind == "category" else (),
        counts=tuple(before.tolist()),
        scale=1.0,
        once=int((before == 1).sum()),
        calibration=(),
        season=pack(starts.astype(np.intp), np.repeat(per_hour[:, None], len(starts) + 1, axis=1)) if seasonal else None,
    )
    reference = Reference(schema_version=2, rows=column.rows, columns={"x": column}, season="day" if seasonal else "none")
    (block,) = (yard := Yardstick(reference)).blocks
    start = datetime(2024, 1, 1, tzinfo=UTC)
    hours = {473_352 + at: 1 + at for at in range(data.draw(st.integers(1, 24)))}
    counts = Counts(reference=yard.digest, rows=int(now.sum()), columns={"x": now})
    span = Span(window=Window(start=start, end=start + timedelta(days=1)), counts=counts, hours=hours)
    found = drift_over(yard, [span], latest=span, season=reference.season).columns["x"]
    assert [name for name, value in _numbers(found) if not math.isfinite(value)] == []
    assert 0.0 <= found.lower <= found.distance <= found.upper <= 1.0
    far = apart(block, now, ALPHA, None)
    for one in (far.distance, far.lower, far.upper, far.chance, far.noise):
        assert np.isfinite(one).all()


def _numbers(found: ColumnDrift) -> Iterator[tuple[str, float]]:
    for name in (
        "distance",
        "lower",
        "upper",
        "threshold",
        "missing",
        "out_of_range",
        "new_categories",
        "infinite",
        "unparsable",
        "chance",
    ):
        yield name, getattr(found, name)
    yield from found.distances.items()
    yield from found.tests.items()
    yield from ((name, value) for name, value in found.reason.values.items() if isinstance(value, float))


def _same_table(found: object, f: Array, g: Array) -> None:
    if not isinstance(found, dict) or not found:
        return
    expected = table_test(f, g)
    assert found["degrees"] == expected.degrees
    for name in ("chi2", "chi2_p_value", "g", "g_p_value"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-6, abs=1e-9)
