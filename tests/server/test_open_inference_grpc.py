"""The Open Inference Protocol over gRPC: the messages, the errors, ports and workers, and what tritonclient makes of both carriers."""

import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.core.errors import RefusedError, StoreError, UnsupportedError
from served import MIXED, MODEL, Served, Site, linear, mixed, serving

grpc = pytest.importorskip("grpc", reason="gRPC needs grpcio: pip install 'flyball[grpc]'")

from flyball.server.dialects.grpc_messages import HEALTH_PACKAGE, SERVICE, make_messages  # noqa: E402 - after the check for grpcio
from flyball.server.dialects.grpc_port import hold  # noqa: E402 - likewise

Play = Callable[..., Any]
MESSAGES = make_messages()
ROWS = [3.0, 1.0, 1.0, 3.0, -9.0, 0.0]
PROBABILITY = 1 / (1 + 2.718281828459045**-1.5)

_HTTP = """
import json, sys, time
import numpy as np
import tritonclient.http as triton
client = triton.InferenceServerClient(sys.argv[1].removeprefix("http://"))
rows = np.array([[3, 1.0, 1], [3, -9.0, 0]])
"""
_GRPC = """
import json, sys, time
import numpy as np
import tritonclient.grpc as triton
client = triton.InferenceServerClient(sys.argv[2])
rows = np.array([[3, 1.0, 1], [3, -9.0, 0]])
"""
_TALK = """
from tritonclient.utils import InferenceServerException
said = {"live": client.is_server_live(), "ready": client.is_server_ready(), "model": client.is_model_ready("flight-delay")}
grpc = "grpc" in triton.__name__
metadata = client.get_model_metadata("flight-delay", **({"as_json": True} if grpc else {}))
(announced,) = metadata["inputs"]
said["outputs"] = [one["name"] for one in metadata["outputs"]]
tensor = triton.InferInput(announced["name"], list(rows.shape), announced["datatype"])
tensor.set_data_from_numpy(rows)
for number in range(20):
    answer = client.infer("flight-delay", [tensor], request_id=f"q{number}", parameters={"unit": "u1"})
said["predict"] = answer.as_numpy("predict").tolist()
said["probability"] = answer.as_numpy("predict_proba")[0, 1]
said["ids"] = len(set(answer.as_numpy("prediction_id").ravel().tolist()))
response = answer.get_response()
said["id"] = response.id if grpc else response["id"]
wanted = triton.InferRequestedOutput("predict")
some = client.infer("flight-delay", [tensor], outputs=[wanted], model_version="1")
said["some"] = [some.as_numpy("predict").tolist(), some.as_numpy("predict_proba") is None]
packed = {"compression_algorithm": "gzip"} if grpc else {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
said["packed"] = client.infer("flight-delay", [tensor], **packed).as_numpy("predict").tolist()
client.load_model("flight-delay")
index = client.get_model_repository_index()
said["index"] = [one.name for one in index.models] if grpc else [one["name"] for one in index]
for _ in range(100):  # what the other worker answered is known here after a second
    found = client.get_inference_statistics("flight-delay")
    said["rows"] = found.model_stats[0].inference_count if grpc else found["model_stats"][0]["inference_count"]
    if said["rows"] == 44:
        break
    time.sleep(0.1)
errors = []
for call in (
    lambda: client.infer("nope", [tensor]),
    lambda: client.unload_model("flight-delay"),
    lambda: client.infer("flight-delay", [triton.InferInput("features", [1, 2], "FP32").set_data_from_numpy(np.zeros((1, 2), np.float32))]),
):
    try:
        call()
    except InferenceServerException as error:
        errors.append(error.message())
said["errors"] = errors
print(json.dumps(said))
"""


def triton_python() -> str:
    """A Python that has tritonclient: its requirements hold back packages of ours, so it may be another environment's."""
    python = os.environ.get("FLYBALL_TRITON_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import tritonclient.http, tritonclient.grpc"], capture_output=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"{python} has no tritonclient[http,grpc]: set FLYBALL_TRITON_PYTHON to one that has")
    return python


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def request(values: list[float], *, raw: bool = False, **more: Any) -> Any:
    """A request of rows of three numbers."""
    made = MESSAGES["ModelInferRequest"](model_name=MODEL, **more)
    tensor = made.inputs.add(name="features", datatype="FP32", shape=[len(values) // 3, 3])
    if raw:
        made.raw_input_contents.append(struct.pack(f"<{len(values)}f", *values))
    else:
        tensor.contents.fp32_contents.extend(values)
    return made


class Talk:
    """A channel to the server of a test."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    async def __call__(self, method: str, message: Any = None, metadata: Any = None, service: str = SERVICE) -> Any:
        name = "HealthCheck" if method == "Check" else method
        call = self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=MESSAGES[f"{name}Request"].SerializeToString,
            response_deserializer=MESSAGES[f"{name}Response"].FromString,
        )
        return await call(MESSAGES[f"{name}Request"]() if message is None else message, metadata=metadata)

    async def refused(self, method: str, message: Any) -> tuple[str, str]:
        """The status and the words of a call that fails."""
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self(method, message)
        return raised.value.code().name, raised.value.details()


def talking(story: Callable[[Served, Talk], Awaitable[None]]) -> Callable[[Served], Awaitable[None]]:
    """A story with a channel to the app's gRPC port."""

    async def told(served: Served) -> None:
        assert served.app.grpc is not None
        async with grpc.aio.insecure_channel(f"127.0.0.1:{served.app.grpc.port}") as channel:
            await story(served, Talk(channel))

    return told


def test_health_metadata_and_readiness_are_answered(play: Play) -> None:
    async def story(served: Served, talk: Talk) -> None:
        assert (await talk("ServerLive")).live and (await talk("ServerReady")).ready
        assert (await talk("ModelReady", MESSAGES["ModelReadyRequest"](name=MODEL, version="1"))).ready
        for name, version in (("nope", ""), (MODEL, "9")):
            assert not (await talk("ModelReady", MESSAGES["ModelReadyRequest"](name=name, version=version))).ready
        server = await talk("ServerMetadata")
        assert server.name == "flyball" and "statistics" in server.extensions
        model = await talk("ModelMetadata", MESSAGES["ModelMetadataRequest"](name=MODEL))
        assert [(one.name, one.datatype, list(one.shape)) for one in model.inputs] == [("features", "FP64", [-1, 3])]
        assert [one.name for one in model.outputs] == ["predict", "predict_proba", "prediction_id"] and list(model.versions) == ["1"]
        health = f"{HEALTH_PACKAGE}.Health"
        assert (await talk("Check", service=health)).status == 1
        served.app.draining = True
        assert (await talk("Check", service=health)).status == 2 and not (await talk("ServerReady")).ready

    play(talking(story), grpc_port=0)


def test_rows_are_read_as_numbers_and_as_bytes_and_answered_in_the_same_form(play: Play, made: Site) -> None:
    async def story(served: Served, talk: Talk) -> None:
        plain = await talk("ModelInfer", request(ROWS, id="r1"))
        assert (plain.model_name, plain.model_version, plain.id) == (MODEL, "1", "r1")
        assert plain.parameters["variant"].string_param == "champion"
        found = {one.name: one for one in plain.outputs}
        assert list(found["predict"].contents.int64_contents) == [1, 0] and list(found["predict"].shape) == [2, 1]
        assert found["predict_proba"].contents.fp64_contents[1] == pytest.approx(PROBABILITY, abs=1e-6)
        assert len(found["prediction_id"].contents.bytes_contents) == 2 and not plain.raw_output_contents
        raw = await talk("ModelInfer", request(ROWS, raw=True))
        assert struct.unpack("<2q", raw.raw_output_contents[0]) == (1, 0) and not raw.outputs[0].HasField("contents")
        wanted = request(ROWS)
        wanted.outputs.add(name="predict")
        assert [one.name for one in (await talk("ModelInfer", wanted)).outputs] == ["predict"]
        assert await served.logged() == 6

    play(talking(story), grpc_port=0)


def test_columns_and_who_it_is_about_come_by_name(play: Play, made: Site) -> None:
    made.add(2, mixed(0.0, {"AA": 1.0, "UA": -1.0}), schema=MIXED, classes=("late", "on time"))
    made.deploy(2)

    async def story(served: Served, talk: Talk) -> None:
        asked = MESSAGES["ModelInferRequest"](model_name=MODEL)
        asked.inputs.add(name="hour", datatype="INT32", shape=[2, 1]).contents.int_contents.extend([1, 2])
        asked.inputs.add(name="carrier", datatype="BYTES", shape=[2]).contents.bytes_contents.extend([b"AA", b"UA"])
        asked.inputs.add(name="temp", datatype="FP64", shape=[2]).contents.fp64_contents.extend([1.0, float("nan")])
        asked.parameters["unit"].string_param = "N1"
        answer = await talk("ModelInfer", asked, metadata=(("x-flyball-prediction-id", "mine"),))
        assert list(answer.outputs[0].contents.bytes_contents) == [b"on time", b"late"]
        await served.logged()
        found = made.ports.predictions.find("mine/1")
        assert found is not None and found[0].unit == "N1" and found[0].features == {"hour": 2, "carrier": "UA", "temp": None}

    play(talking(story), grpc_port=0)


def test_errors_have_a_status_and_name_the_input(play: Play) -> None:
    async def story(served: Served, talk: Talk) -> None:
        assert await talk.refused("ModelInfer", request(ROWS[:4])) == (
            "INVALID_ARGUMENT",
            "input 'features': its shape [1, 3] takes 3 elements; 4 were sent",
        )
        assert (await talk.refused("ModelInfer", MESSAGES["ModelInferRequest"](model_name="nope")))[0] == "NOT_FOUND"
        assert (await talk.refused("ModelInfer", request(ROWS, model_version="7")))[0] == "NOT_FOUND"
        wrap = request(ROWS[:3])
        wrap.inputs[0].datatype = "INT8"
        assert "not in fp32_contents" in (await talk.refused("ModelInfer", wrap))[1]
        wrap.inputs[0].contents.Clear()
        wrap.inputs[0].contents.int_contents.extend([300, 1, 1])
        assert (await talk.refused("ModelInfer", wrap))[1] == "input 'features': its element 0 is the number 300, which is no INT8"
        both = request(ROWS[:3], raw=True)
        both.inputs[0].contents.fp32_contents.extend(ROWS[:3])
        assert "both contents and raw_input_contents" in (await talk.refused("ModelInfer", both))[1]
        half = request(ROWS[:3])
        half.inputs[0].datatype = "FP16"
        assert "raw_input_contents only" in (await talk.refused("ModelInfer", half))[1]
        half.raw_input_contents.extend([b"", b""])
        assert "there must be one for each" in (await talk.refused("ModelInfer", half))[1]
        many = request(ROWS[:3], raw=True)
        many.inputs[0].datatype = "BYTES"
        many.inputs[0].shape[:] = [50_000]
        many.raw_input_contents[0] = bytes(200_000)
        assert "at most 30000 are read" in (await talk.refused("ModelInfer", many))[1]
        twice = request(ROWS[:3])
        twice.outputs.add(name="predict")
        twice.outputs.add(name="predict")
        assert "asked for twice" in (await talk.refused("ModelInfer", twice))[1]
        unload = MESSAGES["RepositoryModelUnloadRequest"](model_name=MODEL)
        assert (await talk.refused("RepositoryModelUnload", unload))[0] == "PERMISSION_DENIED"
        assert await served.logged() == 0
        assert served.app.metrics.counted("flyball_requests_refused_total") == 11

    play(talking(story), grpc_port=0)


def test_the_fixtures_of_mlserver_are_read(play: Play, conformance: Path) -> None:
    from google.protobuf.json_format import ParseDict

    folder = conformance / "mlserver" / "tests" / "testdata" / "grpc"

    async def story(served: Served, talk: Talk) -> None:
        for name, said in (
            ("model-infer-request", ("INVALID_ARGUMENT", "'rain' must be true or false, not the number 3")),
            ("model-infer-request-invalid-datatype", ("INVALID_ARGUMENT", "input 'input-0': its datatype is the text 'INT322'")),
            ("model-generate-request", ("INVALID_ARGUMENT", "there is no output 'output'")),
        ):
            asked = ParseDict(json.loads((folder / f"{name}.json").read_text()), MESSAGES["ModelInferRequest"]())
            assert (await talk.refused("ModelInfer", asked))[0] == "NOT_FOUND"
            asked.model_name, asked.model_version = MODEL, ""
            code, words = await talk.refused("ModelInfer", asked)
            assert (code, words[: len(said[1])]) == said

    play(talking(story), grpc_port=0)


def test_the_repository_and_the_statistics_are_those_of_http(play: Play, made: Site) -> None:
    async def story(served: Served, talk: Talk) -> None:
        await talk("ModelInfer", request(ROWS))
        made.add(2, linear([0.0, -0.5, 1.0], 0.0))
        made.deploy(1, challenger=2, share=0.5)
        await talk("RepositoryModelLoad", MESSAGES["RepositoryModelLoadRequest"](model_name=MODEL))
        index = await talk("RepositoryIndex")
        assert [(one.name, one.version, one.state) for one in index.models] == [(MODEL, "1", "READY"), (MODEL, "2", "READY")]
        found = (await talk("ModelStatistics", MESSAGES["ModelStatisticsRequest"](name=MODEL, version="1"))).model_stats
        assert [(one.version, one.inference_count, one.execution_count) for one in found] == [("1", 2, 1)]
        assert found[0].inference_stats.success.ns > 0 and found[0].last_inference > 1_700_000_000_000

    play(talking(story), grpc_port=0)


def test_a_stream_answers_in_order_and_outlives_a_bad_request(play: Play) -> None:
    async def told(served: Served) -> None:
        assert served.app.grpc is not None
        async with grpc.aio.insecure_channel(f"127.0.0.1:{served.app.grpc.port}") as channel:
            call = channel.stream_stream(
                f"/{SERVICE}/ModelStreamInfer",
                request_serializer=MESSAGES["ModelInferRequest"].SerializeToString,
                response_deserializer=MESSAGES["ModelStreamInferResponse"].FromString,
            )
            answers = [answer async for answer in call(iter([request(ROWS, id="a"), request(ROWS[:4]), request(ROWS, id="b")]))]
        assert [answer.infer_response.id for answer in answers] == ["a", "", "b"]
        assert [bool(answer.error_message) for answer in answers] == [False, True, False]

    play(told, grpc_port=0)


def test_without_grpcio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)  # as if it were not there
    with pytest.raises(UnsupportedError, match="grpcio") as raised:
        hold("127.0.0.1", 0)
    assert raised.value.hint == "pip install 'flyball[grpc]'"


def test_the_port_is_held_for_the_workers_and_taken_from_nobody() -> None:
    holder = hold("127.0.0.1", 0)
    try:
        port = holder.getsockname()[1]
        with pytest.raises(StoreError, match="in use") as raised:
            hold("127.0.0.1", port).close()
        assert "--grpc-port" in raised.value.hint
    finally:
        holder.close()
    with pytest.raises(RefusedError, match="no access tokens"):
        hold("0.0.0.0", 0)


def test_a_server_that_is_told_to_stop_answers_what_it_has_and_waits_for_no_open_stream(made: Site) -> None:
    port, asked = free_port(), request(ROWS[:3])
    with serving(made.settings(workers=2, grpc_port=port)) as (_, process), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        infer = channel.unary_unary(
            f"/{SERVICE}/ModelInfer",
            request_serializer=MESSAGES["ModelInferRequest"].SerializeToString,
            response_deserializer=MESSAGES["ModelInferResponse"].FromString,
        )
        stream = channel.stream_stream(
            f"/{SERVICE}/ModelStreamInfer",
            request_serializer=MESSAGES["ModelInferRequest"].SerializeToString,
            response_deserializer=MESSAGES["ModelStreamInferResponse"].FromString,
        )
        sent: queue.Queue[Any] = queue.Queue()
        sent.put(asked)
        answers = stream(iter(sent.get, None))
        assert next(answers).infer_response.model_name == MODEL
        ids = [infer(asked).outputs[2].contents.bytes_contents[0].decode() for _ in range(50)]
        process.send_signal(signal.SIGTERM)
        ids += [infer(asked).outputs[2].contents.bytes_contents[0].decode() for _ in range(5)]  # the lame duck
        assert process.wait(20) == 0
        sent.put(None)
    made.ports.predictions.ingest()
    assert all(made.ports.predictions.find(name) for name in ids)


@pytest.mark.parametrize("carrier", ["http", "grpc"])
def test_tritonclient_works_as_it_comes_against_two_workers(made: Site, carrier: str) -> None:
    python, port = triton_python(), free_port()
    script = {"http": _HTTP, "grpc": _GRPC}[carrier] + _TALK
    with serving(made.settings(workers=2, grpc_port=port)) as (url, _):
        done = subprocess.run([python, "-c", script, url, f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["live"] and said["ready"] and said["model"] and said["index"] == [MODEL]
    assert said["outputs"] == ["predict", "predict_proba", "prediction_id"]
    assert said["predict"] == [[1], [0]] and said["ids"] == 2 and said["id"] == "q19"
    assert said["probability"] == pytest.approx(PROBABILITY, abs=1e-6)
    assert said["some"] == [[[1], [0]], True]
    assert said["rows"] == 44 and said["packed"] == said["predict"]
    unknown, unload, shape = said["errors"]
    assert "there is no model 'nope' here" in unknown and "token" in unload and "the shape [1, 2] is not [rows, 3]" in shape
