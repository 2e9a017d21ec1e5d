"""Bytes ⇄ values: the native request and answer of `/predict`, decoded strictly."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import isinf
from typing import Any

import msgspec

from flyball.core.errors import RequestError
from flyball.core.schema import did_you_mean, you_sent
from flyball.core.window import to_micros
from flyball.serving.contract import LARGEST_INTEGER, LARGEST_NUMBER, LONGEST_TEXT, Contract, Row, kind_of, shown
from flyball.serving.records import Label
from flyball.serving.shape import LONGEST_NAME

MOST_CONTEXT = 32

Context = dict[str, Label | None]
Said = Label | list[float]

_FIELDS = ("features", "unit", "id", "prediction_id", "context", "at")
_KNOWN = frozenset(_FIELDS)
_NOBODY: list[str | None] = [None]  # the names of a single row that has none; never changed
_NESTED = frozenset({list, dict})
_SEVERAL = re.compile(rb'"features"\s*:\s*\[\s*[\[{]')
_IN_LIST = re.compile(r"(features(?:\[\d+\])?)\[(\d{1,6})\]")
_json = msgspec.json.Decoder()


class MalformedError(RequestError):
    """The body is no acceptable JSON at all, so nothing in it was looked at."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """A checked request: `rows` in the contract's order; `single` tells one row from a list of one. `at` is in microseconds."""

    rows: list[Row]
    single: bool
    unit: str | None
    entities: list[str | None]
    client_ids: list[str | None]
    context: Context | None
    at: int | None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What `/predict` answers; for a list of rows, `prediction`, `confidence` and `prediction_id` are lists.

    The prediction of a model with several outputs is a list of numbers.
    """

    prediction: Said | list[Said]
    confidence: float | list[float | None] | None
    model: str
    version: int | list[int]
    variant: str | list[str]
    prediction_id: str | list[str]


encode_answer: Callable[[Answer], bytes] = msgspec.json.Encoder().encode
encode_float: Callable[[float], bytes] = msgspec.json.Encoder().encode


def encode_label(numbers: list[float]) -> str:
    """How the log keeps what a model of several outputs said: as JSON."""
    return msgspec.json.encode(numbers).decode()


def answer_parts(model: str, version: int, variant: str, *, label: Label | None) -> tuple[bytes, bytes]:
    """What stands around the one number of a single row's answer: `encode_answer` would write start, number, middle, id and `"}`.

    With a label the number is its confidence; without one it is the prediction, as for a regression.
    """
    whole = encode_answer(Answer(0 if label is None else label, None, model, version, variant, ""))
    if label is None:
        return whole[:14], whole[15:-2]
    at = len(whole) - len(encode_answer(Answer(0, None, model, version, variant, ""))) + 15 + len(b',"confidence":')
    return whole[:at], whole[at + len(b"null") : -2]


def decode_json(body: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no numbers beyond a double, no repeated keys, no absurd nesting; else MalformedError."""
    try:
        value = _json.decode(body)
    except RecursionError:
        raise MalformedError("the JSON is nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        why, place = _strange_number(body)
        raise MalformedError(why or _why_not_json(body, error), field=place) from None
    if body.count(b":") != _keys(value) and (b"\\" in body or body.count(b":") != _keys(value) + _colons(value)):
        _refuse_repeated_keys(body)
    return value


def decode_request(body: bytes, contract: Contract, *, max_rows: int) -> Request:
    """The request in a body, checked against the contract; RequestError names the field."""
    if _SEVERAL.search(body) is not None and (plain := _plain(body, contract, max_rows)) is not None:
        return plain
    try:
        given = decode_json(body)
    except MalformedError as error:
        raise _named(error, contract) from None
    if type(given) is not dict:
        raise RequestError(f"the request must be an object with the key 'features', not {kind_of(given)}")
    if "features" not in given:
        near = you_sent("features", given)
        raise RequestError(f"the key 'features' is missing{near}", field="features")
    features = given["features"]
    single = not (type(features) is list and features and type(features[0]) in (list, dict))
    if single:
        rows = [contract.row(features)]
    elif len(features) > max_rows:
        raise RequestError(f"{len(features)} rows in one request; at most {max_rows} are taken", field="features")
    else:
        rows = contract.rows(features)
    if len(given) == 1:
        nobody: list[str | None] = _NOBODY if single else [None] * len(rows)
        return Request(rows, single, None, nobody, nobody, None, None)
    if not given.keys() <= _KNOWN:
        name = next(name for name in given if name not in _KNOWN)
        raise RequestError(f"{shown(name)} is not a key of a request{did_you_mean(name, _FIELDS)}", field=name[:60])
    at = given.get("at")
    ours = given.get("prediction_id")
    return Request(
        rows,
        single,
        name_of(given.get("unit"), "unit"),
        _names(given.get("id"), "id", single, len(rows)),
        _names(ours, "prediction_id", single, len(rows)) if single else _distinct(_names(ours, "prediction_id", single, len(rows))),
        _context(given.get("context")),
        None if at is None else time_of(at, "at"),
    )


def _plain(body: bytes, contract: Contract, max_rows: int) -> Request | None:
    """A request of many rows and nothing out of the ordinary, decoded straight into rows; None for any other."""
    try:
        asked = contract.shape.many(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    number, ids = len(asked.features), asked.id
    if number > max_rows or (ids is not None and len(ids) != number):
        return None
    rows = contract.shape.several(body, asked)
    return None if rows is None else Request(rows, False, asked.unit, ids or [None] * number, [None] * number, None, None)


def name_of(value: object, field: str) -> str | None:
    """An id as text, or None if it was not given."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise RequestError(f"{field!r} must be a text, not {kind_of(value)}", field=field)
    if not 0 < len(value) <= LONGEST_NAME:
        raise RequestError(f"{field!r} must have 1 to {LONGEST_NAME} characters, not {len(value)}", field=field)
    return value


def time_of(value: object, field: str) -> int:
    """An RFC 3339 time with its zone, in microseconds since 1970 UTC."""
    if isinstance(value, str):
        try:
            at = msgspec.convert(value, datetime, strict=True)
            if at.tzinfo is not None:
                return to_micros(at.astimezone(UTC))  # what lies beyond the years 1 to 9999 there could not be read back
        except (msgspec.ValidationError, OverflowError):
            pass
    raise RequestError(f"{field!r} must be a time with a zone, such as 2026-01-31T12:00:00Z, not {kind_of(value)}", field=field)


def amount_of(value: object, field: str) -> float | None:
    """A finite number, or None if it was not given."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestError(f"{field!r} must be a number, not {kind_of(value)}", field=field)
    if not abs(value) <= LARGEST_NUMBER:
        raise RequestError(f"{field!r} is larger than any number that is taken", field=field)
    return float(value)


def _names(value: object, field: str, single: bool, rows: int) -> list[str | None]:
    if value is None:
        return _NOBODY if single else [None] * rows
    if single:
        return [name_of(value, field)]
    if not isinstance(value, list) or len(value) != rows:
        raise RequestError(f"{field!r} must be a list of {rows} texts, one for each row", field=field)
    return [name_of(name, f"{field}[{number}]") for number, name in enumerate(value)]


def _distinct(names: list[str | None]) -> list[str | None]:
    given = [name for name in names if name is not None]
    if len(set(given)) < len(given):
        raise RequestError("'prediction_id' names two rows of this request alike", field="prediction_id")
    return names


def _context(value: object) -> Context | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise RequestError(f"'context' must be an object, not {kind_of(value)}", field="context")
    if len(value) > MOST_CONTEXT:
        raise RequestError(f"'context' has {len(value)} keys; at most {MOST_CONTEXT} are taken", field="context")
    for name, item in value.items():
        field = f"context.{name[:60]}"
        if len(name) > LONGEST_NAME:
            raise RequestError(f"a key of 'context' is longer than {LONGEST_NAME} characters", field="context")
        if isinstance(item, list | dict):
            raise RequestError(f"{field} must be a text, a number, true, false or null, not {kind_of(item)}", field=field)
        if isinstance(item, str) and len(item) > LONGEST_TEXT:
            raise RequestError(f"{field} is longer than {LONGEST_TEXT} characters", field=field)
        if isinstance(item, int) and abs(item) > LARGEST_INTEGER:
            raise RequestError(f"{field} is too large for an integer", field=field)
    return value


def _keys(value: object) -> int:
    """How many keys the objects in a value have, as far as a body has one `:` for each."""
    if type(value) is dict:
        number = len(value)
        for item in value.values():
            kind = type(item)
            if kind is list or kind is dict:
                number += _keys(item)
        return number
    if type(value) is list and not _NESTED.isdisjoint(map(type, value)):
        return sum(map(_keys, value))
    return 0


def _colons(value: object) -> int:
    """How many colons stand inside the texts of a value."""
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, dict):
        return sum(key.count(":") + _colons(item) for key, item in value.items())
    return sum(map(_colons, value)) if isinstance(value, list) else 0


def _refuse_repeated_keys(body: bytes) -> None:
    """Raise RequestError naming the first key that stands twice in one object."""

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, item in items:
            if key in found:
                raise MalformedError(f"the key {shown(key)} stands twice in one object", field=key[:60])
            found[key] = item
        return found

    try:
        json.loads(body, object_pairs_hook=pairs)
    except RecursionError:
        raise MalformedError("the JSON is nested too deeply") from None


def _why_not_json(body: bytes, error: Exception) -> str:
    if not body:
        return "the body is empty; it must be JSON"
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8"
    return f"the body is not JSON: {error}"


def _not_a_number(field: str) -> str:
    return f"{field!r} is NaN or infinite, which is not JSON; write null for a missing value"


def _named(error: MalformedError, contract: Contract) -> MalformedError:
    """The same error; a value in a list of features gets the name of its column."""
    found = _IN_LIST.fullmatch(error.field)
    if found is None or not int(found[2]) < len(contract.names):
        return error
    name = contract.names[int(found[2])]
    field = name if found[1] == "features" else f"{found[1]}.{name}"
    return MalformedError(error.message.replace(repr(error.field), repr(field)), field=field)


def _strange_number(body: bytes) -> tuple[str, str]:
    """What is wrong with a number of a small body that no JSON number can be, and its name; empty if that is not what is wrong."""
    if len(body) > 65_536:
        return "", ""
    try:
        value = json.loads(body, parse_constant=lambda _: _NAN, parse_float=lambda text: _HUGE if isinf(float(text)) else 0.0)
    except (ValueError, RecursionError):
        return "", ""
    if field := _find(value, _NAN, ""):
        return _not_a_number(field), field
    if field := _find(value, _HUGE, ""):
        return f"{field!r} is larger than any number JSON readers hold", field
    return "", ""


_NAN, _HUGE = object(), object()


def _find(value: object, wanted: object, where: str) -> str:
    if value is wanted:
        return where or "features"
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        place = f"{where}[{key}]" if isinstance(key, int) else f"{where}.{key[:60]}" if where not in ("", "features") else key[:60]
        if found := _find(item, wanted, place):
            return found
    return ""
