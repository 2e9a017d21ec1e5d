"""A forest or a linear model as flat arrays, and its file in a bundle: numbers and texts only, nothing that runs.

The file: eight bytes of magic, the format, a header of lengths, then the arrays one after the other in little-endian order, then the
texts as JSON. The reader takes exactly what the writer makes and refuses everything else; the meaning of the arrays (see the kernel) is
checked by whoever walks them.
"""

import struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import IntegrityError, UnsupportedError
from flyball.core.record import record

MAGIC = b"FLYTREES"
FORMAT = 1
CATEGORICAL, INVERTED, SLOT_MASK = 0x80000000, 0x40000000, 0x3FFFFFFF
IDENTITY, SIGMOID, SOFTMAX, EXPONENTIAL, SIGMOIDS = range(5)

_ARRAYS = {
    "slot_column": "<u4",
    "fill": "<f8",
    "zero": "<f8",
    "tables": "<f8",
    "root": "<u4",
    "output": "<u4",
    "threshold": "<f8",
    "left": "<u4",
    "slot": "<u4",
    "bits": "<u4",
    "leaf": "<f8",
    "base": "<f8",
    "weights": "<f8",
}
_HEADER = struct.Struct(f"<8sIIQdQ{len(_ARRAYS)}Q")  # magic, format, link, columns, divisor, bytes of text, length of each array
_LARGEST = 0x3FFFFFFF


@record
class FlatTrees:
    """A forest: what `_kernel.c` describes at its top.

    `slot_column`, `fill`, `zero` have one entry for each slot (slot 0 is the constant, its entries are not read); `texts` maps a text
    column to the texts it knows, in the order of its table's lines; `tables` holds the tables of all text columns, in order of column.
    `root`, `output` have one entry for each tree; `threshold`, `left`, `slot` one for each node; `leaf` has `len(base)` numbers for each
    line, or none when leaves hold their one number themselves. The threshold of a node with a set is a uint64 in a float64's bytes,
    `first word | number of words << 32`: it is swapped with its array where bytes stand in another order. `weights` has one number for
    each output and slot, or none. A score is `link(base + (sum over trees + weights times slots) / divisor)`.
    """

    columns: int
    texts: dict[int, tuple[str, ...]]
    link: int
    divisor: float
    slot_column: NDArray[np.uint32]
    fill: NDArray[np.float64]
    zero: NDArray[np.float64]
    tables: NDArray[np.float64]
    root: NDArray[np.uint32]
    output: NDArray[np.uint32]
    threshold: NDArray[np.float64]
    left: NDArray[np.uint32]
    slot: NDArray[np.uint32]
    bits: NDArray[np.uint32]
    leaf: NDArray[np.float64]
    base: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def outputs(self) -> int:
        """How many numbers a row's score has."""
        return len(self.base)


def to_bytes(trees: FlatTrees) -> bytes:
    """The content of the file; equal forests give equal bytes."""
    arrays = [np.ascontiguousarray(getattr(trees, name), dtype=kind) for name, kind in _ARRAYS.items()]
    texts = msgspec.json.encode([[column, list(words)] for column, words in sorted(trees.texts.items())])
    header = _HEADER.pack(MAGIC, FORMAT, trees.link, trees.columns, trees.divisor, len(texts), *(len(array) for array in arrays))
    return b"".join([header, *(array.tobytes() for array in arrays), texts])


def from_bytes(content: bytes) -> FlatTrees:
    """The forest in a file; IntegrityError if there is none in it, UnsupportedError if a newer Flyball wrote it."""
    if len(content) < _HEADER.size or content[: len(MAGIC)] != MAGIC:
        raise IntegrityError("the file is not a flat model")
    _, version, link, columns, divisor, text, *lengths = _HEADER.unpack_from(content)
    if version != FORMAT:
        raise UnsupportedError(
            f"the flat model has format {version}, this Flyball reads {FORMAT}", hint="upgrade with: pip install --upgrade flyball"
        )
    sizes = [length * np.dtype(kind).itemsize for length, kind in zip(lengths, _ARRAYS.values(), strict=True)]
    if _HEADER.size + sum(sizes) + text != len(content):
        raise IntegrityError("the flat model is cut off or has something after its end")
    if not 0 < columns <= _LARGEST or max(lengths) > _LARGEST:
        raise IntegrityError("the flat model has a length that none has")
    arrays: dict[str, Any] = {}
    at = _HEADER.size
    for (name, kind), length, size in zip(_ARRAYS.items(), lengths, sizes, strict=True):
        arrays[name] = np.frombuffer(content, dtype=kind, count=length, offset=at)
        at += size
    return FlatTrees(columns=columns, texts=_texts(content[at:], columns), link=link, divisor=divisor, **arrays)


def _texts(content: bytes, columns: int) -> dict[int, tuple[str, ...]]:
    try:
        found = msgspec.json.decode(content, type=list[tuple[int, list[str]]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError("the texts of the flat model cannot be read") from error
    texts = {column: tuple(words) for column, words in found}
    if len(texts) != len(found) or not all(0 <= column < columns and len(set(words)) == len(words) for column, words in texts.items()):
        raise IntegrityError("the texts of the flat model repeat or belong to no column")
    return texts
