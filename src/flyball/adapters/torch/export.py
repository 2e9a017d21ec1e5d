"""A PyTorch module inside an estimator as ONNX, with the scalers, imputers and encoders before it."""

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.onnx.external import refuse_external_data
from flyball.adapters.onnx.graph import Graph
from flyball.adapters.trees.assemble import Feature, NumberFeature, TextFeature
from flyball.adapters.trees.features import features_of
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.spec.records import Task

_NAMES = ("module_", "module", "model_", "model", "network", "net")
_OPSET = 18
_PREFIX = "torch/"
_ARITHMETIC = {"minus": "Sub", "plus": "Add", "times": "Mul", "over": "Div", "at least": "Max", "at most": "Min"}
# What makes probabilities of what the module answers: which one it is, is seen by comparing with the estimator.
_LINKS: dict[Task, tuple[str, ...]] = {
    "binary": ("Identity", "Sigmoid", "Softmax", "Exp"),
    "multiclass": ("Identity", "Softmax", "Exp"),
    "regression": ("Identity",),
}


def module_of(estimator: Any) -> torch.nn.Module | None:
    """The one network in an estimator, under one of the usual names; None if there is none."""
    if isinstance(estimator, torch.nn.Module):
        return estimator
    for name in _NAMES:
        found = getattr(estimator, name, None)
        if isinstance(found, torch.nn.Module):
            return found
    return None


def convert_torch(estimator: Any, schema: Schema, task: Task, classes: int, sample: Table, native: NDArray[np.float64]) -> bytes:
    """The bytes of `model.onnx`. `native` are the estimator's own scores of the rows in `sample`; they tell what its output means."""
    last, features = features_of(estimator, schema)
    module = module_of(last)
    if module is None:
        raise UnsupportedError(f"{type(last).__name__} holds no torch.nn.Module under one of the names {', '.join(_NAMES)}")
    inner = _exported(module, len(features))
    best, content = np.inf, b""
    for link in _LINKS[task]:
        try:
            made = _wrapped(inner, features, schema, task, link)
            engine = OnnxEngine(made, schema=schema, task=task, classes=classes, threshold=0.5)
            difference = float(np.abs(engine.score(sample) - native).max())
        except Exception:  # noqa: BLE001, S112 - a link that does not fit the shape is one of several tried
            continue
        if difference < best:
            best, content = difference, made
    if not content:
        raise UnsupportedError(f"the exported {type(module).__name__} does not answer in the shape of a {task} model")
    return content


def _exported(module: torch.nn.Module, width: int) -> Any:
    """The module's own graph, from "torch/in" to "torch/out", for any number of rows."""
    target = io.BytesIO()
    was_training = module.training
    module.eval()
    example = torch.zeros(2, width)
    try:
        example = example.to(next(module.parameters(), example).device)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the older exporter says that it is the older one; it takes a tenth of the time
            torch.onnx.export(
                module,
                (example,),
                target,
                input_names=["in"],
                output_names=["out"],
                dynamic_axes={"in": {0: "rows"}, "out": {0: "rows"}},
                opset_version=_OPSET,
                dynamo=False,
            )
    except Exception as error:
        raise UnsupportedError(f"{type(module).__name__} cannot be exported to ONNX: {str(error).strip()[:200]}") from error
    finally:
        module.train(was_training)
    refuse_external_data(target.getvalue())
    return onnx.compose.add_prefix(onnx.load_model_from_string(target.getvalue()), _PREFIX)


def _wrapped(inner: Any, features: Sequence[Feature], schema: Schema, task: Task, link: str) -> bytes:
    graph = Graph()
    given = graph.node("Cast", [_matrix(graph, features, schema)], to=TensorProto.FLOAT, output=_PREFIX + "in")
    assert given == inner.graph.input[0].name
    graph.nodes += list(inner.graph.node)
    graph.constants += list(inner.graph.initializer)
    answer = _PREFIX + "out"
    shape = [size.dim_value for size in inner.graph.output[0].type.tensor_type.shape.dim]
    width = shape[1] if len(shape) > 1 else 1
    if len(shape) == 1:
        answer = graph.node("Reshape", [answer, graph.constant(np.array([-1, 1]))])
    linked = graph.node(link, [answer], axis=1) if link == "Softmax" else graph.node(link, [answer])
    if task == "binary" and width == 2:
        linked = graph.node("Gather", [linked, graph.constant(np.array([1]))], axis=1)
    graph.answer(linked, task)
    opsets = {one.domain: one.version for one in inner.opset_import}
    return graph.model(schema, task, 2 if task == "binary" else width, opsets)


def _matrix(graph: Graph, features: Sequence[Feature], schema: Schema) -> str:
    """The features side by side as float64: those that are calculated alike together, then back in their order."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for at, one in enumerate(features):
        kinds = ("text", at) if isinstance(one, TextFeature) else tuple(operation.kind for operation in one.operations)
        groups.setdefault(kinds, []).append(at)
    parts, order = [], []
    for members in groups.values():
        order += members
        first = features[members[0]]
        if isinstance(first, TextFeature):
            table = np.array([*first.table.values(), first.other]).reshape(-1, 1)
            parts.append(graph.looked_up(schema.names[first.column], list(first.table), table))
            continue
        numbers = [one for one in (features[at] for at in members) if isinstance(one, NumberFeature)]
        value = graph.columns(schema, [one.column for one in numbers])
        fills = np.array([[one.fill for one in numbers]], dtype=np.float64)
        if not np.isnan(fills).all():
            value = graph.node("Where", [graph.node("IsNaN", [value]), graph.constant(fills), value])
        for place, operation in enumerate(first.operations):
            if operation.kind == "float32":
                value = graph.node("Cast", [graph.node("Cast", [value], to=TensorProto.FLOAT)], to=TensorProto.DOUBLE)
                continue
            by = np.array([[one.operations[place].number for one in numbers]], dtype=np.float64)
            value = graph.node(_ARITHMETIC[operation.kind], [value, graph.constant(by)])
        parts.append(value)
    joined = parts[0] if len(parts) == 1 else graph.node("Concat", parts, axis=1)
    return graph.node("Gather", [joined, graph.constant(np.argsort(order))], axis=1)
