"""HTTP answers of the native routes: one error schema, one table from error to status, and how bytes are sent."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import msgspec

from flyball.core.errors import (
    ConflictError,
    DataError,
    FlyballError,
    NotFoundError,
    RefusedError,
    RequestError,
    StoreError,
    UnsupportedError,
)
from flyball.serving.backend import BackendBusyError, BackendError, BackendLateError
from flyball.serving.codecs import MalformedError
from flyball.serving.deployment import ModelError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
_RETRY = [(b"retry-after", b"1")]
_log = logging.getLogger("flyball.server")

# The first line that fits decides.
_STATUS: tuple[tuple[type[FlyballError], int], ...] = (
    (MalformedError, 400),
    (RequestError, 422),
    (NotFoundError, 404),
    (ConflictError, 409),
    (RefusedError, 403),
    (StoreError, 503),
    (BackendBusyError, 503),
    (BackendLateError, 504),
    (BackendError, 502),
    (ModelError, 500),
    (DataError, 422),
    (UnsupportedError, 501),
)


class HttpError(Exception):
    """An answer that is decided before anything was read as a request."""

    def __init__(self, status: int, message: str, *, field: str = "", headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.headers = headers or []


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes
    headers: Headers = []
    kind: bytes = JSON


def json_reply(status: int, value: object, headers: Headers | None = None) -> Reply:
    """A value as JSON; NaN becomes null."""
    return Reply(status, msgspec.json.encode(value), headers or [])


def error_reply(error: Exception) -> Reply:
    """Any error as the error schema: what was wrong, in which field; of an error nobody foresaw, nothing but that it happened."""
    if isinstance(error, HttpError):
        return json_reply(error.status, _schema(error.message, error.field), error.headers)
    if isinstance(error, FlyballError):
        for kind, status in _STATUS:
            if isinstance(error, kind):
                message = f"{error.message}; {error.hint}" if error.hint and status < 500 else error.message
                field = error.field if isinstance(error, RequestError) else ""
                return json_reply(status, _schema(message, field), _RETRY if status == 503 else None)
    return json_reply(500, {"error": "the server could not answer this request; its log says why"})


def log_fault(error: Exception, status: int) -> None:
    """Tell the log of an error that was answered with a status and is not the client's fault: a model's in a line, any other in full."""
    if isinstance(error, ModelError):
        _log.warning("a request failed: %s", error.message)
    elif status == 500 or not isinstance(error, HttpError | FlyballError):
        _log.error("a request failed", exc_info=error)


def without_place(reply: Reply, folder: Path) -> Reply:
    """The answer with names of files relative to the project: where it lies on this machine is nobody's business."""
    place = msgspec.json.encode(str(folder))[1:-1]
    if place not in reply.body:
        return reply
    return msgspec.structs.replace(reply, body=reply.body.replace(place + b"/", b"").replace(place, b"the project"))


async def send_reply(send: Send, reply: Reply, *, close: bool) -> None:
    """Send an answer; with `close`, the connection ends after it."""
    headers = [(b"content-type", reply.kind), (b"content-length", b"%d" % len(reply.body)), *reply.headers]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _schema(message: str, field: str) -> dict[str, str]:
    return {"error": message, "field": field} if field else {"error": message}
