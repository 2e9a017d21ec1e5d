"""The steps before a tree model, folded into what its nodes read: selection, imputers, scalers and encoders of text.

What cannot be folded in exactly is refused with its name; ONNX may still take it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from flyball.adapters.sklearn.convert import unwrapped
from flyball.adapters.sklearn.encoders import MISSING, lookup_table
from flyball.adapters.trees.assemble import Feature, NumberFeature, Operation, TextFeature
from flyball.core.errors import UnsupportedError
from flyball.core.record import record
from flyball.core.schema import Schema

_LARGEST_TABLE = 1_000_000  # cells of one column's table: beyond, copying its lines would cost more than it saves


@record
class Text:
    """A text column that nothing has encoded yet; `missing` is what takes the place of a missing text."""

    column: int
    missing: str = MISSING


Value = Feature | Text
_Step = Callable[[Any, Sequence[Value]], list[Value]]


def features_of(model: Any, schema: Schema) -> tuple[Any, list[Feature]]:
    """The last step of a model, and what reaches it. UnsupportedError names the step that cannot be folded in's nodes."""
    values: list[Value] = [
        Text(column=at) if column.kind == "category" else NumberFeature(column=at) for at, column in enumerate(schema.columns)
    ]
    steps = _flat(model)
    for name, step in steps[:-1]:
        values = through(name, step, values)
    found: list[Feature] = []
    for value in values:
        if isinstance(value, Text):
            raise UnsupportedError(f"the text column {schema.names[value.column]!r} reaches the model as it is")
        found.append(value)
    width = getattr(steps[-1][1], "n_features_in_", len(found))
    if width != len(found):
        raise UnsupportedError(f"the model reads {width} features, {len(found)} reach it")
    return steps[-1][1], found


def last_step(model: Any) -> Any:
    """What answers in the end: the last step of the last of pipelines in pipelines."""
    return _flat(model)[-1][1]


def _flat(model: Any) -> list[tuple[str, Any]]:
    """The steps of a model; pipelines that end in pipelines are one list, and a search is what it found."""
    model = unwrapped(model)
    if not isinstance(model, Pipeline):
        return [("", model)]
    return [*model.steps[:-1], *((inner or model.steps[-1][0], step) for inner, step in _flat(model.steps[-1][1]))]


def through(name: str, step: Any, values: Sequence[Value]) -> list[Value]:
    """What comes out of one step."""
    if step is None or (isinstance(step, str) and step == "passthrough") or _is_identity(step):
        return list(values)
    for kind, fold in _FOLDS:
        if isinstance(step, kind):
            return fold(step, values)
    raise UnsupportedError(f"step {name!r} ({type(step).__name__}) cannot be folded in")


def _is_identity(step: Any) -> bool:
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def _pipeline(step: Any, values: Sequence[Value]) -> list[Value]:
    for name, inner in step.steps:
        values = through(name, inner, values)
    return list(values)


def _columns(step: Any, values: Sequence[Value]) -> list[Value]:
    found: list[Value] = []
    for name, inner, _ in step.transformers_:
        if not (isinstance(inner, str) and inner == "drop"):
            found += through(name, inner, [values[at] for at in step._transformer_to_input_indices[name]])
    return found


def _union(step: Any, values: Sequence[Value]) -> list[Value]:
    if any(weight != 1 for weight in (step.transformer_weights or {}).values()):
        raise UnsupportedError("a FeatureUnion with weights cannot be folded in")
    parts = [through(name, inner, values) for name, inner in step.transformer_list if inner != "drop"]
    return [value for part in parts for value in part]


def _selected(step: Any, values: Sequence[Value]) -> list[Value]:
    return [values[at] for at in np.flatnonzero(step.get_support()).tolist()]


def _function(step: Any, values: Sequence[Value]) -> list[Value]:
    """A function that leaves values as they are, or rounds them to float32, as networks ask for; what it does is seen by trying it."""
    probe = np.random.default_rng(0).normal(size=(8, len(values))) * 10.0 ** np.arange(-3, 5).reshape(-1, 1)
    try:
        found = np.asarray(step.transform(probe.copy()))
    except Exception as error:  # the project's own function, on values it may not expect
        raise UnsupportedError(f"FunctionTransformer cannot be folded in: it fails on a plain matrix ({type(error).__name__})") from error
    if found.shape == probe.shape and np.array_equal(found, probe):
        return list(values)
    if found.shape != probe.shape or not np.array_equal(found, probe.astype(np.float32)):
        raise UnsupportedError(f"FunctionTransformer ({getattr(step.func, '__name__', 'its function')}) cannot be folded in")
    return [_calculated(value, (Operation(kind="float32"),), "rounding") for value in values]


def _imputed(step: Any, values: Sequence[Value]) -> list[Value]:
    marker = step.missing_values
    nan = isinstance(marker, float) and np.isnan(marker)
    if step.add_indicator or not (marker is None or nan):
        raise UnsupportedError("SimpleImputer with an indicator or a marker of its own cannot be folded in")
    seen = pd.Series(["text", None]).iloc[1]  # how this pandas writes a missing text: the imputer knows NaN from None
    fills = seen is None if marker is None else seen is not None
    found: list[Value] = []
    for value, statistic in zip(values, step.statistics_, strict=True):
        if isinstance(value, Text) and isinstance(statistic, str):
            found.append(Text(column=value.column, missing=statistic) if fills and value.missing == MISSING else value)
        elif isinstance(value, NumberFeature) and not value.operations and np.isfinite(statistic):
            found.append(value if not np.isnan(value.fill) else NumberFeature(column=value.column, fill=float(statistic)))
        else:
            raise UnsupportedError("SimpleImputer after another calculation, or without a statistic, cannot be folded in")
    return found


def _scaled(step: Any, values: Sequence[Value]) -> list[Value]:
    """The scaler's own arithmetic in its own order, column by column; all of it increases."""
    lists: list[list[Operation]] = [[] for _ in values]

    def put(kind: Any, numbers: Any) -> None:
        for place, number in zip(lists, np.broadcast_to(numbers, len(values)).tolist(), strict=True):
            place.append(Operation(kind=kind, number=number))

    if isinstance(step, MinMaxScaler):
        put("times", step.scale_)
        put("plus", step.min_)
        if step.clip:
            put("at least", step.feature_range[0])
            put("at most", step.feature_range[1])
    else:
        middle = step.mean_ if isinstance(step, StandardScaler) else step.center_ if isinstance(step, RobustScaler) else None
        if middle is not None:
            put("minus", middle)
        if step.scale_ is not None:
            put("over", step.scale_)
    return [_calculated(value, tuple(operations), type(step).__name__) for value, operations in zip(values, lists, strict=True)]


def _calculated(value: Value, operations: tuple[Operation, ...], what: str) -> Value:
    if isinstance(value, Text):
        raise UnsupportedError(f"{what} of text cannot be folded in")
    if isinstance(value, NumberFeature):
        return NumberFeature(column=value.column, fill=value.fill, operations=(*value.operations, *operations))
    results = np.array([*value.table.values(), value.other])
    for operation in operations:
        results = operation(results)
    return TextFeature(column=value.column, table=dict(zip(value.table, results.tolist(), strict=False)), other=float(results[-1]))


def _encoded(step: Any, values: Sequence[Value]) -> list[Value]:
    if getattr(step, "target_type_", "") == "multiclass":
        raise UnsupportedError("TargetEncoder of several classes cannot be folded in")
    found: list[Value] = []
    for at, value in enumerate(values):
        if not isinstance(value, Text):
            raise UnsupportedError(f"{type(step).__name__} of numbers cannot be folded in")
        try:
            texts, rows, other = lookup_table(step, at)
        except NotImplementedError as error:
            raise UnsupportedError(str(error)) from error
        if rows.size > _LARGEST_TABLE:
            raise UnsupportedError(f"{type(step).__name__} makes {rows.shape[1]} columns of {rows.shape[0]} texts, too many for a table")
        known = dict(zip(texts, rows, strict=True))
        if value.missing != MISSING:
            known[MISSING] = known.get(value.missing, other)
        for place in range(rows.shape[1]):
            table = {text: float(row[place]) for text, row in known.items()}
            found.append(TextFeature(column=value.column, table=table, other=float(other[place])))
    return found


_FOLDS: tuple[tuple[Any, _Step], ...] = (
    (Pipeline, _pipeline),
    (ColumnTransformer, _columns),
    (FeatureUnion, _union),
    (SelectorMixin, _selected),
    (FunctionTransformer, _function),
    (SimpleImputer, _imputed),
    ((StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler), _scaled),
    ((OrdinalEncoder, OneHotEncoder, TargetEncoder), _encoded),
)
