"""A contract as msgspec types: whether values fit it is decided in C, at a tenth of the cost of looking at them one by one.

What fits is taken as it is; what does not fit says nothing here: the contract looks again, takes what is unusual (`7.0` for an integer)
and finds the words for the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, ValidationError

from flyball.core.schema import Column
from flyball.serving.records import Label

Value = Label | None
Row = Sequence[Value]

LARGEST_INTEGER = 2**53  # beyond it neighbouring integers become the same float
LARGEST_NUMBER = 3.4028234e38  # beyond it a float32, which engines read, is infinite
LONGEST_TEXT = 1024
LONGEST_NAME = 256

_KINDS: Mapping[str, Any] = {
    "number": Annotated[float, Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)],
    "integer": Annotated[int, Meta(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)],
    "boolean": bool,
    "category": Annotated[str, Meta(max_length=LONGEST_TEXT)],
}
_NAME = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]


class Plain(Protocol):
    """A request that says nothing out of the ordinary: one row, perhaps a unit, perhaps an id."""

    features: Any
    unit: str | None
    id: str | None


class PlainMany(Protocol):
    """The same with many rows."""

    features: list[Any]
    unit: str | None
    id: list[str | None] | None


def _named(columns: Sequence[Column], kinds: Sequence[Any]) -> Any:
    """The type of a row by name."""
    fields = [(f"c{at}", kind, msgspec.field(name=column.name)) for at, (kind, column) in enumerate(zip(kinds, columns, strict=True))]
    return msgspec.defstruct("Named", fields, forbid_unknown_fields=True, gc=False)


class Shape:
    """The types of a row that holds exactly the first `required` of some columns; the others are filled up with None.

    `one` and `many` decode a plain request (msgspec's errors if it is none); whether it repeats a key, which they do not see, is for
    `single` and `several` to say.
    """

    def __init__(self, columns: Sequence[Column], required: int) -> None:
        kinds = [_KINDS[column.kind] | None if column.nullable else _KINDS[column.kind] for column in columns[:required]]
        row: Any = tuple.__class_getitem__(tuple(kinds))
        with suppress(ValueError):  # no type has fields with quotation marks or the like in their names: such rows fit only as lists
            row |= _named(columns[:required], kinds)
        unit = ("unit", _NAME | None, None)
        rows = ("features", Annotated[list[row], Meta(min_length=1)])
        one = msgspec.defstruct("Plain", [("features", row), unit, ("id", _NAME | None, None)], forbid_unknown_fields=True, gc=False)
        many = msgspec.defstruct("PlainMany", [rows, unit, ("id", list[_NAME | None] | None, None)], forbid_unknown_fields=True, gc=False)
        self.one: Callable[[bytes], Plain] = msgspec.json.Decoder[Any](one).decode
        self.many: Callable[[bytes], PlainMany] = msgspec.json.Decoder[Any](many).decode
        self._rows: Any = msgspec.defstruct("Rows", [("rows", list[row])], gc=False)
        self._required = required
        self._rest = (None,) * (len(columns) - required)
        # Keys are counted by their colons: a name that holds one could hide a repeated key.
        self._countable = not any(":" in column.name for column in columns)

    def single(self, body: bytes, asked: Plain) -> Row | None:
        """The row of a decoded request; None if the body holds more keys than were read, or may do so."""
        keys = 1 + (asked.unit is not None) + (asked.id is not None)
        row = asked.features
        if type(row) is not tuple:
            if not self._countable:
                return None
            keys += self._required
            row = msgspec.structs.astuple(row)
        if body.count(b":") != keys:
            return None
        found: Row = row + self._rest if self._rest else row
        return found

    def several(self, body: bytes, asked: PlainMany) -> list[Row] | None:
        """The rows of a decoded request, likewise."""
        keys = 1 + (asked.unit is not None) + (asked.id is not None)
        named = sum(type(row) is not tuple for row in asked.features)
        if (named and not self._countable) or body.count(b":") != keys + named * self._required:
            return None
        return self._filled(asked.features)

    def rows(self, given: Sequence[object]) -> list[Row] | None:
        """Values that were decoded elsewhere, as rows; None if one does not fit."""
        try:
            return self._filled(msgspec.convert({"rows": given}, self._rows).rows)
        except ValidationError:
            return None

    def _filled(self, rows: list[Any]) -> list[Row]:
        found: list[Row] = [(row if type(row) is tuple else msgspec.structs.astuple(row)) + self._rest for row in rows]
        return found
