"""LightGBM's trees as flat forests, read from the booster's own dump.

LightGBM takes what lies within 1e-35 of 0 for 0, then compares float64 with `<=`. What a missing value is differs from node to node: with
the missing type None it is 0, with Zero everything that close to 0 is missing too, with NaN it goes in the default direction. A category in
a node's set goes left, everything else right.
"""

from typing import Any

import numpy as np

from flyball.adapters.trees.assemble import GO_LEFT, STAY_MISSING, Feature, Indices, Nodes, Numbers, assemble
from flyball.adapters.trees.flat import EXPONENTIAL, IDENTITY, SIGMOID, SOFTMAX, FlatTrees
from flyball.adapters.trees.flatten import texts_of
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.spec.records import Task

_ZERO = float(np.float32(1e-35))
_LINKS = {
    "binary": SIGMOID,
    "cross_entropy": SIGMOID,
    "multiclass": SOFTMAX,
    "multiclassova": SIGMOID,
    "regression": IDENTITY,
    "regression_l1": IDENTITY,
    "huber": IDENTITY,
    "fair": IDENTITY,
    "quantile": IDENTITY,
    "mape": IDENTITY,
    "poisson": EXPONENTIAL,
    "gamma": EXPONENTIAL,
    "tweedie": EXPONENTIAL,
}


def read(model: Any, features: list[Feature], schema: Schema, task: Task) -> FlatTrees:
    """The flat forest of a fitted LGBMClassifier or LGBMRegressor."""
    dump = model.booster_.dump_model()
    words = dump.get("objective", "custom").split()
    if words[0] not in _LINKS or "sqrt" in words:
        raise UnsupportedError(f"LightGBM's objective {' '.join(words)!r} cannot be compiled")
    steepness = next((float(word.partition(":")[2]) for word in words if word.startswith("sigmoid:")), 1.0)
    outputs = int(dump["num_tree_per_iteration"])
    trees = [_tree(tree["tree_structure"], at % outputs, steepness) for at, tree in enumerate(dump["tree_info"])]
    return assemble(
        trees,
        features,
        texts=texts_of(schema),
        columns=len(schema.columns),
        base=np.zeros(outputs),
        divisor=len(trees) / outputs if dump["average_output"] else 1.0,
        link=_LINKS[words[0]],
        last=_snapped,
    )


def _snapped(values: Numbers) -> Numbers:
    return np.where(np.abs(values) <= _ZERO, 0.0, values)


def _tree(root: Any, output: int, steepness: float) -> Nodes:
    nodes = [root]
    for node in nodes:  # grows while it is read: children stand behind their parents
        if "split_index" in node:
            node["at"] = len(nodes)
            nodes += [node["left_child"], node["right_child"]]
        elif "leaf_coeff" in node:
            raise UnsupportedError("LightGBM's linear trees cannot be compiled")
    count = len(nodes)
    leaf = np.array(["split_index" not in node for node in nodes])
    left = np.array([node.get("at", 0) for node in nodes], dtype=np.int64)
    threshold, fill, zero = np.zeros(count), np.full(count, STAY_MISSING), np.full(count, -1.0)
    sets: dict[int, tuple[Indices, bool]] = {}
    for at in np.flatnonzero(~leaf).tolist():
        node = nodes[at]
        if node["decision_type"] == "==":
            sets[at] = (np.array([int(word) for word in str(node["threshold"]).split("||")], dtype=np.int64), False)
            continue
        threshold[at] = float(node["threshold"])
        goes_left = threshold[at] >= 0.0 if node["missing_type"] == "None" else bool(node["default_left"])
        fill[at] = GO_LEFT if goes_left else STAY_MISSING
        zero[at] = _ZERO if node["missing_type"] == "Zero" else -1.0
    return Nodes(
        feature=np.array([node.get("split_feature", 0) for node in nodes], dtype=np.int64),
        threshold=threshold,
        left=left,
        right=left + 1,
        leaf=leaf,
        values=np.array([[steepness * node.get("leaf_value", 0.0)] for node in nodes]),
        fill=fill,
        zero=zero,
        output=output,
        sets=sets,
    )
