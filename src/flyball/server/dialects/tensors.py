"""Tensors of the Open Inference Protocol ⇄ flat lists of values, as JSON and as bytes."""

from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import NamedTuple

import numpy as np

from flyball.core.errors import RequestError
from flyball.core.schema import did_you_mean
from flyball.serving.contract import Value, kind_of, shown

MOST_DIMENSIONS = 8
_LARGEST_HALF = 65504.0

# datatype → how numpy calls it in little-endian order; BYTES, which has elements of any length, is read by itself
_LAYOUTS = {
    "BOOL": "|b1",
    "UINT8": "|u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "|i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
DATATYPES = (*_LAYOUTS, "BYTES")


class Tensor(NamedTuple):
    """A named tensor; `values` are its elements in row-major order, None where one is missing (null, or NaN in a floating-point tensor)."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: list[Value]


def check_form(name: str, datatype: object, shape: object) -> tuple[str, tuple[int, ...]]:
    """Datatype and shape as they may be; RequestError naming the input."""
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        near = did_you_mean(datatype, DATATYPES) if isinstance(datatype, str) else ""
        raise _wrong(name, f"its datatype is {kind_of(datatype)}, which is none of {', '.join(DATATYPES)}{near}")
    if not isinstance(shape, list | tuple) or not all(type(size) is int for size in shape):
        raise _wrong(name, "its shape must be a list of integers")
    if len(shape) > MOST_DIMENSIONS:
        raise _wrong(name, f"its shape has {len(shape)} dimensions; at most {MOST_DIMENSIONS} are read")
    for size in shape:
        if not 0 <= size < 2**31:
            raise _wrong(name, f"its shape holds {shown(size)}; a dimension is 0 to {2**31 - 1}")
    return datatype, tuple(shape)


def from_json(name: str, datatype: object, shape: object, data: object) -> Tensor:
    """The tensor whose elements are a flat list, or lists nested as the shape says; RequestError naming the input."""
    kind, sizes = check_form(name, datatype, shape)
    if not isinstance(data, list):
        raise _wrong(name, f"its data must be a list, not {kind_of(data)}")
    flat = _unnested(name, data, sizes) if data and type(data[0]) is list else data
    return checked(name, kind, sizes, flat)


def from_bytes(name: str, datatype: object, shape: object, content: bytes, *, most: int) -> Tensor:
    """The tensor whose elements stand one after another in little-endian bytes; RequestError naming the input.

    More than `most` elements are refused unread: an element of a byte or four becomes an object of many times that.
    """
    kind, sizes = check_form(name, datatype, shape)
    if kind == "BYTES":
        _few_enough(name, sizes, most)
        return checked(name, kind, sizes, [*_texts(name, sizes, content)])
    layout = np.dtype(_LAYOUTS[kind])
    if len(content) != prod(sizes) * layout.itemsize:
        raise _wrong(
            name, f"its shape {list(sizes)} of {kind} takes {shown(prod(sizes) * layout.itemsize)} bytes; {len(content)} were sent"
        )
    _few_enough(name, sizes, most)
    if kind == "BOOL" and content.strip(b"\0\1"):
        raise _wrong(name, "a BOOL is a byte of value 0 or 1")
    found = np.frombuffer(content, dtype=layout)
    values: list[Value] = found.tolist()
    if kind.startswith("FP") and np.isnan(found).any():
        values = [None if value != value else value for value in values]
    return Tensor(name, kind, sizes, values)


def from_texts(name: str, datatype: object, shape: object, contents: Sequence[bytes]) -> Tensor:
    """The BYTES tensor of some texts in UTF-8."""
    kind, sizes = check_form(name, datatype, shape)
    return checked(name, kind, sizes, [_text(name, content) for content in contents])


def checked(name: str, datatype: str, shape: tuple[int, ...], values: list[Value]) -> Tensor:
    """The tensor of these values; RequestError if they are not as many as the shape says, or one is not of the datatype."""
    if len(values) != prod(shape):
        raise _wrong(name, f"its shape {list(shape)} takes {shown(prod(shape))} elements; {len(values)} were sent")
    kinds = set(map(type, values)) - _KINDS[datatype]
    if kinds:
        place = next(number for number, value in enumerate(values) if type(value) in kinds)
        raise _not_of(name, datatype, place, values[place])
    if datatype in _RANGES:
        lowest, highest = _RANGES[datatype]
        if any(value is not None and not lowest <= value <= highest for value in values):  # type: ignore[operator]  # numbers, as was just seen
            place = next(
                number
                for number, value in enumerate(values)
                if value is not None and not lowest <= value <= highest  # type: ignore[operator]  # likewise
            )
            raise _not_of(name, datatype, place, values[place])
    return Tensor(name, datatype, shape, values)


def to_bytes(tensor: Tensor) -> bytes:
    """The elements one after another, in little-endian order; a text with its length in bytes before it."""
    if tensor.datatype == "BYTES":
        texts = [str(value).encode() for value in tensor.values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return np.array(tensor.values, dtype=_LAYOUTS[tensor.datatype]).tobytes()


def element_size(datatype: str) -> int:
    """Bytes of one element; 0 for BYTES, whose elements have any length."""
    return np.dtype(_LAYOUTS[datatype]).itemsize if datatype in _LAYOUTS else 0


def _unnested(name: str, data: list[object], shape: tuple[int, ...]) -> list[Value]:
    """The elements of lists that are nested as the shape says."""
    level: list[object] = [data]
    for size in shape:
        for part in level:
            if not isinstance(part, list) or len(part) != size:
                raise _wrong(name, f"its data is not nested as its shape {list(shape)} says")
        level = list(chain.from_iterable(level))  # type: ignore[arg-type]  # lists, as was just seen
    return level  # type: ignore[return-value]  # `checked` looks at every one


def _few_enough(name: str, shape: tuple[int, ...], most: int) -> None:
    if prod(shape) > most:
        raise _wrong(name, f"its shape {list(shape)} takes {shown(prod(shape))} elements; at most {most} are read here in one request")


def _texts(name: str, shape: tuple[int, ...], content: bytes) -> list[str]:
    found: list[str] = []
    at, number = 0, prod(shape)
    while at < len(content):
        if len(found) == number:
            raise _wrong(name, f"its shape {list(shape)} takes {number} elements; more were sent")
        begin = at + 4
        end = begin + int.from_bytes(content[at:begin], "little")
        if begin > len(content) or end > len(content):
            raise _wrong(name, f"its element {len(found)} is longer than the bytes that were sent")
        found.append(_text(name, content[begin:end]))
        at = end
    return found


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _wrong(name, "its elements must be texts in UTF-8") from None


def _not_of(name: str, datatype: str, place: int, value: object) -> RequestError:
    return _wrong(name, f"its element {place} is {kind_of(value)}, which is no {datatype}")


def _wrong(name: str, what: str) -> RequestError:
    return RequestError(f"input {shown(name)}: {what}", field=name[:60])


def _kinds_of(datatype: str) -> frozenset[type]:
    if datatype.startswith("FP"):
        return frozenset({int, float, type(None)})
    kind = {"BOOL": bool, "BYTES": str}.get(datatype, int)
    return frozenset({kind, type(None)})


_KINDS = {datatype: _kinds_of(datatype) for datatype in DATATYPES}
_RANGES: dict[str, tuple[float, float]] = {
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    "FP16": (-_LARGEST_HALF, _LARGEST_HALF),
}
