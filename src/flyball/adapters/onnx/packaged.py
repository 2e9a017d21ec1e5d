"""The ONNX model of a version for other engines: the one in its bundle, or one made from its flat form; and the tensors it has."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from flyball.adapters.onnx.engine import MODEL, OnnxEngine
from flyball.adapters.trees import engine as trees_engine
from flyball.adapters.trees import linear as linear_engine
from flyball.adapters.trees.flat import from_bytes
from flyball.adapters.trees.to_onnx import to_onnx
from flyball.core.errors import UnsupportedError
from flyball.core.table import Table
from flyball.registry.bundle import read_file
from flyball.registry.records import Manifest

_DATATYPES = {
    onnx.TensorProto.FLOAT: "FP32",
    onnx.TensorProto.DOUBLE: "FP64",
    onnx.TensorProto.FLOAT16: "FP16",
    onnx.TensorProto.INT64: "INT64",
    onnx.TensorProto.INT32: "INT32",
    onnx.TensorProto.BOOL: "BOOL",
    onnx.TensorProto.STRING: "BYTES",
}

_SCORES = ("probabilities", "variable")

Form = tuple[str, str, tuple[int, ...]]


def onnx_of(folder: Path, manifest: Manifest) -> bytes:
    """The bytes of the model in a verified bundle; UnsupportedError names what keeps it from being ONNX."""
    if MODEL in manifest.files:
        return read_file(folder, manifest, MODEL)
    for name in (trees_engine.FILE, linear_engine.FILE):
        if manifest.engine in ("trees", "linear") and name in manifest.files:
            return to_onnx(from_bytes(read_file(folder, manifest, name)), manifest.schema, manifest.task)
    why = f": {manifest.engine_reason}" if manifest.engine_reason else ""
    raise UnsupportedError(
        f"{manifest.model} has no ONNX model, its engine is {manifest.engine!r}{why}",
        hint="change the step that prevents compiling and train again; or package it with --for pyfunc, which runs its own code",
    )


def forms(content: bytes) -> tuple[list[Form], list[Form]]:
    """Inputs and the output that holds the scores: name, datatype, and dimensions without the rows; UnsupportedError for what has no rows.

    Labels that a converter put beside the scores know nothing of a threshold, so they are left out.
    """
    graph = onnx.load_from_string(content).graph
    return [_form(one) for one in graph.input], [_form(one) for one in graph.output if one.name in _SCORES]


def scores_of(content: bytes, manifest: Manifest, rows: Table) -> NDArray[np.float64]:
    """What ONNX Runtime answers with these bytes."""
    engine = OnnxEngine(content, schema=manifest.schema, task=manifest.task, classes=len(manifest.classes), threshold=manifest.threshold)
    return engine.score(rows)


def _form(value: onnx.ValueInfoProto) -> Form:
    tensor = value.type.tensor_type
    kind = _DATATYPES.get(tensor.elem_type)
    dims = [one.dim_value if one.HasField("dim_value") else -1 for one in tensor.shape.dim]
    if kind is None or not dims or dims[0] > 0:
        raise UnsupportedError(
            f"the tensor {value.name!r} of the ONNX model cannot be told to another engine: it is no batch of rows of a plain type",
            hint="package it with --for pyfunc",
        )
    return value.name, kind, tuple(dims[1:])
