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


BEFORE, NOW, FEW = 80, 28, 30


def vectors(seed: int, count: int, *, shift: float = 0.0, of_day: float = 0.0, persistence: float = 0.0) -> np.ndarray:
    """Rows of days whose moods last: each is `persistence` times the one before and something new."""
    generator = np.random.default_rng(seed)
    moods = generator.normal(size=(count, 8))
    for day in range(1, count):
        moods[day] = persistence * moods[day - 1] + np.sqrt(1.0 - persistence**2) * moods[day]
    return generator.normal(size=(count * FEW, 8)) + np.repeat(moods * of_day, FEW, axis=0) + shift


def numbered(count: int) -> np.ndarray:
    return np.repeat(np.arange(count), FEW)


def moved(before: np.ndarray, now: np.ndarray) -> VectorFound:
    names = [f"title_{n}" for n in range(8)]
    return vector_found("title", names, before, now, numbered(len(before) // FEW), numbered(len(now) // FEW))


def test_vectors_that_moved_are_seen_and_others_are_not() -> None:
    found = moved(vectors(0, BEFORE), vectors(1, NOW, shift=0.5))
    assert found.state == "drift" and found.p_value <= 0.01 and found.distance > found.threshold
    assert "moved as a whole" in sentence(found.reason)
    still = [moved(vectors(10 + seed, BEFORE), vectors(20 + seed, NOW)) for seed in range(5)]
    assert [one.state for one in still] == ["ok"] * 5
    assert all(one.distance < 0.01 for one in still)


def test_days_that_resemble_the_days_before_are_no_drift() -> None:
    states = []
    for seed in range(24):
        rows = vectors(100 + seed, BEFORE + NOW, of_day=0.5, persistence=0.7)
        states.append(moved(rows[: BEFORE * FEW], rows[BEFORE * FEW :]).state)
    assert states.count("drift") <= 2 and states.count("warn") <= 5


def test_of_few_days_a_move_is_a_warning_and_of_fewer_nothing_is_said() -> None:
    warned = moved(vectors(0, 20), vectors(1, 7, shift=0.5))
    assert warned.state == "warn" and warned.p_value == pytest.approx(1 / 27)
    assert "has perhaps moved as a whole" in sentence(warned.reason) and "3.7% of 27 runs" in sentence(warned.reason)
    nothing = moved(vectors(0, 12), vectors(1, 7, shift=0.5))
    assert nothing.state == "insufficient data"
    assert sentence(nothing.reason) == "insufficient data: 19 days hold 19 runs of as many days as the recent ones, 20 are needed"
    halves = moved(vectors(0, 15), vectors(1, 15, shift=0.5))
    assert "30 days hold 15 runs" in sentence(halves.reason), "one half moved is the other half moved"


def test_the_unit_of_a_vector_does_not_matter() -> None:
    one, other = (moved(vectors(0, BEFORE) * unit, vectors(1, NOW, shift=0.3) * unit) for unit in (1.0, 1e6))
    assert one.distance == pytest.approx(other.distance, rel=1e-6)


def test_too_little_says_so_and_missing_parts_are_left_out() -> None:
    holed = vectors(0, 32)
    holed[150:, 3] = np.nan
    found = vector_found("title", ["x"] * 8, holed, vectors(1, 32), days(1), days(1))
    assert found.state == "insufficient data"
    assert sentence(found.reason) == "insufficient data: 150 rows of the training and 960 recent ones, 200 of each are needed"
    few = vector_found("v", ["a"], vectors(0, 32)[:320, :1], vectors(1, 32)[:, :1], days(1)[:320], days(1))
    assert sentence(few.reason) == "insufficient data: 4 days of the training and 12 recent ones, 5 of each are needed"
    nothing = vector_found("v", [], np.empty((0, 0)), np.empty((0, 0)), np.empty(0, np.int64), np.empty(0, np.int64))
    assert nothing.state == "insufficient data"


def test_a_constant_vector_is_no_trouble() -> None:
    same = np.ones((30 * FEW, 2))
    found = vector_found("v", ["a", "b"], same, same[: 7 * FEW], numbered(30), numbered(7))
    assert (found.state, found.distance) == ("ok", 0.0)
