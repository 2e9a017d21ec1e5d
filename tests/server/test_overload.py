"""Too much at once: the excess is turned away at once, health is told all the same, and memory stays bounded."""

import asyncio
from collections.abc import Callable
from typing import Any

from served import Served, body

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}
ASK = body(features=ROW)


def test_beyond_the_cap_requests_are_turned_away_and_health_and_metrics_are_not(play: Play) -> None:
    async def story(served: Served) -> None:
        go = asyncio.Event()

        async def slow(path: str) -> list[dict[str, Any]]:
            """A request whose body comes when it is told to."""
            sent: list[dict[str, Any]] = []

            async def receive() -> dict[str, Any]:
                await go.wait()
                return {"type": "http.request", "body": ASK, "more_body": False}

            async def send(message: Any) -> None:
                sent.append(message)

            headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
            scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers, "query_string": b""}
            await served.app(scope, receive, send)
            return sent

        open_ones = [asyncio.create_task(slow("/predict")) for _ in range(4)]
        await asyncio.sleep(0)
        for path in ("/predict", "/outcomes", "/invocations"):
            refused = await served.post(path, {"features": ROW})
            assert refused.status_code == 503 and refused.headers["retry-after"] == "1" and refused.headers["connection"] == "close"
        for path in ("/health", "/health/live", "/health/ready", "/metrics", "/ping", "/v2/health/live", "/v2/health/ready"):
            assert (await served.get(path)).status_code == 200, path
        go.set()
        for sent in await asyncio.gather(*open_ones):
            assert sent[0]["status"] == 200
        assert (await served.post("/predict", {"features": ROW})).status_code == 200

    play(story, max_concurrency=4)


def test_each_protocol_says_in_its_own_shape_that_there_is_too_much_to_do(play: Play) -> None:
    async def story(served: Served) -> None:
        served.app._open = served.app.settings.max_concurrency
        native = await served.post("/predict", {})
        mlflow = await served.post("/invocations", {})
        tensorflow = await served.post("/v1/models/m:predict", {})
        inference = await served.post("/v2/models/m/infer", {})
        served.app._open = 0
        for reply in (native, mlflow, tensorflow, inference):
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
        assert native.json().keys() == {"error"} == tensorflow.json().keys() == inference.json().keys()
        assert mlflow.json().keys() == {"error_code", "message"}

    play(story)
