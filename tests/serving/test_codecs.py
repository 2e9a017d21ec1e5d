"""The request contract: what is taken, and how everything else is refused with its field."""

import json

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.errors import DataError, RequestError
from flyball.core.schema import Column, Schema
from flyball.serving.codecs import MalformedError, decode_json, decode_request
from flyball.serving.contract import Contract, Value, example

SCHEMA = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="carrier", kind="category", nullable=False, categories=("AA", "UA")),
        Column(name="temp", kind="number", nullable=True),
        Column(name="rain", kind="boolean", nullable=False),
    )
)
ROW: list[Value] = [7, "AA", 1.5, True]


def ask(text: str | bytes, contract: Contract | None = None) -> object:
    body = text.encode() if isinstance(text, str) else text
    return decode_request(body, contract or Contract([SCHEMA]), max_rows=3).rows


@pytest.mark.parametrize(
    "features",
    [ROW, dict(zip(SCHEMA.names, ROW, strict=True)), [ROW, ROW], [dict(zip(reversed(SCHEMA.names), reversed(ROW), strict=True))]],
)
def test_features_come_as_list_dict_or_lists_of_them(features: object) -> None:
    rows = ask(json.dumps({"features": features}))
    assert rows in ([tuple(ROW)], [tuple(ROW), tuple(ROW)])


def test_null_is_taken_where_it_was_seen_in_training_and_whole_decimals_are_integers() -> None:
    assert ask('{"features": [7.0, "AA", null, false]}') == [(7, "AA", None, False)]


@pytest.mark.parametrize(
    ("features", "field", "words"),
    [
        ('{"hour": 7, "carrier": "AA", "temp": 1}', "rain", "missing"),
        ('{"hour": 7, "carrier": "AA", "temp": 1, "rain": true, "snow": 1}', "snow", "not a feature"),
        ('{"hour": 7, "carrier": "AA", "tempp": 1, "rain": true}', "tempp", "did you mean 'temp'"),
        ('[7, "AA", 1.5]', "features", "3 values"),
        ('[7, "AA", 1.5, true, 1]', "features", "5 values"),
        ('["7", "AA", 1.5, true]', "hour", "integer"),
        ('[7.5, "AA", 1.5, true]', "hour", "integer"),
        ('[true, "AA", 1.5, true]', "hour", "integer"),
        ("[7, 3, 1.5, true]", "carrier", "text"),
        ('[7, "AA", "1.5", true]', "temp", "number"),
        ('[7, "AA", false, true]', "temp", "number"),
        ('[7, "AA", 1.5, 1]', "rain", "true or false"),
        ('[null, "AA", 1.5, true]', "hour", "never missing"),
        ('[9007199254740993, "AA", 1.5, true]', "hour", "too large"),
        ('[123456789012345678901234567890, "AA", 1.5, true]', "hour", "too large"),
        ('[7, "AA", 1e39, true]', "temp", "too large"),
        ('[7, "AA", NaN, true]', "temp", "'temp' is NaN or infinite"),
        ('{"hour": 7, "carrier": "AA", "temp": Infinity, "rain": true}', "temp", "null for a missing"),
        ('[7, "AA", [1], true]', "temp", "number"),
        ('[[7, "AA", 1, true], [7, "AA", 1]]', "features[1]", "3 values"),
        ('[[7, "AA", 1, true], [7, "AA", "x", true]]', "features[1].temp", "number"),
        ("[[1],[1],[1],[1]]", "features", "at most 3"),
        ('"text"', "features", "list of values"),
        ("[]", "features", "0 values"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(features: str, field: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask(f'{{"features": {features}}}')
    assert caught.value.field == field
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"feature": [1]}', "features"),
        ('{"features": [7, "AA", 1, true], "units": "a"}', "units"),
        ('{"features": [7, "AA", 1, true], "unit": 7}', "unit"),
        ('{"features": [7, "AA", 1, true], "unit": ""}', "unit"),
        ('{"features": [7, "AA", 1, true], "id": ["a"]}', "id"),
        ('{"features": [[7, "AA", 1, true]], "prediction_id": "a"}', "prediction_id"),
        ('{"features": [[7, "AA", 1, true], [7, "AA", 1, true]], "prediction_id": ["a", "a"]}', "prediction_id"),
        ('{"features": [7, "AA", 1, true], "context": {"a": [1]}}', "context.a"),
        ('{"features": [7, "AA", 1, true], "context": 1}', "context"),
        ('{"features": [7, "AA", 1, true], "at": "2026-01-01"}', "at"),
        ('{"features": [7, "AA", 1, true], "at": "2026-01-01T00:00:00"}', "at"),
        ('{"features": [7, "AA", 1, true], "at": 5}', "at"),
        ('{"features": [7, "AA", 1, true], "at": "0001-01-01T00:00:00+23:59"}', "at"),
        ('{"features": [7, "AA", 1, true], "at": "9999-12-31T23:59:59-23:59"}', "at"),
    ],
)
def test_the_other_keys_are_checked_too(body: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask(body)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        '{"features": []}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"features":[1e400]}',
        b'{"features": 1, "features": 2}',
        rb'{"features": {"hour": 1, "h\u006fur": 2}}',
        rb'{"features": [1], "unit": "\u003a", "unit": "b"}',
        b'{"a": {"b": 1, "b": 2}, "c": "x:y"}',
        b'{"a": "1:2", "a": 3}',
    ],
)
def test_what_is_not_one_json_value_without_doubt_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_json(body)


def test_colons_and_escapes_inside_texts_are_no_repeated_keys() -> None:
    assert decode_json(rb'{"a:b": "c:d", "e": "\u003a\"", "f": ["g:", {"h": 1}]}')["f"] == ["g:", {"h": 1}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=12,
)


@given(value=json_values)
def test_any_json_is_decoded_or_refused_as_a_request(value: object) -> None:
    body = msgspec.json.encode(value)
    try:
        decode_request(body, Contract([SCHEMA]), max_rows=3)
    except RequestError as error:
        assert error.message


@hypothesis.example(value=2**53 + 1)
@given(value=json_values)
def test_any_json_value_of_a_feature_fits_its_column_or_is_refused_with_its_name(value: object) -> None:
    contract = Contract([SCHEMA])
    for position, column in enumerate(SCHEMA.columns):
        row = [*ROW[:position], value, *ROW[position + 1 :]]
        for _ in range(2):  # the second time, the types may be known already
            try:
                taken = contract.row(list(row))
            except RequestError as error:
                assert error.field == column.name
            else:
                # a number is a float: of 2^53 + 1 the nearest one
                assert taken[position] == (float(value) if isinstance(value, int) and column.kind == "number" else value)
                assert isinstance(taken[position], bool) == isinstance(value, bool)


def test_the_contract_is_the_union_and_shadows_require_nothing() -> None:
    other = Schema(columns=(*SCHEMA.columns[:2], Column(name="wind", kind="number", nullable=False)))
    contract = Contract([SCHEMA], [other])
    assert contract.names == ("hour", "carrier", "temp", "rain", "wind") and contract.required == 4
    assert contract.row(list(ROW)) == (*ROW, None)
    assert contract.row({**dict(zip(SCHEMA.names, ROW, strict=True)), "wind": 2.0}) == (*ROW, 2.0)
    answering = Contract([SCHEMA, other])
    with pytest.raises(RequestError, match="'wind' is missing"):
        answering.row(dict(zip(SCHEMA.names, ROW, strict=True)))


def test_versions_that_read_a_column_differently_cannot_serve_together() -> None:
    other = Schema(columns=(Column(name="carrier", kind="number", nullable=False),))
    with pytest.raises(DataError, match="'carrier'"):
        Contract([SCHEMA], [other])


def test_an_example_row_fits_its_own_contract() -> None:
    contract = Contract([SCHEMA])
    assert contract.row(example(SCHEMA.columns)) == (1, "AA", 0.5, True)


def test_unseen_categories_are_named() -> None:
    contract = Contract([SCHEMA])
    assert contract.unseen([7, "ZZ", 1.0, True]) == ["carrier"]
    assert contract.unseen(list(ROW)) == []


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a:b", "", "c0", "features", "日本", "\x7f", "__class__"])
def test_columns_may_have_any_name(name: str) -> None:
    contract = Contract(
        [Schema(columns=(Column(name=name, kind="number", nullable=False), Column(name="x", kind="integer", nullable=False)))]
    )
    for features in ([1.5, 2], {name: 1.5, "x": 2}):
        assert ask(json.dumps({"features": features}), contract) == [(1.5, 2)]
        assert ask(json.dumps({"features": [features] * 2}), contract) == [(1.5, 2)] * 2
    with pytest.raises(MalformedError, match="twice"):
        ask('{"features": {NAME: 1, NAME: 2, "x": 2}}'.replace("NAME", json.dumps(name)), contract)


def test_a_number_larger_than_any_double_is_named() -> None:
    with pytest.raises(MalformedError, match="'temp' is larger than any number") as caught:
        decode_request(b'{"features": {"hour": 1, "carrier": "AA", "temp": 1e400, "rain": true}}', Contract([SCHEMA]), max_rows=10)
    assert caught.value.field == "temp"
    with pytest.raises(MalformedError, match="larger than any number") as caught:
        decode_request(b'{"features": [1, "AA", -1e999, true]}', Contract([SCHEMA]), max_rows=10)
    assert caught.value.field == "temp"
