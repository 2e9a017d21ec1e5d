"""What is wrong with the values a model was asked, whatever their distribution does."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asked import logged, texts
from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.data.profile import build_reference
from flyball.monitoring.counts import count
from flyball.monitoring.drift import drift
from flyball.monitoring.quality import MOST, Asked, holds, most_serious, value_findings
from flyball.monitoring.records import QualityFinding
from flyball.spec.records import Expectation
from flyball.words.sentences import sentence

ROWS = 600
CHANCE = np.random.default_rng(0)
SCHEMA = Schema(
    columns=(
        Column(name="temp", kind="number", nullable=False),
        Column(name="month", kind="integer", nullable=False),
        Column(name="plan", kind="category", nullable=True, categories=("basic", "pro")),
    )
)
_TRAINED = 360 * 50
_DAYS = np.repeat(np.arange(360), 50)
TRAINED: Mapping[str, Array] = {
    "temp": CHANCE.normal(20, 5, _TRAINED),
    "month": _DAYS // 30 + 1,
    "plan": texts(CHANCE.choice(np.array(["basic", "pro", None], dtype=object), _TRAINED, p=[0.6, 0.35, 0.05]).tolist()),
}
REFERENCE = build_reference(Table(dict(TRAINED)), SCHEMA, {}, _DAYS * 86_400_000_000)
UNTIMED = build_reference(Table(dict(TRAINED)), SCHEMA, {})
GOOD: Mapping[str, Array] = {
    "temp": CHANCE.normal(20, 5, ROWS),
    "month": np.full(ROWS, 3.0),
    "plan": texts(CHANCE.choice(np.array(["basic", "pro", None], dtype=object), ROWS, p=[0.6, 0.35, 0.05]).tolist()),
}
ASKED = Asked(schema=SCHEMA, reference=REFERENCE, expect={}, ignore=(), share_margin=0.002)


def found(asked: Asked = ASKED, *, rows: int = ROWS, without: str = "", **columns: Array) -> list[QualityFinding]:
    features = {name: values[:rows] for name, values in {**GOOD, **columns}.items() if name != without}
    drifts = drift(asked.reference, count(asked.reference, Table(features), {})) if rows else {}
    said = list(value_findings(logged(features), asked, drifts))
    for one in said:
        sane(one)
    return said


def sane(one: QualityFinding) -> None:
    """What holds for every finding: shares that are shares, ids of the rows, a sentence in both languages without nan."""
    assert math.isfinite(one.share) and 0 <= one.share <= 1
    assert len(one.examples) <= 5 and len(one.examples) <= one.rows
    for language in ("en", "zh"):
        text = sentence(one.reason, language)
        assert text and "nan" not in text.replace("'nan'", "")


def codes(said: list[QualityFinding]) -> list[tuple[str, str, str]]:
    return [(one.severity, one.column, one.reason.code) for one in said]


def test_good_rows_have_no_findings_also_where_a_column_is_constant_by_its_nature() -> None:
    assert found() == []


def test_without_rows_there_is_nothing_to_find() -> None:
    assert found(rows=0) == []


@pytest.mark.parametrize("gone", [{"without": "temp"}, {"temp": np.full(ROWS, np.nan)}, {"temp": texts([None] * ROWS)}])
def test_a_column_that_went_missing_altogether_is_an_error(gone: dict[str, Array]) -> None:
    (one,) = found(**gone)  # type: ignore[arg-type]  # a column or the name of one
    assert codes([one]) == [("error", "temp", "quality.all_missing")]
    assert (one.rows, one.examples[0]) == (ROWS, "p599")


def test_a_few_rows_may_be_missing_by_chance() -> None:
    assert codes(found(rows=5, plan=texts([None] * ROWS))) == []
    assert codes(found(rows=29, temp=np.full(ROWS, np.nan))) == []


def test_a_column_missing_far_more_often_than_in_training_is_a_warning_unless_a_rule_speaks_of_it() -> None:
    holes = texts([value if row % 2 else None for row, value in enumerate(GOOD["plan"].tolist())])
    assert codes(found(plan=holes)) == [("warning", "plan", "quality.more_missing")]
    assert found(replace(ASKED, expect={"plan": Expectation(missing=0.7)}), plan=holes) == []


def test_values_that_are_no_numbers_are_an_error_once_they_are_many() -> None:
    odd = texts(["n/k" if row % 50 == 0 else float(value) for row, value in enumerate(GOOD["temp"].tolist())])
    (one,) = found(temp=odd)
    assert codes([one]) == [("error", "temp", "quality.unparsable")]
    assert sentence(one.reason) == "temp is not a number in 12 of the newest 600 rows, such as p550, p500, p450, p400, p350: 'n/k'"
    once = texts(["n/k" if row == 7 else float(value) for row, value in enumerate(GOOD["temp"].tolist())])
    assert codes(found(temp=once)) == [("warning", "temp", "quality.unparsable")]


def test_infinities_are_counted_not_dropped() -> None:
    assert codes(found(temp=np.where(np.arange(ROWS) % 30 == 0, np.inf, GOOD["temp"]))) == [("error", "temp", "quality.infinite")]


def test_a_category_that_is_asked_as_a_number_is_an_error_unless_it_is_a_known_one() -> None:
    (one, *_) = found(plan=np.full(ROWS, 3.0))
    assert codes([one]) == [("error", "plan", "quality.not_text")]
    known = replace(SCHEMA.columns[2], categories=("3", "4"))
    coded = replace(ASKED, schema=Schema(columns=(*SCHEMA.columns[:2], known)))
    assert ("error", "plan", "quality.not_text") not in codes(found(coded, plan=np.full(ROWS, 3.0)))


def test_a_measured_value_that_stands_still_is_an_error_and_a_frequent_one_is_a_warning() -> None:
    assert codes(found(temp=np.full(ROWS, 20.0))) == [("error", "temp", "quality.constant")]
    assert codes(found(plan=texts(["basic"] * ROWS))) == [("warning", "plan", "quality.constant")]


def test_without_calibrated_windows_a_constant_is_never_an_error() -> None:
    loose = replace(ASKED, reference=UNTIMED)
    assert ("warning", "temp", "quality.constant") in codes(found(loose, temp=np.full(ROWS, 20.0)))
    assert {one.severity for one in found(loose)} <= {"warning"}


def test_rules_of_the_spec_are_errors_once_the_rows_that_break_them_are_many() -> None:
    rules = {"temp": Expectation(max=60), "plan": Expectation(values=("basic", "pro")), "nothing": Expectation(min=0)}
    asked = replace(ASKED, expect=rules)
    hot = np.where(np.arange(ROWS) % 40 == 0, 99.0, GOOD["temp"])
    (one,) = found(asked, temp=hot)
    assert codes([one]) == [("error", "temp", "quality.expect_above")]
    assert (one.rows, one.share, one.limit) == (15, 15 / ROWS, 0.002)
    single = np.where(np.arange(ROWS) == 5, 99.0, GOOD["temp"])
    assert codes(found(asked, temp=single)) == [("warning", "temp", "quality.expect_above")]


def test_that_values_repeat_is_no_fault_of_requests() -> None:
    assert found(replace(ASKED, expect={"plan": Expectation(unique=True)})) == []


def test_a_column_that_is_not_watched_is_only_held_against_rules() -> None:
    quiet = replace(ASKED, ignore=("temp",))
    assert found(quiet, temp=np.full(ROWS, np.nan)) == []
    ruled = replace(quiet, expect={"temp": Expectation(missing=0.1)})
    assert codes(found(ruled, temp=np.full(ROWS, np.nan))) == [("error", "temp", "quality.expect_missing")]


def test_a_reference_of_ten_rows_says_nothing_and_rules_still_do() -> None:
    few = Table({name: values[:10] for name, values in TRAINED.items()})
    small = replace(ASKED, reference=build_reference(few, SCHEMA, {}))
    assert found(small, temp=np.full(ROWS, np.nan), plan=texts(["basic"] * ROWS)) == []
    ruled = replace(small, expect={"temp": Expectation(missing=0)})
    assert codes(found(ruled, temp=np.full(ROWS, np.nan))) == [("error", "temp", "quality.expect_missing")]


def test_ten_thousand_broken_columns_make_a_hundred_findings_and_a_count() -> None:
    names = [f"f{number}" for number in range(10_000)]
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in names))
    trained = build_reference(Table({name: np.arange(200.0) for name in names}), schema, {}, bins=16)
    asked = Asked(schema=schema, reference=trained, expect={}, ignore=(), share_margin=0.002)
    said = most_serious(list(value_findings(logged({}, rows=200), asked, {})))
    assert len(said) == MOST + 1
    assert (said[-1].severity, sentence(said[-1].reason), said[-1].key) == (
        "error",
        "and 9900 more findings that are not listed",
        "quality:*",
    )


def test_a_million_categories_are_looked_at() -> None:
    many = texts([f"street {number}" for number in range(1_000_000)])
    schema = Schema(columns=(Column(name="street", kind="category", nullable=False),))
    asked = replace(ASKED, schema=schema, reference=build_reference(Table({"street": many}), schema, {}))
    assert list(value_findings(logged({"street": many[:50_000]}), asked, {})) == []


def test_an_alert_stays_until_the_share_is_well_below_what_made_it_one() -> None:
    once = found(temp=np.where(np.arange(ROWS) == 5, np.inf, GOOD["temp"]))[0]
    assert once.severity == "warning" and holds(once)  # one of 600 is .0017, not well below .002
    assert not holds(replace(once, share=0.001))
    assert holds(replace(once, share=0.001, severity="error"))
    assert not holds(replace(once, limit=0.0))


CELL = st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=4), st.booleans())


@given(cells=st.lists(CELL, min_size=1, max_size=50), low=st.floats(-5, 5), times=st.sampled_from([1, 40]))
@settings(deadline=None)
def test_whatever_is_asked_is_told_in_sentences_and_never_aborts(cells: list[object], low: float, times: int) -> None:
    values = texts(cells * times)
    rules = {name: Expectation(min=low, values=("basic", 1, True), missing=0.1) for name in ("temp", "plan")}
    asked = replace(ASKED, expect=rules)
    for one in value_findings(logged({"temp": values, "month": values, "plan": values}), asked, {}):
        sane(one)
