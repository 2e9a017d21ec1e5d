"""A client of a Flyball server: the standard library's HTTP, one connection that is kept open."""

import http.client
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal

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


class Client:
    """Talks to one server. Several threads may use one client; their requests go out one after the other.

    Errors are Flyball's own: RequestError (the request is wrong; `field` names the part), NotFoundError, ConflictError, and StoreError
    when the server cannot be reached, has too much to do, or answers 5xx.

    `retries` is how often a request is sent again that did nothing: the connection was refused, or the server said 429 or 503 (it waits
    as long as the server asks, at most 10 s). A connection that the server closed while it was idle is opened anew. A prediction with a
    `prediction_id` is also sent again when the connection breaks in the middle, because the server then counts it once; others are not.

    `token` opens the admin routes, if the server has it; it is sent with `admin` alone.
    """

    def __init__(self, url: str, *, model: str | None = None, token: str | None = None, timeout: float = 10.0, retries: int = 2) -> None:
        if retries < 0:
            raise UsageError(f"retries={retries} is less than none")
        parts = address(url)
        self._url = url
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(str(parts.hostname), parts.port, timeout=timeout)
        self._prefix = parts.path.rstrip("/")
        self._model = model
        self._token = token
        self._retries = retries
        self._lock = threading.Lock()

    def predict(
        self,
        features: Features,
        *,
        unit: str | None = None,
        id: str | Sequence[str] | None = None,
        prediction_id: str | Sequence[str] | None = None,
        context: Context | None = None,
        at: datetime | str | None = None,
    ) -> dict[str, Any]:
        """Ask for the prediction of one row (a list or a dict) or of a list of rows.

        Gives `prediction`, `confidence`, `model`, `version`, `variant`, `prediction_id`; for a list of rows, lists.
        """
        asked = question(features, unit=unit, id=id, prediction_id=prediction_id, context=context, at=at)
        return self._post(route(self._model, "predict"), asked, repeat=prediction_id is not None)

    def predict_many(
        self,
        rows: Sequence[Features],
        *,
        id: Sequence[str] | None = None,
        prediction_id: Sequence[str] | None = None,
        unit: str | None = None,
        context: Context | None = None,
        at: datetime | str | None = None,
        rows_per_request: int = ROWS_PER_REQUEST,
    ) -> Iterator[dict[str, Any]]:
        """Ask for any number of rows, several hundred in a request; give the answer of each row, in order, as they come."""
        for part in parts(rows, id, prediction_id, rows_per_request):
            yield from by_row(self.predict(**part, unit=unit, context=context, at=at))

    def outcomes(self, outcomes: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tell what happened: `{"prediction_id" or "id" or "unit", "actual", "at"}`, one or a list. Gives `accepted` and `rejected`."""
        return self._post(route(self._model, "outcomes"), outcomes, repeat=False)

    def log(self, predictions: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tell of predictions made elsewhere, one or a list, as `POST /predictions` takes them. Gives `accepted` and `rejected`."""
        return self._post(route(self._model, "predictions"), predictions, repeat=False)

    def health(self) -> dict[str, Any]:
        """How the server stands, also when it is not well (`status` other than `healthy`)."""
        status, answer, _ = self._exchange("GET", "/health", None, repeat=True)
        if status not in (200, 503) or "status" not in answer:
            raise error_of(status, answer)
        return answer

    def admin(self, method: Literal["GET", "POST"], path: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask an admin route: method, path below `/admin/` and values as the table of the admin API has them.

        Such as `admin("POST", "promote", {"version": 3, "reason": "..."})`. RefusedError: the token is not right; ConflictError: the
        rules forbid it now. Nothing that writes is sent twice.
        """
        token = the_token(self._token)
        place, body = admin_request(self._model, method, path, values)
        attempt = 0
        while True:
            status, answer, retry_after = self._exchange(method, place, body, repeat=method == "GET", token=token)
            if status in (200, 202):
                return answer
            attempt += 1
            if attempt > self._retries or not (status == 429 or (method == "GET" and may_come_again(status))):
                raise error_of(status, answer)
            time.sleep(wait_before(attempt, retry_after))

    def close(self) -> None:
        """Let go of the connection; the next call opens another."""
        self._connection.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _post(self, path: str, value: object, *, repeat: bool) -> dict[str, Any]:
        body = encode(value)
        attempt = 0
        while True:
            status, answer, retry_after = self._exchange("POST", path, body, repeat=repeat)
            if status == 200:
                return answer
            attempt += 1
            if attempt > self._retries or not may_come_again(status):
                raise error_of(status, answer)
            time.sleep(wait_before(attempt, retry_after))

    def _exchange(
        self, method: str, path: str, body: bytes | None, *, repeat: bool, token: str | None = None
    ) -> tuple[int, dict[str, Any], str | None]:
        attempt = 0
        while True:
            attempt += 1
            with self._lock:
                # A server lets an idle connection go. This is seen before a request goes out: once it is sent, nobody can tell whether
                # a connection that breaks had brought it.
                if self._connection.sock is not None and _let_go(self._connection.sock):
                    self._connection.close()
                try:
                    self._connection.request(method, self._prefix + path, body, headers(body=body is not None, token=token))
                    answer = self._connection.getresponse()
                    return answer.status, decode(answer.read()), answer.getheader("Retry-After")
                except (OSError, http.client.HTTPException) as error:
                    self._connection.close()
                    if attempt > self._retries or not (repeat or isinstance(error, ConnectionRefusedError)):
                        raise unreachable(self._url, error) from error
            time.sleep(wait_before(attempt, None))


def _let_go(connection: socket.socket) -> bool:
    """Whether there is something to read although nothing was asked: the end, which the other side has sent."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


def by_row(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer to a list of rows as one answer for each."""
    for number, prediction in enumerate(answer["prediction"]):
        yield {
            key: prediction if key == "prediction" else value[number] if isinstance(value, list) else value for key, value in answer.items()
        }
