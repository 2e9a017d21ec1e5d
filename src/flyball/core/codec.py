"""Records ⇄ JSON: the one place where a record becomes plain dicts and lists, and comes back checked."""

from typing import TypeVar

import msgspec

from flyball.core.errors import DataError

T = TypeVar("T")


def to_plain(value: object) -> object:
    """Dicts, lists, strings, numbers: what JSON can hold. Times become RFC 3339 text."""
    return msgspec.to_builtins(value, str_keys=True)


def to_json(value: object, *, indent: int = 0) -> str:
    """JSON text of a record or of records in lists and dicts; NaN and infinities become null."""
    text = msgspec.json.encode(value)
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()


def from_plain(value: object, kind: type[T]) -> T:
    """The record of type `kind` that `to_plain` wrote; DataError says which part does not fit."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise DataError(f"not a {kind.__name__}: {error}") from error


def from_json(text: str | bytes, kind: type[T]) -> T:
    """The record of type `kind` in a JSON text."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DataError(f"not a {kind.__name__}: {error}") from error
