"""A small client of a Flyball server: the standard library's HTTP, one connection that is kept open."""

import http.client
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from flyball.core.errors import ConflictError, FlyballError, NotFoundError, RefusedError, RequestError, StoreError, UsageError

_ERRORS: Mapping[int, type[FlyballError]] = {403: RefusedError, 404: NotFoundError, 409: ConflictError}


class Client:
    """Talks to one server. Several threads may use one client; their requests go out one after the other.

    Errors are Flyball's own: RequestError (the request is wrong; `field` names the part), NotFoundError, ConflictError, and StoreError
    when the server cannot be reached or answers 5xx. A prediction with a `prediction_id` is repeated once if the connection breaks,
    because the server then counts it once; others are not.
    """

    def __init__(self, url: str, *, model: str | None = None, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise UsageError(f"{url!r} is not the address of a server", hint="write for example http://127.0.0.1:8000")
        self._url = url
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, port, timeout=timeout)
        self._prefix = parts.path.rstrip("/")
        self._route = "/predict" if model is None else f"/models/{quote(model, safe='')}/predict"
        self._lock = threading.Lock()

    def predict(
        self,
        features: Sequence[Any] | Mapping[str, Any],
        *,
        unit: str | None = None,
        id: str | Sequence[str] | None = None,
        prediction_id: str | Sequence[str] | None = None,
        context: Mapping[str, str | float | bool | None] | None = None,
        at: datetime | str | None = None,
    ) -> dict[str, Any]:
        """Ask for the prediction of one row (a list or a dict) or of a list of rows.

        Gives `prediction`, `confidence`, `model`, `version`, `variant`, `prediction_id`; for a list of rows, lists.
        """
        request = {
            "features": features,
            "unit": unit,
            "id": id,
            "prediction_id": prediction_id,
            "context": context,
            "at": at.isoformat() if isinstance(at, datetime) else at,
        }
        given = {key: value for key, value in request.items() if value is not None}
        return self._post(self._route, given, repeat=prediction_id is not None)

    def outcomes(self, outcomes: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tell what happened: `{"prediction_id" or "id" or "unit", "actual", "at"}`, one or a list. Gives `accepted` and `rejected`."""
        return self._post("/outcomes", outcomes, repeat=False)

    def health(self) -> dict[str, Any]:
        """How the server stands, also when it is not well (`status` other than `healthy`)."""
        status, answer = self._exchange("GET", "/health", None, repeat=True)
        if status not in (200, 503) or "status" not in answer:
            raise _error(status, answer)
        return answer

    def close(self) -> None:
        """Let go of the connection; the next call opens another."""
        self._connection.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _post(self, path: str, value: object, *, repeat: bool) -> dict[str, Any]:
        try:
            body = msgspec.json.encode(value, enc_hook=_plain)
        except (TypeError, ValueError) as error:
            raise RequestError(f"the request cannot be written as JSON: {error}") from error
        status, answer = self._exchange("POST", path, body, repeat=repeat)
        if status != 200:
            raise _error(status, answer)
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None, *, repeat: bool) -> tuple[int, dict[str, Any]]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        with self._lock:
            for attempt in (1, 2):
                fresh = self._connection.sock is None
                try:
                    self._connection.request(method, self._prefix + path, body, headers)
                    answer = self._connection.getresponse()
                    return answer.status, _read(answer.read())
                except (OSError, http.client.HTTPException) as error:
                    self._connection.close()
                    # A server may close an idle connection: then nothing of this request was read, and it may go out again.
                    idle = not fresh and isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError)
                    if attempt == 2 or not (repeat or idle):
                        raise StoreError(
                            f"the server at {self._url} does not answer: {str(error) or type(error).__name__}",
                            hint="is `flyball serve` running?",
                        ) from error
        raise AssertionError("both attempts return or raise")


def _read(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"error": "the answer is not a JSON object: this is not a Flyball server"}


def _error(status: int, answer: Mapping[str, Any]) -> FlyballError:
    message = str(answer.get("error", f"the server answered {status}"))
    if status >= 500:
        return StoreError(message)
    kind = _ERRORS.get(status)
    return kind(message) if kind is not None else RequestError(message, field=str(answer.get("field", "")))


def _plain(value: Any) -> object:
    """numpy's scalars and arrays as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")
