"""ONNX for the steps that read text: encoders as lookup tables probed from the fitted step itself, and imputation of missing text.

A missing text is "" in ONNX, which has no other way to say it. The stock converters of skl2onnx know nothing of missing text, of
rare categories kept together, or of an encoded missing value; here each known value, missing, and "anything else" is put through the
fitted encoder once, and what comes out is the table. Whatever the encoder's options are, the table has them in it.
"""

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer
from skl2onnx.operator_converters.one_hot_encoder import convert_sklearn_one_hot_encoder
from skl2onnx.operator_converters.ordinal_encoder import convert_sklearn_ordinal_encoder
from skl2onnx.operator_converters.target_encoder import convert_sklearn_target_encoder
from skl2onnx.shape_calculators.one_hot_encoder import calculate_sklearn_one_hot_encoder_output_shapes
from skl2onnx.shape_calculators.ordinal_encoder import calculate_sklearn_ordinal_encoder_output_shapes
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

MISSING = ""
_ML = "ai.onnx.ml"
_OTHER = "\x00 a value nobody saw"


def convert_one_hot(scope: Any, operator: Any, container: Any) -> None:
    """OneHotEncoder: text → position of its column in the output → a one there; numbers go the stock way."""
    if not _reads_text(operator):
        convert_sklearn_one_hot_encoder(scope, operator, container)
        return
    outputs = []
    for name, texts, table, other in _tables(scope, operator, container):
        width = table.shape[1]
        # A row of the table holds a single one, or none: then the position is one no category has, and OneHotEncoder gives zeros.
        positions = np.where(table.any(axis=1), table.argmax(axis=1), width)
        indexed = _lookup(scope, container, name, texts, positions, int(other.argmax()) if other.any() else width)
        if width == 0:
            continue  # every category was dropped: nothing comes out
        column = scope.get_unique_variable_name("one_hot")
        container.add_node(
            "OneHotEncoder",
            [indexed],
            [column],
            op_domain=_ML,
            name=scope.get_unique_operator_name("OneHotEncoder"),
            cats_int64s=np.arange(width, dtype=np.int64),
            zeros=1,
        )
        outputs.append(_reshaped(scope, container, column, width))
    _joined(scope, operator, container, outputs)


def convert_ordinal(scope: Any, operator: Any, container: Any) -> None:
    """OrdinalEncoder: text → its number; numbers go the stock way."""
    _convert_numbers(scope, operator, container, convert_sklearn_ordinal_encoder)


def convert_target(scope: Any, operator: Any, container: Any) -> None:
    """TargetEncoder: text → its number (one per text: binary and regression); the rest goes the stock way."""
    if operator.raw_operator.target_type_ == "multiclass":
        convert_sklearn_target_encoder(scope, operator, container)
    else:
        _convert_numbers(scope, operator, container, convert_sklearn_target_encoder)


def convert_imputer(scope: Any, operator: Any, container: Any) -> None:
    """SimpleImputer: what it calls missing is "" in text; numbers are replaced in their own width (the stock way has float32 alone)."""
    imputer = operator.raw_operator
    if getattr(imputer, "add_indicator", False):
        raise NotImplementedError("SimpleImputer(add_indicator=True) cannot be converted")
    if _reads_text(operator):
        if not isinstance(imputer.missing_values, str):
            imputer = copy.copy(imputer)
            imputer.missing_values = MISSING
            operator.raw_operator = imputer
        convert_sklearn_imputer(scope, operator, container)
        return
    wide = [isinstance(given.type, DoubleTensorType) for given in operator.inputs]
    filled = np.asarray(imputer.statistics_, dtype=np.float64)
    if len(set(wide)) > 1 or not _is_missing(imputer.missing_values) or np.isnan(filled).any():
        convert_sklearn_imputer(scope, operator, container)
        return
    names = [_cast(scope, container, given, TensorProto.DOUBLE if wide[0] else TensorProto.FLOAT) for given in operator.inputs]
    source = names[0] if len(names) == 1 else _node(scope, container, "Concat", names, axis=1)
    fill = scope.get_unique_variable_name("fill")
    container.add_initializer(fill, TensorProto.DOUBLE if wide[0] else TensorProto.FLOAT, [1, len(filled)], filled)
    missing = _node(scope, container, "IsNaN", [source])
    container.add_node("Where", [missing, fill, source], [operator.outputs[0].full_name], name=scope.get_unique_operator_name("Where"))
    operator.outputs[0].type = (DoubleTensorType if wide[0] else FloatTensorType)([None, len(filled)])


def shape_one_hot(operator: Any) -> None:
    """How many columns a OneHotEncoder on text gives, whatever was dropped or kept together."""
    if not _reads_text(operator):
        calculate_sklearn_one_hot_encoder_output_shapes(operator)
        return
    width = int(sum(operator.raw_operator._n_features_outs))
    operator.outputs[0].type = FloatTensorType([operator.inputs[0].get_first_dimension(), width])


def shape_numbers(operator: Any) -> None:
    """One number for each text; an encoder of numbers keeps the stock answer."""
    encoder = operator.raw_operator
    if not _reads_text(operator) and isinstance(encoder, OrdinalEncoder):
        calculate_sklearn_ordinal_encoder_output_shapes(operator)
        return
    width = len(encoder.categories_) * (len(encoder.classes_) if getattr(encoder, "target_type_", "") == "multiclass" else 1)
    operator.outputs[0].type = FloatTensorType([operator.inputs[0].get_first_dimension(), width])


SHAPES = {OneHotEncoder: shape_one_hot, OrdinalEncoder: shape_numbers, TargetEncoder: shape_numbers}
CONVERTERS = {
    OneHotEncoder: convert_one_hot,
    OrdinalEncoder: convert_ordinal,
    TargetEncoder: convert_target,
    SimpleImputer: convert_imputer,
}


def _convert_numbers(scope: Any, operator: Any, container: Any, stock: Any) -> None:
    if not _reads_text(operator):
        stock(scope, operator, container)
        return
    outputs = []
    for name, texts, table, other in _tables(scope, operator, container):
        column = scope.get_unique_variable_name("encoded")
        _label_encoder(scope, container, name, column, texts, values_floats=table[:, 0].astype(np.float32), default_float=float(other[0]))
        outputs.append(_reshaped(scope, container, column, 1))
    _joined(scope, operator, container, outputs)


def _reads_text(operator: Any) -> bool:
    text = [isinstance(given.type, StringTensorType) for given in operator.inputs]
    if any(text) and not all(text):
        raise NotImplementedError("one step that reads text and numbers together cannot be converted; give it the text columns alone")
    return all(text)


def _tables(scope: Any, operator: Any, container: Any) -> list[tuple[str, list[str], NDArray[np.float64], NDArray[np.float64]]]:
    """For each column an encoder reads: name of its ONNX value, its texts, a row of output for each text, the row for any other."""
    columns: list[str] = []
    for given in operator.inputs:
        width = given.type.shape[1]
        columns += [given.full_name] if width == 1 else [_picked(scope, container, given.full_name, at) for at in range(width or 0)]
    encoder = operator.raw_operator
    if len(columns) != len(encoder.categories_):
        raise NotImplementedError(f"{type(encoder).__name__} was fitted on {len(encoder.categories_)} columns, {len(columns)} reach it")
    return [(name, *lookup_table(encoder, at)) for at, name in enumerate(columns)]


def lookup_table(encoder: Any, at: int) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """What a fitted encoder makes of column `at`: the texts it knows, a row of output for each, and the row for any other text."""
    known = list(encoder.categories_[at])
    missing = [value for value in known if _is_missing(value)]
    if missing and MISSING in known:
        raise NotImplementedError("a column holds empty texts and missing values, and ONNX cannot tell one from the other")
    values = [value for value in known if not _is_missing(value)]
    texts = [str(value) for value in values]
    if missing:
        texts.append(MISSING)
        # Where None and NaN were both seen, each has a code of its own: what a data frame leaves for a missing text is NaN.
        values.append(next((value for value in missing if isinstance(value, float)), missing[0]))
    if len(set(texts)) < len(texts):
        raise NotImplementedError("a column holds values that read the same as text")
    rows = _probe(encoder, at, values)
    other = _probe(encoder, at, [_OTHER])[0] if getattr(encoder, "handle_unknown", "") != "error" else np.zeros(rows.shape[1])
    if isinstance(encoder, OrdinalEncoder) and encoder.handle_unknown == "error":
        other = np.array([-1.0])  # it would have raised; the server counts or refuses unseen categories before the model sees them
    return texts, rows, other


def _probe(encoder: Any, at: int, values: list[Any]) -> NDArray[np.float64]:
    """What the fitted encoder makes of these values in column `at`."""
    probe = copy.copy(encoder)
    probe.set_output(transform="default")
    cells = np.empty((len(values), len(encoder.categories_)), dtype=object)
    for column, known in enumerate(encoder.categories_):
        cells[:, column] = known[0]
    for row, value in enumerate(values):
        cells[row, at] = value
    names = getattr(encoder, "feature_names_in_", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "found unknown categories": that is what is asked for
        found = probe.transform(cells if names is None else pd.DataFrame(cells, columns=names, dtype=object))
    if isinstance(encoder, OneHotEncoder):
        widths = list(encoder._n_features_outs)
        found = found[:, sum(widths[:at]) : sum(widths[: at + 1])]
    else:
        found = found[:, at : at + 1]
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _node(scope: Any, container: Any, kind: str, inputs: list[str], **attributes: Any) -> str:
    output = scope.get_unique_variable_name(kind.lower())
    container.add_node(kind, inputs, [output], name=scope.get_unique_operator_name(kind), **attributes)
    return str(output)


def _cast(scope: Any, container: Any, given: Any, to: int) -> str:
    if isinstance(given.type, FloatTensorType | DoubleTensorType):
        return str(given.full_name)
    return _node(scope, container, "Cast", [given.full_name], to=to)


def _picked(scope: Any, container: Any, name: str, at: int) -> str:
    index = scope.get_unique_variable_name("index")
    container.add_initializer(index, TensorProto.INT64, [1], [at])
    return _node(scope, container, "Gather", [name, index], axis=1)


def _lookup(scope: Any, container: Any, name: str, texts: list[str], positions: NDArray[np.int64], other: int) -> str:
    indexed = scope.get_unique_variable_name("position")
    _label_encoder(scope, container, name, indexed, texts, values_int64s=positions.astype(np.int64), default_int64=other)
    return str(indexed)


def _label_encoder(scope: Any, container: Any, source: str, target: str, texts: list[str], **values: Any) -> None:
    container.add_node(
        "LabelEncoder",
        [source],
        [target],
        op_domain=_ML,
        op_version=2,
        name=scope.get_unique_operator_name("LabelEncoder"),
        keys_strings=np.array([text.encode() for text in texts]),
        **values,
    )


def _reshaped(scope: Any, container: Any, name: str, width: int) -> str:
    shape = scope.get_unique_variable_name("shape")
    container.add_initializer(shape, TensorProto.INT64, [2], [-1, width])
    return _node(scope, container, "Reshape", [name, shape])


def _joined(scope: Any, operator: Any, container: Any, outputs: list[str]) -> None:
    if not outputs:
        raise NotImplementedError("an encoder that gives no column cannot be converted")
    joined = outputs[0] if len(outputs) == 1 else _node(scope, container, "Concat", outputs, axis=1)
    container.add_node("Cast", [joined], [operator.outputs[0].full_name], to=TensorProto.FLOAT, name=scope.get_unique_operator_name("Cast"))
