"""Slices: the values people know, bounds that hold for all together, and no alarm because one of many had bad luck."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from flyball.core.window import Window
from flyball.monitoring.performance import Judged
from flyball.monitoring.records import SlicePerformance
from flyball.monitoring.slices import MISSING, MOST_VALUES, OTHERS, by_slice, members
from flyball.words.sentences import sentence

WINDOW = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 15, tzinfo=UTC))


def rows(seed: int, count: int = 6000, *, days: int = 14, kind: Any = "days") -> Judged:
    chance = np.random.default_rng(seed)
    score = chance.beta(2, 3, count)
    block = np.arange(count) % days if kind != "rows" else np.arange(count)
    return Judged(
        rows=np.arange(count),
        truth=(chance.random(count) < score).astype(np.int64),
        score=score,
        day=np.arange(count) % days,
        labelled=count,
        strange=0,
        broken=0,
        block=block,
        kind=kind,
    )


def look(kept: Judged, columns: Mapping[str, Any], metric: str = "brier") -> tuple[SlicePerformance, ...]:
    held = {name: members(np.asarray(values, dtype=object)) for name, values in columns.items()}
    known = np.ones(len(kept.truth), dtype=np.bool_)
    return by_slice(kept, known, held, metric, "binary", 0.5, WINDOW, 3)


def shops(count: int = 6000, kinds: int = 10) -> list[str]:
    return [f"S{kind}" for kind in np.random.default_rng(count + kinds).integers(0, kinds, count).tolist()]


@pytest.mark.parametrize("metric", ["brier", "accuracy", "roc_auc", "f1"])
@pytest.mark.parametrize("kind", ["days", "rows"])
def test_a_slice_that_is_worse_is_found_and_only_it(metric: str, kind: Any) -> None:
    kept, shop = rows(0, kind=kind), shops()
    bad = np.array([value == "S3" for value in shop])
    kept.truth[bad] = np.random.default_rng(1).integers(0, 2, int(bad.sum()))
    found = look(kept, {"shop": shop}, metric)
    assert [one.value for one in found if one.worse] == ["S3"]
    worst = next(one for one in found if one.worse).performance
    assert worst.lower is not None and worst.value is not None and worst.upper is not None
    assert worst.lower < worst.value < worst.upper
    assert "whichever of the 10 slices one looks at" in sentence(worst.reason)
    assert (worst.version, worst.metric, worst.matured, worst.labelled) == (3, metric, int(bad.sum()), int(bad.sum()))


@pytest.mark.parametrize(("metric", "looks", "most"), [("brier", 100, 11), ("roc_auc", 3, 1)])
def test_of_forty_equal_slices_none_is_called_worse_in_nineteen_of_twenty_looks(metric: str, looks: int, most: int) -> None:
    alarms = 0
    for seed in range(looks):
        found = look(rows(seed, 8000), {"a": shops(8000, 20), "b": shops(8000, 20)[::-1]}, metric)
        assert len(found) == 40 and all(one.performance.lower is not None for one in found)
        alarms += any(one.worse for one in found)
    assert alarms <= most


def test_the_bounds_of_more_slices_are_wider() -> None:
    kept = rows(2)
    few, many = look(kept, {"one": shops(kinds=2)}), look(kept, {"one": shops(kinds=2), "two": shops(kinds=20)})

    def width(found: tuple[SlicePerformance, ...]) -> float:
        held = found[0].performance
        assert held.lower is not None and held.upper is not None
        return held.upper - held.lower

    assert width(many) > 1.2 * width(few)
    assert few[0].performance.value == many[0].performance.value


def test_what_makes_a_day_hard_for_all_makes_no_slice_worse() -> None:
    kept, shop = rows(3), shops()
    hard = kept.day == 5
    kept.truth[hard] = 1 - kept.truth[hard]
    assert not any(one.worse for one in look(kept, {"shop": shop}))


def test_a_small_slice_has_a_value_but_no_bounds_and_says_what_is_missing() -> None:
    shop = ["rare" if row < 99 else "common" for row in range(6000)]
    found = {one.value: one for one in look(rows(4), {"shop": shop})}
    rare = found["rare"].performance
    assert rare.value is not None and rare.lower is None and not found["rare"].worse
    assert "99 rows" in sentence(rare.reason) and "needed 100 rows in 5" in sentence(rare.reason)
    days = look(rows(4, days=3), {"shop": shop})
    assert all(one.performance.reason.code == "slice.too_little" for one in days)


def test_a_column_of_one_value_is_compared_with_nothing() -> None:
    (one,) = look(rows(5), {"shop": ["only"] * 6000})
    assert not one.worse and "all 6000 rows have this value" in sentence(one.performance.reason)


def test_a_slice_of_one_class_has_no_auc_and_aborts_nothing() -> None:
    kept, shop = rows(6), shops()
    kept.truth[[value == "S1" for value in shop]] = 0
    found = {one.value: one.performance for one in look(kept, {"shop": shop}, "roc_auc")}
    assert found["S1"].value is None and found["S1"].reason.code == "slice.no_bounds"
    assert sentence(found["S1"].reason)


def test_no_rows_give_no_slices() -> None:
    assert look(rows(7, 0), {"shop": []}) == ()


def test_the_most_frequent_values_are_kept_and_the_rest_is_one() -> None:
    values = np.array([f"v{min(row % 100, row % 37)}" for row in range(5000)], dtype=object)
    found = members(values)
    assert len(found.names) == MOST_VALUES + 1 and found.names[-1] == OTHERS
    counted = {name: int((values == name).sum()) for name in set(values)}
    assert set(found.names[:-1]) == set(sorted(counted, key=lambda name: (-counted[name], name))[:MOST_VALUES])
    for at, name in enumerate(found.names[:-1]):
        assert (found.code == at).sum() == counted[name]


def test_values_keep_their_names_and_what_is_missing_is_a_value() -> None:
    found = members(np.array(["x", None, 3, 3.0, True, float("nan"), "x"], dtype=object))
    assert set(found.names) == {"x", MISSING, "3", "True"}
    assert found.names[found.code[1]] == found.names[found.code[5]] == MISSING
    assert found.names[found.code[2]] == found.names[found.code[3]] == "3"


def test_a_million_different_values_are_one_slice_of_others() -> None:
    found = members(np.array([f"user-{row}" for row in range(100_000)], dtype=object))
    assert len(found.names) == MOST_VALUES + 1
    assert (found.code == MOST_VALUES).sum() == 100_000 - MOST_VALUES


def test_a_column_of_many_numbers_is_cut_into_four_ranges() -> None:
    values = np.arange(1000, dtype=np.float64)
    values[:100] = np.nan
    found = members(values.astype(object))
    assert found.names == ("below 324.75", "324.75 to 549.5", "549.5 to 774.25", "from 774.25", MISSING)
    assert np.bincount(found.code).tolist() == [225, 225, 225, 225, 100]
    assert members(np.arange(500) % 5).names == ("0", "1", "2", "3", "4")
