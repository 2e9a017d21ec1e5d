"""Predictions made elsewhere: what is taken, what is derived, what is refused and in which words."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import RequestError
from flyball.core.schema import Column, Schema
from flyball.serving.contract import Contract
from flyball.serving.elsewhere import Known, check_elsewhere, elsewhere_batches

SCHEMA = Schema(
    columns=(
        Column(name="temp", kind="number", nullable=True),
        Column(name="carrier", kind="category", nullable=False, categories=("AA", "UA")),
    )
)
KNOWN = Known(model="m", task="binary", classes=("no", "yes"), threshold=0.4, version=3, contract=Contract([SCHEMA]))
THREE = Known(model="m", task="multiclass", classes=("a", "b", "c"), version=3)
NUMBER = Known(model="m", task="regression", version=3)
NOTHING = Known(model="m", task="binary")
ROW = {"temp": 1.5, "carrier": "AA"}
AT = "2026-01-01T00:00:00Z"


def check(known: Known = KNOWN, **item: Any) -> Any:
    return check_elsewhere({"features": ROW, "at": AT, **item}, known, now=None)


def test_what_is_not_said_follows_from_what_is() -> None:
    one = check(prediction="yes", confidence=0.7)
    assert (one.version, one.variant, one.label, one.score, one.at) == (3, "champion", "yes", 0.7, 1_767_225_600_000_000)
    assert (one.names, list(one.features)) == (("temp", "carrier"), [1.5, "AA"])
    assert check(prediction="no", confidence=0.7).score == pytest.approx(0.3)
    assert check(score=0.45).label == "yes" and check(score=0.35).label == "no"
    assert check(prediction="yes").score == 1.0 and check(prediction="no").score == 0.0
    assert check(score={"no": 0.2, "yes": 0.8}).score == 0.8 and check(score=[0.2, 0.8]).score == 0.8
    assert check(THREE, score={"c": 0.5, "a": 0.3, "b": 0.2}).score == [0.3, 0.2, 0.5]
    assert check(THREE, score=[0.3, 0.2, 0.5]).label == "c"
    assert check(THREE, prediction="b").score == [0.0, 1.0, 0.0]
    assert (check(NUMBER, prediction=7).label, check(NUMBER, score=7.5).score) == (7.0, 7.5)


def test_a_version_that_nobody_knows_is_taken_with_features_of_its_own() -> None:
    one = check(version=12, prediction="yes", features={"wind": 3, "temp": None})
    assert (one.version, one.names, list(one.features)) == (12, ("temp", "wind"), [None, 3])
    assert check_elsewhere({"prediction": 1, "version": 1, "at": AT}, NOTHING, now=None).features is None
    assert check(NOTHING, prediction=True, version=1).score == 1.0


@pytest.mark.parametrize(
    ("known", "item", "field", "words"),
    [
        (KNOWN, {"prediction": "yes", "version": "v3"}, "version", "must be a whole number from 1 on, not the text 'v3'"),
        (KNOWN, {"prediction": "yes", "version": True}, "version", "whole number"),
        (KNOWN, {"prediction": "yes", "version": 0}, "version", "whole number"),
        (NOTHING, {"prediction": 1}, "version", "no champion"),
        (KNOWN, {"prediction": "maybe"}, "prediction", "the classes are 'no', 'yes'"),
        (KNOWN, {"prediction": ["yes"]}, "prediction", "must be a label, not a list"),
        (KNOWN, {}, "prediction", "is missing"),
        (KNOWN, {"score": 1.5}, "score", "a probability from 0 to 1"),
        (KNOWN, {"score": [0.5, 0.6]}, "score", "sum to 1"),
        (KNOWN, {"score": {"yes": 1.0}}, "score", "for every class; the classes are no, yes"),
        (THREE, {"prediction": "a", "confidence": 0.5}, "confidence", "give 'score'"),
        (THREE, {"score": 0.5}, "score", "for each class"),
        (NUMBER, {"prediction": "7"}, "prediction", "a finite number"),
        (NUMBER, {"prediction": True}, "prediction", "a finite number"),
        (NOTHING, {"prediction": "gone", "version": 1}, "score", "second class, which is not known here"),
        (KNOWN, {"prediction": "yes", "variant": "shadow"}, "variant", "champion or challenger"),
        (KNOWN, {"prediction": "yes", "at": "2026-01-01"}, "at", "a time with a zone"),
        (KNOWN, {"prediction": "yes", "unit": 7}, "unit", "must be a text"),
        (KNOWN, {"prediction": "yes", "predicton_id": "x"}, "predicton_id", "did you mean 'prediction_id'"),
        (KNOWN, {"prediction": "yes", "features": {"temp": 1.0}}, "carrier", "is missing"),
        (KNOWN, {"prediction": "yes", "features": {"tempp": 1.0, "carrier": "AA"}}, "tempp", "did you mean 'temp'"),
        (KNOWN, {"prediction": "yes", "features": {"temp": "hot", "carrier": "AA"}}, "temp", "must be a number"),
        (KNOWN, {"prediction": "yes", "version": 9, "features": {"temp": [1]}}, "features.temp", "not a list"),
        (KNOWN, {"prediction": "yes", "context": [1]}, "context", "an object from name to value"),
        (KNOWN, {"prediction": "yes", "context": {"a": 10**400, "b": 0.5}}, "context.a", "too large for an integer"),
        (NOTHING, {"prediction": 1, "version": 1, "features": {"a": 0.5, "b": -(10**400)}}, "features.b", "too large for an integer"),
        (NOTHING, {"prediction": 10**30, "score": 0.5, "version": 1}, "prediction", "too large for an integer"),
        (KNOWN, {"prediction": "yes", "at": "0001-01-01T00:00:00+23:59"}, "at", "a time with a zone"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_field(known: Known, item: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_elsewhere({"features": ROW, "at": AT, **item} if known is KNOWN else {"at": AT, **item}, known, now=None)
    assert refused.value.field == field
    assert words in refused.value.message


def test_a_prediction_without_a_time_takes_the_clocks_or_is_refused_where_there_is_none() -> None:
    assert check_elsewhere({"prediction": "yes"}, KNOWN, now=5).at == 5
    with pytest.raises(RequestError, match="'at' is missing"):
        check_elsewhere({"prediction": "yes"}, KNOWN, now=None)
    with pytest.raises(RequestError, match="must be an object, not a list"):
        check_elsewhere([], KNOWN, now=1)


def test_equal_rows_are_different_predictions_and_the_same_ones_when_they_come_again() -> None:
    rows = [check(prediction="yes", confidence=0.7), check(prediction="yes", confidence=0.7), check(prediction="no", prediction_id="x")]
    once, again = (elsewhere_batches(KNOWN, rows, Counter(), made_at=made_at)[0] for made_at in (1, 2))
    assert len(set(once.prediction_id)) == 3
    assert once.prediction_id == again.prediction_id
    assert (once.client_id, once.schema_id) == ([None, None, "x"], KNOWN.contract.schema_id if KNOWN.contract else "")


def test_rows_with_other_features_go_into_a_batch_of_their_own() -> None:
    rows = [check(prediction="yes"), check(prediction="yes", version=9, features={"wind": 1}), check(prediction="no")]
    batches = elsewhere_batches(KNOWN, rows, Counter(), made_at=1)
    assert [(batch.feature_names, len(batch.at)) for batch in batches] == [(["temp", "carrier"], 2), (["wind"], 1)]
    assert len({batch.schema_id for batch in batches}) == 2


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["features", "prediction", "score", "confidence", "version", "variant", "unit", "at", "context"]), _PLAIN
    )
)
def test_whatever_json_says_is_taken_or_refused(item: dict[str, Any]) -> None:
    for known in (KNOWN, THREE, NUMBER, NOTHING):
        try:
            row = check_elsewhere(item, known, now=1)
        except RequestError:
            continue
        assert elsewhere_batches(known, [row], Counter(), made_at=1)[0].version == [row.version]
