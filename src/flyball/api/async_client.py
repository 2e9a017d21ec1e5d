"""The client for programs that wait for many things at once, on httpx."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal

import httpx

from flyball.api.client import by_row
from flyball.api.exchange import (
    ROWS_PER_REQUEST,
    Context,
    Features,
    address,
    admin_request,
    decode,
    encode,
    error_of,
    headers,
    may_come_again,
    parts,
    question,
    route,
    the_token,
    unreachable,
    wait_before,
)
from flyball.core.errors import UsageError


class AsyncClient:
    """`Client` with `await`: the same calls, the same errors, the same rule for what is sent again. One per event loop.

    `connections` is how many requests may be on their way at once; further calls wait for their turn.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        token: str | None = None,
        timeout: float = 10.0,
        retries: int = 2,
        connections: int = 32,
    ) -> None:
        if retries < 0 or connections < 1:
            raise UsageError(f"retries={retries}, connections={connections}: at least 0 and 1")
        address(url)
        self._url = url.rstrip("/")
        self._model = model
        self._token = token
        self._retries = retries
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._connections = connections
        self._http = httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(timeout, pool=None), trust_env=False)

    async def predict(
        self,
        features: Features,
        *,
        unit: str | None = None,
        id: str | Sequence[str] | None = None,
        prediction_id: str | Sequence[str] | None = None,
        context: Context | None = None,
        at: datetime | str | None = None,
    ) -> dict[str, Any]:
        """Ask for the prediction of one row (a list or a dict) or of a list of rows, as `Client.predict`."""
        asked = question(features, unit=unit, id=id, prediction_id=prediction_id, context=context, at=at)
        return await self._post(route(self._model, "predict"), asked, repeat=prediction_id is not None)

    async def predict_many(
        self,
        rows: Sequence[Features],
        *,
        id: Sequence[str] | None = None,
        prediction_id: Sequence[str] | None = None,
        unit: str | None = None,
        context: Context | None = None,
        at: datetime | str | None = None,
        rows_per_request: int = ROWS_PER_REQUEST,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Ask for any number of rows, several requests at once; give the answer of each row, in order, as they come."""
        asked = list(parts(rows, id, prediction_id, rows_per_request))
        tasks: list[asyncio.Task[dict[str, Any]]] = []
        try:
            for number in range(len(asked)):
                while len(tasks) < min(len(asked), number + self._connections):
                    part = asked[len(tasks)]
                    tasks.append(asyncio.create_task(self.predict(**part, unit=unit, context=context, at=at)))
                for answer in by_row(await tasks[number]):
                    yield answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def outcomes(self, outcomes: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tell what happened, as `Client.outcomes`."""
        return await self._post(route(self._model, "outcomes"), outcomes, repeat=False)

    async def log(self, predictions: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tell of predictions made elsewhere, as `Client.log`."""
        return await self._post(route(self._model, "predictions"), predictions, repeat=False)

    async def health(self) -> dict[str, Any]:
        """How the server stands, also when it is not well."""
        reply = await self._exchange("GET", "/health", None, repeat=True)
        answer = decode(reply.content)
        if reply.status_code not in (200, 503) or "status" not in answer:
            raise error_of(reply.status_code, answer)
        return answer

    async def admin(self, method: Literal["GET", "POST"], path: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask an admin route, as `Client.admin`."""
        token = the_token(self._token)
        place, body = admin_request(self._model, method, path, values)
        attempt = 0
        while True:
            reply = await self._exchange(method, place, body, repeat=method == "GET", token=token)
            answer = decode(reply.content)
            if reply.status_code in (200, 202):
                return answer
            attempt += 1
            if attempt > self._retries or not (reply.status_code == 429 or (method == "GET" and may_come_again(reply.status_code))):
                raise error_of(reply.status_code, answer)
            await asyncio.sleep(wait_before(attempt, reply.headers.get("retry-after")))

    async def close(self) -> None:
        """Let go of the connections; the client cannot be used again."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _post(self, path: str, value: object, *, repeat: bool) -> dict[str, Any]:
        body = encode(value)
        attempt = 0
        while True:
            reply = await self._exchange("POST", path, body, repeat=repeat)
            answer = decode(reply.content)
            if reply.status_code == 200:
                return answer
            attempt += 1
            if attempt > self._retries or not may_come_again(reply.status_code):
                raise error_of(reply.status_code, answer)
            await asyncio.sleep(wait_before(attempt, reply.headers.get("retry-after")))

    async def _exchange(self, method: str, path: str, body: bytes | None, *, repeat: bool, token: str | None = None) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._http.request(method, self._url + path, content=body, headers=headers(body=body is not None, token=token))
            except httpx.TransportError as error:
                # Nothing was sent (ConnectError); or a repeated request is counted once by the server.
                if attempt > self._retries or not (repeat or isinstance(error, httpx.ConnectError)):
                    raise unreachable(self._url, error) from error
            await asyncio.sleep(wait_before(attempt, None))
