"""ONNX Runtime as an engine."""

import threading
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.neighbors import KNeighborsRegressor

from flyball.adapters.onnx.engine import OnnxEngine
from flyball.adapters.onnx.external import refuse_external_data
from flyball.adapters.sklearn.convert import convert
from flyball.core.errors import DataError, FlyballError, IntegrityError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.serving.engine import Row
from served import MIXED, NUMBERS, linear, mixed


def numbers(model: bytes = linear([0.1, 0.5, 1.0], -0.2)) -> OnnxEngine:
    return OnnxEngine(model, schema=NUMBERS, task="binary", classes=2, threshold=0.5)


def texts() -> OnnxEngine:
    return OnnxEngine(mixed(0.1, {"AA": 1.0, "UA": -1.0, "": 0.5}), schema=MIXED, task="binary", classes=2, threshold=0.5)


def test_rows_and_tables_score_alike() -> None:
    table = Table({"rain": np.array([True, False]), "hour": np.array([3, 4]), "temp": np.array([np.nan, 2.0]), "more": np.array([9, 9])})
    assert numbers().score(table).tolist() == numbers().score_rows([[3, None, True], [4, 2.0, False]]).tolist()
    table = Table({"carrier": np.array(["AA", None, "new"], dtype=object), "hour": np.array([1, 2, 3]), "temp": np.full(3, np.nan)})
    rows: list[Row] = [[1, "AA", None], [2, None, None], [3, "new", None]]
    assert texts().score(table).tolist() == texts().score_rows(rows).tolist()
    assert texts().score_rows(rows).round(3).tolist() == (1 / (1 + np.exp(-np.array([1.1, 0.7, 0.3])))).round(3).tolist()


def test_a_missing_text_may_be_none_or_nan_in_a_table() -> None:
    carriers = np.array([None, float("nan"), ""], dtype=object)
    found = texts().score(Table({"hour": np.zeros(3), "carrier": carriers, "temp": np.zeros(3)}))
    assert len(set(found.tolist())) == 1


def test_no_rows_give_no_scores() -> None:
    assert numbers().score_rows([]).shape == (0,)
    assert texts().score(Table({name: np.empty(0, dtype=object) for name in MIXED.names})).shape == (0,)


def test_what_does_not_fit_is_a_clear_error() -> None:
    with pytest.raises(DataError, match="does not fit the schema"):
        numbers().score_rows([[1, "warm", True]])
    with pytest.raises(DataError, match="does not fit the schema"):
        numbers().score_rows([[1, 2.0]])
    with pytest.raises(DataError, match="no column 'temp'"):
        numbers().score(Table({"hour": np.array([1]), "rain": np.array([True])}))
    with pytest.raises(DataError, match="'temp' holds something that is not a number"):
        numbers().score(Table({"hour": np.array([1]), "rain": np.array([1]), "temp": np.array(["warm"], dtype=object)}))


def test_a_number_beyond_float32_is_infinite_not_an_accident() -> None:
    engine = OnnxEngine(linear([1, 1, 1], 0, regression=True), schema=NUMBERS, task="regression", classes=0, threshold=0.5)
    assert engine.score_rows([[1, 1e300, True]]).tolist() == [np.inf]
    table = Table({"hour": np.array([1]), "temp": np.array([-1e300]), "rain": np.array([True])})
    assert engine.score(table).tolist() == [-np.inf]


def test_what_the_model_cannot_make_a_number_of_is_not_a_number_and_not_a_tie() -> None:
    assert np.isnan(numbers().score_rows([[1, 1e300, True]])).tolist() == [True]
    assert np.isnan(numbers().score_rows([[1, 1e300, True], [1, 2.0, True]])).tolist() == [True, False]
    assert np.isnan(texts().score_rows([[1e300, "AA", None]])).tolist() == [True]


def test_a_model_that_does_not_fit_its_manifest_is_refused() -> None:
    for schema, model in ((NUMBERS, linear([1, 2], 0)), (MIXED, linear([1, 2, 3], 0)), (NUMBERS, mixed(1, {"a": 1.0}))):
        with pytest.raises(IntegrityError):
            OnnxEngine(model, schema=schema, task="binary", classes=2, threshold=0.5)
    with pytest.raises(IntegrityError, match="no output 'variable'"):
        OnnxEngine(linear([1, 2, 3], 0), schema=NUMBERS, task="regression", classes=0, threshold=0.5)
    with pytest.raises(IntegrityError, match="3 classes"):
        OnnxEngine(linear([1, 2, 3], 0), schema=NUMBERS, task="multiclass", classes=3, threshold=0.5)


def test_regression_gives_values() -> None:
    engine = OnnxEngine(linear([1, 2, 3], 4, regression=True), schema=NUMBERS, task="regression", classes=0, threshold=0.5)
    assert engine.score_rows([[1, 1.0, True]]).tolist() == [10.0]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_score_but_never_bring_the_process_down(data: st.DataObject) -> None:
    model = bytearray(linear([0.1, 0.5, 1.0], -0.2))
    for _ in range(data.draw(st.integers(1, 4))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    try:
        refuse_external_data(bytes(model))
    except FlyballError:
        return


@pytest.mark.parametrize("content", [b"", b"\x00", b"not a model", bytes(1000), b"\xff" * 100])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        numbers(content)


def _external(tensor: onnx.TensorProto, location: str) -> onnx.TensorProto:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def test_data_outside_the_file_is_refused_wherever_it_hides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(np.ones(3, dtype=np.float32).tobytes())
    sound = onnx.load_from_string(linear([1, 1, 1], 0))
    as_initializer = onnx.ModelProto.FromString(sound.SerializeToString())
    _external(as_initializer.graph.initializer[0], "weights.bin")
    inside = helper.make_node(
        "Constant", [], ["c"], value=_external(onnx.numpy_helper.from_array(np.ones(3, dtype=np.float32), "t"), "weights.bin")
    )
    as_attribute = onnx.ModelProto.FromString(sound.SerializeToString())
    as_attribute.graph.node.append(inside)
    branch = helper.make_graph([inside], "branch", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, [3])])
    as_branch = onnx.ModelProto.FromString(sound.SerializeToString())
    as_branch.graph.node.append(helper.make_node("If", ["gone"], ["y"], then_branch=branch, else_branch=branch))
    for model in (as_initializer, as_attribute, as_branch):
        with pytest.raises(IntegrityError, match="outside itself"):
            numbers(model.SerializeToString())
    refuse_external_data(sound.SerializeToString())


def test_a_column_named_location_is_just_a_column() -> None:
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in ("j", "location", "external_data")))
    model = linear([1, 1, 1], 0)
    assert OnnxEngine(model, schema=schema, task="binary", classes=2, threshold=0.5).score_rows([[1, 1, 1]]).shape == (1,)


def test_threads_share_an_engine() -> None:
    engine = texts()
    rows: list[Row] = [[n, "AA", None] for n in range(20)]
    expected = engine.score_rows(rows).round(6).tolist()
    found: list[list[float]] = []

    def ask() -> None:
        for _ in range(50):
            found.append(engine.score_rows(rows).round(6).tolist())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200 and all(scores == expected for scores in found)


def test_a_regression_of_several_outputs_gives_a_line_of_them_for_each_row() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 3))
    y = np.column_stack([x[:, 0] + x[:, 1], x[:, 2] ** 2])
    model = KNeighborsRegressor(n_neighbors=3).fit(x, y)
    schema = Schema(columns=tuple(Column(name=f"x{at}", kind="number", nullable=False) for at in range(3)))
    converted = convert(model, schema, "regression", pd.DataFrame(x[:5], columns=list(schema.names)))
    engine = OnnxEngine(converted, schema=schema, task="regression", classes=0, threshold=0.5)
    rows = [[float(v) for v in row] for row in x[:20]]
    assert np.allclose(engine.score_rows(rows), model.predict(x[:20]), atol=1e-4)
    assert engine.score_rows(rows[:1]).shape == (1, 2)
    assert engine.score_rows([]).shape == (0, 2)
