"""Traces: one span a request, joined to the caller's trace, received by a real OTLP endpoint."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider

from flyball.api.client import Client
from served import MODEL, Site, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP endpoint that keeps the spans it is sent."""
    spans: list[Any] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
            for resource in request.resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                spans.extend((names, span) for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_prediction_is_a_span_of_the_callers_trace(made: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (endpoint, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        row = {"hour": 3, "temp": 1.0, "rain": True}
        with serving(made.settings(traces=True)) as (url, _):
            sampled = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = httpx.post(f"{url}/predict", json={"features": row}, headers=sampled).json()
            refused = httpx.post(f"{url}/models/{MODEL}/predict", json={"features": {}}, headers=sampled)
            ignored = {"traceparent": f"00-{'a' * 32}-{PARENT}-00"}
            assert httpx.post(f"{url}/predict", json={"features": row}, headers=ignored).status_code == 200
            assert httpx.get(f"{url}/health").status_code == 200
        assert refused.status_code == 422
        (resource, first), (_, second) = sorted(spans, key=lambda one: one[1].start_time_unix_nano)
        assert resource["service.name"] == "flyball"
        said = {one.key: one.value for one in first.attributes}
        assert (first.trace_id.hex(), first.parent_span_id.hex(), first.name) == (TRACE, PARENT, "POST /predict")
        assert said["flyball.model"].string_value == MODEL and said["flyball.version"].int_value == 1
        assert said["flyball.prediction_id"].string_value == answer["prediction_id"]
        assert second.name == "POST /models/{model}/predict"
        assert {one.key: one.value for one in second.attributes}["http.response.status_code"].int_value == 422


def test_the_clients_pass_the_present_span_on(made: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (endpoint, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        tracer = TracerProvider().get_tracer("a program")
        with serving(made.settings(traces=True)) as (url, _), tracer.start_as_current_span("decide") as span, Client(url) as client:
            client.predict([3, 1.0, True])
        ((_, made_there),) = spans
        assert int(made_there.trace_id.hex(), 16) == span.get_span_context().trace_id
        assert int(made_there.parent_span_id.hex(), 16) == span.get_span_context().span_id
