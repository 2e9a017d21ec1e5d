"""XGBoost's trees as flat forests, read from the model's own JSON.

XGBoost rounds a value to float32 and goes left if it is smaller than the cut; its leaves are float32 and added up in float32, here in
float64. A category in a node's set goes right, every other category left, a missing one in the default direction.
"""

import json
import math
from typing import Any

import numpy as np

from flyball.adapters.trees.assemble import GO_LEFT, STAY_MISSING, Feature, Indices, Nodes, Numbers, assemble, to_float32
from flyball.adapters.trees.flat import EXPONENTIAL, IDENTITY, SIGMOID, SOFTMAX, FlatTrees
from flyball.adapters.trees.flatten import texts_of
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.spec.records import Task

_LINKS = {
    "binary:logistic": SIGMOID,
    "reg:logistic": SIGMOID,
    "multi:softprob": SOFTMAX,
    "multi:softmax": SOFTMAX,
    "reg:squarederror": IDENTITY,
    "reg:squaredlogerror": IDENTITY,
    "reg:absoluteerror": IDENTITY,
    "reg:pseudohubererror": IDENTITY,
    "reg:quantileerror": IDENTITY,
    "count:poisson": EXPONENTIAL,
    "reg:gamma": EXPONENTIAL,
    "reg:tweedie": EXPONENTIAL,
}


def read(model: Any, features: list[Feature], schema: Schema, task: Task) -> FlatTrees:
    """The flat forest of a fitted XGBClassifier or XGBRegressor."""
    missing = getattr(model, "missing", np.nan)
    if missing is not None and not math.isnan(missing):
        raise UnsupportedError(f"XGBoost with missing={missing:g} cannot be compiled; leave missing values as NaN")
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    objective = learner["objective"]["name"]
    if objective not in _LINKS:
        raise UnsupportedError(f"XGBoost's objective {objective!r} cannot be compiled")
    booster, weights = learner["gradient_booster"], None
    if booster["name"] == "dart":
        booster, weights = booster["gbtree"], booster["weight_drop"]
    if booster["name"] != "gbtree":
        raise UnsupportedError(f"XGBoost's booster {booster['name']!r} has no trees")
    count = _trees_in_use(model, booster["model"])
    groups = booster["model"]["tree_info"]
    trees = [
        _tree(tree, int(groups[at]), 1.0 if weights is None else float(weights[at]))
        for at, tree in enumerate(booster["model"]["trees"][:count])
    ]
    parameters = learner["learner_model_param"]
    outputs = max(1, int(parameters["num_class"]), int(parameters.get("num_target", "1")))
    return assemble(
        trees,
        features,
        texts=texts_of(schema),
        columns=len(schema.columns),
        base=_base(parameters["base_score"], outputs, _LINKS[objective]),
        link=_LINKS[objective],
        last=to_float32,
    )


def _trees_in_use(model: Any, stored: Any) -> int:
    """How many trees answer: all, or those up to the best iteration where training stopped early."""
    starts: list[int] = stored["iteration_indptr"]
    try:
        best = int(model.best_iteration)
    except AttributeError:
        return int(starts[-1])
    return int(starts[min(best + 1, len(starts) - 1)])


def _tree(tree: Any, output: int, weight: float) -> Nodes:
    if tree["tree_param"]["size_leaf_vector"] not in ("0", "1"):
        raise UnsupportedError("XGBoost trees with several outputs in a leaf cannot be compiled; use multi_strategy='one_output_per_tree'")
    left = np.array(tree["left_children"], dtype=np.int64)
    leaf = left < 0
    cuts = np.array(tree["split_conditions"], dtype=np.float32)
    below = np.nextafter(cuts, np.float32(-np.inf)).astype(np.float64)  # x < cut, for float32 x, is x <= the float32 before it
    default_left = np.array(tree["default_left"], dtype=bool)
    fill = np.where(default_left, GO_LEFT, STAY_MISSING)
    sets = _sets(tree)
    for node, (categories, _) in sets.items():
        # Inverted, what is not in the set goes left, a missing value too; to go right it stands in for a category that does.
        fill[node] = STAY_MISSING if default_left[node] else float(categories[0])
    return Nodes(
        feature=np.where(leaf, 0, np.array(tree["split_indices"], dtype=np.int64)),
        threshold=below,
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        leaf=leaf,
        values=(cuts.astype(np.float64) * weight).reshape(-1, 1),
        fill=fill,
        zero=np.full(len(leaf), -1.0),
        output=output,
        sets=sets,
    )


def _sets(tree: Any) -> dict[int, tuple[Indices, bool]]:
    categories = np.array(tree["categories"], dtype=np.int64)
    found = {}
    for node, start, size in zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True):
        found[int(node)] = (categories[int(start) : int(start) + int(size)], True)
    return found


def _base(text: str, outputs: int, link: int) -> Numbers:
    """What the sum over the trees starts from: XGBoost keeps it as a probability or a value, before the link."""
    base = np.array(json.loads(text), dtype=np.float32).reshape(-1).astype(np.float64)
    if link == SIGMOID:
        base = np.log(base / (1.0 - base))
    elif link == EXPONENTIAL:
        base = np.log(base)
    return np.broadcast_to(base, (outputs,)).copy()
