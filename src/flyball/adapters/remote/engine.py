"""A model on another server as an engine: asked over pooled connections, from the event loop or from a thread."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from weakref import finalize

import httpx
import numpy as np

from flyball.adapters.remote.wire import Message, message, scores_in
from flyball.core.codec import from_json
from flyball.core.errors import DataError
from flyball.core.table import Table
from flyball.registry.bundle import read_file
from flyball.registry.records import EngineName, Manifest
from flyball.serving.backend import FILE, Backend, BackendBusyError, BackendError, BackendLateError
from flyball.serving.engine import Row, Scores

DEADLINE = 30.0  # seconds one call may take
_CONNECT = 2.0
_CONNECTIONS = 100
_PROBE = 1.0
_FRESH = 2.0  # seconds for which what is known of the other server holds
_LARGEST = 64 << 20  # bytes of an answer
_AT_ONCE = 1_000  # rows of a table that go into one request
_BUSY = (429, 503)
_LATE = (408, 504)
_HEADERS = {"content-type": "application/json", "accept": "application/json", "user-agent": "flyball", "accept-encoding": "identity"}
_log = logging.getLogger("flyball.server")


class RemoteEngine:
    """Asks the server that a bundle names. Never inline: the event loop does not wait for it.

    `trouble` says what was wrong the last time it was asked; empty if it answered. A request that an idle connection lost is sent once
    more: asking a model twice changes nothing.
    """

    name: EngineName = "remote"
    inline = False

    def __init__(self, backend: Backend, manifest: Manifest, *, deadline: float = DEADLINE) -> None:
        self._backend, self._manifest, self._deadline = backend, manifest, deadline
        self._timeout = httpx.Timeout(deadline, connect=min(_CONNECT, deadline), pool=deadline)
        self._limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=15.0)
        self._client: httpx.Client | None = None
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._end = finalize(self, _close_all, self._clients)
        self.trouble = ""
        self.asked_at = float("-inf")  # by time.monotonic

    def score(self, features: Table) -> Scores:
        """Score the rows of a table, so many to a request."""
        columns = [features[name].tolist() for name in self._manifest.schema.names]
        rows = [[None if value is None or value != value else value for value in row] for row in zip(*columns, strict=True)]
        parts = [self.score_rows(rows[start : start + _AT_ONCE]) for start in range(0, len(rows), _AT_ONCE)]
        return np.concatenate(parts) if parts else self._none()

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Ask and wait."""
        if not rows:
            return self._none()
        asked = message(self._backend, self._manifest.schema, rows)
        if self._client is None:
            self._client = httpx.Client(timeout=self._timeout, limits=self._limits, trust_env=False, headers=_HEADERS)
        client = self._client
        request = client.build_request("POST", self._backend.url + asked.path, content=asked.body, headers=asked.headers)
        try:
            try:
                answer = client.send(request, stream=True)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                answer = client.send(request, stream=True)
            try:
                body = _within(answer)
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise self._said(_trouble(error, self._deadline)) from error
        return self._read(answer.status_code, body, len(rows))

    def score_one(self, row: Row) -> float:
        """The score of one row, as `score_rows` gives it."""
        return self.score_rows((row,)).item(0)

    async def score_rows_async(self, rows: Sequence[Row]) -> Scores:
        """Ask without holding anybody up; BackendError, BackendLateError or BackendBusyError if that is no answer."""
        if not rows:
            return self._none()
        asked = message(self._backend, self._manifest.schema, rows)
        try:
            try:
                status, body = await self._post(asked)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                status, body = await self._post(asked)
        except httpx.HTTPError as error:
            raise self._said(_trouble(error, self._deadline)) from error
        return self._read(status, body, len(rows))

    async def probe(self) -> None:
        """Ask whether the model is ready there, unless it was asked a moment ago."""
        if time.monotonic() - self.asked_at < _FRESH:
            return
        try:
            answer = await self._here().get(self._backend.url + ("/ready" if self._backend.protocol == "v2" else ""), timeout=_PROBE)
        except httpx.HTTPError as error:
            self._said(_trouble(error, _PROBE))
            return
        if answer.status_code == 200:
            self.trouble, self.asked_at = "", time.monotonic()
        else:
            self._said(BackendError("the model is not ready on its server"))

    def close(self) -> None:
        """Let go of every connection."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self._end()

    async def aclose(self) -> None:
        """Let go of the connections of the loop that runs, and wait for that."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def _post(self, asked: Message) -> tuple[int, bytes]:
        client = self._here()
        async with client.stream("POST", self._backend.url + asked.path, content=asked.body, headers=asked.headers) as answer:
            parts, size = [], 0
            async for part in answer.aiter_bytes():
                size += len(part)
                if size > _LARGEST:
                    raise BackendError("the model's server answered with more than is read")
                parts.append(part)
            return answer.status_code, b"".join(parts)

    def _here(self) -> httpx.AsyncClient:
        """The connections of the loop that runs."""
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        if found is None:
            found = httpx.AsyncClient(timeout=self._timeout, limits=self._limits, trust_env=False, headers=_HEADERS)
            self._clients[loop] = found
        return found

    def _read(self, status: int, body: bytes, count: int) -> Scores:
        """The scores in an answer; what its status says of trouble is told, what its body says of it stays here."""
        if status in _BUSY:
            raise self._said(BackendBusyError("the model's server has too much to do"))
        if status in _LATE:
            raise self._said(BackendLateError("the model's server did not answer in time"))
        if status != 200:
            _log.warning("the server behind %s answered %d: %r", self._manifest.model, status, body[:300])
            raise self._said(BackendError(f"the model's server answered with the status {status}"))
        try:
            found = scores_in(self._backend, self._manifest, body, count)
        except BackendError as error:
            raise self._said(error) from error
        self.trouble, self.asked_at = "", time.monotonic()
        return found

    def _said(self, error: BackendError) -> BackendError:
        if error.message != self.trouble:
            _log.warning("%s, asked at %s: %s", self._manifest.model, self._backend.url, error.message)
        self.trouble, self.asked_at = error.message, time.monotonic()
        return error

    def _none(self) -> Scores:
        manifest = self._manifest
        wide = len(manifest.classes) if manifest.task == "multiclass" else len(manifest.outputs)
        return np.empty((0, wide) if wide else 0)


def load(folder: Path, manifest: Manifest, *, deadline: float = DEADLINE) -> RemoteEngine:
    """The engine of a bundle: what it names is not asked here."""
    backend = from_json(read_file(folder, manifest, FILE), Backend)
    known = set(manifest.schema.names)
    if not backend.inputs or not all(set(one.columns) <= known and one.columns for one in backend.inputs) or backend.width < 1:
        raise DataError(f"{FILE} of the bundle does not fit its schema")
    return RemoteEngine(backend, manifest, deadline=deadline)


def _within(answer: httpx.Response) -> bytes:
    """The body of an answer, as far as it is of a size that is read."""
    parts, size = [], 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > _LARGEST:
            raise BackendError("the model's server answered with more than is read")
        parts.append(part)
    return b"".join(parts)


def _trouble(error: httpx.HTTPError, deadline: float) -> BackendError:
    if isinstance(error, httpx.ConnectTimeout):
        return BackendError("the model's server cannot be reached")
    if isinstance(error, httpx.PoolTimeout):
        return BackendBusyError("too many requests wait for the model's server")
    if isinstance(error, httpx.TimeoutException):
        return BackendLateError(f"the model's server did not answer within {deadline:g} s")
    if isinstance(error, httpx.ConnectError):
        return BackendError("the model's server cannot be reached")
    return BackendError("the model's server broke off its answer, or answered with something that is not HTTP")


def _close_all(clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient]) -> None:
    """Close connections on the loops they belong to, as far as those still run."""
    for loop, client in clients.items():
        if loop.is_running():
            loop.call_soon_threadsafe(_close_soon, loop, client)
    clients.clear()


def _close_soon(loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient) -> None:
    task = loop.create_task(client.aclose())
    task.add_done_callback(lambda done: done.exception())
