"""The Open Inference Protocol over HTTP: every case of the specifications, binary tensors, and that nothing wraps or is guessed."""

import asyncio
import json
import math
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from flyball.core.schema import Column, Schema
from flyball.core.window import Window
from flyball.monitoring.experiment import paired
from flyball.server.app import make_app, running
from flyball.server.dialects.model_tensors import outputs_of, tensors_of
from flyball.server.dialects.tensors import DATATYPES
from flyball.server.scoring import Given
from flyball.serving.deployment import LiveModel, LiveVersion
from served import MIXED, MODEL, Served, Site, linear, manifest, mixed, serving, site

Play = Callable[..., Any]
URL = f"/v2/models/{MODEL}"
TWO = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in ("a", "b")))
THREE = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in ("a", "b", "c")))
ROWS = [3, 1.0, 1, 3, -9.0, 0]
ALWAYS = Window(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def tensor(name: str, shape: Sequence[float], datatype: str, data: object, **more: object) -> dict[str, object]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data, **more}


def outputs(answer: httpx.Response) -> dict[str, Any]:
    return {output["name"]: output for output in answer.json()["outputs"]}


def with_bytes(request: dict[str, Any], *parts: bytes) -> tuple[bytes, dict[str, str]]:
    """A body with binary tensors, and its headers."""
    text = json.dumps(request).encode()
    return text + b"".join(parts), {"inference-header-content-length": str(len(text)), "content-type": "application/octet-stream"}


def read_bytes(answer: httpx.Response) -> dict[str, bytes]:
    """The binary outputs of an answer."""
    length = int(answer.headers["inference-header-content-length"])
    found, at = {}, length
    for output in json.loads(answer.content[:length])["outputs"]:
        if "data" not in output:
            size = output["parameters"]["binary_data_size"]
            found[output["name"]] = answer.content[at : at + size]
            at += size
    assert at == len(answer.content)
    return found


def test_every_case_of_the_specification_is_answered_as_it_says(play: Play, made: Site, conformance: Path) -> None:
    cases = json.loads((conformance / "oip" / "rest_cases.json").read_text())["cases"]
    assert len(cases) == 27
    made.add(2, linear([1.0, 1.0], 0.0), schema=TWO)
    made.deploy(2)

    async def story(served: Served) -> None:
        answers = {}
        for case in cases:
            path = case["path"].format(model=MODEL, version="2")
            text = (
                case.get("raw") or case.get("raw_repeat", ["", 0])[0] * case.get("raw_repeat", ["", 0])[1] or json.dumps(case.get("body"))
            )
            text = text.replace("output-0", "predict")  # the cases' model calls its one output so
            headers = {"content-type": "application/json"}
            if case["name"] == "binary tensor extension":
                request = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}]}
                content, headers = with_bytes(request, struct.pack("<2d", 1, 2))
            else:
                content = text.encode()
                headers |= {name.lower(): value for name, value in case.get("headers", {}).items()}
            if case["method"] == "GET":
                answer = await served.client.get(path)
            else:
                answer = await served.client.post(path, content=content, headers=headers)
            answers[case["name"]] = answer
            wanted = case.get("status", 200)
            assert answer.status_code in (wanted if isinstance(wanted, list) else [wanted]), (case["name"], answer.text)
            for key in case.get("json_has", []):
                assert key in answer.json(), case["name"]
            assert answer.status_code < 400 or list(answer.json()) == ["error"], case["name"]
            if "echo_id" in case:
                assert answer.json()["id"] == case["echo_id"]
            if "same_outputs_as" in case:
                other = outputs(answers[case["same_outputs_as"]])
                assert [outputs(answer)[name]["data"] for name in ("predict", "predict_proba")] == [
                    other[name]["data"] for name in ("predict", "predict_proba")
                ]
            if "only_outputs" in case:
                assert list(outputs(answer)) == ["predict"]
        assert "id" not in answers["id absent -> no invented duplicate"].json()

    play(story)


def test_the_fixtures_of_mlserver_are_read(play: Play, made: Site, conformance: Path) -> None:
    folder = conformance / "mlserver" / "tests" / "testdata"
    made.add(2, linear([1.0, 2.0, 3.0], 0.5, regression=True), schema=THREE, task="regression", classes=())
    made.deploy(2)

    async def story(served: Served) -> None:
        plain = await served.post(f"{URL}/infer", (folder / "inference-request.json").read_bytes())
        assert plain.status_code == 200 and outputs(plain)["predict"]["data"] == [14.5] and outputs(plain)["predict"]["shape"] == [1, 1]
        wanted = (folder / "inference-request-with-output.json").read_bytes().replace(b"requested-output-0", b"predict")
        assert list(outputs(await served.post(f"{URL}/infer", wanted))) == ["predict"]
        bad = await served.post(f"{URL}/infer", (folder / "inference-request-invalid-datatype.json").read_bytes())
        assert bad.status_code == 400 and "'input-0'" in bad.json()["error"] and "INT32" in bad.json()["error"]
        for name in ("single.txt", "single_with_id.txt", "many.txt"):
            for line in (folder / "batch_processing" / name).read_text().splitlines():
                answer = await served.post(f"{URL}/infer", line.encode())
                number = len(json.loads(line)["inputs"][0]["data"])
                assert answer.status_code == (200 if number == 3 else 400), answer.text
                assert number != 3 or answer.json().get("id") == json.loads(line).get("id")

    play(story)


def test_metadata_announces_what_the_model_reads_and_gives(play: Play, made: Site) -> None:
    async def numbers(served: Served) -> None:
        found = (await served.get(URL)).json()
        assert found["name"] == MODEL and found["versions"] == ["1"] and found["platform"] == "flyball_onnx"
        assert found["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, 3]}]
        assert found["outputs"] == [
            {"name": "predict", "datatype": "INT64", "shape": [-1, 1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
            {"name": "prediction_id", "datatype": "BYTES", "shape": [-1, 1]},
        ]
        assert json.loads(found["properties"]["columns"]) == ["hour", "temp", "rain"]
        assert (await served.get(f"{URL}/versions/1")).json() == found
        assert (await served.get(f"{URL}/versions/7")).status_code == 404
        assert (await served.get("/v2/models/flight-dela")).json()["error"].startswith("there is no model 'flight-dela' here; did you mean")
        server = (await served.get("/v2")).json()
        assert server["name"] == "flyball" and set(server["extensions"]) >= {"binary_tensor_data", "statistics", "model_repository"}

    async def columns(served: Served) -> None:
        found = (await served.get(URL)).json()
        assert [(one["name"], one["datatype"], one["shape"]) for one in found["inputs"]] == [
            ("hour", "INT64", [-1, 1]),
            ("carrier", "BYTES", [-1, 1]),
            ("temp", "FP64", [-1, 1]),
        ]

    play(numbers)
    made.add(2, mixed(0.0, {"AA": 1.0, "UA": -1.0}), schema=MIXED)
    made.deploy(2)
    play(columns)


def test_one_matrix_or_one_tensor_for_each_column_are_the_same_rows(play: Play) -> None:
    forms = [
        [tensor("features", [2, 3], "FP64", ROWS)],
        [tensor("anything", [2, 3], "FP32", [ROWS[:3], ROWS[3:]])],
        [tensor("x", [2, 3], "INT16", [3, 1, 1, 3, -9, 0])],
        [tensor("rain", [2], "BOOL", [True, False]), tensor("hour", [2, 1], "UINT8", [3, 3]), tensor("temp", [2], "FP16", [1.0, -9.0])],
        [tensor("hour", [2], "FP64", [3, 3]), tensor("temp", [2, 1], "INT64", [[1], [-9]]), tensor("rain", [2], "FP32", [1, 0])],
    ]

    async def story(served: Served) -> None:
        for inputs in forms:
            answer = await served.post(f"{URL}/infer", {"inputs": inputs, "parameters": {"content_type": "pd"}})
            assert answer.status_code == 200, answer.text
            found = outputs(answer)
            assert found["predict"]["data"] == [1, 0] and found["predict"]["shape"] == [2, 1]
            assert found["predict_proba"]["data"] == pytest.approx(
                [1 - sigmoid(1.5), sigmoid(1.5), 1 - sigmoid(-4.5), sigmoid(-4.5)], abs=1e-6
            )
            assert len(set(found["prediction_id"]["data"])) == 2
            assert answer.json()["model_version"] == "1" and answer.json()["parameters"] == {"variant": "champion"}
        one = await served.post(f"{URL}/infer", {"inputs": [tensor("x", [3], "FP64", ROWS[:3])]})
        assert outputs(one)["predict"]["data"] == [1]
        assert await served.logged() == 2 * len(forms) + 1

    play(story)


def test_texts_and_missing_values_come_as_json_and_as_bytes(play: Play, made: Site) -> None:
    columns = (*MIXED.columns[:1], Column(name="carrier", kind="category", nullable=True, categories=("AA", "UA")), MIXED.columns[2])
    made.add(2, mixed(0.5, {"AA": 1.0, "UA": -1.0}), schema=Schema(columns=columns))
    made.deploy(2)
    texts = b"".join(struct.pack("<I", len(text)) + text for text in (b"AA", b"", "Über".encode()))

    async def story(served: Served) -> None:
        plain = [
            tensor("hour", [3], "INT64", [2, 2, 2]),
            tensor("carrier", [3, 1], "BYTES", ["AA", None, "Über"]),
            tensor("temp", [3], "FP64", [1.5, None, 2.5]),
        ]
        binary: list[dict[str, Any]] = [
            {"name": "hour", "shape": [3], "datatype": "INT64", "parameters": {"binary_data_size": 24}},
            {"name": "carrier", "shape": [3, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(texts)}},
            {"name": "temp", "shape": [3], "datatype": "FP64", "parameters": {"binary_data_size": 24}},
        ]
        parts = (np.array([2, 2, 2], dtype="<i8").tobytes(), texts, np.array([1.5, np.nan, 2.5]).tobytes())
        first = await served.post(f"{URL}/infer", {"inputs": plain})
        content, headers = with_bytes({"inputs": binary}, *parts)
        second = await served.client.post(f"{URL}/infer", content=content, headers=headers)
        assert first.status_code == second.status_code == 200, (first.text, second.text)
        for answer in (first, second):
            assert outputs(answer)["predict_proba"]["data"][1::2] == pytest.approx([sigmoid(2.0), sigmoid(1.0), sigmoid(1.0)], abs=1e-6)
        ids = outputs(second)["prediction_id"]["data"]
        await served.logged()
        found = made.ports.predictions.find(ids[1])
        assert found is not None and found[0].features == {"hour": 2, "carrier": None, "temp": None}

    play(story)


def test_outputs_come_as_bytes_where_they_are_wanted_so(play: Play) -> None:
    request = {"inputs": [tensor("x", [2, 3], "FP64", ROWS)], "id": "r1"}

    async def story(served: Served) -> None:
        everything = await served.post(f"{URL}/infer", {**request, "parameters": {"binary_data_output": True}})
        parts = read_bytes(everything)
        assert everything.headers["content-type"] == "application/octet-stream"
        assert np.frombuffer(parts["predict"], "<i8").tolist() == [1, 0]
        assert np.frombuffer(parts["predict_proba"], "<f8").reshape(2, 2)[:, 1].tolist() == pytest.approx(
            [sigmoid(1.5), sigmoid(-4.5)], abs=1e-6
        )
        assert len(parts["prediction_id"]) == 2 * (4 + 32)
        wanted = [{"name": "predict_proba", "parameters": {"binary_data": True}}, {"name": "predict"}]
        some = await served.post(f"{URL}/infer", {**request, "outputs": wanted})
        assert list(read_bytes(some)) == ["predict_proba"]
        raw = await served.client.post(
            f"{URL}/infer",
            content=np.array(ROWS, dtype="<f8").tobytes(),
            headers={"content-type": "application/octet-stream", "inference-header-content-length": "0"},
        )
        assert np.frombuffer(read_bytes(raw)["predict"], "<i8").tolist() == [1, 0]

    play(story)


def test_the_caller_may_say_who_it_is_about_and_which_request_it_is(play: Play, made: Site) -> None:
    request = {"inputs": [tensor("x", [1, 3], "FP64", ROWS[:3])], "id": "r1"}

    async def story(served: Served) -> None:
        mine = {**request, "parameters": {"unit": "N1", "prediction_id": "mine", "priority": 3}}
        first = await served.post(f"{URL}/infer", mine)
        again = await served.post(f"{URL}/infer", mine)
        assert outputs(first) == outputs(again)
        other = await served.post(f"{URL}/infer", request)
        assert outputs(other)["prediction_id"]["data"] != outputs(first)["prediction_id"]["data"]
        many = {"inputs": [tensor("x", [2, 3], "FP64", ROWS)]}
        headed = await served.post(f"{URL}/infer", many, **{"x-flyball-unit": "N2", "x-flyball-prediction-id": "batch"})
        assert headed.status_code == 200
        assert await served.logged() == 4
        found = made.ports.predictions.find("mine")
        assert found is not None and found[0].unit == "N1"
        second = made.ports.predictions.find("batch/1")
        assert second is not None and second[0].unit == "N2"
        wrong = await served.post(f"{URL}/infer", {**request, "parameters": {"unit": 7}})
        assert wrong.status_code == 400 and "'unit'" in wrong.json()["error"]

    play(story)


def test_time_comes_from_the_parameters_where_the_clock_says_so(play: Play, made: Site) -> None:
    inputs = [tensor("x", [1, 3], "FP64", ROWS[:3])]

    async def story(served: Served) -> None:
        late = await served.post(f"{URL}/infer", {"inputs": inputs})
        assert late.status_code == 400 and "'at' is missing" in late.json()["error"]
        answer = await served.post(f"{URL}/infer", {"inputs": inputs, "parameters": {"at": "2013-03-01T00:00:00-05:00"}})
        await served.logged()
        found = made.ports.predictions.find(outputs(answer)["prediction_id"]["data"][0])
        assert found is not None and found[0].at.isoformat() == "2013-03-01T05:00:00+00:00"

    play(story, clock="request")


def test_a_version_that_is_named_answers_and_takes_no_part_in_the_comparison(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, 1.0], 0.0))
    made.deploy(1, challenger=2, share=0.5)
    request = {"inputs": [tensor("x", [1, 3], "FP64", ROWS[:3])]}

    async def story(served: Served) -> None:
        for version, expected in (("1", sigmoid(1.5)), ("2", sigmoid(0.5))):
            answer = await served.post(f"{URL}/versions/{version}/infer", request)
            assert answer.json()["model_version"] == version and answer.json()["parameters"] == {"variant": "pinned"}
            assert outputs(answer)["predict_proba"]["data"][1] == pytest.approx(expected, abs=1e-6)
        seen = set()
        for number in range(40):
            answer = await served.post(f"{URL}/infer", {**request, "parameters": {"unit": f"u{number}"}})
            seen.add((answer.json()["model_version"], answer.json()["parameters"]["variant"]))
        assert seen == {("1", "champion"), ("2", "challenger")}
        for version in ("3", "01", "v1", "%2E"):
            answer = await served.post(f"{URL}/versions/{version}/infer", request)
            assert answer.status_code == 404 and "live versions: 1, 2" in answer.json()["error"]

    play(story)


def test_a_row_for_a_named_version_is_paired_with_nothing_and_missed_by_nobody(play: Play, made: Site) -> None:
    made.add(2, linear([0.0, -0.5, 1.0], 0.0))
    made.deploy(1, shadow=(2,))
    request = {"inputs": [tensor("x", [1, 3], "FP64", ROWS[:3])]}

    async def story(served: Served) -> None:
        paths = [f"{URL}/versions/1/infer", f"{URL}/versions/2/infer", f"{URL}/infer"]
        ids = [outputs(await served.post(path, request))["prediction_id"]["data"][0] for path in paths]
        elsewhere = {"features": {"hour": 3, "temp": 1.0, "rain": True}, "prediction": 1, "confidence": 0.7, "version": 1}
        told = await served.post("/predictions", [{**elsewhere, "prediction_id": f"e{number}"} for number in range(3)])
        assert told.json()["rejected"] == []
        await served.logged()
        actual = [{"prediction_id": name, "actual": 1} for name in (*ids, "e0", "e1", "e2")]
        assert (await served.post("/outcomes", actual)).json()["accepted"] == 6
        assert made.ports.predictions.rows(MODEL, 2, ALWAYS).prediction_id.tolist() == ids[1:]
        first, second = (made.ports.predictions.rows(MODEL, number, ALWAYS, compared=True) for number in (2, 1))
        found = paired(
            first, second, "log_loss", task="binary", classes=(0, 1), threshold=0.5, versions=(2, 1), alpha=0.05, no_outcome="unknown"
        )
        assert found.missed == 0
        assert set(first.prediction_id) & set(second.prediction_id) == {ids[2]}

    play(story)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([tensor("x", [1, 4], "FP64", [1, 2, 3, 4])], "input 'x': the shape [1, 4] is not [rows, 3]"),
        ([tensor("x", [1, 3], "INT8", [300, 1, 1])], "input 'x': its element 0 is the number 300, which is no INT8"),
        ([tensor("x", [1, 3], "UINT64", [1, -1, 1])], "input 'x': its element 1 is the number -1, which is no UINT64"),
        ([tensor("x", [1, 3], "INT64", [1, 2**63, 1])], "which is no INT64"),
        ([tensor("x", [1, 3], "INT64", [1.5, 1, 1])], "input 'x': its element 0 is the number 1.5, which is no INT64"),
        ([tensor("x", [1, 3], "FP64", ["1", 1, 1])], "input 'x': its element 0 is the text '1', which is no FP64"),
        ([tensor("x", [1, 3], "FP64", [True, 1, 1])], "input 'x': its element 0 is true, which is no FP64"),
        ([tensor("x", [1, 3], "BOOL", [1, 0, 1])], "which is no BOOL"),
        ([tensor("x", [1, 3], "FP16", [1, 70000, 1])], "which is no FP16"),
        ([tensor("x", [1, 3], "FP64", [2**53 + 2, 1, 1])], "'hour' is too large for an integer"),
        ([tensor("x", [1, 3], "FP64", [3, 1e39, 1])], "'temp' is too large"),
        ([tensor("x", [1, 3], "FP64", [3.5, 1, 1])], "'hour' must be an integer, not 3.5"),
        ([tensor("x", [2, 3], "FP64", [3, 1, 1, 3, 1, 2])], "row 1: 'rain' must be true or false"),
        ([tensor("x", [1, 3], "FP64", [None, 1, 1])], "'hour' is null"),
        ([tensor("x", [1, 3], "BYTES", ["a", "b", "c"])], "reads numbers, not BYTES"),
        ([tensor("x", [1, 3], "FP64", [[3, 1], [1]])], "not nested as its shape"),
        ([tensor("x", [1, 3], "FP64", [[[3, 1, 1]]])], "its data is not nested as its shape [1, 3] says"),
        ([tensor("x", [1, 3], "FP64", {"a": 1})], "its data must be a list, not an object"),
        ([tensor("x", [0, 3], "FP64", [])], "input 'x' holds no rows"),
        ([tensor("x", [], "FP64", [1])], "input 'x': the shape [] is not [rows, 3]"),
        ([tensor("x", [1] * 9, "FP64", [1])], "9 dimensions"),
        ([tensor("x", [1, 3.0], "FP64", [1, 1, 1])], "its shape must be a list of integers"),
        ([tensor("x", [2**40], "FP64", [1])], "its shape holds 1099511627776"),
        ([tensor("hour", [1], "INT64", [1])], "the input 'temp' is missing"),
        (
            [tensor("hour", [1], "INT64", [1]), tensor("tmp", [1], "FP64", [1])],
            "input 'tmp' is not a column of this model; did you mean 'temp'?",
        ),
        ([tensor("hour", [1], "INT64", [1]), tensor("temp", [2], "FP64", [1, 2])], "input 'temp' has 2 rows, input 'hour' has 1"),
        ([tensor("hour", [1], "INT64", [1]), tensor("temp", [1, 2], "FP64", [1, 2])], "input 'temp': the shape of a column is"),
        (
            [tensor("x", [1, 3], "FP64", [3, 1, 1], parameters={"content_type": "base64"})],
            "the content type is the text 'base64', which is none of",
        ),
        ([tensor("x", [1, 3], "FP64", [3, 1, 1], parameters={"shared_memory_region": "r"})], "shared memory"),
        ([tensor("x", [1, 3], "FP64", [3, 1, 1], parameters={"binary_data_size": 24})], "both 'data' and 'binary_data_size'"),
        ([{"name": "x", "shape": [1, 3], "data": [1, 1, 1]}], "input 'x': 'datatype' is missing"),
        ([{"shape": [1], "datatype": "FP64", "data": [1]}], "an input must have a 'name' that is a text"),
        (["x"], "an input must be an object, not the text 'x'"),
        ("x", "'inputs' must be a list, not the text 'x'"),
    ],
)
def test_inputs_that_do_not_fit_are_400_with_the_name_of_the_input(play: Play, inputs: object, said: str) -> None:
    async def story(served: Served) -> None:
        answer = await served.post(f"{URL}/infer", {"inputs": inputs})
        assert answer.status_code == 400 and said in answer.json()["error"], answer.text
        assert list(answer.json()) == ["error"]
        assert await served.logged() == 0

    play(story)


def test_binary_tensors_that_do_not_fit_their_bytes_are_refused(play: Play) -> None:
    def one(datatype: str, size: object, shape: list[int]) -> dict[str, Any]:
        return {"inputs": [{"name": "x", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}]}

    tries = [
        (one("FP64", 16, [1, 3]), b"\0" * 16, "takes 24 bytes; 16 were sent"),
        (one("FP64", 24, [1, 3]), b"\0" * 23, "23 bytes are left"),
        (one("FP64", 24, [1, 3]), b"\0" * 25, "1 bytes after the JSON belong to no input"),
        (one("FP64", -1, [1, 3]), b"\0" * 24, "'binary_data_size' is the number -1"),
        (one("FP64", "24", [1, 3]), b"\0" * 24, "'binary_data_size' is the text '24'"),
        (one("BOOL", 3, [1, 3]), b"\0\1\2", "a BOOL is a byte of value 0 or 1"),
        (one("BYTES", 6, [1, 1]), b"\x03\0\0\0ab", "longer than the bytes that were sent"),
        (one("BYTES", 3, [1, 1]), b"\x03\0\0", "longer than the bytes that were sent"),
        (one("BYTES", 5, [1, 1]), b"\x01\0\0\0\xff", "texts in UTF-8"),
        (one("BYTES", 8, [1, 1]), b"\0" * 8, "takes 1 elements; more were sent"),
        (one("BYTES", 200_000, [50_000]), b"\0" * 200_000, "takes 50000 elements; at most 30000 are read"),
        (one("BOOL", 50_000, [50_000, 1]), b"\0" * 50_000, "at most 30000 are read"),
        (
            {"inputs": [*one("BYTES", 80_000, [20_000])["inputs"], *one("BYTES", 80_000, [20_000])["inputs"]]},
            b"\0" * 160_000,
            "takes 20000 elements; at most 10000 are read",
        ),
        (one("FP64", 24, [1, 3]), struct.pack("<3d", 3, math.inf, 1), "'temp' is too large: inf"),
        (one("FP32", 12, [2**31 - 1] * 8), b"\0" * 12, "12 were sent"),
    ]

    async def story(served: Served) -> None:
        for request, part, said in tries:
            content, headers = with_bytes(request, part)
            answer = await served.client.post(f"{URL}/infer", content=content, headers=headers)
            assert answer.status_code == 400 and said in answer.json()["error"], answer.text
        for length in ("-1", "+2", "x", "99", "1" * 30):
            headers = {"content-type": "application/json", "inference-header-content-length": length}
            answer = await served.client.post(f"{URL}/infer", content=b"{}", headers=headers)
            assert answer.status_code == 400 and "Inference-Header-Content-Length" in answer.json()["error"]

    play(story)


def test_methods_kinds_origins_and_sizes_are_checked_in_the_protocols_own_shape(play: Play) -> None:
    good = json.dumps({"inputs": [tensor("x", [1, 3], "FP64", ROWS[:3])]}).encode()
    kind = {"content-type": "application/json"}

    async def story(served: Served) -> None:
        client = served.client
        tries = [
            (await client.get(f"{URL}/infer"), 405),
            (await client.post(URL, content=good, headers=kind), 405),
            (await client.put(f"{URL}/infer", content=good, headers=kind), 405),
            (await client.get("/v2/repository/index"), 405),
            (await client.get("/v2/nowhere"), 404),
            (await client.get("/v2/models/"), 404),
            (await client.post(f"{URL}/infer", content=good, headers={"content-type": "text/plain"}), 415),
            (await client.post(f"{URL}/infer", content=good, headers={**kind, "origin": "http://evil.example"}), 403),
            (await client.post(f"{URL}/infer", content=good, headers={**kind, "host": "evil.example"}), 403),
            (await client.post("/v2/repository/models/x/load", content=b"", headers={"origin": "http://evil.example"}), 403),
            (await client.post(f"{URL}/infer", content=b" " * 2_000_000, headers=kind), 413),
            (await client.post(f"{URL}/infer", content=b"[1]", headers=kind), 400),
        ]
        for answer, status in tries:
            assert answer.status_code == status, answer.text
            assert list(answer.json()) == ["error"]
        assert (await client.head("/v2/health/ready")).status_code == 200
        many = tensor("x", [10_001, 3], "FP64", None)
        content, headers = with_bytes(
            {"inputs": [{**{k: v for k, v in many.items() if k != "data"}, "parameters": {"binary_data_size": 240_024}}]}, bytes(240_024)
        )
        answer = await client.post(f"{URL}/infer", content=content, headers=headers)
        assert answer.status_code == 400 and "takes 30003 elements; at most 30000" in answer.json()["error"]

    play(story)


def test_the_repository_lists_loads_what_is_deployed_and_never_unloads(play: Play, made: Site) -> None:
    async def story(served: Served) -> None:
        assert (await served.post("/v2/repository/index", b"")).json() == [{"name": MODEL, "version": "1", "state": "READY", "reason": ""}]
        made.add(2, linear([0.0, -0.5, 1.0], 0.0))
        made.deploy(2)
        assert (await served.post(f"/v2/repository/models/{MODEL}/load", b"")).status_code == 200
        assert (await served.post("/v2/repository/index", {"ready": True})).json()[0]["version"] == "2"
        made.digests[3] = "0" * 64
        made.deploy(2, shadow=(3,))
        assert (await served.post(f"/v2/repository/models/{MODEL}/load", {"parameters": {}})).status_code == 200
        whole = (await served.post("/v2/repository/index", {})).json()
        assert [(one["version"], one["state"]) for one in whole] == [("2", "READY"), ("3", "UNAVAILABLE")] and whole[1]["reason"]
        assert len((await served.post("/v2/repository/index", {"ready": True})).json()) == 1
        made.deploy(3)
        refused = await served.post(f"/v2/repository/models/{MODEL}/load", b"")
        assert refused.status_code == 409 and "was refused" in refused.json()["error"]
        assert (await served.get(f"{URL}/ready")).status_code == 200
        unload = await served.post(f"/v2/repository/models/{MODEL}/unload", b"")
        assert unload.status_code == 403 and "token" in unload.json()["error"]
        config = await served.post(f"/v2/repository/models/{MODEL}/load", {"parameters": {"file:1/model.onnx": "AAAA"}})
        assert config.status_code == 400
        assert (await served.post("/v2/repository/models/other/load", b"")).status_code == 404
        assert (await served.post("/v2/repository/index", {"ready": 1})).status_code == 400

    play(story)


def test_statistics_count_rows_requests_and_refusals_of_each_version(play: Play) -> None:
    async def story(served: Served) -> None:
        for number in (1, 2):
            await served.post(f"{URL}/infer", {"inputs": [tensor("x", [number, 3], "FP64", ROWS[: 3 * number])]})
        await served.post(f"{URL}/infer", {"inputs": []})
        await served.post(f"{URL}/versions/9/infer", {"inputs": []})
        for path in (f"{URL}/stats", f"{URL}/versions/1/stats", "/v2/models/stats"):
            (found,) = (await served.get(path)).json()["model_stats"]
            assert (found["name"], found["version"], found["inference_count"], found["execution_count"]) == (MODEL, "1", 3, 2)
            steps = found["inference_stats"]
            assert steps["success"]["count"] == 2 and steps["fail"]["count"] == 1
            assert steps["success"]["ns"] >= steps["compute_infer"]["ns"] > 0 and found["last_inference"] > 1_700_000_000_000
        assert (await served.get(f"{URL}/versions/9/stats")).status_code == 404

    play(story)


def test_without_a_deployment_the_protocol_says_so(tmp_path: Path) -> None:
    made = site(tmp_path / "empty")

    async def story() -> None:
        async with running(make_app(made.settings(poll_every=3600.0), made.ports)) as app:
            served = Served(made, app)
            assert (await served.get("/v2/health/live")).status_code == 200
            assert (await served.get("/v2/health/ready")).status_code == 503
            assert (await served.get(f"{URL}/ready")).status_code == 503
            assert (await served.get(URL)).status_code == 503
            answer = await served.post(f"{URL}/infer", {"inputs": []})
            assert answer.status_code == 503 and answer.headers["retry-after"] == "1" and list(answer.json()) == ["error"]
            assert (await served.post("/v2/repository/index", b"")).json()[0]["state"] == "UNAVAILABLE"
            assert (await served.post(f"/v2/repository/models/{MODEL}/load", b"")).status_code == 409
            made.deploy(1)
            assert (await served.post(f"/v2/repository/models/{MODEL}/load", b"")).status_code == 200
            assert (await served.get("/v2/health/ready")).status_code == 200
            app.draining = True
            assert (await served.get("/v2/health/ready")).status_code == 503
            await served.client.aclose()

    asyncio.run(story())


def test_no_json_text_makes_a_5xx_or_another_error_shape(play: Play, conformance: Path) -> None:
    files = sorted((conformance / "jsontestsuite" / "test_parsing").glob("*.json"))
    assert len(files) > 300

    async def story(served: Served) -> None:
        for path in files:
            content = path.read_bytes()
            for route in (f"{URL}/infer", "/v2/repository/index"):
                answer = await served.post(route, content)
                assert answer.status_code < 500, path.name
                assert not (path.name.startswith("n_") and answer.status_code < 300 and content.strip()), path.name
                assert answer.status_code < 300 or list(answer.json()) == ["error"], path.name

    play(story)


@pytest.mark.parametrize("name", ["team/churn model", "a/versions/b", "模型", "100%"])
def test_a_model_may_have_any_name(tmp_path: Path, name: str) -> None:
    made = site(tmp_path / "project")
    made.add(2, linear([0.0, 0.5, 1.0], 0.0), model=name)
    made.deploy(2, model=name)

    async def story() -> None:
        async with running(make_app(made.settings(poll_every=3600.0, model=name), made.ports)) as app:
            served = Served(made, app)
            for spelled in {quote(name, safe=""), quote(name)} - ({"a/versions/b"}):
                url = f"/v2/models/{spelled}"
                assert (await served.get(url)).json()["name"] == name
                for path in (f"{url}/infer", f"{url}/versions/2/infer"):
                    answer = await served.post(path, {"inputs": [tensor("x", [1, 3], "FP64", ROWS[:3])]})
                    assert answer.status_code == 200 and answer.json()["model_name"] == name, answer.text
                assert (await served.post(f"/v2/repository/models/{spelled}/load", b"")).status_code == 200
            await served.client.aclose()

    asyncio.run(story())


def softmax() -> bytes:
    """The softmax of three numbers' products with three weights each."""
    weights = np.arange(9, dtype=np.float32).reshape(3, 3) / 10
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["xw"]),
        helper.make_node("Softmax", ["xw"], ["probabilities"], axis=1),
    ]
    given = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 3])
    found = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])
    graph = helper.make_graph(nodes, "softmax", [given], [found], initializer=[onnx.numpy_helper.from_array(weights, "w")])
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    return content


def test_every_class_has_its_probability_in_the_row(play: Play, made: Site) -> None:
    made.add(2, softmax(), schema=THREE, task="multiclass", classes=("a", "b", "c"))
    made.deploy(2)

    async def story(served: Served) -> None:
        answer = await served.post(f"{URL}/infer", {"inputs": [tensor("x", [2, 3], "FP32", [1, 0, 0, 0, 1, 0])]})
        found = outputs(answer)
        assert found["predict"] == {"name": "predict", "shape": [2, 1], "datatype": "BYTES", "data": ["c", "c"]}
        assert found["predict_proba"]["shape"] == [2, 3] and sum(found["predict_proba"]["data"]) == pytest.approx(2, abs=1e-5)
        assert (await served.get(URL)).json()["outputs"][1]["shape"] == [-1, 3]

    play(story)


def test_several_values_of_a_regression_are_one_row_of_a_tensor(play: Play) -> None:
    async def story(served: Served) -> None:
        live = served.app.models.first.live
        described = manifest(task="regression", classes=(), outputs=("low", "high"))
        several = LiveModel(live.deployment, {1: LiveVersion(1, described, live.champion.engine)})
        rows = [Given([1.0, 2.0], None, 1, "champion", "p0", [1.0, 2.0]), Given([3.0, 4.0], None, 1, "champion", "p1", [3.0, 4.0])]
        predict, ids = tensors_of(several, rows)
        assert (predict.shape, predict.datatype, predict.values) == ((2, 2), "FP64", [1.0, 2.0, 3.0, 4.0])
        assert [form.name for form in outputs_of(manifest(probabilities=False))] == ["predict", "prediction_id"]
        assert ids.values == ["p0", "p1"] and [form.shape for form in outputs_of(described)] == [(-1, 2), (-1, 1)]

    play(story)


@pytest.mark.parametrize("depth", [50, 450, 900, 990, 2000])
def test_deep_nesting_is_refused_wherever_it_stands(play: Play, depth: int) -> None:
    async def story(served: Served) -> None:
        for before, after in ((b"[", b"]"), (b'{"a":', b"}")):
            nested = before * depth + b"1" + after * depth
            for body in (
                b'{"inputs": %s}',
                b'{"id": %s, "inputs": []}',
                b'{"inputs": [], "outputs": [{"name": %s}]}',
                b'{"inputs": [{"name": %s}]}',
                b'{"inputs": [{"name": "x", "shape": %s, "datatype": "FP64", "data": [1]}]}',
                b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": %s, "data": [1, 2, 3]}]}',
                b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": %s}]}',
                b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, %s]}]}',
                b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": %s}}]}',
                b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1], "parameters": {"content_type": %s}}]}',
                b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 1]}], "parameters": {"unit": %s}}',
            ):
                answer = await served.post(f"{URL}/infer", body % nested)
                assert answer.status_code == 400 and list(answer.json()) == ["error"], answer.text

    play(story)


@given(
    st.lists(st.tuples(st.integers(0, 23), st.floats(-1e6, 1e6, width=32) | st.none(), st.booleans()), min_size=1, max_size=5),
    st.sampled_from(["FP32", "FP64"]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_rows_are_answered_the_same_as_json_and_as_bytes(play: Play, given_rows: list[Any], datatype: str) -> None:
    values = [None if value is None else float(value) for row in given_rows for value in row]
    shape = [len(given_rows), 3]
    part = np.array(values, dtype={"FP32": "<f4", "FP64": "<f8"}[datatype]).tobytes()

    async def story(served: Served) -> None:
        plain = await served.post(f"{URL}/infer", {"inputs": [tensor("x", shape, datatype, values)]})
        binary = {"name": "x", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(part)}}
        content, headers = with_bytes({"inputs": [binary]}, part)
        coded = await served.client.post(f"{URL}/infer", content=content, headers=headers)
        assert plain.status_code == coded.status_code == 200, (plain.text, coded.text)
        for name in ("predict", "predict_proba"):
            assert outputs(plain)[name] == outputs(coded)[name]

    play(story)


@given(
    st.text(max_size=5),
    st.lists(st.integers(-1, 4), max_size=3),
    st.sampled_from(DATATYPES) | st.text(max_size=4),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4),
    ),
    st.binary(max_size=40),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_tensor_at_all_makes_a_5xx(play: Play, name: str, shape: list[int], datatype: str, data: object, part: bytes) -> None:
    async def story(served: Served) -> None:
        plain = await served.post(f"{URL}/infer", {"inputs": [tensor(name, shape, datatype, data)]})
        binary = {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(part)}}
        content, headers = with_bytes({"inputs": [binary]}, part)
        coded = await served.client.post(f"{URL}/infer", content=content, headers=headers)
        for answer in (plain, coded):
            assert answer.status_code in (200, 400), answer.text

    play(story)


def test_schemathesis_finds_no_request_that_the_official_description_forbids(made: Site, conformance: Path, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="the fuzzer of the protocol's description needs schemathesis")
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        f'[parameters]\nMODEL_NAME = "{MODEL}"\nMODEL_VERSION = "1"\n[checks]\npositive_data_acceptance.enabled = false\n', encoding="utf-8"
    )
    fuzz = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    limits = ["--max-examples", "10", "--phases", "coverage,fuzzing", "--generation-database", "none", "--seed", "1", "--no-color"]
    with serving(made.settings()) as (url, _):
        description = str(conformance / "oip" / "open_inference_rest.patched.yaml")
        done = subprocess.run(
            [*fuzz, description, "--url", url, *limits], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "9 passed" in done.stdout
        assert httpx.get(f"{url}/v2/health/ready").status_code == 200
