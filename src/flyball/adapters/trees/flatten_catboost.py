"""CatBoost's trees as flat forests, read from the model's own JSON.

CatBoost rounds a value to float32 and goes right if it is larger than the border. In a symmetric tree every node of a level asks the same
question, so a level is one bit of the leaf's number.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from flyball.adapters.trees.assemble import GO_LEFT, STAY_MISSING, Feature, Nodes, assemble, to_float32
from flyball.adapters.trees.flat import EXPONENTIAL, IDENTITY, SIGMOID, SOFTMAX, FlatTrees
from flyball.adapters.trees.flatten import texts_of
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.spec.records import Task

_LINKS = {
    "Logloss": SIGMOID,
    "CrossEntropy": SIGMOID,
    "MultiClass": SOFTMAX,
    "MultiClassOneVsAll": SIGMOID,
    "RMSE": IDENTITY,
    "MAE": IDENTITY,
    "Quantile": IDENTITY,
    "Huber": IDENTITY,
    "LogCosh": IDENTITY,
    "MAPE": IDENTITY,
    "MultiRMSE": IDENTITY,
    "Poisson": EXPONENTIAL,
    "Tweedie": EXPONENTIAL,
}


def read(model: Any, features: list[Feature], schema: Schema, task: Task) -> FlatTrees:
    """The flat forest of a fitted CatBoostClassifier or CatBoostRegressor."""
    loss = str(model.get_all_params().get("loss_function", "")).partition(":")[0]
    if loss not in _LINKS:
        raise UnsupportedError(f"CatBoost's loss {loss!r} cannot be compiled")
    with tempfile.TemporaryDirectory(prefix="flyball-catboost-") as folder:  # it writes to nothing but files
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        found = json.loads(path.read_bytes())
    if "oblivious_trees" not in found or found["features_info"].get("categorical_features"):
        raise UnsupportedError(
            "CatBoost with its own categories, or with trees that are not symmetric, cannot be compiled; encode in a step before"
        )
    numbers = found["features_info"]["float_features"]
    places = np.array([one["flat_feature_index"] for one in numbers], dtype=np.int64)
    missing_right = np.array([one["nan_value_treatment"] == "AsTrue" for one in numbers])
    scale, base = found["scale_and_bias"]
    start = np.atleast_1d(np.asarray(base, dtype=np.float64))
    outputs = len(found["oblivious_trees"][0]["leaf_values"]) // (1 << len(found["oblivious_trees"][0]["splits"] or []))
    trees = [_tree(tree, places, missing_right, float(scale), outputs) for tree in found["oblivious_trees"]]
    return assemble(
        trees,
        features,
        texts=texts_of(schema),
        columns=len(schema.columns),
        base=np.broadcast_to(start, (outputs,)).copy(),
        link=_LINKS[loss],
        last=to_float32,
    )


def _tree(tree: Any, places: Any, missing_right: Any, scale: float, outputs: int) -> Nodes:
    """A symmetric tree as a binary one: node n has the children 2n + 1 and 2n + 2; the first split is the lowest bit of a leaf's number."""
    splits = list(tree["splits"] or [])
    depth = len(splits)
    inner = (1 << depth) - 1
    count = 2 * inner + 1
    leaf = np.arange(count) >= inner
    feature, threshold, fill = np.zeros(count, np.int64), np.zeros(count), np.full(count, STAY_MISSING)
    for level, split in enumerate(splits):
        here = slice((1 << level) - 1, (2 << level) - 1)
        number = split["float_feature_index"]
        feature[here] = places[number]
        threshold[here] = float(np.float32(split["border"]))
        fill[here] = STAY_MISSING if missing_right[number] else GO_LEFT
    values = np.zeros((count, outputs))
    for position in range(1 << depth):
        # From the root down the first split is the most significant bit of the position, in CatBoost the least significant.
        number = int(format(position, f"0{depth}b")[::-1], 2) if depth else 0
        values[inner + position] = scale * np.asarray(tree["leaf_values"][number * outputs : (number + 1) * outputs])
    return Nodes(
        feature=feature,
        threshold=threshold,
        left=np.where(leaf, 0, 2 * np.arange(count) + 1),
        right=np.where(leaf, 0, 2 * np.arange(count) + 2),
        leaf=leaf,
        values=values,
        fill=fill,
        zero=np.full(count, -1.0),
    )
