"""The routes of TensorFlow Serving's REST protocol as OpenAPI describes them."""

from collections.abc import Mapping

_TEXT = {"type": "string"}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": _TEXT}, "additionalProperties": False}
_STATUS = {
    "type": "object",
    "required": ["version", "state", "status"],
    "properties": {
        "version": _TEXT,
        "state": {"enum": ["AVAILABLE", "END"]},
        "status": {
            "type": "object",
            "required": ["error_code", "error_message"],
            "properties": {"error_code": _TEXT, "error_message": _TEXT},
        },
    },
}
_STATUSES = {
    "type": "object",
    "required": ["model_version_status"],
    "properties": {"model_version_status": {"type": "array", "items": _STATUS}},
}
_METADATA = {
    "type": "object",
    "required": ["model_spec", "metadata"],
    "properties": {"model_spec": {"type": "object"}, "metadata": {"type": "object"}},
}
_RESULTS = {"type": "object", "required": ["results"], "properties": {"results": {"type": "array"}}}
_PREDICTIONS = {
    "type": "object",
    "properties": {"predictions": {"type": "array"}, "outputs": {"type": ["array", "object"]}},
    "oneOf": [{"required": ["predictions"]}, {"required": ["outputs"]}],
}
_LABELS = ["champion", "production", "stable", "challenger", "staging", "canary"]
# How a path may name a version → the parameter that does.
_VERSIONS: Mapping[str, list[dict[str, object]]] = {
    "": [],
    "/versions/{version}": [{"name": "version", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}],
    "/labels/{label}": [{"name": "label", "in": "path", "required": True, "schema": {"enum": _LABELS}}],
}


def paths(model: str, row: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """Path → operations, for a server of this model; `row` and `values` are the schemas of a row by name and in order."""
    rows = {"type": "array", "minItems": 1, "items": {"anyOf": [row, values]}}
    columns = {"type": "object", "additionalProperties": {"type": "array"}}
    predict = {
        "type": "object",
        "properties": {"signature_name": _TEXT, "instances": rows, "inputs": {"anyOf": [rows, columns]}},
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    }
    examples = {
        "type": "object",
        "required": ["examples"],
        "properties": {
            "signature_name": _TEXT,
            "context": {"type": "object"},
            "examples": {"type": "array", "minItems": 1, "items": {"type": "object"}},
        },
    }
    name = {"name": "model", "in": "path", "required": True, "schema": {"const": model}}
    found: dict[str, object] = {}
    for version, parameters in _VERSIONS.items():
        path, known = f"/v1/models/{{model}}{version}", [name, *parameters]
        found[path] = {"parameters": known, "get": _operation("TensorFlow Serving: state of the versions", _STATUSES)}
        found[f"{path}/metadata"] = {"parameters": known, "get": _operation("TensorFlow Serving: inputs and outputs", _METADATA)}
        found[f"{path}:predict"] = {"parameters": known, "post": _operation("TensorFlow Serving: predictions", _PREDICTIONS, predict)}
        found[f"{path}:classify"] = {"parameters": known, "post": _operation("TensorFlow Serving: classes and scores", _RESULTS, examples)}
        found[f"{path}:regress"] = {"parameters": known, "post": _operation("TensorFlow Serving: values", _RESULTS, examples)}
    return found


def _operation(summary: str, answer: object, request: object = None) -> dict[str, object]:
    failed = {"description": "error", "content": {"application/json": {"schema": _ERROR}}}
    done = {"description": "done", "content": {"application/json": {"schema": answer}}}
    operation: dict[str, object] = {"summary": summary, "responses": {"200": done, "4XX": failed, "503": failed}}
    if request is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
    return operation
