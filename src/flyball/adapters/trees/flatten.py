"""A fitted model as a flat forest, if it is one: which library's reader takes it is chosen by the name of the model's class."""

from importlib import import_module
from typing import Any, Protocol, cast

from flyball.adapters.trees.assemble import Feature
from flyball.adapters.trees.flat import FlatTrees
from flyball.core.errors import UnsupportedError
from flyball.core.schema import Schema
from flyball.spec.records import Task


class Reader(Protocol):
    """Reads the trees of one library."""

    def __call__(self, model: Any, features: list[Feature], schema: Schema, task: Task) -> FlatTrees:
        """The flat forest; UnsupportedError says what about the model has no place in one."""
        ...


_READERS = {
    "sklearn": "flyball.adapters.trees.flatten_sklearn:read",
    "xgboost": "flyball.adapters.trees.flatten_xgboost:read",
    "lightgbm": "flyball.adapters.trees.flatten_lightgbm:read",
    "catboost": "flyball.adapters.trees.flatten_catboost:read",
}


def flatten(model: Any, schema: Schema, task: Task) -> FlatTrees:
    """The flat forest of a fitted estimator or pipeline. UnsupportedError names the step or the kind of model that cannot be one."""
    from flyball.adapters.trees.features import features_of

    last, features = features_of(model, schema)
    target = next((_READERS[base.__module__.partition(".")[0]] for base in type(last).__mro__ if _known(base)), None)
    if target is None:
        raise UnsupportedError(f"{type(last).__name__} is not a forest of trees")
    module, _, name = target.partition(":")
    return cast(Reader, getattr(import_module(module), name))(last, features, schema, task)


def texts_of(schema: Schema) -> list[int]:
    """The positions of the text columns."""
    return [at for at, column in enumerate(schema.columns) if column.kind == "category"]


def _known(base: type) -> bool:
    return base.__module__.partition(".")[0] in _READERS
