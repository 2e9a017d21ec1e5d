"""ONNX for scikit-learn's forests and histogram boosting: exact cuts, and missing values that go the way the tree learned.

The stock converters of skl2onnx forget `missing_go_to_left` of trees and forests (rows with a missing value end in another leaf) and
cannot write histogram boosting with today's onnx. They also take a second for a hundred trees, node by node; arrays take a tenth.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from onnx.helper import make_tensor
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

_ML = "ai.onnx.ml"


class _Nodes:
    """The nodes of all trees as arrays, and the leaves with what each adds to which output."""

    def __init__(self) -> None:
        self.parts: list[dict[str, NDArray[Any]]] = []
        self.leaves: list[dict[str, NDArray[Any]]] = []

    def add(
        self,
        *,
        feature: NDArray[Any],
        threshold: NDArray[np.float64],
        left: NDArray[Any],
        right: NDArray[Any],
        leaf: NDArray[np.bool_],
        missing_left: NDArray[np.bool_],
        weights: NDArray[np.float64],
        outputs: Sequence[int],
    ) -> None:
        """One tree: arrays by node; `weights` (nodes, outputs)."""
        tree, count = len(self.parts), len(leaf)
        self.parts.append(
            {
                "treeids": np.full(count, tree),
                "nodeids": np.arange(count),
                "featureids": np.where(leaf, 0, feature),
                "values": np.where(leaf, 0.0, threshold),
                "truenodeids": np.where(leaf, 0, left),
                "falsenodeids": np.where(leaf, 0, right),
                "missing_value_tracks_true": np.where(leaf, False, missing_left),
                "leaf": leaf,
            }
        )
        at = np.flatnonzero(leaf)
        width = len(outputs)
        self.leaves.append(
            {
                "treeids": np.full(len(at) * width, tree),
                "nodeids": np.repeat(at, width),
                "ids": np.tile(np.asarray(outputs), len(at)),
                "weights": weights[at].reshape(-1),
            }
        )

    def attributes(self, kind: str, *, wide: bool) -> dict[str, Any]:
        """As the attributes of an ONNX tree ensemble; `kind` is class or target."""
        nodes = {key: np.concatenate([part[key] for part in self.parts]) for key in self.parts[0]}
        leaves = {key: np.concatenate([part[key] for part in self.leaves]) for key in self.leaves[0]}
        found: dict[str, Any] = {
            "nodes_modes": ["LEAF" if leaf else "BRANCH_LEQ" for leaf in nodes.pop("leaf").tolist()],
        }
        for prefix, arrays, exact in (("nodes", nodes, "values"), (kind, leaves, "weights")):
            values = arrays.pop(exact)
            if wide:
                found[f"{prefix}_{exact}_as_tensor"] = make_tensor(f"{prefix}_{exact}", TensorProto.DOUBLE, [len(values)], values)
            else:
                found[f"{prefix}_{exact}"] = values.astype(np.float32).tolist()
            found |= {f"{prefix}_{key}": array.astype(np.int64).tolist() for key, array in arrays.items()}
        return found


def convert_forest(scope: Any, operator: Any, container: Any) -> None:
    """Random forests, extra trees and single trees: the mean of the trees' leaves, compared in float32 as scikit-learn does."""
    forest = operator.raw_operator
    trees = [tree.tree_ for tree in getattr(forest, "estimators_", [forest])]
    classifier = hasattr(forest, "classes_")
    if forest.n_outputs_ != 1:
        raise NotImplementedError("a forest with several outputs cannot be converted")
    width = len(forest.classes_) if classifier else 1
    nodes = _Nodes()
    for tree in trees:
        values = tree.value[:, 0, :] / len(trees)
        missing = getattr(tree, "missing_go_to_left", None)
        nodes.add(
            feature=tree.feature,
            threshold=_floor32(tree.threshold),
            left=tree.children_left,
            right=tree.children_right,
            leaf=tree.children_left == -1,
            missing_left=np.zeros(tree.node_count, bool) if missing is None else np.asarray(missing, dtype=bool),
            weights=values[:, 1:] if width == 2 else values,
            outputs=[0] if width <= 2 else range(width),
        )
    _write(scope, operator, container, nodes, "NONE", base=None, wide=False)


def convert_histogram(scope: Any, operator: Any, container: Any) -> None:
    """Histogram gradient boosting: the baseline plus the trees' leaves, compared in float64, then the link's inverse."""
    model = operator.raw_operator
    if getattr(model, "_preprocessor", None) is not None or model.is_categorical_ is not None:
        raise NotImplementedError("categorical features of histogram boosting cannot be converted; encode them in a step before")
    classifier = hasattr(model, "classes_")
    if not classifier and model.loss not in ("squared_error", "absolute_error", "quantile"):
        raise NotImplementedError(f"the loss {model.loss!r} cannot be converted")
    wide = isinstance(operator.inputs[0].type, DoubleTensorType)
    nodes = _Nodes()
    for iteration in model._predictors:
        for output, predictor in enumerate(iteration):
            table = predictor.nodes
            nodes.add(
                feature=table["feature_idx"],
                threshold=table["num_threshold"] if wide else _floor32(table["num_threshold"]),
                left=table["left"],
                right=table["right"],
                leaf=table["is_leaf"].astype(bool),
                missing_left=table["missing_go_to_left"].astype(bool),
                weights=table["value"].reshape(-1, 1),
                outputs=[output],
            )
    transform = "NONE" if not classifier else "LOGISTIC" if len(model.classes_) == 2 else "SOFTMAX"
    _write(scope, operator, container, nodes, transform, base=np.asarray(model._baseline_prediction, dtype=np.float64).ravel(), wide=wide)


CONVERTERS = {
    **dict.fromkeys(
        (
            RandomForestClassifier,
            RandomForestRegressor,
            ExtraTreesClassifier,
            ExtraTreesRegressor,
            DecisionTreeClassifier,
            DecisionTreeRegressor,
            ExtraTreeClassifier,
            ExtraTreeRegressor,
        ),
        convert_forest,
    ),
    HistGradientBoostingClassifier: convert_histogram,
    HistGradientBoostingRegressor: convert_histogram,
}


def _write(
    scope: Any, operator: Any, container: Any, nodes: _Nodes, transform: str, *, base: NDArray[np.float64] | None, wide: bool
) -> None:
    given = operator.inputs[0]
    name = given.full_name
    if not wide and not isinstance(given.type, FloatTensorType):
        name = scope.get_unique_variable_name("float32")
        container.add_node("Cast", [given.full_name], [name], to=TensorProto.FLOAT, name=scope.get_unique_operator_name("Cast"))
    model = operator.raw_operator
    classes = getattr(model, "classes_", None)
    attributes = nodes.attributes("target" if classes is None else "class", wide=wide)
    if base is not None:
        if wide:
            attributes["base_values_as_tensor"] = make_tensor("base_values", TensorProto.DOUBLE, [len(base)], base)
        else:
            attributes["base_values"] = base.astype(np.float32).tolist()
    if classes is None:
        kind = "TreeEnsembleRegressor"
        attributes |= {"n_targets": 1, "aggregate_function": "SUM"}
    else:
        kind = "TreeEnsembleClassifier"
        if classes.dtype.kind in "iu":
            attributes["classlabels_int64s"] = classes.astype(np.int64).tolist()
        else:
            attributes["classlabels_strings"] = [str(label) for label in classes.tolist()]
    outputs = [output.full_name for output in operator.outputs]
    if wide:  # a tree ensemble answers in float32 whatever it reads; the graph expects what came in
        answer = scope.get_unique_variable_name("answer")
        container.add_node("Cast", [answer], [outputs[-1]], to=TensorProto.DOUBLE, name=scope.get_unique_operator_name("Cast"))
        outputs[-1] = answer
    container.add_node(
        kind,
        [name],
        outputs,
        op_domain=_ML,
        op_version=3,
        name=scope.get_unique_operator_name(kind),
        post_transform=transform,
        **attributes,
    )


def _floor32(threshold: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest float32 not above each threshold: for every float32 x, `x <= threshold` and `x <= floor` are the same."""
    near = threshold.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near.astype(np.float64) > threshold, below, near).astype(np.float64)
