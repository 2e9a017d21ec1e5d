"""The Open Inference Protocol v2 over HTTP, with Triton's binary tensors, repository and statistics."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from flyball.core.errors import NotFoundError, RequestError
from flyball.core.schema import did_you_mean
from flyball.server.answers import Headers, HttpError, Receive, Reply, Scope, json_reply
from flyball.server.body import BodyReader
from flyball.server.dialects.caller import caller_of
from flyball.server.dialects.inference import EXTENSIONS, Asked, Metadata, OpenInference, Said, refuse_parameters
from flyball.server.dialects.model_tensors import Form
from flyball.server.dialects.refusal import refusal
from flyball.server.dialects.tensors import Tensor, element_size, from_bytes, from_json, to_bytes
from flyball.serving.codecs import decode_json
from flyball.serving.contract import kind_of, shown

_MODELS = b"/v2/models/"
_REPOSITORY = b"/v2/repository/models/"
_LENGTH = b"inference-header-content-length"
_OCTETS = b"application/octet-stream"
_KINDS = (b"application/json", _OCTETS)
_LARGER = 16  # times the limit of a JSON body: what binary tensors may take, which are read at no cost
_NO_STORE: Headers = [(b"cache-control", b"no-store")]


class _Wanted(NamedTuple):
    """What a path asks for: `verb` of a model and version."""

    verb: str
    model: str = ""
    version: str = ""


# verb → the one method it takes
_METHODS = {
    "server": "GET",
    "live": "GET",
    "server_ready": "GET",
    "model": "GET",
    "ready": "GET",
    "infer": "POST",
    "stats": "GET",
    "index": "POST",
    "load": "POST",
    "unload": "POST",
}
_FIXED = {
    "/v2": "server",
    "/v2/": "server",
    "/v2/health/live": "live",
    "/v2/health/ready": "server_ready",
    "/v2/models/stats": "stats",
    "/v2/repository/index": "index",
}


class OpenInferenceRest:
    """The dialect under `/v2`. What is wrong with a request is 400, as KServe and Triton say it."""

    def __init__(self, protocol: OpenInference, bodies: BodyReader, *, max_body: int) -> None:
        self._protocol = protocol
        self._bodies = bodies
        self._max_body = max_body

    def speaks(self, path: str) -> bool:
        """True for `/v2` and everything under it."""
        return path == "/v2" or path.startswith("/v2/")

    async def answer(self, scope: Scope, receive: Receive) -> Reply:
        """Answer one request; errors are `{"error": "..."}`."""
        try:
            wanted = _wanted(scope)
            method = _METHODS[wanted.verb]
            if scope["method"] != method and not (method == "GET" and scope["method"] == "HEAD"):
                allow = b"GET, HEAD" if method == "GET" else b"POST"
                raise HttpError(405, f"{scope['path'][:60]} takes {method} only", headers=[(b"allow", allow)])
            return await (self._read(wanted) if method == "GET" else self._done(wanted, scope, receive))
        except ConnectionResetError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever happens, the client gets this protocol's error
            return self.refused(error)

    def refused(self, error: Exception) -> Reply:
        """An error as this protocol spells it."""
        why = refusal(error)
        return json_reply(400 if why.status == 422 else why.status, {"error": why.message}, why.headers)

    async def _read(self, wanted: _Wanted) -> Reply:
        protocol = self._protocol
        match wanted.verb:
            case "server":
                return json_reply(200, {"name": protocol.name, "version": protocol.version, "extensions": EXTENSIONS})
            case "live":
                return json_reply(200, {"live": True}, _NO_STORE)
            case "server_ready":
                ready = protocol.ready()
                return json_reply(200 if ready else 503, {"ready": ready}, _NO_STORE)
            case "ready":
                ready = protocol.model_ready(wanted.model, wanted.version)
                return json_reply(200 if ready else 503, {"name": wanted.model, "ready": ready}, _NO_STORE)
            case "stats":
                return json_reply(200, {"model_stats": protocol.statistics(wanted.model, wanted.version)}, _NO_STORE)
            case _:
                return json_reply(200, _described(protocol.metadata(wanted.model, wanted.version)))

    async def _done(self, wanted: _Wanted, scope: Scope, receive: Receive) -> Reply:
        protocol = self._protocol
        if wanted.verb == "infer":
            return await self._infer(wanted, scope, receive)
        body = await self._bodies.read(scope, receive, browsers=False, kinds=None)
        request = _object(decode_json(body), "the request") if body.strip() else {}
        if wanted.verb == "index":
            ready = request.get("ready", False)
            if not isinstance(ready, bool):
                raise RequestError(f"'ready' must be true or false, not {kind_of(ready)}", field="ready")
            entries = protocol.index(ready=ready)
            return json_reply(
                200, [{key: value for key, value in entry._asdict().items() if value or key != "version"} for entry in entries]
            )
        if wanted.verb == "unload":
            protocol.unload(wanted.model)
        await protocol.load(wanted.model, _object(request.get("parameters", {}), "'parameters'"))
        return Reply(200, b"{}")

    async def _infer(self, wanted: _Wanted, scope: Scope, receive: Receive) -> Reply:
        headers = scope["headers"]
        binary = any(name == _LENGTH for name, _ in headers)
        silent = all(name != b"content-type" for name, _ in headers)  # as tritonclient is, whatever it sends
        limit = self._max_body * _LARGER if binary else None
        body = await self._bodies.read(scope, receive, browsers=True, kinds=None if silent else _KINDS, limit=limit)
        length = _json_length(headers, body)
        form = _ResponseForm()

        def read(most: int) -> Asked:
            if length == 0:
                form.everything = True
                return _raw(self._protocol.metadata(wanted.model, wanted.version), body, most)
            return _asked(body, length, form, most)

        said = await self._protocol.infer(wanted.model, wanted.version, read, caller_of(scope))
        return _reply(said, form)


class _ResponseForm:
    """Which outputs a client wants as bytes."""

    def __init__(self) -> None:
        self.everything = False
        self.single: dict[str, bool] = {}

    def binary(self, name: str) -> bool:
        return self.single.get(name, self.everything)


def _wanted(scope: Scope) -> _Wanted:
    """What a path asks for, whatever characters the model's name has; NotFoundError for a path of nothing."""
    path: str = scope["path"]
    if path in _FIXED:
        return _Wanted(_FIXED[path])
    raw: bytes = scope.get("raw_path") or path.encode()
    raw = raw.partition(b"?")[0].removesuffix(b"/")
    if raw.startswith(_REPOSITORY):
        name, _, verb = raw[len(_REPOSITORY) :].rpartition(b"/")
        if name and verb in (b"load", b"unload"):
            return _Wanted(verb.decode(), _name(name))
    elif raw.startswith(_MODELS) and len(raw) > len(_MODELS):
        rest = raw[len(_MODELS) :]
        before, _, verb = rest.rpartition(b"/")
        if before and verb in (b"infer", b"ready", b"stats"):
            rest = before
        else:
            verb = b"model"
        model, between, version = rest.rpartition(b"/versions/")
        return _Wanted(verb.decode(), _name(model), _name(version)) if between else _Wanted(verb.decode(), _name(rest))
    near = did_you_mean(path, _FIXED)
    raise NotFoundError(f"there is nothing at {path[:60]!r}{near}", hint="this server's routes: /docs")


def _name(raw: bytes) -> str:
    return unquote(raw.decode("latin-1"))


def _json_length(headers: Headers, body: bytes) -> int:
    """How many bytes of the body are JSON."""
    given = [value for name, value in headers if name == _LENGTH]
    if not given:
        return len(body)
    value = given[0]
    if len(given) > 1 or not value.isdigit() or len(value) > 18 or int(value) > len(body):
        raise HttpError(400, f"the header Inference-Header-Content-Length must be one number from 0 to the body's length, {len(body)}")
    return int(value)


def _asked(body: bytes, length: int, form: _ResponseForm, most: int) -> Asked:
    """The request in JSON and the bytes after it, in which at most `most` elements may stand."""
    request = _object(decode_json(body[:length]), "the request")
    name = request.get("id", "")
    if not isinstance(name, str):
        raise RequestError(f"'id' must be a text, not {kind_of(name)}", field="id")
    parameters = _object(request.get("parameters", {}), "'parameters'")
    form.everything = _flag(parameters, "binary_data_output", "'parameters'") or False
    tail = _Tail(body, length, most)
    inputs = [_input(given, tail) for given in _list(request, "inputs")]
    tail.end()
    names = None
    if "outputs" in request:
        names = tuple(_output(given, form) for given in _list(request, "outputs")) or None
    return Asked(inputs, names, name, parameters)


def read_asked(body: bytes, length: int, most: int) -> Asked:
    """The request in a body of which `length` bytes are JSON; RequestError names what is wrong with it."""
    return _asked(body, length, _ResponseForm(), most)


def _raw(metadata: Metadata, body: bytes, most: int) -> Asked:
    """A body that is nothing but the one input of a model: the shape follows from how many bytes there are."""
    first = metadata.inputs[0]
    width = first.shape[1] * element_size(first.datatype)
    if len(metadata.inputs) > 1 or width == 0 or not body or len(body) % width:
        what = f"{len(body)} bytes are no rows of {width}" if width else "this model has several inputs"
        raise RequestError(f"a body without JSON must be the one input of the model: {what}")
    shape = [len(body) // width, first.shape[1]]
    return Asked([from_bytes(first.name, first.datatype, shape, body, most=most)], None, "", {})


class _Tail:
    """The bytes after the JSON, taken tensor by tensor; `most` elements may still stand in them."""

    def __init__(self, body: bytes, start: int, most: int) -> None:
        self.most = most
        self._body = body
        self._at = start

    def take(self, name: str, size: object) -> bytes:
        left = len(self._body) - self._at
        if type(size) is not int or not 0 <= size <= left:
            said = kind_of(size)
            raise RequestError(f"input {shown(name)}: 'binary_data_size' is {said}; {left} bytes are left after the JSON", field=name[:60])
        self._at += size
        return self._body[self._at - size : self._at]

    def end(self) -> None:
        if self._at < len(self._body):
            raise RequestError(f"{len(self._body) - self._at} bytes after the JSON belong to no input: 'binary_data_size' says how many do")


def _input(given: object, tail: _Tail) -> Tensor:
    tensor = _object(given, "an input")
    name = _text(tensor, "name", "an input")
    for key in ("datatype", "shape"):
        if key not in tensor:
            raise RequestError(f"input {shown(name)}: {key!r} is missing", field=name[:60])
    parameters = _object(tensor.get("parameters", {}), "'parameters' of an input")
    refuse_parameters(f"input {name[:60]}", parameters)
    if "binary_data_size" in parameters:
        if "data" in tensor:
            raise RequestError(f"input {shown(name)} has both 'data' and 'binary_data_size'", field=name[:60])
        content = tail.take(name, parameters["binary_data_size"])
        found = from_bytes(name, tensor["datatype"], tensor["shape"], content, most=tail.most)
        tail.most -= len(found.values)
        return found
    if "data" not in tensor:
        raise RequestError(f"input {shown(name)} has no 'data'", field=name[:60])
    return from_json(name, tensor["datatype"], tensor["shape"], tensor["data"])


def _output(given: object, form: _ResponseForm) -> str:
    output = _object(given, "an output")
    name = _text(output, "name", "an output")
    parameters = _object(output.get("parameters", {}), "'parameters' of an output")
    refuse_parameters(f"output {name[:60]}", parameters)
    binary = _flag(parameters, "binary_data", f"output {name[:60]}")
    if binary is not None:
        form.single[name] = binary
    return name


def _flag(parameters: Mapping[str, object], name: str, where: str) -> bool | None:
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{where}: {name!r} must be true or false, not {kind_of(value)}", field=name)
    return value


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RequestError(f"{what} must be an object, not {kind_of(value)}")
    return value


def _list(request: Mapping[str, Any], name: str) -> list[Any]:
    value = request.get(name)
    if not isinstance(value, list):
        what = "is missing" if name not in request else f"must be a list, not {kind_of(value)}"
        raise RequestError(f"{name!r} {what}", field=name)
    return value


def _text(values: Mapping[str, Any], name: str, what: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{what} must have a {name!r} that is a text, not {kind_of(value)}", field=name)
    return value


def _described(metadata: Metadata) -> dict[str, object]:
    def tensors(forms: Any) -> list[dict[str, object]]:
        return [_form(form) for form in forms]

    return {**metadata._asdict(), "inputs": tensors(metadata.inputs), "outputs": tensors(metadata.outputs)}


def _form(form: Form) -> dict[str, object]:
    return {"name": form.name, "datatype": form.datatype, "shape": form.shape}


def _reply(said: Said, form: _ResponseForm) -> Reply:
    """The response: JSON alone, or JSON followed by the bytes of the outputs that were wanted so."""
    outputs, parts = [], []
    for tensor in said.outputs:
        output: dict[str, object] = {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype}
        if form.binary(tensor.name):
            parts.append(to_bytes(tensor))
            output["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            output["data"] = tensor.values
        outputs.append(output)
    response = {"model_name": said.model, "model_version": said.version, "parameters": said.parameters, "outputs": outputs}
    content = msgspec.json.encode({**response, "id": said.id} if said.id else response)
    if not parts:
        return Reply(200, content)
    return Reply(200, b"".join((content, *parts)), [(_LENGTH, b"%d" % len(content))], _OCTETS)
