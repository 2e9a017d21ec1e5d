"""The routes of MLflow's scoring protocol as OpenAPI describes them."""

from collections.abc import Mapping

from flyball.server.dialects.frames import FORMATS

_ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
    "additionalProperties": False,
}
_NAMES = {"type": "array", "items": {"type": ["string", "integer"]}}


def paths(model: str, row: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """Path → operations, for a server of this model; `row` and `values` are the schemas of a row by name and in order."""
    invoke = _invocations(row, values)
    name = {"name": "name", "in": "path", "required": True, "schema": {"const": model}}
    return {
        "/invocations": {"post": invoke},
        "/models/{name}/invocations": {"parameters": [name], "post": invoke},
        "/ping": {
            "get": {
                "summary": "MLflow: requests are welcome",
                "responses": {"200": {"description": "ready"}, "503": {"description": "nothing to answer with, or stopping"}},
            }
        },
        "/version": {
            "get": {
                "summary": "MLflow: the version whose protocol is spoken",
                "responses": {"200": {"description": "done", "content": {"text/plain": {"schema": {"type": "string"}}}}},
            }
        },
    }


def _invocations(row: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    named = {**row, "additionalProperties": True}  # further columns are passed over
    rows = {"type": "array", "minItems": 1, "items": {"anyOf": [named, values]}}
    columns = {"type": "object", "additionalProperties": {"type": "array"}}
    split = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "columns": _NAMES,
            "index": {"type": ["array", "null"]},
            "data": {"type": "array", "minItems": 1, "items": {"type": "array"}},
        },
        "additionalProperties": False,
    }
    request = {
        "type": "object",
        "properties": {
            "dataframe_split": split,
            "dataframe_records": {"type": "array", "minItems": 1, "items": named},
            "instances": {"anyOf": [rows, columns]},
            "inputs": {"anyOf": [rows, columns]},
            "params": {},
        },
        "oneOf": [{"required": [one]} for one in FORMATS],
    }
    answer = {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": {"type": "array"}},
        "additionalProperties": False,
    }
    failed = {"description": "error", "content": {"application/json": {"schema": _ERROR}}}
    return {
        "summary": "MLflow: predictions",
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}, "text/csv": {"schema": {"type": "string"}}}},
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": answer}}},
            "4XX": failed,
            "503": failed,
        },
    }
