"""What an MLflow model says of itself: its flavours, the columns of its signature, its input example. Nothing of the model is run."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flyball.adapters.mlflow.native import Calling
from flyball.adapters.pandas.arrow import from_arrow
from flyball.adapters.pandas.frames import frame_to_arrow
from flyball.core.errors import DataError, FlyballError, IntegrityError, UnsupportedError
from flyball.core.record import record
from flyball.core.schema import Column, Kind, Schema
from flyball.core.table import Array, Table

_KINDS: dict[str, tuple[Kind, str]] = {  # MLflow's type → kind, and the type that MLflow insists on
    "boolean": ("boolean", "bool"),
    "integer": ("integer", "int32"),
    "long": ("integer", "int64"),
    "float": ("number", "float32"),
    "double": ("number", "float64"),
    "string": ("category", ""),
}
_MOST_FEATURES = 20_000


@record
class Described:
    """The folder of a model, its flavours with what each says, its columns (None: unknown) and how it takes them, its example rows.

    `outputs` are the names that the signature gives the answers.
    """

    folder: Path
    flavors: Mapping[str, Mapping[str, Any]]
    schema: Schema | None
    calling: Calling
    example: Table | None
    outputs: tuple[str, ...]


def describe(folder: Path) -> Described:
    """Read MLmodel and the input example."""
    from mlflow.models import Model

    try:
        model = Model.load(str(folder))
    except Exception as error:
        raise IntegrityError(f"{folder / 'MLmodel'} is not what MLflow writes: {type(error).__name__}: {str(error)[:200]}") from error
    inputs = model.signature.inputs if model.signature is not None else None
    outputs = model.signature.outputs if model.signature is not None else None
    schema, calling = (None, Calling()) if inputs is None else _inputs(inputs)
    named = tuple(str(name) for name in outputs.input_names()) if outputs is not None and outputs.has_input_names() else ()
    raw = _raw_example(model, folder)
    if schema is None and raw is not None:
        schema, calling = _from_example(raw)
    example = None if schema is None or raw is None else _example(raw, schema)
    if schema is not None and example is not None:
        schema = _with_categories(schema, example)
    return Described(folder=folder, flavors=model.flavors, schema=schema, calling=calling, example=example, outputs=named)


def numbered(count: int, kind: Kind = "number") -> Schema:
    """Columns of a model that knows no names: f0, f1, …"""
    if not 0 < count <= _MOST_FEATURES:
        raise UnsupportedError(f"the model reads {count} values a row; up to {_MOST_FEATURES} can be served")
    return Schema(columns=tuple(Column(name=f"f{number}", kind=kind, nullable=False) for number in range(count)))


def _inputs(inputs: Any) -> tuple[Schema | None, Calling]:
    """The columns of a signature."""
    if inputs.is_tensor_spec():
        specs = inputs.inputs
        if len(specs) != 1:
            raise UnsupportedError(
                f"the model reads {len(specs)} tensors ({', '.join(str(spec.name) for spec in specs)[:200]}), and only one can be served",
                hint="log it with a signature of columns: infer_signature(a_dataframe, ...)",
            )
        return _tensor(specs[0].type, specs[0].shape[1:])
    columns, dtypes = [], []
    for number, spec in enumerate(inputs.inputs):
        name = f"f{number}" if spec.name is None else str(spec.name)
        found = _KINDS.get(getattr(spec.type, "name", ""))
        if found is None:
            raise UnsupportedError(
                f"column {name!r} of the model is {spec.type}, which no request here can hold",
                hint="numbers, true/false and text can: log the model with a signature of those, with its parsing inside the model",
            )
        columns.append(Column(name=name, kind=found[0], nullable=not spec.required))
        dtypes.append(found[1])
    if not columns:
        return None, Calling()
    if all(spec.name is None for spec in inputs.inputs):
        return Schema(columns=tuple(columns)), Calling(shape=(len(columns),), dtypes=("float64",))
    return Schema(columns=tuple(columns)), Calling(dtypes=tuple(dtypes))


def _tensor(dtype: Any, shape: Sequence[int]) -> tuple[Schema | None, Calling]:
    kind = np.dtype(dtype).kind
    if kind not in "fiub":
        raise UnsupportedError(f"the model reads tensors of {dtype}, and only numbers can be served")
    calling = Calling(shape=tuple(int(size) for size in shape), dtypes=(str(np.dtype(dtype)),))
    if not shape or any(size < 1 for size in shape):  # as wide as the example
        return None, calling
    return numbered(int(np.prod(shape)), "number" if kind == "f" else "integer"), calling


def _raw_example(model: Any, folder: Path) -> Any:
    """The example as MLflow gives it, None if there is none that can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return model.load_input_example(str(folder))
        except Exception:  # noqa: BLE001 - an example is a help; a model without a readable one is served all the same
            return None


def _from_example(raw: Any) -> tuple[Schema | None, Calling]:
    """Columns of a model without a signature, as its example has them."""
    if isinstance(raw, np.ndarray) and raw.ndim > 1 and raw.dtype.kind in "fiub":
        return _tensor(raw.dtype, raw.shape[1:])
    frame = _frame(raw)
    if frame is None:
        return None, Calling()
    try:
        read = from_arrow(frame_to_arrow(frame, "the input example"))
    except FlyballError:
        return None, Calling()
    columns = []
    for name, values in read.table.columns.items():
        kinds: dict[str, Kind] = {"f": "number", "i": "integer", "b": "boolean", "O": "category"}
        if values.dtype.kind not in kinds:
            return None, Calling()
        kind: Kind = "boolean" if name in read.booleans else kinds[values.dtype.kind]
        columns.append(Column(name=name, kind=kind, nullable=bool(pd.isna(values).any())))
    return Schema(columns=tuple(columns)), Calling()


def _frame(raw: Any) -> pd.DataFrame | None:
    if isinstance(raw, pd.DataFrame):
        return raw.set_axis([str(name) for name in raw.columns], axis=1) if len(raw) else None
    try:
        if isinstance(raw, Mapping):
            return pd.DataFrame(dict(raw)) if all(isinstance(v, list | np.ndarray) for v in raw.values()) else pd.DataFrame([dict(raw)])
        if isinstance(raw, list) and raw and all(isinstance(row, Mapping) for row in raw):
            return pd.DataFrame(raw)
    except (ValueError, TypeError):
        return None
    return None


def _example(raw: Any, schema: Schema) -> Table | None:
    """The rows of an example in the schema's columns; None if they do not fit them."""
    if isinstance(raw, np.ndarray):
        matrix = raw.reshape(len(raw), -1)
        if matrix.shape[1] != len(schema.columns) or matrix.dtype.kind not in "fiub":
            return None
        return Table({name: matrix[:, at].astype(np.float64) for at, name in enumerate(schema.names)})
    frame = _frame(raw)
    if frame is None:
        return None
    if not set(schema.names) <= set(frame.columns):
        if len(frame.columns) != len(schema.names):
            return None
        frame = frame.set_axis(list(schema.names), axis=1)
    try:
        return in_schema(from_arrow(frame_to_arrow(frame[list(schema.names)], "the input example")).table, schema)
    except FlyballError:
        return None


def in_schema(table: Table, schema: Schema) -> Table:
    """The schema's columns of a table, each as an array of its kind; DataError where one cannot be."""
    columns: dict[str, Array] = {}
    for column in schema.columns:
        values = table[column.name]
        try:
            if column.kind == "category":
                text = np.empty(len(values), dtype=object)
                text[:] = [None if value is None or value != value else str(value) for value in values.tolist()]
                columns[column.name] = text
                continue
            missing = values.dtype.kind in "fO" and pd.isna(values).any()
            wanted = np.float64 if column.kind == "number" or missing else np.int64 if column.kind == "integer" else np.bool_
            columns[column.name] = values.astype(wanted)
        except (TypeError, ValueError) as error:
            raise DataError(f"column {column.name!r} does not hold what the model reads ({column.kind}): {error}") from error
    return Table(columns)


def _with_categories(schema: Schema, example: Table) -> Schema:
    """The values of text columns that are known, as far as an example shows them."""
    return with_categories(schema, {column.name: example[column.name].tolist() for column in schema.columns if column.kind == "category"})


def with_categories(schema: Schema, known: Mapping[str, Sequence[Any]]) -> Schema:
    """The schema with these values among the known ones of its text columns."""
    columns = []
    for column in schema.columns:
        if column.kind == "category" and column.name in known:
            values = {str(value) for value in known[column.name] if value is not None and value == value}
            column = Column(
                name=column.name,
                kind=column.kind,
                nullable=column.nullable,
                categories=tuple(sorted(values | set(column.categories))),
            )
        columns.append(column)
    return Schema(columns=tuple(columns))
