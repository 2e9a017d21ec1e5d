"""Rows through the bytes of a protocol and back, with the very code that reads requests: what a model's own tests compare."""

from collections.abc import Sequence

import msgspec

from flyball.server.dialects.model_tensors import inputs_of, rows_of
from flyball.server.dialects.open_inference import read_asked
from flyball.server.dialects.tensors import Tensor, to_bytes
from flyball.serving.codecs import decode_request
from flyball.serving.contract import Contract, Row, Value

_FLOATS = ("FP16", "FP32", "FP64")


def through_json(contract: Contract, rows: Sequence[Row]) -> Sequence[Row]:
    """As the body of `/predict`: every row an object from column to value."""
    body = msgspec.json.encode({"features": [dict(zip(contract.names, row, strict=True)) for row in rows]})
    return decode_request(body, contract, max_rows=len(rows)).rows


def through_tensors(contract: Contract, rows: Sequence[Row]) -> Sequence[Row]:
    """As the body of `/v2/models/{name}/infer`, in JSON, with the tensors that the model's metadata announces."""
    inputs = [
        {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape, "data": tensor.values}
        for tensor in _tensors(contract, rows)
    ]
    body = msgspec.json.encode({"inputs": inputs})
    return _read(contract, rows, body, len(body))


def through_bytes(contract: Contract, rows: Sequence[Row]) -> Sequence[Row]:
    """The same with binary tensors, as Triton's clients send them."""
    tensors = _tensors(contract, rows)
    parts = [to_bytes(_missing_as_nothing(tensor)) for tensor in tensors]
    inputs = [
        {"name": one.name, "datatype": one.datatype, "shape": one.shape, "parameters": {"binary_data_size": len(part)}}
        for one, part in zip(tensors, parts, strict=True)
    ]
    head = msgspec.json.encode({"inputs": inputs})
    return _read(contract, rows, b"".join((head, *parts)), len(head))


CODECS = {"JSON": through_json, "Open Inference": through_tensors, "Open Inference, binary": through_bytes}


def _read(contract: Contract, rows: Sequence[Row], body: bytes, length: int) -> Sequence[Row]:
    asked = read_asked(body, length, len(rows) * max(1, len(contract.columns)))
    return contract.rows(rows_of(asked.inputs, contract, most=len(rows)))


def _tensors(contract: Contract, rows: Sequence[Row]) -> list[Tensor]:
    forms = inputs_of(contract)
    number = len(rows)
    if len(forms) == 1 and forms[0].name not in contract.positions:
        flat: list[Value] = [_as(value, forms[0].datatype) for row in rows for value in row]
        return [Tensor(forms[0].name, forms[0].datatype, (number, forms[0].shape[1]), flat)]
    return [
        Tensor(form.name, form.datatype, (number, 1), [_as(row[contract.positions[form.name]], form.datatype) for row in rows])
        for form in forms
    ]


def _as(value: Value, datatype: str) -> Value:
    """A value as an element of a tensor of that type."""
    if value is None or datatype not in _FLOATS:
        return value
    return float(value)


def _missing_as_nothing(tensor: Tensor) -> Tensor:
    """Bytes have no null: a missing number is NaN there, a missing text the empty one."""
    nothing: Value = float("nan") if tensor.datatype in _FLOATS else ""
    return tensor._replace(values=[nothing if value is None else value for value in tensor.values])
