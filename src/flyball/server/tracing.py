"""OpenTelemetry: a span for every request, a child of the caller's (`traceparent`), sent by OTLP. An extra, imported when chosen."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import msgspec

from flyball.core.errors import UnsupportedError
from flyball.server.answers import Reply, Scope

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

_QUIET = ("/health", "/metrics", "/ping", "/v2/health/")  # asked every few seconds by machines: nobody looks for these
_NEEDED = (
    "opentelemetry.sdk.trace",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.sdk.resources",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
_CARRIED = frozenset({b"traceparent", b"tracestate"})


class _Answer(msgspec.Struct):
    """What of an answer of `/predict` stands in its span."""

    model: str = ""
    version: int | list[int] = 0
    variant: str | list[str] = ""
    prediction_id: str | list[str] = ""


class Tracer:
    """Makes the spans of one worker. Where they go is said by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, …).

    Sampling follows the caller: a request whose `traceparent` says "not sampled" makes no span.
    """

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("flyball")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: Scope) -> "Iterator[Span | None]":
        """The span of a request; None for what is asked by machines every few seconds."""
        from opentelemetry.trace import SpanKind

        path = scope["path"]
        if path.startswith(_QUIET):
            yield None
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _CARRIED}
        route = _route(path)
        attributes = {"http.request.method": scope["method"], "http.route": route, "url.path": path[:256]}
        parent = self._propagator.extract(carrier)
        with self._tracer.start_as_current_span(
            f"{scope['method']} {route}", context=parent, kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            yield span

    def close(self) -> None:
        """Send what is left; blocks for at most a few seconds."""
        self._provider.shutdown()


def finish(span: "Span", reply: Reply) -> None:
    """Write into a span how its request was answered."""
    from opentelemetry.trace import StatusCode

    span.set_attribute("http.response.status_code", reply.status)
    if reply.status >= 500:
        span.set_status(StatusCode.ERROR)
    if reply.status == 200 and span.is_recording():
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
        except msgspec.MsgspecError:
            return
        if answer.model:
            span.set_attribute("flyball.model", answer.model)
            span.set_attribute("flyball.version", answer.version)
            span.set_attribute("flyball.variant", answer.variant)
            if isinstance(answer.prediction_id, str):
                span.set_attribute("flyball.prediction_id", answer.prediction_id)


def check_traces() -> None:
    """UnsupportedError, naming the command that installs what is missing, unless traces can be sent from here."""
    for module in _NEEDED:
        try:
            missing = None if find_spec(module) is not None else module
        except ModuleNotFoundError as error:
            missing = error.name
        if missing is not None:
            raise UnsupportedError(
                f"traces need OpenTelemetry, which is not installed here ({missing})", hint="pip install 'flyball[otel]'"
            )


def open_tracer(*, worker: str) -> Tracer:
    """A tracer that sends by OTLP over HTTP; UnsupportedError names the command that installs what is missing."""
    check_traces()
    trace, export, resources, otlp = (cast(Any, import_module(module)) for module in _NEEDED)
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before these.
    own = resources.Resource({"service.name": "flyball", "service.instance.id": worker})
    resource = own.merge(resources.OTELResourceDetector().detect())
    provider = trace.TracerProvider(resource=resource)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return Tracer(provider)


def _route(path: str) -> str:
    """The route of a path: names of models and versions are not part of it, so that there are few."""
    for prefix in ("/models/", "/v1/models/", "/v2/models/", "/v2/repository/models/"):
        if path.startswith(prefix):
            rest = path[len(prefix) :]
            _, colon, verb = rest.rpartition(":")
            _, slash, tail = rest.rpartition("/")
            if colon and "/" not in verb:
                return f"{prefix}{{model}}:{verb}"
            return f"{prefix}{{model}}/{tail}" if slash and not tail.isdigit() else f"{prefix}{{model}}"
    return path[:64]
