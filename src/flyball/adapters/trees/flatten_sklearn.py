"""scikit-learn's forests, boosted trees and histogram boosting as flat forests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from flyball.adapters.trees.assemble import GO_LEFT, STAY_MISSING, Feature, Indices, Nodes, Numbers, TextFeature, assemble, to_float32
from flyball.adapters.trees.features import Text, Value, through
from flyball.adapters.trees.flat import EXPONENTIAL, IDENTITY, SIGMOID, SOFTMAX, FlatTrees
from flyball.adapters.trees.flatten import texts_of
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.spec.records import Task

_FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
_SINGLE = (DecisionTreeClassifier, DecisionTreeRegressor)  # their extra-tree kin inherit from them
_BAGS = (BaggingClassifier, BaggingRegressor)
_BOOSTED = (GradientBoostingClassifier, GradientBoostingRegressor)
_LARGEST_CATEGORY = 4096
_HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


def read(model: Any, features: list[Feature], schema: Schema, task: Task) -> FlatTrees:
    """The flat forest of a fitted scikit-learn model."""
    if isinstance(model, _HISTOGRAM):
        return _histogram(model, features, schema)
    if isinstance(model, _BOOSTED):
        return _boosted(model, features, schema)
    if isinstance(model, _FORESTS):
        trees = [_tree(tree, task) for tree in model.estimators_]
    elif isinstance(model, _SINGLE):
        trees = [_tree(model, task)]
    elif isinstance(model, _BAGS):
        trees = _bag(model, task)
    else:
        raise UnsupportedError(f"{type(model).__name__} is not a forest of trees")
    return assemble(
        trees,
        features,
        texts=texts_of(schema),
        columns=len(schema.columns),
        base=np.zeros(trees[0].values.shape[1]),
        divisor=float(len(trees)),
        link=IDENTITY,
        last=to_float32,
    )


def _tree(estimator: Any, task: Task) -> Nodes:
    """One tree of a forest: class probabilities (of the second class alone where there are two) or values in its leaves."""
    table = estimator.tree_
    if task == "regression":
        values = table.value[:, :, 0]
    elif estimator.n_outputs_ != 1:
        raise UnsupportedError("a forest that answers several classifications at once has no engine but its own")
    else:
        values = table.value[:, 0, :]
        values = values[:, 1:] if values.shape[1] == 2 else values
    return _nodes(table, values)


def _nodes(table: Any, values: Numbers, output: int = 0, places: Indices | None = None) -> Nodes:
    leaf = table.children_left == -1
    missing = getattr(table, "missing_go_to_left", None)
    missing_left = np.zeros(table.node_count, bool) if missing is None else np.asarray(missing, dtype=bool)
    feature = np.where(leaf, 0, table.feature).astype(np.int64)
    return Nodes(
        feature=feature if places is None else places[feature],
        threshold=np.asarray(table.threshold, dtype=np.float64),
        left=table.children_left.astype(np.int64),
        right=table.children_right.astype(np.int64),
        leaf=leaf,
        values=np.asarray(values, dtype=np.float64),
        fill=np.where(missing_left, GO_LEFT, STAY_MISSING),
        zero=np.full(table.node_count, -1.0),
        output=output,
    )


def _bag(model: Any, task: Task) -> list[Nodes]:
    """Trees in a bag, each on its own choice of features; in each some classes may not have occurred."""
    found = []
    for estimator, chosen in zip(model.estimators_, model.estimators_features_, strict=True):
        if not isinstance(estimator, _SINGLE):
            raise UnsupportedError(f"{type(model).__name__} of {type(estimator).__name__} is not a forest of trees")
        table = estimator.tree_
        if task == "regression":
            values = table.value[:, :, 0]
        else:
            values = np.zeros((table.node_count, len(model.classes_)))
            values[:, estimator.classes_.astype(np.int64)] = table.value[:, 0, :]
            values = values[:, 1:] if values.shape[1] == 2 else values
        found.append(_nodes(table, values, places=np.asarray(chosen, dtype=np.int64)))
    return found


def _boosted(model: Any, features: list[Feature], schema: Schema) -> FlatTrees:
    """The starting value plus, for each stage and output, the learning rate times a tree's leaf."""
    start = model.init_
    if not (isinstance(start, DummyClassifier | DummyRegressor) or (isinstance(start, str) and start == "zero")):
        raise UnsupportedError(f"{type(model).__name__} that starts from {type(start).__name__} is more than its trees")
    base = np.asarray(model._raw_predict_init(np.zeros((1, model.n_features_in_))), dtype=np.float64).reshape(-1)
    factor = 2.0 if getattr(model, "loss", "") == "exponential" else 1.0
    trees = [
        _nodes(tree.tree_, factor * (model.learning_rate * tree.tree_.value[:, 0, :]), output=output)
        for stage in model.estimators_
        for output, tree in enumerate(stage)
    ]
    return assemble(
        trees,
        features,
        texts=texts_of(schema),
        columns=len(schema.columns),
        base=factor * base,
        link=_link(model),
        last=to_float32,
    )


def _histogram(model: Any, features: list[Feature], schema: Schema) -> FlatTrees:
    """The baseline plus the trees' leaves; values are compared in float64, as they come."""
    known: dict[int, Indices] = {}
    raw: dict[int, Indices] = {}
    if getattr(model, "_preprocessor", None) is not None:
        features, raw = _categories(model._preprocessor, features)
    if model.is_categorical_ is not None:
        bitsets, index = model._bin_mapper.make_known_categories_bitsets()
        known = {int(at): _members(bitsets[index[at]]) for at in np.flatnonzero(model._is_categorical_remapped)}
    trees = [_histogram_tree(predictor, output, known, raw) for stage in model._predictors for output, predictor in enumerate(stage)]
    return assemble(
        trees,
        features,
        texts=texts_of(schema),
        columns=len(schema.columns),
        base=np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1),
        link=_link(model),
    )


def _categories(preprocessor: Any, features: list[Feature]) -> tuple[list[Feature], dict[int, Indices]]:
    """What the trees read behind the model's own encoder of categories, and for categories that are numbers the number of each code."""
    found: list[Feature] = []
    raw: dict[int, Indices] = {}
    for name, step, _ in preprocessor.transformers_:
        if isinstance(step, str) and step == "drop":
            continue
        chosen = [features[at] for at in preprocessor._transformer_to_input_indices[name]]
        if not isinstance(step, OrdinalEncoder):
            found += _numbers(through(name, step, chosen))
            continue
        for categories, one in zip(step.categories_, chosen, strict=True):
            if isinstance(one, TextFeature):
                codes = {float(value): float(code) for code, value in enumerate(categories) if value == value}
                table = {text: codes.get(value, np.nan) for text, value in one.table.items()}
                found.append(TextFeature(column=one.column, table=table, other=codes.get(one.other, np.nan)))
                continue
            numbers = np.array([value for value in categories.tolist() if value == value], dtype=np.float64)
            if one.operations or not ((numbers >= 0) & (numbers < _LARGEST_CATEGORY) & (numbers == np.round(numbers))).all():
                raise UnsupportedError("categories that are not small whole numbers cannot be compiled; encode them in a step before")
            raw[len(found)] = numbers.astype(np.int64)
            found.append(one)
    return found, raw


def _numbers(values: list[Value]) -> list[Feature]:
    found = [value for value in values if not isinstance(value, Text)]
    if len(found) != len(values):
        raise UnsupportedError("a text column reaches histogram boosting as it is")
    return found


def _histogram_tree(predictor: Any, output: int, known: dict[int, Indices], raw: dict[int, Indices]) -> Nodes:
    table = predictor.nodes
    missing_left = table["missing_go_to_left"].astype(bool)
    sets: dict[int, tuple[Indices, bool]] = {}
    for node in np.flatnonzero(table["is_categorical"].astype(bool) & ~table["is_leaf"].astype(bool)).tolist():
        left = _members(predictor.raw_left_cat_bitsets[table["bitset_idx"][node]])
        # A category nobody saw goes where missing values go: name the categories that go the other way.
        inverted = bool(missing_left[node])
        feature = int(table["feature_idx"][node])
        named = np.setdiff1d(known[feature], left) if inverted else left
        sets[node] = (raw[feature][named] if feature in raw else named, inverted)
    fill = np.where(missing_left, GO_LEFT, STAY_MISSING)
    fill[list(sets)] = STAY_MISSING
    return Nodes(
        feature=table["feature_idx"].astype(np.int64),
        threshold=table["num_threshold"].astype(np.float64),
        left=table["left"].astype(np.int64),
        right=table["right"].astype(np.int64),
        leaf=table["is_leaf"].astype(bool),
        values=table["value"].reshape(-1, 1).astype(np.float64),
        fill=fill,
        zero=np.full(len(table), -1.0),
        output=output,
        sets=sets,
    )


def _members(bitset: NDArray[np.uint32] | Sequence[int]) -> Indices:
    words = np.ascontiguousarray(bitset, dtype="<u4")
    return np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).astype(np.int64)


def _link(model: Any) -> int:
    if hasattr(model, "classes_"):
        return SIGMOID if len(model.classes_) == 2 else SOFTMAX
    return EXPONENTIAL if getattr(model, "loss", "") in ("poisson", "gamma") else IDENTITY
