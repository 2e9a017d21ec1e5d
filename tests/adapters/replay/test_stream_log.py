"""The log of a replay says what every prediction log says of the same rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from flyball.adapters.memory.outcomes import MemoryOutcomeLog
from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.adapters.replay.log import StreamLog
from flyball.core.errors import RefusedError
from flyball.core.table import Table
from flyball.core.window import Window, from_micros, to_micros
from flyball.loop.backtest.records import NEVER, Stream
from flyball.serving.records import LoggedRows, Maturity, Outcome, Place, PredictionBatch
from flyball.testing.samples import NOON

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ROWS = 60
ALL = Window(start=NOON - DAY, end=NOON + 10 * DAY)


def stream(seed: int = 0) -> Stream:
    chance = np.random.default_rng(seed)
    at = np.sort(np.array([to_micros(NOON) + int(minute) * 60_000_000 for minute in chance.integers(0, 3 * 24 * 60, ROWS)]))
    late = np.where(chance.uniform(size=ROWS) < 0.2, NEVER, at + chance.integers(1, 40, ROWS) * 3_600_000_000)
    actual = np.array(
        [None if when == NEVER else int(label) for when, label in zip(late, chance.integers(0, 2, ROWS), strict=True)], dtype=object
    )
    return Stream(
        ids=np.array([f"p{number:03d}" for number in range(ROWS)], dtype=object),
        entity=np.array([f"c{number}" for number in range(ROWS)], dtype=object),
        unit=np.array([None if number % 7 == 0 else f"u{number % 5}" for number in range(ROWS)], dtype=object),
        at=at,
        actual=actual,
        outcome_at=late,
        truth=actual,
        truth_at=late,
        value=np.where(late == NEVER, np.nan, chance.normal(size=ROWS)),
        features=Table({"age": chance.normal(size=ROWS), "plan": np.array(["pro", None] * (ROWS // 2), dtype=object)}),
    )


def both(one: Stream, told: int) -> tuple[StreamLog, MemoryPredictionLog, MemoryOutcomeLog]:
    """The same answers of version 1 then 2, with 2 then 1 in shadow, and the outcomes of the first `told` hours, in both logs.

    Every fourth row is held back, every fourth pinned by testers, and half of the propensities are known.
    """
    ours, theirs = StreamLog("churn", one), MemoryPredictionLog()
    outcomes = MemoryOutcomeLog(theirs)
    for rows, answering, shadow in ((np.arange(0, 40), 1, 2), (np.arange(40, ROWS), 2, 1)):
        for place, variant in enumerate(("champion", "holdback", "override", "challenger")):
            some = rows[rows % 4 == place]
            chance = some / 100 if place % 2 else None
            score, label = some / 100, (some % 2).astype(object)
            ours.record(some, answering, score + answering, label, variant=variant, shadow=False, propensity=chance)
            theirs.add(batch(one, some, answering, (score + answering).tolist(), label.tolist(), variant=variant, chance=chance))
        score, label = rows / 100 + shadow, (rows % 2).astype(object)
        ours.record(rows, shadow, score, label, variant="shadow", shadow=True)
        theirs.add(batch(one, rows, shadow, score.tolist(), label.tolist(), variant="challenger", shadow=True))
    until = NOON + told * HOUR
    ours.tell(until)
    for row in np.flatnonzero(one.outcome_at <= to_micros(until)).tolist():
        at, worth = from_micros(int(one.outcome_at[row])), float(one.value[row])
        outcome = Outcome(actual=one.actual[row], at=at, prediction_id=one.ids[row], value=worth)
        assert outcomes.take("churn", [outcome], within=timedelta(0)).accepted == 1
    return ours, theirs, outcomes


def batch(
    one: Stream, rows: Any, version: int, score: list[Any], label: list[Any], *, variant: str, shadow: bool = False, chance: Any = None
) -> PredictionBatch:
    nothing: list[Any] = [None] * len(rows)
    features: list[Any] = [[float(one.features["age"][row]), one.features["plan"][row]] for row in rows]
    return PredictionBatch(
        model="churn",
        worker="w0",
        schema_id="s",
        feature_names=["age", "plan"],
        prediction_id=one.ids[rows].tolist(),
        version=[version] * len(rows),
        variant=[variant] * len(rows),
        shadow=[shadow] * len(rows),
        at=one.at[rows].tolist(),
        made_at=one.at[rows].tolist(),
        unit=one.unit[rows].tolist(),
        entity=one.entity[rows].tolist(),
        client_id=nothing,
        label=label,
        score=score,
        features=nothing if shadow else features,
        context=nothing,
        propensity=[] if chance is None else chance.tolist(),
    )


def columns(rows: LoggedRows) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {
        name: getattr(rows, name).tolist()
        for name in ("prediction_id", "at", "day", "unit", "entity", "label", "score", "actual", "outcome_at")
    }
    if rows.features is not None and len(rows.at):  # of no rows a log need not know the columns
        found |= {f"feature {name}": values.tolist() for name, values in rows.features.columns.items()}
    if rows.variant is not None and rows.propensity is not None and rows.value is not None:
        found |= {"variant": rows.variant.tolist()}
        found |= {name: np.nan_to_num(of, nan=-1.0).tolist() for name, of in (("propensity", rows.propensity), ("value", rows.value))}
    if rows.made_at is not None and rows.bare is not None:
        found |= {"made_at": rows.made_at.tolist(), "bare": rows.bare.tolist()}
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("told", [0, 30, 200])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"features": True},
        {"maturity": Maturity(age=DAY, by=NOON + 2 * DAY)},
        {"maturity": Maturity(age=timedelta(0), by=NOON + DAY)},
        {"newest": 7},
        {"compared": True, "maturity": Maturity(age=HOUR, by=NOON + 10 * DAY)},
        {"context": ("page",)},
    ],
)
def test_rows_of_a_version_are_those_of_every_log(seed: int, told: int, asked: dict[str, Any]) -> None:
    ours, theirs, _ = both(stream(seed), told)
    for version in (1, 2, 3):
        for window in (ALL, Window(start=NOON + 12 * HOUR, end=NOON + 40 * HOUR), Window(start=NOON, end=NOON)):
            assert columns(ours.rows("churn", version, window, arms=True, **asked)) == columns(
                theirs.rows("churn", version, window, arms=True, **asked)
            )


@pytest.mark.parametrize("told", [0, 30, 200])
def test_labelled_rows_are_those_of_every_log(told: int) -> None:
    ours, theirs, _ = both(stream(), told)
    by = NOON + told * HOUR
    for more in ({}, {"since": NOON + DAY}, {"unlabelled_after": 30 * HOUR}):
        assert columns(ours.labelled("churn", known_by=by, **more)) == columns(theirs.labelled("churn", known_by=by, **more))
    assert ours.labelled("churn", known_by=by).version is not None


def test_counts_and_outcomes_are_those_of_every_log() -> None:
    ours, theirs, outcomes = both(stream(), 30)
    for window in (ALL, Window(start=NOON, end=NOON + DAY)):
        assert ours.count("churn", window) == theirs.count("churn", window)
    assert ours.count("fraud", ALL) == {}
    for hours in range(0, 80, 7):
        since, now = NOON + hours * HOUR, NOON + (hours + 9) * HOUR
        assert ours.labelled_since("churn", since, now) == outcomes.labelled_since("churn", since, now)


def test_reading_on_gives_every_row_once_in_the_order_it_was_asked() -> None:
    ours, _, _ = both(stream(), 0)
    place, ids = Place(), []
    for _ in range(100):
        found = ours.arrived("churn", 2, place, limit=7)
        ids += found.at.tolist()
        assert found.known.all()
        place = found.place
        if not found.more:
            break
    assert ids == ours.rows("churn", 2, ALL).at.tolist()
    assert set(ours.arrived("churn", 1, Place(), limit=100).variant.tolist()) == {
        "champion",
        "challenger",
        "holdback",
        "override",
        "shadow",
    }
    assert len(ours.arrived("churn", 2, Place(), limit=100, window=Window(start=NOON, end=NOON)).at) == 0


def test_one_in_so_many_is_the_same_at_every_look_and_nested() -> None:
    ours, _, _ = both(stream(), 0)
    two, four = (set(ours.rows("churn", 1, ALL, one_in=one).prediction_id.tolist()) for one in (2, 4))
    assert four < two
    assert 15 < len(two) < 45


def test_a_prediction_is_found_with_the_outcome_that_is_known() -> None:
    one = stream()
    ours, theirs, _ = both(one, 200)
    row = int(np.flatnonzero(one.outcome_at != NEVER)[0])
    found = ours.find(one.ids[row])
    assert found is not None
    assert (found[0].version, found[0].features["age"]) == (1, one.features["age"][row])
    assert found[1] is not None and (found[1].actual, found[1].value) == (one.actual[row], one.value[row])
    for name in one.ids[:8].tolist():
        mine, wanted = ours.find(name), theirs.find(name)
        assert mine is not None and wanted is not None
        assert (replace(mine[0], worker="w0"), mine[1]) == wanted
    assert ours.find("nobody") is None
    assert ours.find_all([*one.ids[:8].tolist(), "nobody"]) == {name: ours.find(name) for name in one.ids[:8].tolist()}


def test_what_was_answered_is_the_champions_score() -> None:
    score, version = both(stream(), 0)[0].answered()
    assert version.tolist() == [1] * 40 + [2] * 20
    assert score[[0, 59]].tolist() == pytest.approx([1.0, 2.59])


def test_scores_of_several_classes_keep_their_width() -> None:
    log = StreamLog("churn", stream())
    log.record(np.arange(3), 1, np.full((3, 2), 0.5), np.array(["a", "b", "a"], dtype=object), variant="champion", shadow=False)
    assert log.answered()[0].shape == (ROWS, 2)
    assert log.rows("churn", 1, ALL).score.shape == (3, 2)


def test_nothing_can_be_put_into_the_past() -> None:
    ours, _, _ = both(stream(), 0)
    with pytest.raises(RefusedError):
        ours.add(batch(stream(), np.arange(2), 1, [0.1, 0.2], [0, 1], variant="champion"))
    with pytest.raises(RefusedError):
        ours.take("churn", [Outcome(actual=1, at=NOON, prediction_id="p001")], within=DAY)
    assert ours.ingest() == 0
