"""TensorFlow Serving's REST protocol: its own cases, both formats, versions and labels, and what is refused in which shape."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
import requests
from onnx import TensorProto, helper
from sklearn.tree import DecisionTreeRegressor

from flyball.adapters.trees.engine import FILE
from flyball.adapters.trees.flat import to_bytes
from flyball.adapters.trees.flatten import flatten
from flyball.core.schema import Column, Schema
from flyball.core.window import Window
from flyball.monitoring.experiment import paired
from flyball.registry.bundle import write_bundle
from served import MIXED, MODEL, NUMBERS, Served, Site, linear, manifest, mixed, serving

Play = Callable[..., Any]
PATH = f"/v1/models/{MODEL}"
ONE = Schema(columns=(Column(name="x", kind="number", nullable=False),))
TWO = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in "ab"))
ROW: dict[str, Any] = {"hour": 3, "temp": 1.0, "rain": True}
SURE = 1 / (1 + 2.718281828459045**-1.5)


def error(answer: httpx.Response) -> str:
    """The message of an answer that must be the protocol's error."""
    content = answer.json()
    assert answer.status_code >= 400 and set(content) == {"error"} and isinstance(content["error"], str)
    return str(content["error"])


def regression(made: Site, version: int = 123) -> None:
    """Half of x, plus three: the model of the protocol's own documentation."""
    made.add(version, linear([0.5], 3.0, regression=True), schema=ONE, task="regression", classes=())


def test_the_protocols_own_cases_are_answered_as_tensorflow_serving_answers_them(play: Play, made: Site, conformance: Path) -> None:
    given = json.loads((conformance / "tfserving" / "rest_cases.json").read_bytes())
    regression(made)
    made.add(124, linear([1.0], 0.0), schema=ONE)
    looked_at = []

    async def story(served: Served) -> None:
        for case in given["cases"]:
            made.deploy(124 if "classify" in case["name"] else 123)
            await served.look()
            path = case["path"].replace("{model}", MODEL)
            content = case["raw"].encode() if "raw" in case else json.dumps(case["body"]).encode() if "body" in case else None
            answer = await served.client.request(case["method"], path, content=content)
            diverges = case["name"].startswith("DIVERGENCE") or case["name"] == "binary value"  # a float model takes no bytes
            assert answer.status_code == case.get("status", 400 if diverges else 200), case["name"]
            if "json" in case:
                assert answer.json() == case["json"], case["name"]
            assert set(case.get("json_has", ())) <= set(answer.json()), case["name"]
            if answer.status_code >= 400:
                assert error(answer)
            looked_at.append(case["name"])

    play(story)
    assert len(looked_at) == 16


def test_a_classifier_predicts_the_probability_of_each_class_and_classifies_with_labels(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, 0.5, 1.0], 0.0), classes=("no", "yes"))

    async def story(served: Served) -> None:
        both = pytest.approx([1 - SURE, SURE], abs=1e-6)
        found = (await served.post(f"{PATH}:predict", {"instances": [ROW, ROW]})).json()
        assert list(found) == ["predictions"] and found["predictions"] == [both, both]
        found = (await served.post(f"{PATH}:classify", {"examples": [ROW]})).json()
        assert [[label for label, _ in row] for row in found["results"]] == [["0", "1"]]
        assert [score for _, score in found["results"][0]] == both
        made.deploy(2)
        await served.look()
        found = (await served.post(f"{PATH}:classify", {"examples": [ROW], "signature_name": "tensorflow/serving/classify"})).json()
        assert found["results"][0][1] == ["yes", pytest.approx(SURE, abs=1e-6)]
        assert "no meaning" in error(await served.post(f"{PATH}:regress", {"examples": [ROW]}))

    play(story)


def test_rows_and_columns_are_answered_the_same(play: Play) -> None:
    rows: list[list[Any]] = [[3, 1.0, True], [3, None, False], [4, -9.0, True]]
    records = [dict(zip(ROW, row, strict=True)) for row in rows]
    columns = {name: [row[name] for row in records] for name in ROW}

    async def story(served: Served) -> None:
        expected = (await served.post(f"{PATH}:predict", {"instances": rows})).json()["predictions"]
        assert len(expected) == 3 and all(sum(one) == pytest.approx(1.0) for one in expected)
        nested = [{name: [value] for name, value in record.items()} for record in records]
        for instances in (records, nested):
            assert (await served.post(f"{PATH}:predict", {"instances": instances})).json() == {"predictions": expected}
        for inputs in (rows, columns, {name: [[value] for value in values] for name, values in columns.items()}):
            assert (await served.post(f"{PATH}:predict", {"inputs": inputs})).json() == {"outputs": expected}
        context = {"context": {"rain": True}, "examples": [{"hour": 3, "temp": [1.0]}], "signature_name": "serving_default"}
        found = (await served.post(f"{PATH}:classify", context)).json()
        assert [score for _, score in found["results"][0]] == expected[0]

    play(story)


def test_a_model_of_one_column_takes_bare_values_and_text_in_base64(play: Play, made: Site) -> None:
    texts = Schema(columns=(*MIXED.columns[:1], MIXED.columns[1], MIXED.columns[2]))
    made.add(2, mixed(1.0, {"AA": 50.0, "é": -50.0}), schema=texts)
    regression(made)
    made.deploy(2)

    async def story(served: Served) -> None:
        await served.look()
        packed = [{"b64": base64.b64encode(text.encode()).decode()} for text in ("AA", "é")]
        rows = [{"hour": 3, "carrier": text, "temp": 1.0} for text in packed]
        found = (await served.post(f"{PATH}:predict", {"instances": rows})).json()["predictions"]
        assert [round(one[1]) for one in found] == [1, 0]
        found = (await served.post(f"{PATH}:predict", {"inputs": {"hour": [3, 3], "carrier": packed, "temp": [1, 1]}})).json()
        assert [round(one[1]) for one in found["outputs"]] == [1, 0]
        for wrong in ("=", "QQ=", "/w==", "x y"):
            answer = await served.post(f"{PATH}:predict", {"instances": [{**rows[0], "carrier": {"b64": wrong}}]})
            assert answer.status_code == 400 and "b64" in error(answer)
        made.deploy(123)
        await served.look()
        for instances in ([1.0, 2], [[1.0], [2]], [{"x": 1.0}, {"x": 2}], [{"x": [1.0]}, {"x": [2]}]):
            assert (await served.post(f"{PATH}:predict", {"instances": instances})).json() == {"predictions": [3.5, 4.0]}

    play(story)


def test_a_version_or_label_in_the_path_is_who_answers_outside_of_every_comparison(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, 0.0, 0.0], -9.0))
    made.deploy(1, challenger=2, share=0.5)

    async def story(served: Served) -> None:
        await served.look()
        by_label = {"champion": "1", "production": "1", "stable": "1", "challenger": "2", "staging": "2", "canary": "2"}
        for label, version in by_label.items():
            for name in (f"labels/{label}", f"versions/{version}"):
                answer = await served.post(f"{PATH}/{name}:predict", {"instances": [ROW]})
                assert answer.headers["x-flyball-version"] == version and answer.headers["x-flyball-variant"] == "pinned"
                status = (await served.get(f"{PATH}/{name}")).json()["model_version_status"]
                assert [(one["version"], one["state"]) for one in status] == [(version, "AVAILABLE")]
                assert (await served.get(f"{PATH}/{name}/metadata")).json()["model_spec"]["version"] == version
        assert [one["version"] for one in (await served.get(PATH)).json()["model_version_status"]] == ["2", "1"]
        variants = set()
        for unit in map(str, range(20)):
            native = (await served.post("/predict", {"features": ROW, "unit": unit})).json()
            answer = await served.post(f"{PATH}:predict", {"instances": [ROW]}, **{"X-Flyball-Unit": unit})
            assert answer.headers["x-flyball-variant"] == native["variant"]
            variants.add(native["variant"])
        assert variants == {"champion", "challenger"}
        for unknown in ("versions/3", "labels/nobody", "versions/999999999999999999"):
            assert (await served.post(f"{PATH}/{unknown}:predict", {"instances": [ROW]})).status_code == 404
            for page in ("", "/metadata"):
                answer = await served.get(f"{PATH}/{unknown}{page}")
                assert answer.status_code == 404 and error(answer)

    play(story)


def test_a_row_for_a_named_version_is_paired_with_nothing_and_missed_by_nobody(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, 0.0, 0.0], -9.0))
    made.deploy(1, shadow=(2,))
    always = Window(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))

    async def story(served: Served) -> None:
        for name in ("versions/1", "labels/champion", "versions/2"):
            assert (await served.post(f"{PATH}/{name}:predict", {"instances": [ROW]})).status_code == 200
        plain = (await served.post("/predict", {"features": ROW})).json()["prediction_id"]
        await served.logged()
        assert (await served.post("/outcomes", {"prediction_id": plain, "actual": 1})).json()["accepted"] == 1
        assert [len(made.ports.predictions.rows(MODEL, number, always).at) for number in (2, 1)] == [2, 3]
        first, second = (made.ports.predictions.rows(MODEL, number, always, compared=True) for number in (2, 1))
        found = paired(
            first, second, "log_loss", task="binary", classes=(0, 1), threshold=0.5, versions=(2, 1), alpha=0.05, no_outcome="unknown"
        )
        assert found.missed == 0
        assert set(first.prediction_id) & set(second.prediction_id) == {plain}

    play(story)


def test_a_version_that_could_not_be_loaded_is_listed_as_ended(play: Play, made: Site) -> None:
    made.add(2, b"no model")
    made.deploy(1, challenger=2, share=0.5)

    async def story(served: Served) -> None:
        await served.look()
        status = (await served.get(PATH)).json()["model_version_status"]
        assert [(one["version"], one["state"], one["status"]["error_code"]) for one in status] == [
            ("2", "END", "FAILED_PRECONDITION"),
            ("1", "AVAILABLE", "OK"),
        ]
        assert (await served.get(f"{PATH}/versions/2")).json()["model_version_status"] == status[:1]
        assert (await served.get(f"{PATH}/versions/2/metadata")).status_code == 404
        assert (await served.post(f"{PATH}/labels/challenger:predict", {"instances": [ROW]})).status_code == 404

    play(story)


def test_metadata_names_every_input_and_output_with_its_type(play: Play, made: Site) -> None:
    made.add(2, mixed(1.0, {"AA": 50.0}), schema=MIXED)
    regression(made)

    async def story(served: Served) -> None:
        made.deploy(2)
        await served.look()
        found = (await served.get(f"{PATH}/metadata")).json()
        assert found["model_spec"] == {"name": MODEL, "signature_name": "", "version": "2"}
        signatures = found["metadata"]["signature_def"]["signature_def"]
        assert sorted(signatures) == ["classification", "serving_default"]
        inputs = signatures["serving_default"]["inputs"]
        assert {name: one["dtype"] for name, one in inputs.items()} == {"hour": "DT_INT64", "carrier": "DT_STRING", "temp": "DT_FLOAT"}
        assert inputs["hour"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
        assert list(signatures["serving_default"]["outputs"]) == ["probabilities"]
        assert [dim["size"] for dim in signatures["serving_default"]["outputs"]["probabilities"]["tensor_shape"]["dim"]] == ["-1", "2"]
        made.deploy(123)
        await served.look()
        signatures = (await served.get(f"{PATH}/metadata")).json()["metadata"]["signature_def"]["signature_def"]
        assert signatures["regression"]["method_name"] == "tensorflow/serving/regress"
        assert list(signatures["serving_default"]["outputs"]) == ["value"]

    play(story)


@pytest.mark.parametrize(
    ("verb", "body", "said"),
    [
        ("predict", [], "the body must be an object"),
        ("predict", {}, "either 'instances'"),
        ("predict", {"instances": {}}, "'instances' must be a list"),
        ("predict", {"instances": []}, "no rows"),
        ("predict", {"instances": [1.0]}, "a row must be a list of 3 values"),
        ("predict", {"instances": [[3, 1.0]]}, "holds 2 values"),
        ("predict", {"instances": [{**ROW, "tempp": 1}]}, "'tempp' is not a feature of this model; did you mean 'temp'?"),
        ("predict", {"instances": [ROW, {"hour": 3}]}, "row 1: the feature 'temp' is missing"),
        ("predict", {"instances": [ROW, 7]}, "features[1] must be"),
        ("predict", {"instances": [{**ROW, "temp": [1, 2]}]}, "'temp' must be a number, not a list"),
        ("predict", {"instances": [{**ROW, "hour": 1.5}]}, "'hour' must be an integer, not 1.5"),
        ("predict", {"inputs": {"hour": [3], "temp": [1.0]}}, "the column 'rain' is missing"),
        ("predict", {"inputs": {**{name: [value] for name, value in ROW.items()}, "rian": [True]}}, "'rian' is no input of this model"),
        ("predict", {"inputs": {name: [value] * (1 + (name == "temp")) for name, value in ROW.items()}}, "'temp' has 2 values"),
        ("predict", {"inputs": 3}, "'inputs' must be a list of rows or an object"),
        ("predict", {"instances": [ROW], "signature_name": "other"}, "there is no signature 'other'"),
        ("predict", {"instances": [ROW], "signature_name": 7}, "there is no signature the number 7"),
        ("classify", {"instances": [ROW]}, "'examples' must be a list"),
        ("classify", {"examples": [7]}, "example 0 must be an object"),
        ("classify", {"examples": [ROW], "context": []}, "'context' must be an object"),
        ("classify", {"examples": [ROW], "context": {"rain": True}}, "stands both in 'context' and in example 0"),
        ("regress", {"examples": [ROW]}, "no meaning"),
    ],
    ids=str,
)
def test_a_wrong_request_is_refused_in_the_protocols_shape(play: Play, verb: str, body: Any, said: str) -> None:
    async def story(served: Served) -> None:
        answer = await served.post(f"{PATH}:{verb}", body)
        assert answer.status_code == 400 and said in error(answer)

    play(story)


def test_a_path_that_is_none_of_the_protocol_is_refused_in_its_shape(play: Play) -> None:
    async def story(served: Served) -> None:
        for path in ("/v1/models", f"{PATH}:explain", f"{PATH}/versions/x:predict", f"{PATH}/labels/:predict", f"{PATH}/metadata:predict"):
            answer = await served.post(path, {"instances": [ROW]})
            assert answer.status_code == 400 and error(answer)
        for method, path, allowed in (
            ("GET", f"{PATH}:predict", "POST"),
            ("POST", PATH, "GET, HEAD"),
            ("DELETE", f"{PATH}/metadata", "GET, HEAD"),
        ):
            answer = await served.client.request(method, path)
            assert answer.status_code == 405 and answer.headers["allow"] == allowed and error(answer)

    play(story)


def test_a_model_is_found_whatever_characters_its_name_has(play: Play) -> None:
    async def story(served: Served) -> None:
        for name in (MODEL, "flight%2Ddelay", "%66light-delay"):
            assert (await served.post(f"/v1/models/{name}:predict", {"instances": [ROW]})).status_code == 200
        for name in ("a%2Fb", "%E2%98%83", "%FF", "half", f"{MODEL}%3Apredict"):
            answer = await served.get(f"/v1/models/{name}")
            assert answer.status_code == 404 and "there is no model" in error(answer)

    play(story)


def test_curl_and_forms_may_ask_and_pages_of_other_origins_may_not(play: Play) -> None:
    async def story(served: Served) -> None:
        form = {"content-type": "application/x-www-form-urlencoded"}
        content = json.dumps({"instances": [ROW]}).encode()
        assert (await served.client.post(f"{PATH}:predict", content=content, headers=form)).status_code == 200
        assert (await served.client.post(f"{PATH}:predict", content=content)).status_code == 200
        answer = await served.client.post(f"{PATH}:predict", content=content, headers={**form, "origin": "http://evil.example"})
        assert answer.status_code == 403 and error(answer)
        assert (await served.client.post(f"{PATH}:predict", content=content, headers={"host": "evil.example"})).status_code == 403

    play(story)


def test_while_it_stops_the_server_answers_and_says_that_it_is_not_ready(play: Play) -> None:
    async def story(served: Served) -> None:
        served.app.draining = True
        assert (await served.get(PATH)).status_code == 503
        assert (await served.post(f"{PATH}:predict", {"instances": [ROW]})).status_code == 200

    play(story)


def test_without_a_version_every_answer_says_that_there_is_none(play: Play) -> None:
    async def story(served: Served) -> None:
        answers = [await served.get("/v1/models/another"), await served.post("/v1/models/another:predict", {"instances": [ROW]})]
        for answer in answers:
            assert answer.status_code == 503 and "no model is deployed" in error(answer) and answer.headers["retry-after"] == "1"

    play(story, model="another")


def test_what_is_asked_in_this_protocol_is_logged_like_any_prediction(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        answer = await served.post(f"{PATH}:classify", {"examples": [ROW]}, **{"X-Flyball-Unit": "N1", "X-Flyball-Prediction-Id": "mine"})
        assert await served.logged() == 1
        found = made.ports.predictions.find(answer.headers["x-flyball-prediction-id"])
        assert found is not None and (found[0].unit, found[0].client_id, found[0].label) == ("N1", "mine", 1)
        assert list(found[0].features) == list(NUMBERS.names)

    play(story)


@pytest.mark.parametrize("verb", ["predict", "classify", "regress"])
def test_json_of_any_kind_is_refused_as_a_value_without_breaking_anything(play: Play, conformance: Path, verb: str) -> None:
    files = sorted((conformance / "jsontestsuite").rglob("*.json"))

    async def story(served: Served) -> None:
        for file in files:
            content = b'{"instances": %s, "examples": %s}'.replace(b"%s", file.read_bytes())
            answer = await served.client.post(f"{PATH}:{verb}", content=content)
            assert answer.status_code == 400 and error(answer), file.name

    play(story)
    assert len(files) > 300


@pytest.mark.parametrize("depth", [50, 450, 900, 990, 2000])
def test_deep_nesting_is_refused_however_deep_it_is(play: Play, depth: int) -> None:
    async def story(served: Served) -> None:
        for before, after in ((b"[", b"]"), (b'{"a":', b"}"), (b'{"b64":', b"}")):
            nested = before * depth + b'"b64"' + after * depth
            for body in (b'{"instances": %s}', b'{"inputs": %s}', b'{"instances": [{"temp": %s}]}'):
                answer = await served.post(f"{PATH}:predict", body % nested)
                assert answer.status_code == 400 and error(answer)

    play(story)


def softmax() -> bytes:
    """The softmax of three sums of two numbers."""
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["xw"]),
        helper.make_node("Softmax", ["xw"], ["probabilities"], axis=1),
    ]
    given = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 2])
    found = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])
    graph = helper.make_graph(nodes, "softmax", [given], [found], initializer=[onnx.numpy_helper.from_array(weights, "w")])
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    return content


def test_several_outputs_are_answered_by_their_names(play: Play, made: Site, tmp_path: Path) -> None:
    rows = [[1.0, 0.0], [0.0, 1.0]]
    tree = DecisionTreeRegressor().fit(rows, [[0.0, 1.0], [2.0, 3.0]])
    files = {FILE: to_bytes(flatten(tree, TWO, "regression")), "reference.json": b"{}"}
    stated = manifest(schema=TWO, task="regression", classes=(), outputs=("low", "high"), engine="trees")
    write_bundle(tmp_path / "bundle", stated, files, made.key)
    made.digests[2] = made.bundles.put(tmp_path / "bundle")
    made.deploy(2)

    async def story(served: Served) -> None:
        found = (await served.post(f"{PATH}:predict", {"instances": rows})).json()
        assert found == {"predictions": [{"low": 0.0, "high": 1.0}, {"low": 2.0, "high": 3.0}]}
        assert (await served.post(f"{PATH}:predict", {"inputs": rows})).json() == {"outputs": {"low": [0.0, 2.0], "high": [1.0, 3.0]}}
        assert (await served.post("/invocations", {"inputs": rows})).json() == {"predictions": [[0.0, 1.0], [2.0, 3.0]]}
        assert "2 outputs" in error(await served.post(f"{PATH}:regress", {"examples": [{"a": 1, "b": 2}]}))
        signatures = (await served.get(f"{PATH}/metadata")).json()["metadata"]["signature_def"]["signature_def"]
        assert list(signatures) == ["serving_default"] and list(signatures["serving_default"]["outputs"]) == ["low", "high"]

    play(story)


def test_several_classes_stand_in_the_order_of_the_model(play: Play, made: Site) -> None:
    made.add(2, softmax(), schema=TWO, task="multiclass", classes=("a", 2, True))
    made.deploy(2)

    async def story(served: Served) -> None:
        found = (await served.post(f"{PATH}:predict", {"instances": [[1.0, 0.0]]})).json()["predictions"]
        assert found == [pytest.approx([0.0900306, 0.2447285, 0.6652410], abs=1e-6)]
        classes = (await served.post(f"{PATH}:classify", {"examples": [{"a": 1, "b": 0}]})).json()["results"][0]
        assert [label for label, _ in classes] == ["a", "2", "true"] and [score for _, score in classes] == found[0]
        assert (await served.post("/invocations", {"inputs": [[1.0, 0.0]]})).json() == {"predictions": [True]}

    play(story)


def test_an_id_that_a_version_of_other_classes_answered_is_not_answered_by_guessing(play: Play, made: Site) -> None:
    made.add(2, linear([1.0, 1.0], 0.0), schema=TWO)
    made.add(3, softmax(), schema=TWO, task="multiclass", classes=("a", "b", "c"))
    examples, mine = {"examples": [{"a": 1, "b": 0}]}, {"X-Flyball-Prediction-Id": "mine"}

    async def story(served: Served) -> None:
        made.deploy(2)
        await served.look()
        first = await served.post(f"{PATH}:classify", examples, **mine)
        assert (await served.post(f"{PATH}:classify", examples, **mine)).json() == first.json()
        made.deploy(3)
        await served.look()
        answer = await served.post(f"{PATH}:classify", examples, **mine)
        assert answer.status_code == 409 and "other classes" in error(answer)
        assert (await served.post(f"{PATH}:classify", examples)).status_code == 200

    play(story)


def test_an_id_of_a_binary_version_that_is_gone_is_not_told_in_the_new_ones_names(play: Play, made: Site) -> None:
    made.add(2, linear([1.0, 1.0], 0.0), schema=TWO)
    made.add(3, linear([1.0, 1.0], 0.0), schema=TWO, classes=("stay", "go"))
    made.add(4, softmax(), schema=TWO, task="multiclass", classes=(0, 1, 2))
    made.add(5, linear([2.0, 1.0], 0.0), schema=TWO)
    examples, mine = {"examples": [{"a": 1, "b": 0}]}, {"X-Flyball-Prediction-Id": "mine"}
    inputs = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 0]}], "parameters": {"prediction_id": "mine"}}

    async def story(served: Served) -> None:
        made.deploy(2)
        await served.look()
        first = (await served.post(f"{PATH}:classify", examples, **mine)).json()
        for version, status in ((3, 409), (4, 409), (5, 200)):
            made.deploy(version)
            await served.look()
            answer = await served.post(f"{PATH}:classify", examples, **mine)
            tensors = await served.post(f"/v2/models/{MODEL}/infer", inputs)
            assert (answer.status_code, tensors.status_code) == (status, status), version
            assert answer.json() == first if status == 200 else "other classes" in error(answer)

    play(story)


def test_the_calls_of_the_protocols_documentation_work_as_they_are_written(made: Site) -> None:
    """With curl and with requests, which name no JSON, against a server in a process of its own."""
    regression(made)
    made.deploy(123)
    with serving(made.settings()) as (url, _):
        for _ in range(100):
            if requests.get(f"{url}/ping", timeout=10).status_code == 200:
                break
            time.sleep(0.05)
        model = f"{url}{PATH}"
        state = requests.get(model, timeout=10).json()
        assert state["model_version_status"] == [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
        answer = requests.post(f"{model}:predict", data=json.dumps({"instances": [1.0, 2.0, 5.0]}), timeout=10)
        assert answer.json() == {"predictions": [3.5, 4.0, 5.5]}
        examples = '{"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": 2.0}]}'
        calls = {
            ("-d", '{"instances": [1.0,2.0,5.0]}', "-X", "POST", f"{model}:predict"): {"predictions": [3.5, 4.0, 5.5]},
            ("-d", examples, "-X", "POST", f"{model}:regress"): {"results": [3.5, 4.0]},
        }
        if shutil.which("curl") is None:
            pytest.skip("there is no curl on this machine")
        for words, expected in calls.items():
            said = subprocess.run(["curl", "-s", "--noproxy", "*", *words], capture_output=True, check=True, timeout=20).stdout
            assert json.loads(said) == expected
        missing = ["curl", "-si", "--noproxy", "*", "-d", '{"instances": [1.0,5.0]}', "-X", "POST", f"{url}/v1/models/half:predict"]
        said = subprocess.run(missing, capture_output=True, check=True, timeout=20).stdout
        assert said.startswith(b"HTTP/1.1 404") and list(json.loads(said.partition(b"\r\n\r\n")[2])) == ["error"]
