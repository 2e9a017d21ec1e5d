"""What can be said of texts without a model."""

import numpy as np
import pytest

from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.data.profile import ColumnReference, build_reference
from flyball.monitoring.texts import FACTS, facts, may_be_texts, mostly_unique


def _array(*texts: str | None) -> Array:
    found = np.empty(len(texts), dtype=object)
    found[:] = texts
    return found


def _referenced(values: Array) -> ColumnReference:
    schema = Schema(columns=(Column(name="x", kind="category", nullable=True),))
    return build_reference(Table({"x": values}), schema, {}).columns["x"]


def test_texts_are_values_of_which_most_come_once_and_no_categories() -> None:
    assert mostly_unique(_referenced(_array(*(f"text {number}" for number in range(300)), *["none"] * 100)))
    assert mostly_unique(_referenced(_array(*(f"text {number}" for number in range(5000)))))
    assert not mostly_unique(_referenced(_array(*["monthly plan", "yearly plan"] * 100)))
    assert not mostly_unique(_referenced(_array(*[None] * 100)))


def test_values_that_repeat_may_be_texts_if_there_are_many_of_several_words() -> None:
    assert may_be_texts(_array(*(f"report {number} of many" for number in range(30)), *["report 1 of many"] * 500))
    assert not may_be_texts(_array(*(f"code{number}" for number in range(30))))
    assert not may_be_texts(_array(*["electronic check", "credit card"] * 50, None))


def test_the_facts_of_a_text_are_its_lengths_and_shares() -> None:
    before = _array("one two", "one three", "one two")
    then, now = facts(before, _array("One TWO 34!", "", None, "\u4f60\u597d"), np.array([0, 1, 2]))
    told = dict(zip(FACTS, now[0], strict=True))
    assert told["length"] == np.log1p(11) and told["words"] == np.log1p(3)
    assert told["unknown words"] == 1 / 3
    assert [told[name] for name in ("capitals", "digits", "signs")] == pytest.approx([4 / 6, 2 / 11, 1 / 11])
    assert told["other scripts"] == 0.0  # and told["other scripts"] == 0.0
    assert np.isnan(now[1:3]).all()
    assert now[3, FACTS.index("words")] == np.log1p(2) and now[3, FACTS.index("other scripts")] == 1.0
    # "three" is on no other day of the training, and is as unknown to the rest of it as it would be to the training if it came now.
    assert then[:, FACTS.index("unknown words")].tolist() == [0.0, 0.5, 0.0]


def test_odd_texts_have_finite_facts() -> None:
    odd = _array("\ud800 half", "\U0001f600" * 3, " ", "x" * 100_000, "\x00\n", "\u0661\u0662")
    _, now = facts(odd, odd, np.arange(6))
    assert np.isfinite(now).all() and now[3, 0] == np.log1p(100_000)
