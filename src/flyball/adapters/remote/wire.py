"""Rows → the request of another server, and its answer → scores. Nothing of the network; an answer that is none is a BackendError."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.schema import Schema
from flyball.registry.records import Manifest
from flyball.serving.backend import Backend, BackendError, BackendInput
from flyball.serving.contract import kind_of, shown
from flyball.serving.engine import Row, Scores, settle

LENGTH = "Inference-Header-Content-Length"
_LAYOUTS = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "BOOL": "|b1",
}


class Message(NamedTuple):
    """What is sent: the end of the address, the body, and headers of its own."""

    path: str
    body: bytes
    headers: dict[str, str]


def message(backend: Backend, schema: Schema, rows: Sequence[Row]) -> Message:
    """The request for rows in the schema's order; DataError for a row that the other server has no way to read."""
    places = {name: place for place, name in enumerate(schema.names)}
    try:
        return _for_tf(backend, places, rows) if backend.protocol == "tf" else _for_v2(backend, places, rows)
    except (TypeError, ValueError, OverflowError, UnicodeEncodeError) as error:
        raise DataError(f"a row cannot be sent to the model's server: {error}") from error


def scores_in(backend: Backend, manifest: Manifest, body: bytes, count: int) -> Scores:
    """The settled scores in an answer, `count` rows of them."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BackendError("the model's server answered with something that is not JSON") from error
    if type(given) is not dict:
        raise BackendError(f"the model's server answered with {kind_of(given)}, not an object")
    values = _tf_values(backend, given) if backend.protocol == "tf" else _v2_values(backend, given)
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BackendError("the model's server answered with something that is no number, or with rows of different lengths") from error
    if found.size != count * backend.width or (found.ndim and found.shape[0] not in (count, found.size)):
        raise BackendError(f"the model's server answered {found.size} numbers in the shape {list(found.shape)} for {count} rows")
    return settle(_scores(found.reshape(count, backend.width), manifest), task=manifest.task, threshold=manifest.threshold)


def _scores(found: NDArray[np.float64], manifest: Manifest) -> Scores:
    """As engines give them: one number for binary models and regressions, one for each class or output else."""
    if manifest.task == "binary":
        return np.ascontiguousarray(found[:, -1])
    if manifest.task == "regression" and not manifest.outputs:
        return np.ascontiguousarray(found[:, 0])
    return found


def _for_tf(backend: Backend, places: dict[str, int], rows: Sequence[Row]) -> Message:
    """The row format of TensorFlow Serving: a list a row where there is one input of several columns, else an object."""
    instances: list[Any]
    if len(backend.inputs) == 1 and backend.inputs[0].width > 1:
        chosen = [places[name] for name in backend.inputs[0].columns]
        instances = [[row[place] for place in chosen] for row in rows]
    else:
        instances = [{one.name: _element(one, row, places) for one in backend.inputs} for row in rows]
    return Message(":predict", _json({"instances": instances}), {})


def _element(one: BackendInput, row: Row, places: dict[str, int]) -> object:
    values = [row[places[name]] for name in one.columns]
    return values if one.width else values[0]


def _for_v2(backend: Backend, places: dict[str, int], rows: Sequence[Row]) -> Message:
    inputs, parts = [], []
    for one in backend.inputs:
        chosen = [places[name] for name in one.columns]
        flat = [row[place] for row in rows for place in chosen]
        tensor: dict[str, object] = {"name": one.name, "datatype": one.datatype}
        tensor["shape"] = [len(rows), one.width] if one.width else [len(rows)]
        if backend.binary_tensors:
            parts.append(_bytes(one.datatype, flat))
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            tensor["data"] = flat
        inputs.append(tensor)
    asked: dict[str, object] = {"inputs": inputs}
    if backend.output:
        asked["outputs"] = [{"name": backend.output, "parameters": {"binary_data": False}} if parts else {"name": backend.output}]
    head = _json(asked)
    headers = {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"} if parts else {}
    return Message("/infer", b"".join((head, *parts)), headers)


def _bytes(datatype: str, values: Sequence[Any]) -> bytes:
    """A missing number is NaN, a missing text the empty one."""
    if datatype == "BYTES":
        texts = [b"" if value is None else str(value).encode() for value in values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    if datatype.startswith("FP"):
        values = [float("nan") if value is None else value for value in values]
    return np.array(values, dtype=_LAYOUTS[datatype]).tobytes()


def _tf_values(backend: Backend, given: dict[str, Any]) -> object:
    values = given.get("predictions")
    if type(values) is not list:
        raise BackendError("the model's server answered without 'predictions'")
    if values and type(values[0]) is dict:
        try:
            return [one[backend.output] for one in values]
        except (KeyError, TypeError):
            raise BackendError(f"the model's server answered without the output {shown(backend.output)}") from None
    return values


def _v2_values(backend: Backend, given: dict[str, Any]) -> object:
    outputs = given.get("outputs")
    if type(outputs) is not list or not all(type(one) is dict for one in outputs):
        raise BackendError("the model's server answered without 'outputs'")
    for one in outputs:
        if one.get("name") == backend.output or (not backend.output and len(outputs) == 1):
            if type(one.get("data")) is not list:
                raise BackendError("the model's server answered without 'data'")
            return one["data"]
    raise BackendError(f"the model's server answered without the output {shown(backend.output)}")


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
