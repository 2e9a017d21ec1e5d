"""An ONNX model that others made, with the inputs and outputs of ours around it: the graph inside stays as it is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from flyball.adapters.onnx.engine import VECTOR
from flyball.adapters.onnx.external import refuse_external_data
from flyball.core.errors import IntegrityError, UnsupportedError
from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.serving.records import Label
from flyball.spec.records import Task

_PREFIX = "model/"
_NUMBERS = {
    TensorProto.FLOAT: "number",
    TensorProto.DOUBLE: "number",
    TensorProto.INT64: "integer",
    TensorProto.INT32: "integer",
    TensorProto.BOOL: "boolean",
}


@record
class Adapted:
    """The model's bytes as `OnnxEngine` reads them, and what it answers. `label` is an output that names the class itself, to check by."""

    content: bytes
    schema: Schema
    task: Task
    classes: tuple[Label, ...]
    outputs: tuple[str, ...]
    label: str


def adapt(content: bytes, schema: Schema | None) -> Adapted:
    """Put our inputs and outputs around a model; `schema` names its columns, if its signature did. UnsupportedError says what is odd."""
    refuse_external_data(content)
    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's own kinds
        raise IntegrityError(f"this is not an ONNX model: {str(error).strip().splitlines()[0][:200]}") from error
    given = [value for value in model.graph.input if value.name not in {one.name for one in model.graph.initializer}]
    answers = _Answers(model.graph)
    inner = onnx.compose.add_prefix(model, _PREFIX)
    found = _columns(given, schema)
    before, inputs = _inputs(given, found)
    after, outputs = answers.glue()
    graph = inner.graph
    nodes = [node for node in graph.node if node.op_type != "ZipMap"]
    made = helper.make_graph(
        [*before.nodes, *nodes, *after.nodes],
        "model",
        inputs,
        outputs,
        initializer=[*graph.initializer, *before.constants, *after.constants],
        sparse_initializer=list(graph.sparse_initializer),
    )
    wrapped = helper.make_model(made, opset_imports=list(inner.opset_import), functions=list(inner.functions), ir_version=inner.ir_version)
    return Adapted(
        content=wrapped.SerializeToString(),
        schema=found,
        task=answers.task,
        classes=answers.classes,
        outputs=answers.outputs,
        label="label" if answers.label else "",
    )


class _Glue:
    """Nodes and constants that are put around a graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, values: Sequence[int]) -> str:
        self.constants.append(numpy_helper.from_array(np.array(values, dtype=np.int64), name))
        return name


def _columns(given: Sequence[Any], schema: Schema | None) -> Schema:
    """The columns of the requests: those of the signature, or as the graph has them."""
    if len(given) == 1 and len(_shape(given[0])) >= 2:
        width = _width(given[0])
        if schema is not None:
            if width not in (0, len(schema.columns)) or not schema.numeric:
                raise UnsupportedError(f"the ONNX model reads {width} numbers a row, its signature has {len(schema.columns)} columns")
            return schema
        if not width:
            raise UnsupportedError("neither the ONNX model nor a signature says how many values a row has", hint="log it with a signature")
        kind = _kind(given[0])
        return Schema(columns=tuple(Column(name=f"f{n}", kind=kind, nullable=False) for n in range(width)))
    names = {value.name: value for value in given}
    for value in given:
        if _width(value) > 1:
            raise UnsupportedError(f"the ONNX model has several inputs, and {value.name!r} takes more than one value a row")
    if schema is None:
        return Schema(columns=tuple(Column(name=name, kind=_kind(value), nullable=False) for name, value in names.items()))
    if set(schema.names) != set(names):
        odd = ", ".join(sorted(set(schema.names) ^ set(names))[:5])
        raise UnsupportedError(f"the inputs of the ONNX model are not the columns of its signature: {odd} stand in one of them only")
    return schema


def _inputs(given: Sequence[Any], schema: Schema) -> tuple[_Glue, list[Any]]:
    """Our inputs, and how the model's own are made of them."""
    glue = _Glue()
    if len(given) == 1 and len(_shape(given[0])) >= 2:
        value = given[0]
        wide = value.type.tensor_type.elem_type == TensorProto.DOUBLE
        inner = [1 if not isinstance(size, int) or size < 1 else size for size in _shape(value)[1:]]
        name = VECTOR
        if len(inner) > 1:
            name = glue.node("Reshape", [name, glue.constant("in/shape", [-1, *inner])], "in/shaped")
        glue.node("Cast", [name], _PREFIX + value.name, to=value.type.tensor_type.elem_type)
        kind = TensorProto.DOUBLE if wide else TensorProto.FLOAT
        return glue, [helper.make_tensor_value_info(VECTOR, kind, [None, len(schema.columns)])]
    kinds = {value.name: value.type.tensor_type.elem_type for value in given}
    number = TensorProto.DOUBLE if TensorProto.DOUBLE in kinds.values() else TensorProto.FLOAT
    by_name = {value.name: value for value in given}
    inputs = [helper.make_tensor_value_info(VECTOR, number, [None, len(schema.columns)])] if schema.numeric else []
    for at, column in enumerate(schema.columns):
        value, name = by_name[column.name], column.name
        text = kinds[name] == TensorProto.STRING
        if schema.numeric:
            name = glue.node("Gather", [VECTOR, glue.constant(f"in/at{at}", [at])], f"in/column{at}", axis=1)
        else:
            inputs.append(helper.make_tensor_value_info(name, TensorProto.STRING if text else number, [None, 1]))
        if len(_shape(value)) == 1:
            name = glue.node("Reshape", [name, glue.constant(f"in/flat{at}", [-1])], f"in/line{at}")
        if text:
            glue.node("Identity", [name], _PREFIX + value.name)
        else:
            glue.node("Cast", [name], _PREFIX + value.name, to=kinds[value.name])
    return glue, inputs


class _Answers:
    """What the outputs of a model mean."""

    def __init__(self, graph: Any) -> None:
        self._makers = {output: node for node in graph.node for output in node.output}
        self._graph = graph
        self.task: Task = "regression"
        self.classes: tuple[Label, ...] = ()
        self.outputs: tuple[str, ...] = ()
        self.label = ""
        self._numbers: list[tuple[str, int]] = []  # name and how many a row; 0 is unknown
        for value in graph.output:
            self._take(value)
        if self.label or self.classes:
            self._classification()
        elif not self._numbers:
            raise UnsupportedError("the ONNX model answers with no numbers", hint="convert it with its probabilities")
        else:
            self._values()

    def glue(self) -> tuple[_Glue, list[Any]]:
        """Our outputs, made of the model's own."""
        glue = _Glue()
        if self.task != "regression":
            glue.node("Cast", [_PREFIX + self._numbers[0][0]], "probabilities", to=TensorProto.FLOAT)
            outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(self.classes)])]
            if self.label:
                glue.node("Identity", [_PREFIX + self.label], "label")
                kind = TensorProto.STRING if isinstance(self.classes[0], str) else TensorProto.INT64
                outputs.append(helper.make_tensor_value_info("label", kind, [None]))
            return glue, outputs
        parts = []
        for at, (name, width) in enumerate(self._numbers):
            shaped = glue.node("Reshape", [_PREFIX + name, glue.constant(f"out/shape{at}", [-1, max(1, width)])], f"out/shaped{at}")
            parts.append(glue.node("Cast", [shaped], f"out/number{at}", to=TensorProto.FLOAT))
        glue.node("Concat", parts, "variable", axis=1)
        return glue, [helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, max(1, len(self.outputs))])]

    def _take(self, value: Any) -> None:
        if value.type.HasField("sequence_type"):
            maker = self._makers.get(value.name)
            if maker is None or maker.op_type != "ZipMap":
                raise UnsupportedError(f"the output {value.name!r} of the ONNX model is a sequence, which cannot be served")
            self.classes = _class_labels(maker)
            self._numbers.append((maker.input[0], len(self.classes)))
            return
        kind = value.type.tensor_type.elem_type
        shape = _shape(value)
        if kind in (TensorProto.FLOAT, TensorProto.DOUBLE):
            width = shape[-1] if len(shape) > 1 and isinstance(shape[-1], int) else 0 if len(shape) > 1 else 1
            self._numbers.append((value.name, width))
        elif kind in (TensorProto.STRING, TensorProto.INT64, TensorProto.INT32) and not self.label:
            self.label = value.name
        else:
            raise UnsupportedError(f"the output {value.name!r} of the ONNX model cannot be served")

    def _classification(self) -> None:
        if len(self._numbers) != 1:
            raise UnsupportedError(f"the ONNX model answers with a label and {len(self._numbers)} sets of numbers, where one is expected")
        if not self.classes:
            self.classes = self._named_classes(self._numbers[0][1])
        if len(self.classes) < 2:
            raise UnsupportedError("the classes of the ONNX model are not to be found in it", hint="name them in order: --classes no,yes")
        self.task = "binary" if len(self.classes) == 2 else "multiclass"

    def _named_classes(self, width: int) -> tuple[Label, ...]:
        """The classes as the graph names them: an attribute of its classifier, or the constant that labels are picked from."""
        for node in reversed(self._graph.node):
            found = _class_labels(node)
            if len(found) > 1 and width in (0, len(found)):
                return found
        for tensor in self._graph.initializer:
            if "classes" in tensor.name.lower() and tensor.data_type in (TensorProto.INT64, TensorProto.INT32, TensorProto.STRING):
                values = numpy_helper.to_array(tensor).reshape(-1).tolist()
                if width in (0, len(values)):
                    return tuple(value.decode() if isinstance(value, bytes) else value for value in values)
        return tuple(range(width)) if self._labelled_by_number() else ()

    def _labelled_by_number(self) -> bool:
        return any(value.name == self.label and value.type.tensor_type.elem_type != TensorProto.STRING for value in self._graph.output)

    def _values(self) -> None:
        widths = [width for _, width in self._numbers]
        if 0 in widths and len(widths) > 1:
            raise UnsupportedError("the ONNX model does not say how many numbers it answers with")
        total = sum(max(1, width) for width in widths)
        if total > 1:
            self.outputs = tuple(name if width == 1 else f"{name}_{at}" for name, width in self._numbers for at in range(max(1, width)))


def _class_labels(node: Any) -> tuple[Label, ...]:
    attributes: Mapping[str, Any] = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    for name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
        if found := attributes.get(name):
            return tuple(value.decode() if isinstance(value, bytes) else int(value) for value in found)
    return ()


def _shape(value: Any) -> list[int | None]:
    return [size.dim_value if size.HasField("dim_value") else None for size in value.type.tensor_type.shape.dim]


def _width(value: Any) -> int:
    """Values a row; 0 if the graph does not say."""
    sizes = _shape(value)[1:]
    return int(np.prod([size for size in sizes if size])) if all(sizes) else 0


def _kind(value: Any) -> Any:
    kind = value.type.tensor_type.elem_type
    if kind == TensorProto.STRING:
        return "category"
    if kind not in _NUMBERS:
        raise UnsupportedError(f"the input {value.name!r} of the ONNX model takes neither numbers nor text")
    return _NUMBERS[kind]
