"""A flat model as ONNX, for machines where the kernel was not built: the same slots, cuts and leaves, compared in float64.

scikit-learn's models have converters of their own; this serves the libraries that skl2onnx does not know.
"""

import numpy as np
from onnx import TensorProto, helper

from flyball.adapters.onnx.graph import ML, Graph
from flyball.adapters.trees.flat import CATEGORICAL, EXPONENTIAL, SIGMOID, SIGMOIDS, SLOT_MASK, SOFTMAX, FlatTrees
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.spec.records import Task


def to_onnx(trees: FlatTrees, schema: Schema, task: Task) -> bytes:
    """The bytes of `model.onnx`: numbers enter as float64. UnsupportedError for splits by categories, and for trees with weights."""
    if ((trees.slot & CATEGORICAL) != 0).any():
        raise UnsupportedError("splits by categories have no ONNX of ours; without the compiled kernel numpy answers")
    if len(trees.weights) and len(trees.root):
        raise UnsupportedError("trees and weights together have no ONNX of ours; without the compiled kernel numpy answers")
    if (trees.zero[1:] >= 0).any():
        raise UnsupportedError("a model that takes zero for missing has no ONNX of ours; without the compiled kernel numpy answers")
    graph = Graph()
    slots = _slots(graph, trees, schema)
    raw = _ensemble(graph, trees, slots) if len(trees.root) else _weighted(graph, trees, slots)
    graph.answer(_linked(graph, raw, trees.link), task)
    return graph.model(schema, task, 2 if task == "binary" else trees.outputs)


def _slots(graph: Graph, trees: FlatTrees, schema: Schema) -> str:
    """The slots but the first, as columns of one matrix."""
    parts: list[str] = []
    at = 0
    for column, known in enumerate(schema.columns):
        slots = np.flatnonzero(trees.slot_column[1:] == column) + 1
        if column in trees.texts:
            words = trees.texts[column]
            table = trees.tables[at : at + (len(words) + 1) * len(slots)].reshape(len(words) + 1, len(slots))
            at += table.size
            if len(slots):
                parts.append(graph.looked_up(known.name, words, table))
            continue
        if not len(slots):
            continue
        given = graph.columns(schema, [column] * len(slots))
        fill = graph.constant(trees.fill[slots].reshape(1, -1).astype(np.float64))
        parts.append(graph.node("Where", [graph.node("IsNaN", [given]), fill, given]))
    return parts[0] if len(parts) == 1 else graph.node("Concat", parts, axis=1)


def _ensemble(graph: Graph, trees: FlatTrees, slots: str) -> str:
    """The base and the sum over the trees, as float32 (ONNX has it no wider)."""
    count = len(trees.threshold)
    tree = np.searchsorted(trees.root, np.arange(count), side="right") - 1  # trees stand one after the other, roots first
    number = np.arange(count) - trees.root[tree]
    leaf = trees.slot == 0
    left = np.where(leaf, 0, trees.left.astype(np.int64) - trees.root[tree])
    slot = np.where(leaf, 1, trees.slot & SLOT_MASK).astype(np.int64) - 1
    ends = np.flatnonzero(leaf)
    if len(trees.leaf):
        weights = trees.leaf.reshape(-1, trees.outputs)[trees.threshold[ends].astype(np.int64)]
        target = np.tile(np.arange(trees.outputs), len(ends))
    else:
        weights, target = trees.threshold[ends].reshape(-1, 1), trees.output[tree[ends]].astype(np.int64)
    repeated = np.repeat(ends, weights.shape[1])
    return graph.node(
        "TreeEnsembleRegressor",
        [slots],
        domain=ML,
        n_targets=trees.outputs,
        aggregate_function="SUM",
        base_values_as_tensor=helper.make_tensor("base", TensorProto.DOUBLE, [trees.outputs], trees.base),
        nodes_treeids=tree.tolist(),
        nodes_nodeids=number.tolist(),
        nodes_featureids=slot.tolist(),
        nodes_modes=["LEAF" if end else "BRANCH_LEQ" for end in leaf.tolist()],
        nodes_values_as_tensor=helper.make_tensor("cuts", TensorProto.DOUBLE, [count], np.where(leaf, 0.0, trees.threshold)),
        nodes_truenodeids=left.tolist(),
        nodes_falsenodeids=np.where(leaf, 0, left + 1).tolist(),
        nodes_missing_value_tracks_true=[0] * count,
        target_treeids=tree[repeated].tolist(),
        target_nodeids=number[repeated].tolist(),
        target_ids=target.tolist(),
        target_weights_as_tensor=helper.make_tensor("leaves", TensorProto.DOUBLE, [weights.size], weights.reshape(-1) / trees.divisor),
    )


def _weighted(graph: Graph, trees: FlatTrees, slots: str) -> str:
    """The base and the weighted sum of the slots, calculated as float64 and given as float32."""
    weights = trees.weights.reshape(trees.outputs, -1)[:, 1:] / trees.divisor
    total = graph.node("MatMul", [slots, graph.constant(np.ascontiguousarray(weights.T, dtype=np.float64))])
    whole = graph.node("Add", [total, graph.constant(trees.base.reshape(1, -1).astype(np.float64))])
    return graph.node("Cast", [whole], to=TensorProto.FLOAT)


def _linked(graph: Graph, raw: str, link: int) -> str:
    if link == SOFTMAX:
        return graph.node("Softmax", [raw], axis=1)
    if link == EXPONENTIAL:
        return graph.node("Exp", [raw])
    if link in (SIGMOID, SIGMOIDS):
        found = graph.node("Sigmoid", [raw])
        if link == SIGMOIDS:
            return graph.node("Div", [found, graph.node("ReduceSum", [found, graph.constant(np.array([1]))], keepdims=1)])
        return found
    return raw
