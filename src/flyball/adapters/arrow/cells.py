"""Arrow columns as a model reads them: numbers, true and false, text, times; cells that are none of it are named, not guessed."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flyball.adapters.pandas.arrow import from_arrow
from flyball.core.errors import DataError
from flyball.core.schema import Column
from flyball.core.table import Array
from flyball.data.snapshot import as_text, micros
from flyball.serving.check import Problem
from flyball.serving.contract import shown

# What pandas takes for missing when it reads a CSV: models were trained on columns read that way.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN",
    "None", "n/a", "nan", "null",
)  # fmt: skip
TRUE, FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")
NO_TIME = np.iinfo(np.int64).min

_MISSING = pa.array(MISSING)
_NUMBER = r"^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|Inf|Infinity|infinity)$"
_WANTED = {"number": "a number", "integer": "an integer", "boolean": "true or false", "category": "a text"}

Problems = dict[int, Problem]


def from_text(column: Column, values: pa.Array, problems: Problems) -> Array:
    """The cells of a CSV column, all given as text."""
    if column.kind == "category":
        return texts(without_missing(values))
    values = without_missing(pc.utf8_trim_whitespace(values))
    fits = pc.is_in(values, pa.array([*TRUE, *FALSE])) if column.kind == "boolean" else pc.match_substring_regex(values, _NUMBER)
    sound = pc.or_(pc.fill_null(fits, False), pc.is_null(values))
    for row in np.flatnonzero(~sound.to_numpy(zero_copy_only=False)).tolist():
        problems.setdefault(row, _not(column, values[row].as_py()))
    values = pc.if_else(sound, values, pa.scalar(None, values.type))
    if column.kind == "boolean":
        return booleans(pc.is_in(values, pa.array(TRUE)).cast(pa.int8()), pc.is_null(values))
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def from_typed(column: Column, values: pa.Array) -> Array:
    """The cells of a column whose type fits (see `refuse_type`)."""
    if pa.types.is_dictionary(values.type) and column.kind != "category":
        values = values.cast(values.type.value_type)
    if column.kind == "category":
        return texts(values)
    if pa.types.is_boolean(values.type):
        return booleans(pc.fill_null(values, False).cast(pa.int8()), pc.is_null(values))
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    if pa.types.is_integer(values.type) and not values.null_count and values.type != pa.uint64():
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def refuse_type(column: Column, found: pa.DataType, where: str) -> None:
    """DataError if no cell of this type can be what the contract asks for."""
    kind = found.value_type if pa.types.is_dictionary(found) else found
    types = pa.types
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    fits: dict[str, bool] = {
        "category": text,
        "boolean": types.is_boolean(kind),
        "number": types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind),
        "integer": types.is_integer(kind) or types.is_floating(kind),
    }
    if not fits[column.kind] and not types.is_null(kind):
        raise DataError(
            f"{where}: column {column.name!r} holds {found}, the model reads {_WANTED[column.kind]}",
            hint="cast it where the file is written",
        )


def booleans(values: pa.Array, missing: pa.Array) -> Array:
    """True and false; with missing values 1, 0 and NaN."""
    found = values.to_numpy(zero_copy_only=False)
    gone = missing.to_numpy(zero_copy_only=False)
    return np.where(gone, np.nan, found).astype(np.float64) if gone.any() else found.astype(np.bool_)


def texts(values: pa.Array) -> Array:
    """Text as objects, each different text made once; missing is None."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    known = np.array([*values.dictionary.to_pylist(), None], dtype=object)
    codes = pc.fill_null(values.indices, len(known) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(known[codes])


def without_missing(values: pa.Array) -> pa.Array:
    """Text in which what stands for nothing is null."""
    gone = pc.is_in(values, _MISSING)
    return pc.if_else(gone, pa.scalar(None, values.type), values) if pc.any(gone).as_py() else values


def names(values: pa.Array) -> list[str | None]:
    """Ids and units as text; what is empty is nobody."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        found: list[str | None] = without_missing(values).to_pylist()
        return found
    if pa.types.is_floating(values.type):
        return as_text(values.to_numpy(zero_copy_only=False)).tolist()  # type: ignore[no-any-return]  # text or None
    return [None if value is None else str(value) for value in values.to_pylist()]


def times(name: str, values: pa.Array, problems: Problems) -> tuple[NDArray[np.int64], bool]:
    """Times in microseconds since 1970 UTC, `NO_TIME` where there is none, and whether a zone had to be assumed."""
    try:
        return _times(name, values)
    except DataError:
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            raise
    found, assumed = np.full(len(values), NO_TIME, dtype=np.int64), False
    for row in range(len(values)):
        try:
            one, zone = _times(name, values.slice(row, 1))
            found[row], assumed = one[0], assumed or zone
        except DataError:
            problems.setdefault(row, Problem(column=name, error=f"must be a time, not {shown(values[row].as_py())}"))
            found[row] = 0
    return found, assumed


def _times(name: str, values: pa.Array) -> tuple[NDArray[np.int64], bool]:
    if pa.types.is_string(values.type):
        values = without_missing(values)
    read = from_arrow(pa.table({name: values}), times=[name])
    return micros(read.table[name]), bool(read.warnings)


def _not(column: Column, value: object) -> Problem:
    return Problem(column=column.name, error=f"must be {_WANTED[column.kind]}, not {shown(value)}")
