"""How a model's rows and answers stand in tensors: what its metadata announces, tensors → rows, answers → tensors."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from flyball.core.errors import ConflictError, RequestError
from flyball.core.schema import Column, did_you_mean
from flyball.registry.records import Manifest
from flyball.server.dialects.tensors import Tensor
from flyball.server.scoring import Given
from flyball.serving.contract import Contract, Value, shown
from flyball.serving.deployment import LiveModel

MATRIX = "features"
PREDICT, PROBABILITIES, IDS = "predict", "predict_proba", "prediction_id"

_TRUTH: Mapping[object, bool] = {0: False, 1: True}
_CLASS_TYPES = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


class Form(NamedTuple):
    """A tensor as metadata announces it; -1 stands for the number of rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def inputs_of(contract: Contract) -> list[Form]:
    """The inputs a model announces: one matrix if all that it needs are numbers, else one tensor for each column.

    A column of integers or booleans that may be missing is announced as FP64, in which NaN can say so.
    """
    needed = contract.columns[: contract.required]
    if all(column.kind != "category" for column in needed):
        return [Form(MATRIX, "FP64", (-1, len(needed)))]
    return [Form(column.name, _datatype_of(column), (-1, 1)) for column in needed]


def outputs_of(manifest: Manifest) -> list[Form]:
    """The outputs of a version: labels or values, the probability of every class where there are any, and the predictions' ids."""
    width = max(1, len(manifest.outputs))
    ids = Form(IDS, "BYTES", (-1, 1))
    if manifest.task == "regression":
        return [Form(PREDICT, "FP64", (-1, width)), ids]
    labels = Form(PREDICT, _class_type(manifest), (-1, 1))
    if not manifest.probabilities:
        return [labels, ids]
    return [labels, Form(PROBABILITIES, "FP64", (-1, len(manifest.classes))), ids]


def rows_of(tensors: Sequence[Tensor], contract: Contract, *, most: int) -> list[list[Value]]:
    """The rows that input tensors hold: one matrix of numbers, or one tensor for each column; RequestError naming the input."""
    if not tensors:
        raise RequestError("the request has no inputs", field="inputs", hint=_wanted(contract))
    seen: set[str] = set()
    for tensor in tensors:
        if tensor.name in seen:
            raise RequestError(f"input {shown(tensor.name)} is given twice", field=tensor.name[:60])
        seen.add(tensor.name)
    columns = _matrix_columns(tensors[0], contract) if len(tensors) == 1 else None
    rows = _from_columns(tensors, contract, most) if columns is None else _from_matrix(tensors[0], columns, most)
    used = contract.columns if columns is None else columns
    for place, column in enumerate(used):
        if column.kind in _SETTLED:
            settled = _SETTLED[column.kind]
            for row in rows:
                row[place] = settled(row[place], column)
    return rows


def tensors_of(live: LiveModel, rows: Sequence[Given]) -> list[Tensor]:
    """The answers as every output of the version that gave them."""
    manifest = manifest_of(live, rows[0])
    if any((other.classes, other.outputs) != (manifest.classes, manifest.outputs) for other in (manifest_of(live, row) for row in rows)):
        raise ConflictError(
            "these rows were answered by versions with different classes, which no tensor can hold", hint="ask for them one by one"
        )
    number = len(rows)
    found = []
    for form in outputs_of(manifest):
        values: list[Value]
        if form.name == IDS:
            values = [row.prediction_id for row in rows]
        elif form.name == PROBABILITIES:
            values = [one for row in rows for one in (row.score if isinstance(row.score, list) else (1.0 - row.score, row.score))]
        elif manifest.task == "regression":
            values = [one for row in rows for one in (row.score if isinstance(row.score, list) else (row.score,))]
        else:
            texts = form.datatype == "BYTES"
            values = [str(row.label) if texts else cast(Value, row.label) for row in rows]
        found.append(Tensor(form.name, form.datatype, (number, form.shape[1]), values))
    return found


def manifest_of(live: LiveModel, row: Given) -> Manifest:
    """What the version that answered a row promises; of one that left the memory since, what the champion does.

    ConflictError if an answer of such a version is none that the champion could give.
    """
    held = live.versions.get(row.version)
    if held is not None:
        return held.manifest
    manifest = live.champion.manifest
    width = len(row.score) if isinstance(row.score, list) else 0
    if manifest.task == "regression":
        fits = width == len(manifest.outputs) and not isinstance(row.label, str | bool)
    else:
        fits = row.label in manifest.classes and (width or 2) == len(manifest.classes)
    if not fits:
        raise outlived()
    return manifest


def outlived() -> ConflictError:
    """The refusal to tell an old answer in the terms of a new version."""
    return ConflictError("this id was answered before, by a version of other classes or outputs", hint="ask with another id")


def _matrix_columns(tensor: Tensor, contract: Contract) -> Sequence[Column] | None:
    """The columns that a single input holds side by side; None if it is to be read as one column."""
    named, shape = tensor.name in contract.positions, tensor.shape
    if named and shape[1:] in ((), (1,)):
        return None
    width = shape[1] if len(shape) == 2 else 0
    if len(shape) == 1:  # many rows of a model of one column, or one row
        width = 1 if contract.required == 1 else shape[0]
    columns = contract.columns[:width]
    if any(column.kind == "category" for column in contract.columns[: max(width, contract.required)]):
        if named:
            return None
        raise RequestError(
            f"input {shown(tensor.name)} is not a column of this model{did_you_mean(tensor.name, contract.names)}",
            field=tensor.name[:60],
            hint=_wanted(contract),
        )
    if tensor.datatype == "BYTES":
        raise RequestError(f"input {shown(tensor.name)}: this model reads numbers, not BYTES", field=tensor.name[:60])
    if not contract.required <= width <= len(contract.columns):
        raise RequestError(
            f"input {shown(tensor.name)}: the shape {list(shape)} is not [rows, {contract.required}]",
            field=tensor.name[:60],
            hint=_wanted(contract),
        )
    return columns


def _from_matrix(tensor: Tensor, columns: Sequence[Column], most: int) -> list[list[Value]]:
    width, values = len(columns), tensor.values
    _few_enough(tensor, len(values) // width, most)
    return [values[start : start + width] for start in range(0, len(values), width)]


def _from_columns(tensors: Sequence[Tensor], contract: Contract, most: int) -> list[list[Value]]:
    found: dict[str, list[Value]] = {}
    number = tensors[0].shape[0] if tensors[0].shape else 0
    for tensor in tensors:
        if tensor.name not in contract.positions:
            raise RequestError(
                f"input {shown(tensor.name)} is not a column of this model{did_you_mean(tensor.name, contract.names)}",
                field=tensor.name[:60],
                hint=_wanted(contract),
            )
        if len(tensor.shape) not in (1, 2) or tensor.shape[1:] not in ((), (1,)):
            raise RequestError(
                f"input {shown(tensor.name)}: the shape of a column is [rows] or [rows, 1], not {list(tensor.shape)}", field=tensor.name
            )
        if tensor.shape[0] != number:
            raise RequestError(
                f"input {shown(tensor.name)} has {tensor.shape[0]} rows, input {shown(tensors[0].name)} has {number}", field=tensor.name
            )
        _few_enough(tensor, number, most)
        found[tensor.name] = tensor.values
    for name in contract.names[: contract.required]:
        if name not in found:
            raise RequestError(f"the input {name!r} is missing", field=name)
    return [list(row) for row in zip(*(found.get(name) or [None] * number for name in contract.names), strict=True)]


def _few_enough(tensor: Tensor, number: int, most: int) -> None:
    if not 0 < number <= most:
        what = f"{number} rows in one request; at most {most} are taken" if number else "no rows"
        raise RequestError(f"input {shown(tensor.name)} holds {what}", field=tensor.name[:60])


def _integer(value: Value, column: Column) -> Value:
    """A whole number that came in a floating-point tensor, as an integer; the contract refuses any other."""
    return int(value) if type(value) is float and value.is_integer() else value


def _boolean(value: Value, column: Column) -> Value:
    """0 and 1 of a tensor of numbers as what they stand for; the contract refuses any other."""
    return _TRUTH.get(value, value)


def _category(value: Value, column: Column) -> Value:
    """The empty text as missing, where that may be: binary tensors have no other way to say it."""
    return None if value == "" and column.nullable else value


_SETTLED = {"integer": _integer, "boolean": _boolean, "category": _category}


def _wanted(contract: Contract) -> str:
    said = ", ".join(f"{form.name} {form.datatype} {list(form.shape)}" for form in inputs_of(contract)[:20])
    return f"this model reads {said}"


def _datatype_of(column: Column) -> str:
    if column.kind == "category":
        return "BYTES"
    if column.nullable or column.kind == "number":
        return "FP64"
    return "INT64" if column.kind == "integer" else "BOOL"


def _class_type(manifest: Manifest) -> str:
    kinds = {type(name) for name in manifest.classes}
    if kinds == {int, float}:
        return "FP64"
    return _CLASS_TYPES[kinds.pop()] if len(kinds) == 1 else "BYTES"
