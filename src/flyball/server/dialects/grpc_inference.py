"""The Open Inference Protocol over gRPC, in the worker's own event loop; it needs grpcio, so nothing imports it before it is wanted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.json_format import ParseDict

from flyball.core.errors import NotFoundError, RequestError, StoreError
from flyball.server.answers import Reply, without_place
from flyball.server.dialects.caller import Caller, caller_of
from flyball.server.dialects.grpc_messages import HEALTH_PACKAGE, SERVICE, make_messages
from flyball.server.dialects.inference import EXTENSIONS, Asked, OpenInference, Said, refuse_parameters
from flyball.server.dialects.model_tensors import Form
from flyball.server.dialects.refusal import refusal
from flyball.server.dialects.tensors import Tensor, check_form, checked, from_bytes, from_texts, to_bytes
from flyball.server.settings import ServerSettings
from flyball.serving.contract import shown

Context = grpc.aio.ServicerContext[Any, Any]
Answerer = Callable[[Any, Caller], Awaitable[Any]]

_LARGER = 16  # times the limit of a JSON body, as for binary tensors over HTTP
_GRACE = 2.0  # seconds for what is being answered when the worker ends
_SERVING, _NOT_SERVING = 1, 2

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
# datatype → the field that holds its elements where they do not come as bytes; FP16 always does
_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class GrpcInference:
    """The services `inference.GRPCInferenceService` and `grpc.health.v1.Health` on one port.

    Several workers listen on the same port, each with a socket of its own. `refused` is told the HTTP status that an error would have,
    and which model was asked for predictions, if one was.
    """

    def __init__(self, protocol: OpenInference, settings: ServerSettings, *, refused: Callable[[int, str | None], None]) -> None:
        self._protocol = protocol
        self._settings = settings
        self._refused = refused
        self._messages = make_messages()
        self._server: grpc.aio.Server | None = None
        self.port = 0  # where it listens, once it does

    async def start(self, port: int) -> None:
        """Listen; StoreError if the port cannot be had."""
        host = self._settings.host
        limit = self._settings.max_body * _LARGER
        self._server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 1)],
            maximum_concurrent_rpcs=max(1, self._settings.max_concurrency),
        )
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(SERVICE, self._methods()),
                grpc.method_handlers_generic_handler(
                    f"{HEALTH_PACKAGE}.Health", {"Check": self._unary("HealthCheckRequest", "HealthCheckResponse", self._check)}
                ),
            )
        )
        try:
            self.port = self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        except RuntimeError as error:
            raise StoreError(
                f"cannot listen for gRPC on port {port} of {host}", hint="take another port: flyball serve --grpc-port PORT"
            ) from error
        await self._server.start()

    async def stop(self) -> None:
        """Take no more calls, and let those that are being answered end."""
        if self._server is not None:
            await self._server.stop(_GRACE)

    def _methods(self) -> dict[str, Any]:
        return {
            **{
                name: self._unary(f"{name}Request", f"{name}Response", answer)
                for name, answer in (
                    ("ServerLive", self._live),
                    ("ServerReady", self._ready),
                    ("ModelReady", self._model_ready),
                    ("ServerMetadata", self._server_metadata),
                    ("ModelMetadata", self._model_metadata),
                    ("ModelInfer", self._infer),
                    ("RepositoryIndex", self._index),
                    ("RepositoryModelLoad", self._load),
                    ("RepositoryModelUnload", self._unload),
                    ("ModelStatistics", self._statistics),
                )
            },
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(
                self._stream,
                request_deserializer=self._messages["ModelInferRequest"].FromString,
                response_serializer=self._messages["ModelStreamInferResponse"].SerializeToString,
            ),
        }

    def _unary(self, request: str, response: str, answer: Answerer) -> Any:
        async def call(message: Any, context: Context) -> Any:
            try:
                return await answer(message, _caller(context))
            except Exception as error:  # noqa: BLE001 - whatever happens, the client gets a status
                code, said = self._failed(error, message.model_name if request == "ModelInferRequest" else None)
            return await context.abort(code, said)

        return grpc.unary_unary_rpc_method_handler(
            call,
            request_deserializer=self._messages[request].FromString,
            response_serializer=self._messages[response].SerializeToString,
        )

    def _failed(self, error: Exception, model: str | None) -> tuple[grpc.StatusCode, str]:
        refused = refusal(error)
        self._refused(refused.status, model)
        said = without_place(Reply(refused.status, refused.message.encode()), self._settings.folder).body.decode()
        return _CODES.get(refused.status, grpc.StatusCode.INTERNAL), said

    async def _live(self, request: Any, caller: Caller) -> Any:
        return self._messages["ServerLiveResponse"](live=True)

    async def _ready(self, request: Any, caller: Caller) -> Any:
        return self._messages["ServerReadyResponse"](ready=self._protocol.ready())

    async def _model_ready(self, request: Any, caller: Caller) -> Any:
        """A model or version that is not here is not ready: whoever waits for it asks again."""
        try:
            ready = self._protocol.model_ready(request.name, request.version)
        except NotFoundError:
            ready = False
        return self._messages["ModelReadyResponse"](ready=ready)

    async def _check(self, request: Any, caller: Caller) -> Any:
        """Of the whole server, or of this service; a model of that name also has a health."""
        ready = self._protocol.ready() if request.service in ("", SERVICE) else self._protocol.model_ready(request.service)
        return self._messages["HealthCheckResponse"](status=_SERVING if ready else _NOT_SERVING)

    async def _server_metadata(self, request: Any, caller: Caller) -> Any:
        protocol = self._protocol
        return self._messages["ServerMetadataResponse"](name=protocol.name, version=protocol.version, extensions=EXTENSIONS)

    async def _model_metadata(self, request: Any, caller: Caller) -> Any:
        # Field 6 is a map of texts in one form of the protocol and of messages in another, so the properties are left to HTTP.
        found = self._protocol.metadata(request.name, request.version)
        response = self._messages["ModelMetadataResponse"](name=found.name, versions=found.versions, platform=found.platform)
        _announce(response.inputs, found.inputs)
        _announce(response.outputs, found.outputs)
        return response

    async def _infer(self, request: Any, caller: Caller) -> Any:
        said = await self._protocol.infer(request.model_name, request.model_version, lambda most: _asked(request, most), caller)
        return self._response(said, raw=bool(request.raw_input_contents))

    async def _stream(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        """One answer for each request, in their order; an error ends only its own."""
        response = self._messages["ModelStreamInferResponse"]
        caller: Caller | None = None
        async for request in requests:
            try:
                caller = caller or _caller(context)
                yield response(infer_response=await self._infer(request, caller))
            except Exception as error:  # noqa: BLE001 - as for a single call
                yield response(error_message=self._failed(error, request.model_name)[1])

    async def _index(self, request: Any, caller: Caller) -> Any:
        response = self._messages["RepositoryIndexResponse"]()
        for entry in self._protocol.index(ready=request.ready):
            response.models.add(**entry._asdict())
        return response

    async def _load(self, request: Any, caller: Caller) -> Any:
        await self._protocol.load(request.model_name, _parameters(request.parameters))
        return self._messages["RepositoryModelLoadResponse"]()

    async def _unload(self, request: Any, caller: Caller) -> Any:
        self._protocol.unload(request.model_name)

    async def _statistics(self, request: Any, caller: Caller) -> Any:
        if request.version and not request.name:
            raise NotFoundError("a version without a model's name", hint="name the model")
        found = self._protocol.statistics(request.name, request.version)
        response = self._messages["ModelStatisticsResponse"]()
        return ParseDict({"model_stats": found}, response, ignore_unknown_fields=True)

    def _response(self, said: Said, *, raw: bool) -> Any:
        """The outputs in the form in which the inputs came: as bytes, or as numbers."""
        response = self._messages["ModelInferResponse"](model_name=said.model, model_version=said.version, id=said.id)
        for name, value in said.parameters.items():
            response.parameters[name].string_param = value
        for tensor in said.outputs:
            output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            if raw:
                response.raw_output_contents.append(to_bytes(tensor))
            else:
                values = [str(value).encode() for value in tensor.values] if tensor.datatype == "BYTES" else tensor.values
                getattr(output.contents, _CONTENTS[tensor.datatype]).extend(values)
        return response


def _caller(context: Context) -> Caller:
    """Who asks, as the call's metadata say: the same names as the headers over HTTP."""
    given = context.invocation_metadata() or ()
    return caller_of({"headers": [(key.encode(), value if isinstance(value, bytes) else value.encode()) for key, value in given]})


def _asked(request: Any, most: int) -> Asked:
    """The request; its tensors of raw bytes have at most `most` elements together."""
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise RequestError(f"{len(request.inputs)} inputs and {len(raw)} raw_input_contents: there must be one for each, or none")
    inputs = []
    for number, tensor in enumerate(request.inputs):
        inputs.append(_tensor(tensor, raw[number] if raw else None, most))
        most -= len(inputs[-1].values)
    names = []
    for output in request.outputs:
        refuse_parameters(f"output {output.name[:60]}", _parameters(output.parameters))
        names.append(output.name)
    return Asked(inputs, tuple(names) or None, request.id, _parameters(request.parameters))


def _tensor(tensor: Any, raw: bytes | None, most: int) -> Tensor:
    name, shape = tensor.name, list(tensor.shape)
    refuse_parameters(f"input {name[:60]}", _parameters(tensor.parameters))
    if raw is not None:
        if tensor.HasField("contents"):
            raise RequestError(f"input {shown(name)} has both contents and raw_input_contents", field=name[:60])
        return from_bytes(name, tensor.datatype, shape, raw, most=most)
    kind, sizes = check_form(name, tensor.datatype, shape)
    if kind not in _CONTENTS:
        raise RequestError(f"input {shown(name)}: {kind} comes in raw_input_contents only", field=name[:60])
    field = _CONTENTS[kind]
    for other in set(_CONTENTS.values()) - {field}:
        if getattr(tensor.contents, other):
            raise RequestError(f"input {shown(name)}: the elements of {kind} stand in {field}, not in {other}", field=name[:60])
    found = getattr(tensor.contents, field)
    if kind == "BYTES":
        return from_texts(name, kind, shape, found)
    values = list(found)
    return checked(name, kind, sizes, [None if value != value else value for value in values] if kind.startswith("FP") else values)


def _parameters(given: Any) -> dict[str, object]:
    """Parameters with the value that each holds; one that holds none is left out."""
    found: dict[str, object] = {}
    for name, parameter in given.items():
        which = parameter.WhichOneof("parameter_choice")
        if which is not None:
            found[name] = getattr(parameter, which)
    return found


def _announce(tensors: Any, forms: Any) -> None:
    form: Form
    for form in forms:
        tensors.add(name=form.name, datatype=form.datatype, shape=form.shape)
