"""`/docs` and `/openapi.json`: what this server takes and gives, with this model's own features; nothing is fetched from elsewhere."""

import base64
import hashlib
import shlex
from html import escape

import msgspec

from flyball.core.schema import Column
from flyball.server import alerts
from flyball.server.dialects import mlflow_paths, open_inference_paths, tf_serving_paths
from flyball.server.made_elsewhere import request_schema
from flyball.server.settings import ServerSettings
from flyball.serving.contract import example
from flyball.serving.deployment import LiveModel

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #d8dee4}
td,th{vertical-align:top}
pre{background:#f6f8fa;padding:.75rem;overflow-x:auto;white-space:pre-wrap;word-break:break-word}code{font-family:ui-monospace,monospace}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}pre{background:#161b22}td,th{border-color:#30363d}a{color:#58a6ff}}
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def example_request(live: LiveModel, settings: ServerSettings) -> dict[str, object]:
    """A request this server answers, made from the model's own columns."""
    contract = live.contract
    required = contract.columns[: contract.required]
    request: dict[str, object] = {"features": dict(zip(contract.names, example(required), strict=False)), "unit": "customer-7"}
    if settings.clock == "request":
        request["at"] = "2026-01-31T12:00:00Z"
    return request


def docs_page(live: LiveModel | None, settings: ServerSettings, address: str) -> str:
    """The page of `/docs`."""
    title = f"{escape(settings.model)} · Flyball"
    head = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{escape(settings.model)}</h1>"
    )
    if live is None:
        return head + "<p>No model is deployed yet. <code>flyball train</code> makes one; this server takes it up by itself.</p>"
    rows = "".join(
        f"<tr><td><code>{escape(column.name)}</code><td>{column.kind}<td>{_values(column)}<td>{'yes' if column.nullable else 'no'}"
        for column in live.contract.columns
    )
    body = msgspec.json.encode(example_request(live, settings)).decode()
    curl = f"curl {shlex.quote(f'http://{address}/predict')} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    answer = msgspec.json.format(msgspec.json.encode(_example_answer(live)), indent=2).decode()
    outcome = msgspec.json.encode(_example_outcome(live, settings)).decode()
    told = f"curl {shlex.quote(f'http://{address}/outcomes')} -H 'Content-Type: application/json' -d {shlex.quote(outcome)}"
    at = "required here: this server takes its time from the requests" if settings.clock == "request" else "not taken here"
    return (
        f"{head}<p>Version {live.champion.version} ({escape(live.champion.manifest.task)}). "
        f'<a href="/health">health</a> · <a href="/metrics">metrics</a> · <a href="/openapi.json">openapi.json</a></p>'
        f"<h2>Ask for a prediction</h2><pre><code>{escape(curl)}</code></pre><p>The answer:</p><pre><code>{escape(answer)}</code></pre>"
        "<p><code>confidence</code> is the probability of the predicted label, null for a regression. "
        "<code>features</code> may also be a list of values in the order below, or a list of rows; "
        "then <code>prediction</code>, <code>confidence</code> and <code>prediction_id</code> are lists.</p>"
        "<table><tr><th>key<th>meaning"
        "<tr><td><code>unit</code><td>who the prediction is about; the same unit is always answered by the same variant"
        "<tr><td><code>id</code><td>the row's own name, by which its outcome may be told"
        "<tr><td><code>prediction_id</code><td>your key for this request: asked again, it is answered the same and counted once"
        "<tr><td><code>context</code><td>further values for analyses; logged, never seen by the model"
        f"<tr><td><code>at</code><td>when the prediction is for (RFC 3339); {at}</table>"
        f"<h2>Features</h2><table><tr><th>name<th>kind<th>known values<th>may be null{rows}</table>"
        f"<h2>Tell what really happened</h2><pre><code>{escape(told)}</code></pre>"
        "<p>By <code>prediction_id</code>, or by <code>id</code> or <code>unit</code>; one outcome or a list. "
        'The answer: <code>{"accepted": 1, "rejected": []}</code>.</p>'
        '<p>Errors are <code>{"error": "…", "field": "…"}</code> with a status of 400 to 499.</p>'
    )


def openapi(live: LiveModel | None, settings: ServerSettings) -> dict[str, object]:
    """The OpenAPI 3.1 description of the native routes and of other protocols'."""
    columns = () if live is None else live.contract.columns
    required = 0 if live is None else live.contract.required
    row = {
        "type": "object",
        "properties": {column.name: _schema_of(column) for column in columns},
        "required": [column.name for column in columns[:required]],
        "additionalProperties": False,
    }
    values: dict[str, object] = {"type": "array", "minItems": required, "maxItems": len(columns), "items": {}}
    text = {"type": "string", "minLength": 1, "maxLength": 256}
    texts = {"oneOf": [text, {"type": "array", "items": text}]}
    request = {
        "type": "object",
        "properties": {
            "features": {"anyOf": [row, values, {"type": "array", "items": row}, {"type": "array", "items": values}]},
            "unit": text,
            "id": texts,
            "prediction_id": texts,
            "context": {"type": "object"},
            "at": {"type": "string", "format": "date-time"},
        },
        "required": ["features", "at"] if settings.clock == "request" else ["features"],
        "additionalProperties": False,
    }
    outcome = {
        "type": "object",
        "properties": _OUTCOME,
        "required": ["actual"],
        "additionalProperties": False,
    }
    error = {"type": "object", "properties": {"error": {"type": "string"}, "field": {"type": "string"}}, "required": ["error"]}
    answer = {
        "type": "object",
        "required": ["prediction", "confidence", "model", "version", "variant", "prediction_id"],
        "properties": {"model": {"const": settings.model}, "version": {"type": "integer"}, "variant": {"enum": ["champion", "challenger"]}},
    }
    predict = _operation("Predict", request, answer)
    taken = {"type": "object", "properties": {"accepted": {"type": "integer"}, "rejected": {"type": "array"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": settings.model, "version": "none" if live is None else str(live.champion.version)},
        "paths": {
            "/predict": {"post": predict},
            "/models/{name}/predict": {
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"const": settings.model}}],
                "post": predict,
            },
            "/outcomes": {"post": _operation("Tell outcomes", {"anyOf": [outcome, {"type": "array", "items": outcome}]}, taken)},
            "/predictions": {
                "post": _operation("Tell of predictions made elsewhere", request_schema(timed=settings.clock == "request"), taken)
            },
            **_more_paths(settings),
            **mlflow_paths.paths(settings.model, row, values),
            **open_inference_paths.paths(settings.model),
            **tf_serving_paths.paths(settings.model, row, values),
        },
        "components": {"schemas": {"Error": error}},
    }


def _more_paths(settings: ServerSettings) -> dict[str, object]:
    """What an alert from outside may ask for, and what is only read."""
    text = {"type": "string"}
    said = {
        "type": "object",
        "required": ["result", "model", "key", "reason"],
        "properties": {"result": {"enum": ["requested", "known", "closed", "not open", "own"]}, "model": text, "key": text, "reason": text},
    }
    own = {"name": "own", "in": "query", "schema": {"const": "allow"}}
    name = {"name": "name", "in": "path", "required": True, "schema": {"const": settings.model}}
    post = _operation("Alertmanager's webhook: ask for a training", alerts.request_schema(), said)
    return {
        "/alerts/alertmanager": {"parameters": [own], "post": post},
        "/models/{name}/alerts/alertmanager": {"parameters": [name, own], "post": post},
        **{path: {"get": {"summary": text, "responses": {"200": {"description": "ok"}}}} for path, text in _READABLE.items()},
    }


_READABLE = {
    "/health": "State of the server and its versions",
    "/health/live": "The process answers",
    "/health/ready": "A model is loaded and requests are welcome",
    "/metrics": "Prometheus metrics",
    "/docs": "This server for people",
}


def _operation(summary: str, request: object, answer: object) -> dict[str, object]:
    failed = {"description": "error", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": answer}}},
            "4XX": failed,
            "503": failed,
        },
    }


def _schema_of(column: Column) -> dict[str, object]:
    kind = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "string"}[column.kind]
    schema: dict[str, object] = {"type": [kind, "null"] if column.nullable else kind}
    if column.categories:
        schema["examples"] = list(column.categories[:5])
    return schema


def _values(column: Column) -> str:
    shown = ", ".join(column.categories[:12])
    return escape(shown + (f", … ({len(column.categories)} in all)" if len(column.categories) > 12 else ""))


def _example_answer(live: LiveModel) -> dict[str, object]:
    manifest = live.champion.manifest
    value = 12.5 if manifest.task == "regression" else manifest.classes[-1]
    return {
        "prediction": value,
        "confidence": None if manifest.task == "regression" else 0.82,
        "model": live.model,
        "version": live.champion.version,
        "variant": "champion",
        "prediction_id": "019b1e6f2c3a7d4501a3000000000042",
    }


_OUTCOME: dict[str, dict[str, object]] = {
    "prediction_id": {"type": "string"},
    "id": {"type": "string"},
    "unit": {"type": "string"},
    "actual": {},
    "at": {"type": "string", "format": "date-time"},
    "value": {"type": ["number", "null"]},
}


def _example_outcome(live: LiveModel, settings: ServerSettings) -> dict[str, object]:
    answer = _example_answer(live)
    outcome = {"prediction_id": answer["prediction_id"], "actual": answer["prediction"]}
    return {**outcome, "at": "2026-01-31T18:00:00Z"} if settings.clock == "request" else outcome
