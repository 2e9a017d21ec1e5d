"""What every version is asked: the same answer through every protocol and every time, and numbers for what is missing or new."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from behaving import MANIFEST, SCHEMA, by_age, people, subject
from flyball.core.errors import RequestError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.loop.behaviour.built_in import Measured, latency, measured, missing, repeatable, round_trips, unseen
from flyball.loop.behaviour.changed import values_of
from flyball.server.dialects.round_trip import CODECS
from flyball.serving.contract import Contract, Row
from flyball.serving.engine import Scores
from flyball.spec.behaviour import Latency
from flyball.words.sentences import sentence

PASS, FAIL, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED
ROWS = people().select(SCHEMA.names)


def test_every_row_has_the_same_score_through_every_protocol() -> None:
    found = round_trips(subject(), CODECS, ROWS)
    assert [one.name for one in found] == ["round trip: JSON", "round trip: Open Inference", "round trip: Open Inference, binary"]
    assert {one.verdict for one in found} == {PASS}


@given(
    st.lists(
        st.tuples(
            st.floats(-1e300, 1e300),
            st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
            st.booleans(),
            st.none() | st.text(min_size=1, max_size=20).filter(lambda text: text < "\ud800" or text > "\udfff"),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_rows_come_out_of_each_protocol_as_they_went_in(rows: list[tuple[float, int | None, bool, str | None]]) -> None:
    contract = Contract([SCHEMA])
    try:
        wanted = [list(row) for row in contract.rows([list(row) for row in rows])]
    except RequestError:
        return
    for name, codec in CODECS.items():
        assert [list(row) for row in codec(contract, wanted)] == wanted, name


def test_a_model_of_numbers_is_sent_as_one_matrix() -> None:
    numbers = Schema(columns=(Column(name="a", kind="number", nullable=True), Column(name="b", kind="integer", nullable=False)))
    rows: list[Row] = [[1.5, 2], [None, 3]]
    for codec in CODECS.values():
        assert [list(row) for row in codec(Contract([numbers]), rows)] == rows


def test_a_training_row_that_no_request_may_hold_is_found() -> None:
    wide = ROWS.with_columns({"plan": np.array(["x" * 5000] + ["plus"] * 399, dtype=object)})
    found = round_trips(subject(), CODECS, wide)
    assert found[0].verdict is FAIL
    assert "is no request the server takes" in sentence(found[0].reason)


def test_a_protocol_that_changes_a_row_is_found() -> None:
    def older(_: Contract, rows: Sequence[Row]) -> Sequence[Row]:
        return [[float(str(row[0])) + 10, *row[1:]] for row in rows]

    def loses(_: Contract, rows: Sequence[Row]) -> Sequence[Row]:
        return rows[:-1]

    changed, lost = round_trips(subject(), {"older": older, "loses": loses}, ROWS)
    assert (changed.verdict, lost.verdict) == (FAIL, FAIL)
    assert "400 of 400 rows have another score" in sentence(changed.reason)


def test_without_rows_the_built_in_tests_decide_nothing() -> None:
    bare = subject(rows=Table({}))
    found = [*round_trips(bare, CODECS, Table({})), repeatable(bare, Table({})), missing(bare, Table({}))]
    found.append(unseen(bare, Table({}), refused=False))
    assert {one.verdict for one in found} == {UNDECIDED}


def test_scores_by_chance_are_not_repeatable() -> None:
    chance = np.random.default_rng(0)
    assert repeatable(subject(), ROWS).verdict is PASS
    assert repeatable(subject(lambda table: chance.random(table.rows)), ROWS).verdict is FAIL


def test_scores_that_depend_on_the_other_rows_are_not_repeatable() -> None:
    def by_rank(table: Table) -> NDArray[np.float64]:
        return np.argsort(np.argsort(table["age"])) / max(1, table.rows)

    found = repeatable(subject(by_rank), ROWS)
    assert found.verdict is FAIL
    assert "one by one" in sentence(found.reason)


def test_a_missing_value_that_may_be_missing_gets_a_number() -> None:
    def needs_calls(table: Table) -> NDArray[np.float64]:
        return np.asarray(by_age(table) + table["calls"] * 0, dtype=np.float64)

    assert missing(subject(), ROWS).verdict is PASS
    found = missing(subject(needs_calls), ROWS)
    assert found.verdict is FAIL
    assert "calls" in sentence(found.reason)
    strict = replace(MANIFEST, schema=Schema(columns=(Column(name="age", kind="number", nullable=False),)))
    assert missing(subject(manifest=strict), ROWS.select(["age"])).verdict is PASS


def test_a_new_category_gets_a_number() -> None:
    def knows_two(table: Table) -> NDArray[np.float64]:
        return np.array([{"basic": 0.1, "plus": 0.2, None: 0.3}.get(plan, np.nan) for plan in table["plan"].tolist()])

    assert unseen(subject(), ROWS, refused=False).verdict is PASS
    assert unseen(subject(knows_two), ROWS, refused=False).verdict is FAIL
    assert unseen(subject(knows_two), ROWS, refused=True).verdict is Verdict.NOT_APPLICABLE


class Slow:
    """An engine that takes as long as it is told, by a clock of its own."""

    name = "trees"
    inline = True

    def __init__(self, seconds: Iterator[float]) -> None:
        self._seconds = seconds
        self.now = 0.0

    def score(self, features: Table) -> Scores:
        return np.zeros(features.rows)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        self.now += next(self._seconds)
        return np.zeros(len(rows))

    def score_one(self, row: Row) -> float:
        return float(self.score_rows([row])[0])


def test_a_row_that_was_disturbed_once_counts_as_its_best_of_three() -> None:
    rows = values_of(ROWS.take(slice(0, 10)), SCHEMA)
    slow = Slow(0.5 if number == 12 else 0.001 for number in range(100))
    found = measured(slow, rows, timer=lambda: slow.now)  # type: ignore[arg-type]  # its name is a text
    assert found.rows == 10
    assert (found.median, found.p99) == pytest.approx((0.001, 0.001))


def test_a_budget_is_kept_or_not_and_without_one_the_time_is_told() -> None:
    quick = Measured(rows=10, median=0.001, p99=0.002)
    budgets = [Latency(name="fits", median=1.5, p99=None), Latency(name="too slow", median=None, p99=1.5)]
    assert [one.verdict for one in latency(budgets, lambda: quick, shown=True)] == [PASS, FAIL]
    (told,) = latency([], lambda: quick, shown=True)
    assert told.verdict is Verdict.NOT_APPLICABLE
    assert "1.000 ms" in sentence(told.reason)
    assert [one.verdict for one in latency(budgets, None, shown=True)] == [UNDECIDED, UNDECIDED]


def test_what_is_over_its_budget_is_measured_again_and_the_best_counts() -> None:
    looks = iter([Measured(rows=1, median=0.009, p99=0.009), Measured(rows=1, median=0.001, p99=0.001)])
    (found,) = latency([Latency(name="a", median=2.0, p99=None)], lambda: next(looks), shown=True)
    assert found.verdict is PASS
