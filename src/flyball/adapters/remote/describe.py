"""What a model on another server says of itself: its inputs as columns, its outputs as classes or numbers. It is asked when adopted."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from flyball.adapters.remote.address import Address
from flyball.core.errors import DataError, StoreError, UnsupportedError, UsageError
from flyball.core.record import record
from flyball.core.schema import Column, Kind, Schema, did_you_mean
from flyball.serving.backend import Backend, BackendInput
from flyball.serving.records import Label
from flyball.spec.records import Task

_TIMEOUT = 10.0
_LARGEST = 8 << 20
_MOST_FEATURES = 20_000
_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}
_SCORES = ("predict_proba", "probabilities", "output_probability", "scores", "variable")
_KINDS: Mapping[str, Kind] = {"BOOL": "boolean", "BYTES": "category"}
_DTYPES = {
    "DT_FLOAT": "FP32",
    "DT_DOUBLE": "FP64",
    "DT_HALF": "FP16",
    "DT_INT64": "INT64",
    "DT_INT32": "INT32",
    "DT_INT16": "INT16",
    "DT_INT8": "INT8",
    "DT_UINT8": "UINT8",
    "DT_BOOL": "BOOL",
    "DT_STRING": "BYTES",
}


@record
class Said:
    """A tensor as a server announces it: its dimensions without the rows."""

    name: str
    datatype: str
    dims: tuple[int, ...]


@record
class Described:
    """A model on another server: how to ask it, what it reads and what its scores mean. `version` is what its server calls it."""

    backend: Backend
    schema: Schema
    task: Task
    classes: tuple[Label, ...]
    outputs: tuple[str, ...]
    version: str


@record
class Wish:
    """What a person says of a model that does not say it itself. Empty: nothing."""

    features: tuple[str, ...] = ()
    classes: tuple[Label, ...] = ()
    output: str = ""


def describe(address: Address, wish: Wish) -> Described:
    """Ask the server; StoreError if it does not answer, UnsupportedError naming what of the model cannot be served from here."""
    with httpx.Client(timeout=_TIMEOUT, trust_env=False, follow_redirects=False) as client:
        if address.protocol == "tf":
            return _described(address, _tf(_json(client, f"{address.url}/metadata")), wish)
        said = _json(client, address.url)
        binary = "binary_tensor_data" in _listed(_json(client, f"{address.url.partition('/v2/')[0]}/v2").get("extensions"))
        return _described(address, _v2(said), wish, binary=binary)


@record
class _Announced:
    inputs: tuple[Said, ...]
    outputs: tuple[Said, ...]
    columns: tuple[str, ...]
    classes: tuple[Label, ...]
    version: str


def _described(address: Address, found: _Announced, wish: Wish, *, binary: bool = False) -> Described:
    inputs, columns = _inputs(found, wish)
    output = _output(found, wish)
    width = output.dims[0] if output.dims else 1
    if len(output.dims) > 1 or width < 1 or not output.datatype.startswith(("FP", "INT", "UINT")):
        raise UnsupportedError(
            f"the output {output.name!r} is {output.datatype} {list(output.dims)} a row: no score and no list of scores",
            hint="name another with --output: " + ", ".join(one.name for one in found.outputs),
        )
    classes = wish.classes or (found.classes if width == len(found.classes) else ())
    task: Task
    outputs: tuple[str, ...] = ()
    if classes:
        if width not in (len(classes), 1) or (width == 1 and len(classes) != 2) or len(classes) < 2:
            raise UsageError(
                f"--classes names {len(classes)} classes, the model gives {width} scores a row", hint="name one for each score"
            )
        task = "binary" if len(classes) == 2 else "multiclass"
    elif width == 1:
        task = "regression"
    elif output.name in _SCORES[:-1]:
        task, classes = ("binary" if width == 2 else "multiclass"), tuple(range(width))
    else:
        task, outputs = "regression", tuple(f"{output.name}_{number}" for number in range(width))
    named = output.name if address.protocol == "v2" or len(found.outputs) > 1 else ""
    backend = Backend(url=address.url, protocol=address.protocol, inputs=inputs, output=named, width=width, binary_tensors=binary)
    return Described(backend=backend, schema=Schema(columns=columns), task=task, classes=classes, outputs=outputs, version=found.version)


def _inputs(found: _Announced, wish: Wish) -> tuple[tuple[BackendInput, ...], tuple[Column, ...]]:
    """The tensors with the columns that stand in each."""
    if not found.inputs:
        raise UnsupportedError("the model announces no inputs", hint="ask its server's administrator for the model's metadata")
    for one in found.inputs:
        if len(one.dims) > 1 or (one.dims and one.dims[0] < 1) or one.datatype not in {*_DTYPES.values(), "UINT16", "UINT32", "UINT64"}:
            raise UnsupportedError(f"the input {one.name!r} is {one.datatype} {list(one.dims)} a row: not values side by side")
    width = sum(one.dims[0] if one.dims else 1 for one in found.inputs)
    if width > _MOST_FEATURES:
        raise UnsupportedError(f"the model reads {width} values a row; up to {_MOST_FEATURES} can be served")
    names = wish.features or (found.columns if len(found.columns) == width else ())
    if wish.features and (len(wish.features) != width or len(set(wish.features)) != width):
        raise UsageError(f"--features names {len(wish.features)} columns, the model reads {width}", hint="name each once, in its order")
    inputs, columns = [], list[Column]()
    for one in found.inputs:
        size = one.dims[0] if one.dims else 1
        own = names[len(columns) : len(columns) + size] or tuple(
            one.name if size == 1 else f"{one.name}_{number}" if len(found.inputs) > 1 else f"f{number}" for number in range(size)
        )
        kind: Kind = _KINDS.get(one.datatype, "integer" if "INT" in one.datatype else "number")
        columns += [Column(name=name, kind=kind, nullable=False) for name in own]
        inputs.append(BackendInput(name=one.name, datatype=one.datatype, columns=tuple(own), width=size if one.dims else 0))
    return tuple(inputs), tuple(columns)


def _output(found: _Announced, wish: Wish) -> Said:
    names = [one.name for one in found.outputs]
    if wish.output:
        for one in found.outputs:
            if one.name == wish.output:
                return one
        raise UsageError(f"the model has no output {wish.output!r}{did_you_mean(wish.output, names)}", hint=f"outputs: {', '.join(names)}")
    for name in _SCORES:
        if name in names:
            return found.outputs[names.index(name)]
    floats = [one for one in found.outputs if one.datatype.startswith("FP")]
    if len(floats) != 1:
        raise UsageError(f"the model has the outputs {', '.join(names) or 'none'}", hint="say which holds the scores: --output NAME")
    return floats[0]


def _v2(said: Mapping[str, Any]) -> _Announced:
    properties = said.get("properties")
    told = properties if isinstance(properties, dict) else {}
    versions = _listed(said.get("versions"))
    return _Announced(
        inputs=tuple(_tensor(one) for one in _listed(said.get("inputs"))),
        outputs=tuple(_tensor(one) for one in _listed(said.get("outputs"))),
        columns=tuple(map(str, _told(told.get("columns")))),
        classes=tuple(one for one in _told(told.get("classes")) if isinstance(one, str | int | float | bool)),
        version=str(versions[-1]) if versions else "",
    )


def _tensor(given: Any) -> Said:
    try:
        shape = [int(size) for size in given["shape"]]
        return Said(name=str(given["name"]), datatype=str(given["datatype"]), dims=_row(shape))
    except (KeyError, TypeError, ValueError) as error:
        raise UnsupportedError("the model's metadata is not what the Open Inference Protocol says") from error


def _tf(said: Mapping[str, Any]) -> _Announced:
    try:
        signature = said["metadata"]["signature_def"]["signature_def"]["serving_default"]
        inputs, outputs = ({name: _tf_tensor(name, one) for name, one in signature[key].items()} for key in ("inputs", "outputs"))
        version = str(said.get("model_spec", {}).get("version", ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnsupportedError("the model's metadata has no signature serving_default", hint="export it with one") from error
    return _Announced(inputs=tuple(inputs.values()), outputs=tuple(outputs.values()), columns=(), classes=(), version=version)


def _tf_tensor(name: str, given: Mapping[str, Any]) -> Said:
    shape = [int(dim["size"]) for dim in given.get("tensor_shape", {}).get("dim", [])]
    return Said(name=name, datatype=_DTYPES.get(str(given["dtype"]), str(given["dtype"])), dims=_row(shape))


def _row(shape: Sequence[int]) -> tuple[int, ...]:
    """The dimensions of one row. One that has none is one value, as is a second axis of 1 in a column."""
    return tuple(shape[1:])


def _told(value: object) -> list[Any]:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return []
    return _listed(found)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _json(client: httpx.Client, url: str) -> Mapping[str, Any]:
    try:
        with client.stream("GET", url, headers=_HEADERS) as answer:
            body = _body(answer, url)
    except httpx.HTTPError as error:
        raise StoreError(f"{url} does not answer: {type(error).__name__}", hint="is the server up, and the address right?") from error
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{url} answered with something that is not JSON", hint="is this the address of a model's metadata?") from error
    if not isinstance(found, dict):
        raise DataError(f"{url} answered with no object")
    return found


def _body(answer: httpx.Response, url: str) -> bytes:
    """What was answered. No more of it is read than may be, also of what was packed."""
    if answer.status_code != 200:
        raise StoreError(f"{url} answered with the status {answer.status_code}", hint="is the model loaded there, and its name right?")
    parts, size = [], 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > _LARGEST:
            raise StoreError(f"{url} answered with more than {_LARGEST >> 20} MiB", hint="is this the address of a model's metadata?")
        parts.append(part)
    return b"".join(parts)
