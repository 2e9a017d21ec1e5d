"""scikit-learn's linear models as weights, with the scalers, imputers and encoders before them folded in."""

from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.utils.validation import check_is_fitted

from flyball.adapters.trees.assemble import Feature, Numbers, TextFeature
from flyball.adapters.trees.features import features_of
from flyball.adapters.trees.flat import EXPONENTIAL, IDENTITY, SIGMOID, SIGMOIDS, SOFTMAX, FlatTrees
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.spec.records import Task

_MODULES = ("sklearn.linear_model.", "sklearn.svm.", "sklearn.discriminant_analysis", "sklearn.cross_decomposition")


def flatten_linear(model: Any, schema: Schema, task: Task) -> FlatTrees:
    """The weights of a fitted linear model; UnsupportedError if it is none, or something before it cannot be folded in."""
    last, features = features_of(model, schema)
    link = _link(last, task)
    check_is_fitted(last)
    weights = np.atleast_2d(np.asarray(last.coef_, dtype=np.float64))
    base = np.broadcast_to(np.asarray(last.intercept_, dtype=np.float64).reshape(-1), len(weights)).copy()
    if weights.shape[1] != len(features):
        raise UnsupportedError(f"{type(last).__name__} has {weights.shape[1]} weights for {len(features)} features")
    return _flat(weights, base, features, schema, link)


def _link(model: Any, task: Task) -> int:
    name = type(model).__name__
    if not type(model).__module__.startswith(_MODULES) or not hasattr(model, "coef_") or not hasattr(model, "intercept_"):
        raise UnsupportedError(f"{name} is not a linear model")
    if task == "regression":
        link = getattr(model, "_base_loss", None)
        return EXPONENTIAL if type(getattr(link, "link", None)).__name__ == "LogLink" else IDENTITY
    if isinstance(model, LogisticRegression | LinearDiscriminantAnalysis):
        return SIGMOID if task == "binary" else SOFTMAX
    if isinstance(model, SGDClassifier) and model.loss == "log_loss":
        return SIGMOID if task == "binary" else SIGMOIDS
    raise UnsupportedError(f"{name} does not get its probabilities from its weights alone")


def _flat(weights: Numbers, base: Numbers, features: list[Feature], schema: Schema, link: int) -> FlatTrees:
    """Number columns: one slot for each feature. Text columns: one slot for each output, holding what the text adds to it."""
    outputs = len(weights)
    columns: list[int] = []
    fills: list[float] = []
    parts: list[Numbers] = []
    texts: dict[int, tuple[str, ...]] = {}
    tables: list[Numbers] = [np.empty(0)]
    for column, known in enumerate(schema.columns):
        here = [at for at, one in enumerate(features) if one.column == column]
        if known.kind != "category":
            for at in here:
                scale, shift, fill = _affine(features[at])
                columns.append(column)
                fills.append(fill)
                parts.append(weights[:, at] * scale)
                base += weights[:, at] * shift
            continue
        encoded = [(at, one) for at, one in enumerate(features) if one.column == column and isinstance(one, TextFeature)]
        words = tuple(dict.fromkeys(word for _, one in encoded for word in one.table))
        texts[column] = words
        table = np.zeros((len(words) + 1, outputs if encoded else 0))
        for at, one in encoded:
            values = np.array([*(one.table.get(word, one.other) for word in words), one.other])
            table += values[:, None] * weights[None, :, at]
        tables.append(table.reshape(-1))
        for output in range(table.shape[1]):
            columns.append(column)
            fills.append(np.nan)
            parts.append(np.eye(outputs)[output])
    slots = len(columns) + 1
    empty = np.empty(0, np.uint32)
    return FlatTrees(
        columns=len(schema.columns),
        texts=texts,
        link=link,
        divisor=1.0,
        slot_column=np.array([0, *columns], dtype=np.uint32),
        fill=np.array([0.0, *fills]),
        zero=np.full(slots, -1.0),
        tables=np.concatenate(tables),
        root=empty,
        output=empty,
        threshold=np.empty(0),
        left=empty,
        slot=empty,
        bits=empty,
        leaf=np.empty(0),
        base=base,
        weights=np.stack([np.zeros(outputs), *parts], axis=1).reshape(-1),
    )


def _affine(feature: Feature) -> tuple[float, float, float]:
    """A number feature as `scale * x + shift`, and what stands for a missing x."""
    assert not isinstance(feature, TextFeature)
    scale, shift = 1.0, 0.0
    for operation in feature.operations:
        match operation.kind:
            case "minus":
                shift -= operation.number
            case "plus":
                shift += operation.number
            case "times":
                scale, shift = scale * operation.number, shift * operation.number
            case "over":
                scale, shift = scale / operation.number, shift / operation.number
            case _:
                raise UnsupportedError("a step that clips or rounds cannot be folded into weights")
    return scale, shift, feature.fill
