"""Frames and tensors, as JSON and CSV, into rows in the order of a model's contract."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple, cast

import msgspec

from flyball.core.errors import RequestError
from flyball.core.schema import you_sent
from flyball.serving.codecs import MalformedError, decode_json
from flyball.serving.contract import LARGEST_INTEGER, Contract, Row, Value, kind_of, shown

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")  # the keys under which MLflow's bodies hold them

_MOST_LISTS = 16  # lists of column names whose places are remembered
_LONGEST_LIST = 65_536
_NEAR = 200  # names among which a misspelt one is looked for
# What pandas reads as missing in a CSV file.
_MISSING = frozenset([
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
])  # fmt: skip
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class _Places(NamedTuple):
    """Where the columns of a contract stand in rows of `width` values; None if they stand in order. `colons` stand in the names."""

    width: int
    pick: Callable[[Row], list[Value]] | None
    colons: int


class Frames:
    """Rows for one contract. Columns that it does not know are passed over, as MLflow does; the values are left for the contract to check.

    A frame that cannot be read as one is a MalformedError; one that lacks a column, or has more than `max_rows` rows, a RequestError.
    """

    def __init__(self, contract: Contract, *, max_rows: int) -> None:
        self.contract = contract
        self._max_rows = max_rows
        self._names = contract.names
        self._pick = _picker(contract.names)
        integers = [place for place, column in enumerate(contract.columns) if column.kind == "integer"]
        self._kinds = {column.name: column.kind for column in contract.columns}
        self._integers = _picker(integers) if integers else None
        self._plans: dict[bytes, _Places] = {}

    def colons(self, columns: bytes) -> int:
        """How many colons a list of column names (its JSON) holds: what is needed to tell that no key of a body stands twice."""
        return self._places(columns).colons

    def split(self, columns: bytes, data: list[Any]) -> list[Row]:
        """Rows in the order of a list of column names, given as its JSON; no names: rows in the contract's own order."""
        return self._arranged(self._places(columns), data) if columns else data

    def named(self, columns: Sequence[object], data: list[Any]) -> list[Row]:
        """Rows in the order of column names."""
        return self._arranged(self._plan(columns, 0), data)

    def exact(self, given: list[Any]) -> list[Row] | None:
        """Objects by name that have every column and no other; None if one has not."""
        width = len(self._names)
        try:
            return [self._pick(one) for one in given] if all(len(one) == width for one in given) else None
        except (KeyError, TypeError):
            return None

    def records(self, given: list[Any]) -> list[Row]:
        """Objects by name. As in a data frame, a column that some of them have is missing in the others."""
        self._bounded(len(given))
        try:
            return [self._pick(one) for one in given]
        except (KeyError, TypeError):
            pass
        names: dict[str, None] = {}
        for number, one in enumerate(given):
            if type(one) is not dict:
                raise MalformedError(f"record {number} must be an object from column to value, not {kind_of(one)}")
            names.update(dict.fromkeys(one))
        self._complete(names)
        return [[one.get(name) for name in self._names] for one in given]

    def columns(self, given: Mapping[str, object]) -> list[Row]:
        """Lists of values by name, all of one length; values that stand in lists of their own ([n, 1]) are taken out of them."""
        try:
            rows = _turned(self._pick(given))
        except KeyError:
            rows = None
        return self._each_column(given) if rows is None else rows

    def _each_column(self, given: Mapping[str, object]) -> list[Row]:
        self._complete(given)
        columns: list[list[Value]] = []
        for name in self._names:
            if columns:
                self._bounded(len(columns[0]))
            if name not in given:
                columns.append([None] * len(columns[0]))
                continue
            values = given[name]
            if type(values) is not list:
                raise MalformedError(f"{name!r} must be a list with a value for each row, not {kind_of(values)}", field=name)
            if values and type(values[0]) is list:
                values = [one[0] if type(one) is list and len(one) == 1 else one for one in values]
            if columns and len(values) != len(columns[0]):
                raise MalformedError(f"{name!r} has {len(values)} values, {self._names[0]!r} has {len(columns[0])}", field=name)
            columns.append(values)
        return [list(row) for row in zip(*columns, strict=True)]

    def tensor(self, given: list[Any]) -> list[Row]:
        """Rows in the contract's order; for a model of one column also its values."""
        if given and type(given[0]) is not list:
            if len(self._names) > 1:
                names = ", ".join(self._names)
                raise MalformedError(f"a row must be a list of {len(self._names)} values ({names[:300]}), not {kind_of(given[0])}")
            return [[one] for one in given]
        return given

    def table(self, text: bytes) -> list[Row]:
        """A CSV file with a line of names, read as pandas reads it into columns of known kinds."""
        try:
            lines = [line for line in csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""), strict=True) if line]
        except UnicodeDecodeError:
            raise MalformedError("the CSV is not UTF-8") from None
        except csv.Error as error:
            raise MalformedError(f"the body is not CSV: {error}") from None
        if not lines:
            raise MalformedError("the CSV is empty: its first line must name the columns")
        return self._typed(self.named(lines[0], cast(list[Any], lines[1:])))

    def refuse_inexact(self, rows: Sequence[Any]) -> None:
        """RequestError if a decimal in an integer column is so large that several integers are written that way."""
        if self._integers is None:
            return
        for number, row in enumerate(rows):
            try:
                if float not in map(type, self._integers(row)):
                    continue
            except (IndexError, KeyError, TypeError):
                continue  # no row of this model: the contract says why
            for name, value in zip(self._names, row, strict=False):
                if type(value) is float and abs(value) >= LARGEST_INTEGER and self._kinds[name] == "integer":
                    raise RequestError(f"row {number}: {name!r} is too large for an integer: {shown(value)}", field=name)

    def _typed(self, rows: list[Row]) -> list[Row]:
        if not rows:
            return rows
        columns = []
        for column, cells in zip(self.contract.columns, zip(*rows, strict=True), strict=True):
            if column.kind == "category":
                missing = _MISSING.difference(column.categories)
                columns.append([None if cell in missing else cell for cell in cells])
            else:
                read = {"number": _number, "integer": _integer, "boolean": _truth}[column.kind]
                columns.append([None if cell in _MISSING or cell is None else read(cast(str, cell)) for cell in cells])
        return [list(row) for row in zip(*columns, strict=True)]

    def _places(self, columns: bytes) -> _Places:
        known = self._plans.get(columns)
        if known is not None:
            return known
        given = decode_json(columns)
        if type(given) is not list:
            raise MalformedError(f"'columns' must be a list of names, not {kind_of(given)}", field="columns")
        plan = self._plan(given, columns.count(b":"))
        if len(columns) <= _LONGEST_LIST:
            if len(self._plans) >= _MOST_LISTS:
                self._plans.clear()
            self._plans[columns] = plan
        return plan

    def _plan(self, columns: Sequence[object], colons: int) -> _Places:
        places: dict[str, int] = {}
        for place, given in enumerate(columns):
            if type(given) is str:
                name = given
            elif type(given) is int and abs(given) < 10**9:  # a frame that was never given names counts its columns
                name = str(given)
            else:
                raise MalformedError(f"the name of a column must be a text, not {kind_of(given)}", field="columns")
            if name in places:
                raise MalformedError(f"two columns are named {shown(name)}", field="columns")
            places[name] = place
        self._complete(places)
        wanted = [places.get(name, -1) for name in self._names]
        if wanted == list(range(len(columns))):
            return _Places(len(columns), None, colons)
        if -1 not in wanted:
            return _Places(len(columns), _picker(wanted), colons)
        pick = _picker(wanted)  # -1 is the value put behind the others
        return _Places(len(columns), lambda row: pick([*row, None]), colons)

    def _arranged(self, places: _Places, data: list[Any]) -> list[Row]:
        width = places.width
        self._bounded(len(data))
        if data and type(data[0]) is not list and width == 1:
            data = [[one] for one in data]
        for number, row in enumerate(data):
            if type(row) is not list or len(row) != width:
                found = f"{len(row)} values" if type(row) is list else kind_of(row)
                raise MalformedError(f"row {number} holds {found}, the frame has {width} columns")
        pick = places.pick
        return data if pick is None else [pick(row) for row in data]

    def _bounded(self, rows: int) -> None:
        """RequestError before many short rows are filled up to as many long ones."""
        if rows > self._max_rows:
            raise RequestError(f"{rows} rows in one request; at most {self._max_rows} are taken")

    def _complete(self, given: Mapping[str, object]) -> None:
        """RequestError if a column that must be there is not."""
        for name in self._names[: self.contract.required]:
            if name not in given:
                near = you_sent(name, (one for one in islice(given, _NEAR) if one not in self.contract.positions))
                raise RequestError(f"the column {name!r} is missing{near}", field=name)


def decode_frame(body: bytes) -> Any:
    """Strict JSON, as `decode_json` takes it; where it is a frame, in half the time.

    A key has one colon. If the colons are as many as the keys of the outer two levels, and of objects in a list there, then no key stands
    twice, no text holds a colon and nothing lies deeper.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return decode_json(body)
    if type(value) is not dict:
        return value
    keys = len(value)
    for inner in value.values():
        if type(inner) is dict:
            keys += len(inner)
        elif type(inner) is list and inner and type(inner[0]) is dict:
            keys += sum(len(one) for one in inner if type(one) is dict)
    return value if body.count(b":") == keys else decode_json(body)


def _turned(columns: list[Any]) -> list[Row] | None:
    """Columns as rows; None if they are not lists of values, of one length."""
    if {*map(type, columns)} != {list} or len({*map(len, columns)}) != 1 or not columns[0]:
        return None
    if list in map(type, map(itemgetter(0), columns)):
        return None
    return [list(row) for row in zip(*columns, strict=True)]


def _picker(keys: Sequence[Any]) -> Callable[[Any], list[Value]]:
    """The values at some keys or places, as a list."""
    if len(keys) == 1:
        only = keys[0]
        return lambda given: [given[only]]
    pick = itemgetter(*keys)
    return lambda given: list(pick(given))


def _number(cell: str) -> Value:
    """A number if it is one; else the contract says what it is instead."""
    try:
        return cell if "_" in cell else float(cell)
    except ValueError:
        return cell


def _integer(cell: str) -> Value:
    try:
        return cell if "_" in cell else int(cell)
    except ValueError:
        return _number(cell)


def _truth(cell: str) -> Value:
    return _TRUTHS.get(cell, cell)
