"""Records ⇄ JSON: the one place where a record becomes plain dicts and lists, and comes back checked."""

import math
from collections.abc import Iterable
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


def not_finite(value: object) -> str | None:
    """Where in a record the first NaN or infinity stands, such as `columns.temp.lower`; None if every number is one."""
    return _not_finite(to_plain(value), "")


def _not_finite(plain: object, place: str) -> str | None:
    if isinstance(plain, float):
        return None if math.isfinite(plain) else place
    if not isinstance(plain, dict | list):
        return None
    parts: Iterable[tuple[object, object]] = plain.items() if isinstance(plain, dict) else enumerate(plain)
    found = (_not_finite(part, f"{place}.{name}" if place else str(name)) for name, part in parts)
    return next((one for one in found if one is not None), None)


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
