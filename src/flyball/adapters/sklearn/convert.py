"""A fitted scikit-learn estimator as an ONNX model with Flyball's inputs and outputs, or the name of the step that prevents it."""

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, RandomizedSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from flyball.adapters.onnx.engine import VECTOR, OnnxEngine
from flyball.adapters.sklearn import encoders, trees
from flyball.core.errors import FlyballError, UnsupportedError
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.serving.records import Label
from flyball.spec.records import Task

_OPSET = {"": 18, "ai.onnx.ml": 3}
# Steps that hand numbers on as they are, or make exact small ones: float32 is as good as float64 through them.
_EXACT = (ColumnTransformer, FeatureUnion, Pipeline, OneHotEncoder, OrdinalEncoder, TargetEncoder, SimpleImputer)
_TREES = ("sklearn.tree.", "sklearn.ensemble.")
_FLOAT64_TREES = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)  # these alone compare what they are given as it is


def convert(estimator: Any, schema: Schema, task: Task, sample: pd.DataFrame) -> bytes:
    """The bytes of `model.onnx`: what `OnnxEngine` scores with. UnsupportedError names the step that cannot be converted.

    Numbers enter as float32. Where steps calculate before a tree model, and for histogram boosting, they enter as float64, because
    scikit-learn calculates in float64: a last bit lost earlier would put rows on the other side of a cut. `sample`, some rows as the
    training function saw them, is scored once to see that the model runs.
    """
    classes = classes_of(estimator, task)
    taken = {"label", "probabilities", "variable"} & set(schema.names)
    if taken and not schema.numeric:
        raise UnsupportedError(f"a column named {sorted(taken)[0]!r} cannot be an input of an ONNX model that answers under that name")
    model = _rebuilt(unwrapped(estimator), schema)
    wide = _needs_double(model)
    try:
        content = _onnx(_narrowed(model) if wide else model, schema, wide=wide)
    except Exception as error:  # skl2onnx raises whatever its converters raise
        raise UnsupportedError(f"{_culprit(model, schema)} cannot be converted to ONNX: {_first_line(error)}") from error
    try:
        engine = OnnxEngine(content, schema=schema, task=task, classes=len(classes), threshold=0.5)
        engine.score(_table(sample.head(100), schema))
    except FlyballError as error:
        raise UnsupportedError(f"the converted model does not run: {error.message}") from error
    return content


def native_scores(estimator: Any, frame: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    """What the estimator itself says: (n,) probability of the second class, (n, k) probabilities, (n,) values or (n, k) of several."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as "found unknown categories": the rows are meant to hold what training did not
        if task == "regression":
            values = np.asarray(estimator.predict(frame), dtype=np.float64)
            return values if values.ndim == 2 and values.shape[1] > 1 else values.reshape(len(frame))
        probabilities = np.asarray(estimator.predict_proba(frame), dtype=np.float64)
    return probabilities[:, 1] if task == "binary" else probabilities


def classes_of(estimator: Any, task: Task) -> tuple[Label, ...]:
    """The estimator's classes as Python values, none for regression; UnsupportedError if it does not fit the task."""
    name = type(estimator).__name__
    if task == "regression":
        if not hasattr(estimator, "predict"):
            raise UnsupportedError(f"{name} has no predict")
        return ()
    if not hasattr(estimator, "predict_proba"):
        raise UnsupportedError(f"{name} has no predict_proba, and a {task} model must give probabilities")
    classes = tuple(np.asarray(estimator.classes_).tolist())
    if task == "binary" and len(classes) != 2:
        raise UnsupportedError(f"{name} knows {len(classes)} classes, a binary model has two")
    return classes


def _onnx(model: Any, schema: Schema, *, wide: bool) -> bytes:
    number = DoubleTensorType if wide else FloatTensorType
    if schema.numeric:
        inputs = [(VECTOR, number([None, len(schema.columns)]))]
    else:
        inputs = [(c.name, StringTensorType([None, 1]) if c.kind == "category" else number([None, 1])) for c in schema.columns]
    options: dict[Any, dict[str, Any]] = {id(step): {"locale": "C"} for step in _steps(model) if isinstance(step, TfidfVectorizer)}
    if hasattr(model, "predict_proba"):
        options[id(model)] = {"zipmap": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = convert_sklearn(
            model,
            name="model",  # else a random one, and the same training would not give the same bytes
            initial_types=inputs,
            options=options,
            target_opset=_OPSET,
            custom_conversion_functions={**encoders.CONVERTERS, **trees.CONVERTERS},
            custom_shape_calculators=encoders.SHAPES,
        )
    _restore_names(found.graph, [name for name, _ in inputs])
    _sort_opsets(found)
    return bytes(found.SerializeToString())


def _sort_opsets(found: Any) -> None:
    """skl2onnx lists them in the order of a set, which is another in every process; the same training is to give the same bytes."""
    opsets = sorted((one.domain, one.version) for one in found.opset_import)
    del found.opset_import[:]
    for domain, version in opsets:
        found.opset_import.add(domain=domain, version=version)


def _restore_names(graph: Any, names: list[str]) -> None:
    """Inputs under the names of their columns again: the converter replaces spaces and signs, keeping the order."""
    if len(graph.input) != len(names):
        return
    renamed = {given.name: name for given, name in zip(graph.input, names, strict=True) if given.name != name}
    for given in graph.input:
        given.name = renamed.get(given.name, given.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)


def unwrapped(estimator: Any) -> Any:
    """What gives the probabilities: a search's best estimator, what a threshold was tuned around."""
    while True:
        if isinstance(estimator, GridSearchCV | RandomizedSearchCV):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, TunedThresholdClassifierCV | FixedThresholdClassifier):
            estimator = estimator.estimator_
        else:
            return estimator


def _rebuilt(estimator: Any, schema: Schema) -> Any:
    """The same fitted parts in a form the converter takes; nothing of the estimator is changed."""
    if isinstance(estimator, Pipeline):
        rebuilt = copy.copy(estimator)
        steps = [(name, step) for name, step in estimator.steps if step is not None and not _passes(step)]
        if not steps:
            return estimator
        first, last = steps[0], steps[-1]
        steps[-1] = (last[0], _rebuilt(unwrapped(last[1]), schema) if len(steps) == 1 else _final(unwrapped(last[1])))
        if len(steps) > 1:
            steps[0] = (first[0], _rebuilt(first[1], schema))
        rebuilt.steps = steps
        return rebuilt
    if isinstance(estimator, ColumnTransformer) and schema.numeric:
        return _by_position(estimator, schema)
    return _final(estimator)


def _passes(step: Any) -> bool:
    return isinstance(step, str) and step == "passthrough"


def _by_position(transformer: ColumnTransformer, schema: Schema) -> ColumnTransformer:
    """Columns by number instead of by name: a numeric schema enters as one vector, whose columns have no names."""
    names = list(schema.names)

    def place(columns: Any) -> Any:
        if isinstance(columns, str):
            return [names.index(columns)]
        if isinstance(columns, slice) or callable(columns):
            return columns
        found = np.asarray(columns)
        if found.dtype == bool:
            return np.flatnonzero(found).tolist()
        return [names.index(c) if isinstance(c, str) else int(c) for c in list(columns)]

    rebuilt = copy.copy(transformer)
    rebuilt.transformers_ = [(name, step, place(columns)) for name, step, columns in transformer.transformers_]
    return rebuilt


def _final(estimator: Any) -> Any:
    """The last step, with classes the converter knows (it takes text and integers) and the options it asks for."""
    if isinstance(estimator, Pipeline):
        rebuilt = copy.copy(estimator)
        rebuilt.steps = [*estimator.steps[:-1], (estimator.steps[-1][0], _final(unwrapped(estimator.steps[-1][1])))]
        return rebuilt
    classes: Any = getattr(estimator, "classes_", None)
    odd = isinstance(classes, np.ndarray) and classes.dtype.kind not in "iuU" and not all(isinstance(c, str) for c in classes.tolist())
    if not odd and not isinstance(estimator, VotingClassifier):
        return estimator
    rebuilt = copy.copy(estimator)
    if odd:
        rebuilt.classes_ = np.arange(len(classes))  # the manifest keeps the classes; the model's own are never read
    if isinstance(rebuilt, VotingClassifier):
        rebuilt.flatten_transform = False
    return rebuilt


def _needs_double(model: Any) -> bool:
    """Whether float32 inputs could put a row on the other side of a tree's cut."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if isinstance(last, _FLOAT64_TREES):
        return True
    if not isinstance(model, Pipeline) or not type(last).__module__.startswith(_TREES):
        return False
    before = [part for _, step in model.steps[:-1] for part in (step, *_steps(step))]
    return any(not isinstance(part, _EXACT) and not _is_identity(part) for part in before)


def _narrowed(model: Any) -> Any:
    """The pipeline with the cast to float32 that scikit-learn's trees make themselves, if they make it."""
    if not isinstance(model, Pipeline) or isinstance(model.steps[-1][1], _FLOAT64_TREES):
        return model
    rebuilt = copy.copy(model)
    rebuilt.steps = [*model.steps[:-1], ("float32", CastTransformer(dtype=np.float32)), model.steps[-1]]
    return rebuilt


def _steps(estimator: Any) -> Iterator[Any]:
    """Every fitted estimator inside pipelines, column transformers and unions."""
    if isinstance(estimator, Pipeline):
        children = [step for _, step in estimator.steps]
    elif isinstance(estimator, ColumnTransformer):
        children = [step for _, step, _ in estimator.transformers_]
    elif isinstance(estimator, FeatureUnion):
        children = [step for _, step in estimator.transformer_list]
    else:
        return
    for child in children:
        if child is not None and not isinstance(child, str) and not _is_identity(child):
            yield child
            yield from _steps(child)


def _is_identity(step: Any) -> bool:
    """What scikit-learn puts where a column transformer says "passthrough"."""
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def _culprit(model: Any, schema: Schema) -> str:
    """The innermost step that cannot be converted on its own, as `step 'name' (Class)`."""

    def fails(part: Any) -> bool:
        try:
            _onnx(part, schema, wide=False)
        except Exception:  # noqa: BLE001 - any failure at all is the answer
            return True
        return False

    return _blame(model, fails)


def _blame(model: Any, fails: Callable[[Any], bool]) -> str:
    if isinstance(model, Pipeline):
        for count in range(1, len(model.steps)):
            part = copy.copy(model)
            part.steps = model.steps[:count]
            if fails(part):
                name, step = model.steps[count - 1]
                inner = _blame_column(step, fails) if count == 1 else ""
                return inner or f"step {name!r} ({type(step).__name__})"
        name, step = model.steps[-1]
        return (len(model.steps) == 1 and _blame_column(step, fails)) or f"step {name!r} ({type(step).__name__})"
    return _blame_column(model, fails) or type(model).__name__


def _blame_column(step: Any, fails: Callable[[Any], bool]) -> str:
    """The transformer inside a column transformer, or nothing if each of them can be converted alone."""
    if not isinstance(step, ColumnTransformer):
        return ""
    for name, inner, columns in step.transformers_:
        part = copy.copy(step)
        part.transformers_ = [(name, inner, columns)]
        if isinstance(inner, str) or not fails(part):
            continue
        if isinstance(inner, Pipeline):
            for count in range(1, len(inner.steps) + 1):
                shorter = copy.copy(inner)
                shorter.steps = inner.steps[:count]
                part.transformers_ = [(name, shorter, columns)]
                if fails(part):
                    last, culprit = inner.steps[count - 1]
                    return f"step {last!r} ({type(culprit).__name__}) in {name!r}"
        return f"step {name!r} ({type(inner).__name__})"
    return ""


def _table(frame: pd.DataFrame, schema: Schema) -> Table:
    columns: dict[str, NDArray[Any]] = {}
    for column in schema.columns:
        values = frame[column.name]
        if column.kind == "category":
            columns[column.name] = values.astype(object).where(values.notna(), None).to_numpy(dtype=object)
        else:
            columns[column.name] = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    return Table(columns)


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] + ("…" if len(text) > 200 else "") if text else type(error).__name__
