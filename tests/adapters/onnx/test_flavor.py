"""ONNX models that others made answer the same with our inputs and outputs around them."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.onnx.flavor import Adapted, adapt
from flyball.core.errors import IntegrityError, UnsupportedError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table

CHANCE = np.random.default_rng(0)
X = CHANCE.normal(size=(300, 3)).astype(np.float32)
TWO = (X[:, 0] > 0).astype(int)
THREE = np.array(["a", "b", "c"])[(X[:, 1] * 2).astype(int).clip(0, 2)]


def engine(adapted: Adapted) -> OnnxEngine:
    return OnnxEngine(adapted.content, schema=adapted.schema, task=adapted.task, classes=len(adapted.classes), threshold=0.5)


@pytest.mark.parametrize(
    ("model", "target", "classes"),
    [
        (RandomForestClassifier(5, random_state=0), TWO, (0, 1)),
        (RandomForestClassifier(5, random_state=0), THREE, ("a", "b", "c")),
        (LogisticRegression(), THREE, ("a", "b", "c")),
        (MLPClassifier((4,), max_iter=5, random_state=0), THREE, ("a", "b", "c")),
    ],
)
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.filterwarnings("ignore")  # of a network that was trained for five rounds
def test_a_classifier_brings_its_classes(model: Any, target: np.ndarray, classes: tuple[object, ...], zipmap: bool) -> None:
    model.fit(X, target)
    found = adapt(to_onnx(model, X[:1], options={id(model): {"zipmap": zipmap}}).SerializeToString(), None)
    assert found.classes == classes and found.schema.names == ("f0", "f1", "f2")
    expected = model.predict_proba(X[:50])
    assert np.allclose(engine(found).score_rows(X[:50].tolist()), expected[:, 1] if len(classes) == 2 else expected, atol=1e-5)


def test_a_regression_keeps_the_names_of_its_signature_and_the_width_of_its_numbers() -> None:
    model = RandomForestRegressor(5, random_state=0).fit(X, X[:, 0])
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in ("x", "y", "z")))
    found = adapt(to_onnx(model, initial_types=[("in put", DoubleTensorType([None, 3]))]).SerializeToString(), schema)
    assert found.schema == schema and found.task == "regression" and found.outputs == ()
    assert np.allclose(engine(found).score_rows(X[:50].tolist()), model.predict(X[:50]), atol=1e-5)


def test_several_numbers_are_several_outputs() -> None:
    model = LinearRegression().fit(X, X[:, :2])
    assert adapt(to_onnx(model, X[:1]).SerializeToString(), None).outputs == ("variable_0", "variable_1")


def test_one_input_a_column_is_read_by_name() -> None:
    texts = CHANCE.choice(["red", "green"], 300).astype(object)
    encode = make_column_transformer((OneHotEncoder(), [1]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(np.column_stack([X[:, 0].astype(object), texts]), TWO)
    kinds = [("size", FloatTensorType([None, 1])), ("colour", StringTensorType([None, 1]))]
    found = adapt(to_onnx(model, initial_types=kinds).SerializeToString(), None)
    assert [(column.name, column.kind) for column in found.schema.columns] == [("size", "number"), ("colour", "category")]
    expected = model.predict_proba(np.column_stack([X[:20, 0].astype(object), texts[:20]]))[:, 1]
    assert np.allclose(engine(found).score(Table({"size": X[:20, 0], "colour": texts[:20]})), expected, atol=1e-5)
    whole = [("a", FloatTensorType([None, 1])), ("b", Int64TensorType([None, 1])), ("c", FloatTensorType([None, 1]))]
    columns = make_column_transformer(("passthrough", [0, 1, 2]))
    rounded = np.column_stack([X[:, 0], np.round(X[:, 1] * 3), X[:, 2]])
    model = make_pipeline(columns, LinearRegression()).fit(rounded, X[:, 2])
    found = adapt(to_onnx(model, initial_types=whole).SerializeToString(), None)
    assert [column.kind for column in found.schema.columns] == ["number", "integer", "number"]
    assert np.allclose(engine(found).score_rows(rounded[:20].tolist()), model.predict(rounded[:20]), atol=1e-4)


def graph(*outputs: Any, width: int | None = 3) -> bytes:
    node = helper.make_node("Identity", ["x"], [outputs[0].name])
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])
    made = helper.make_model(helper.make_graph([node], "g", [given], list(outputs)), opset_imports=[helper.make_opsetid("", 17)])
    content: bytes = made.SerializeToString()
    return content


def test_an_image_is_flattened_and_put_together_again() -> None:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2, 2])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])
    node = helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)
    axes = onnx.numpy_helper.from_array(np.array([1, 2]), "axes")
    made = helper.make_model(helper.make_graph([node], "g", [given], [out], [axes]), opset_imports=[helper.make_opsetid("", 17)])
    found = adapt(made.SerializeToString(), None)
    assert found.schema.names == ("f0", "f1", "f2", "f3")
    assert engine(found).score_rows([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 5.0]]).tolist() == [10.0, 5.0]


def test_what_cannot_be_served_is_said() -> None:
    with pytest.raises(IntegrityError, match="not ONNX"):
        adapt(b"\x00\x01nothing", None)
    with pytest.raises(UnsupportedError, match="how many values"):
        adapt(graph(helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None]), width=None), None)
    narrow = Schema(columns=(Column(name="only", kind="number", nullable=False),))
    with pytest.raises(UnsupportedError, match="reads 3 numbers a row, its signature has 1"):
        adapt(graph(helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])), narrow)
