"""All columns at once: what no column shows by itself, and days as the unit of evidence."""

import numpy as np
import pytest

from flyball.adapters.sklearn.apart import tell_apart
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.monitoring.multivariate import DomainFound, VectorFound, domain_found, vector_found
from flyball.words.sentences import sentence

DAYS, PER_DAY = 12, 80
SCHEMA = Schema(
    columns=(
        Column(name="x", kind="number", nullable=False),
        Column(name="y", kind="number", nullable=True),
        Column(name="place", kind="category", nullable=True, categories=("a", "b")),
    )
)


def table(seed: int, *, together: float = 0.0, shift: float = 0.0, places: str = "ab", of_day: float = 0.0) -> Table:
    """Days of rows: x and y with this correlation, each standard normal whatever it is."""
    generator = np.random.default_rng(seed)
    rows = DAYS * PER_DAY
    x, z = generator.normal(size=(2, rows))
    y = together * x + np.sqrt(1 - together**2) * z
    y[generator.random(rows) < 0.05] = np.nan
    whims = np.repeat(generator.normal(size=DAYS) * of_day, PER_DAY)
    place = np.empty(rows, dtype=object)
    place[:] = list(generator.choice(list(places), rows))
    return Table({"x": x + whims + shift, "y": y, "place": place})


def days(sides: int = 2) -> np.ndarray:
    return np.repeat(np.arange(DAYS * sides), PER_DAY)


def looked(before: Table, now: Table) -> DomainFound:
    score, columns = tell_apart(before, now, SCHEMA, days())
    return domain_found(np.arange(len(days())) >= before.rows, score, days(), columns)


def test_what_belonged_together_and_no_longer_does_is_seen_though_no_column_moved() -> None:
    found = looked(table(0, together=0.9), table(1, together=-0.9))
    assert found.state == "drift" and found.lower > 0.8
    assert set(list(found.columns)[:2]) == {"x", "y"}
    assert "x" in sentence(found.reason) and "over 0.55" in sentence(found.reason)


def test_rows_of_the_same_kind_are_not_told_apart() -> None:
    for seed in range(2):
        found = looked(table(10 + seed), table(20 + seed))
        assert found.state == "ok", found
        assert found.lower <= 0.55 and 0.4 < found.auc < 0.6


def test_days_with_moods_of_their_own_are_no_drift() -> None:
    # Any classifier learns single days; asked about days it has not seen, it knows nothing.
    states = [looked(table(30 + seed, of_day=1.0), table(40 + seed, of_day=1.0)).state for seed in range(2)]
    assert "drift" not in states


def test_a_category_that_is_new_is_what_it_is_told_by() -> None:
    found = looked(table(2, places="ab"), table(3, places="abcc"))
    assert found.state == "drift" and next(iter(found.columns)) == "place"
    assert found.rows == (DAYS * PER_DAY, DAYS * PER_DAY) and found.days == (DAYS, DAYS)


def test_a_side_without_values_gives_no_number_that_is_none() -> None:
    gone = Table({**table(4).columns, "y": np.full(DAYS * PER_DAY, np.nan)})
    found = looked(table(5), gone)
    assert found.state == "drift" and np.isfinite([found.auc, found.lower, found.upper]).all()


def vectors(seed: int, *, shift: float = 0.0, of_day: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    moods = np.repeat(generator.normal(size=(DAYS, 8)) * of_day, PER_DAY, axis=0)
    return generator.normal(size=(DAYS * PER_DAY, 8)) + moods + shift


def moved(before: np.ndarray, now: np.ndarray) -> VectorFound:
    return vector_found("title", [f"title_{n}" for n in range(8)], before, now, days(1), days(1))


def test_vectors_that_moved_are_seen_and_others_are_not() -> None:
    assert moved(vectors(0), vectors(1, shift=0.5)).state == "drift"
    still = [moved(vectors(10 + seed), vectors(20 + seed)) for seed in range(5)]
    assert [one.state for one in still] == ["ok"] * 5
    assert all(one.distance < 0.01 for one in still)
    assert "moved as a whole" in sentence(moved(vectors(0), vectors(1, shift=0.5)).reason)


def test_vectors_of_days_with_moods_are_judged_by_days() -> None:
    states = [moved(vectors(30 + seed, of_day=0.5), vectors(40 + seed, of_day=0.5)).state for seed in range(5)]
    assert states.count("drift") <= 1


def test_the_unit_of_a_vector_does_not_matter() -> None:
    one, other = (moved(vectors(0) * unit, vectors(1, shift=0.3) * unit) for unit in (1.0, 1e6))
    assert one.distance == pytest.approx(other.distance, rel=1e-6)


def test_too_little_says_so_and_missing_parts_are_left_out() -> None:
    holed = vectors(0)
    holed[150:, 3] = np.nan
    found = moved(holed, vectors(1))
    assert found.state == "insufficient data"
    assert sentence(found.reason) == "insufficient data: 150 rows of the training and 960 recent ones, 200 of each are needed"
    few = vector_found("v", ["a"], vectors(0)[:320, :1], vectors(1)[:, :1], days(1)[:320], days(1))
    assert sentence(few.reason) == "insufficient data: 4 days of the training and 12 recent ones, 5 of each are needed"
    nothing = vector_found("v", [], np.empty((0, 0)), np.empty((0, 0)), np.empty(0, np.int64), np.empty(0, np.int64))
    assert nothing.state == "insufficient data"


def test_a_constant_vector_is_no_trouble() -> None:
    same = np.ones((DAYS * PER_DAY, 2))
    found = vector_found("v", ["a", "b"], same, same, days(1), days(1))
    assert (found.state, found.distance) == ("ok", 0.0)
