"""The Open Inference Protocol's routes as OpenAPI describes them."""

_TEXT = {"type": "string"}
_INTEGERS = {"type": "array", "items": {"type": "integer"}}
_PARAMETERS = {"type": "object"}
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {"name": _TEXT, "shape": _INTEGERS, "datatype": _TEXT, "parameters": _PARAMETERS, "data": {"type": "array"}},
}
_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": _TEXT,
        "parameters": _PARAMETERS,
        "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": _TEXT, "parameters": _PARAMETERS}},
        },
    },
}
_RESPONSE = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": _TEXT,
        "model_version": _TEXT,
        "id": _TEXT,
        "parameters": _PARAMETERS,
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
_ANNOUNCED = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {"name": _TEXT, "datatype": _TEXT, "shape": _INTEGERS},
    },
}
_METADATA = {
    "type": "object",
    "required": ["name", "versions", "platform", "inputs", "outputs"],
    "properties": {
        "name": _TEXT,
        "versions": {"type": "array", "items": _TEXT},
        "platform": _TEXT,
        "inputs": _ANNOUNCED,
        "outputs": _ANNOUNCED,
        "properties": {"type": "object", "additionalProperties": _TEXT},
    },
}
_SERVER = {
    "type": "object",
    "required": ["name", "version", "extensions"],
    "properties": {"name": _TEXT, "version": _TEXT, "extensions": {"type": "array", "items": _TEXT}},
}
_READY = {"type": "object", "required": ["ready"], "properties": {"name": _TEXT, "ready": {"type": "boolean"}}}
_STATS = {"type": "object", "required": ["model_stats"], "properties": {"model_stats": {"type": "array", "items": {"type": "object"}}}}
_INDEX = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "state", "reason"],
        "properties": {"name": _TEXT, "version": _TEXT, "state": {"enum": ["READY", "UNAVAILABLE"]}, "reason": _TEXT},
    },
}


def paths(model: str) -> dict[str, object]:
    """Path → operations, for a server of this model."""
    found: dict[str, object] = {
        "/v2": {"get": _operation("Open Inference Protocol: the server", _SERVER)},
        "/v2/health/live": {"get": _operation("Open Inference Protocol: the process answers", {"type": "object"})},
        "/v2/health/ready": {"get": _operation("Open Inference Protocol: every model can be asked", _READY, failing=_READY)},
        "/v2/models/stats": {"get": _operation("Open Inference Protocol: statistics of every model", _STATS)},
        "/v2/repository/index": {
            "post": _operation(
                "Open Inference Protocol: the versions here",
                _INDEX,
                request={"type": "object", "properties": {"ready": {"type": "boolean"}}},
                required=False,
            )
        },
    }
    name = {"name": "name", "in": "path", "required": True, "schema": {"const": model}}
    version = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
    for place, parameters in (("/v2/models/{name}", [name]), ("/v2/models/{name}/versions/{version}", [name, version])):
        for path, verb, operation in (
            ("", "get", _operation("Open Inference Protocol: a model", _METADATA)),
            ("/ready", "get", _operation("Open Inference Protocol: a model can be asked", _READY, failing=_READY)),
            ("/stats", "get", _operation("Open Inference Protocol: statistics of a model", _STATS)),
            ("/infer", "post", _operation("Open Inference Protocol: infer", _RESPONSE, request=_REQUEST)),
        ):
            found[place + path] = {"parameters": parameters, verb: operation}
    load = {"type": "object", "properties": {"parameters": _PARAMETERS}}
    for verb, text in (("load", "take up what is deployed now"), ("unload", "refused: there are no access tokens")):
        operation = _operation(f"Open Inference Protocol: {text}", {"type": "object"}, request=load, required=False)
        found[f"/v2/repository/models/{{name}}/{verb}"] = {"parameters": [name], "post": operation}
    return found


def _operation(summary: str, answer: object, *, request: object = None, required: bool = True, failing: object = None) -> dict[str, object]:
    failed = _content({"type": "object", "required": ["error"], "properties": {"error": _TEXT}})
    responses = {
        "200": {"description": "done", **_content(answer)},
        "4XX": {"description": "error", **failed},
        "503": {
            "description": "not ready",
            **(failed if failing is None else _content({"anyOf": [failing, {"$ref": "#/components/schemas/Error"}]})),
        },
    }
    found: dict[str, object] = {"summary": summary, "responses": responses}
    return found if request is None else {**found, "requestBody": {"required": required, **_content(request)}}


def _content(schema: object) -> dict[str, object]:
    return {"content": {"application/json": {"schema": schema}}}
