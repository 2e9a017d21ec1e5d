"""What every client of a Flyball server says and understands, whatever carries it: bodies, errors, and when to ask again."""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec

from flyball.core.errors import ConflictError, FlyballError, NotFoundError, RefusedError, RequestError, StoreError, UsageError

Features = Sequence[Any] | Mapping[str, Any]
Context = Mapping[str, str | float | bool | None]

ROWS_PER_REQUEST = 500
_ERRORS: Mapping[int, type[FlyballError]] = {401: RefusedError, 403: RefusedError, 404: NotFoundError, 409: ConflictError}
_LONGEST_WAIT = 10.0  # seconds, whatever a server asks for
_FIRST_WAIT = 0.1
_REFUSED_UNREAD = frozenset({429, 503})  # the server did nothing with such a request: it may come again


def address(url: str) -> SplitResult:
    """A server's URL in its parts; UsageError if it is none."""
    parts = urlsplit(url)
    try:
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(f"{url!r} is not the address of a server", hint="write for example http://127.0.0.1:8000")
    return parts


def route(model: str | None, verb: str) -> str:
    """The path of a verb: of the only model, or of a named one."""
    return f"/{verb}" if model is None else f"/models/{quote(model, safe='')}/{verb}"


def admin_request(
    model: str | None, method: Literal["GET", "POST"], path: str, values: Mapping[str, Any] | None
) -> tuple[str, bytes | None]:
    """Path and body of an admin request: what a GET takes stands behind a question mark, what a POST takes in a JSON object."""
    place = f"/admin/{path.strip('/')}" if model is None else f"/admin/models/{quote(model, safe='')}/{path.strip('/')}"
    if method == "POST":
        return place, encode(values or {})
    if method != "GET":
        raise UsageError(f"an admin request is a GET or a POST, not {method!r}", hint='write for example client.admin("GET", "status")')
    texts = {name: json_text(value) for name, value in (values or {}).items() if value is not None}
    return place + (f"?{urlencode(texts)}" if texts else ""), None


def json_text(value: Any) -> str:
    """A value as it stands in an address: a text as it is, a time in RFC 3339, anything else as JSON has it."""
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, datetime) else encode(value).decode()


def question(
    features: Features,
    *,
    unit: str | None,
    id: str | Sequence[str] | None,
    prediction_id: str | Sequence[str] | None,
    context: Context | None,
    at: datetime | str | None,
) -> dict[str, object]:
    """The body of `/predict`."""
    request = {
        "features": features,
        "unit": unit,
        "id": id,
        "prediction_id": prediction_id,
        "context": context,
        "at": at.isoformat() if isinstance(at, datetime) else at,
    }
    return {key: value for key, value in request.items() if value is not None}


def parts(rows: Sequence[Features], id: Sequence[str] | None, prediction_id: Sequence[str] | None, size: int) -> Iterator[dict[str, Any]]:
    """Many rows as the arguments of several requests, in order; UsageError if the ids do not go with the rows."""
    if size < 1:
        raise UsageError(f"{size} rows in a request are too few", hint=f"the default is {ROWS_PER_REQUEST}")
    for name, ids in (("id", id), ("prediction_id", prediction_id)):
        if ids is not None and len(ids) != len(rows):
            raise UsageError(f"{len(ids)} values of {name!r} for {len(rows)} rows")
    for start in range(0, len(rows), size):
        yield {
            "features": list(rows[start : start + size]),
            "id": None if id is None else list(id[start : start + size]),
            "prediction_id": None if prediction_id is None else list(prediction_id[start : start + size]),
        }


def headers(*, body: bool, token: str | None = None) -> dict[str, str]:
    """The headers of a request; in a program that traces with OpenTelemetry, with the present span as `traceparent`."""
    found = {"Content-Type": "application/json"} if body else {}
    if token is not None:
        found["Authorization"] = f"Bearer {token}"
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(found)
    return found


def encode(value: object) -> bytes:
    """A body; RequestError if a value is none that JSON knows."""
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except (TypeError, ValueError) as error:
        raise RequestError(f"the request cannot be written as JSON: {error}") from error


def decode(content: bytes) -> dict[str, Any]:
    """An answer."""
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"error": "the answer is not a JSON object: this is not a Flyball server"}


def error_of(status: int, answer: Mapping[str, Any]) -> FlyballError:
    """The error an answer tells of."""
    message = str(answer.get("error", f"the server answered {status}"))
    if status >= 500 or status == 429:
        return StoreError(message)
    kind = _ERRORS.get(status)
    return kind(message) if kind is not None else RequestError(message, field=str(answer.get("field", "")))


def unreachable(url: str, error: Exception) -> StoreError:
    """The error of a server that does not answer."""
    return StoreError(f"the server at {url} does not answer: {str(error) or type(error).__name__}", hint="is `flyball serve` running?")


def may_come_again(status: int) -> bool:
    """True for an answer that says: not now."""
    return status in _REFUSED_UNREAD


def the_token(token: str | None) -> str:
    """The token; UsageError if there is none, or none that a header can carry."""
    if not token:
        raise UsageError("the admin routes need a token", hint="give it to the client: Client(url, token=...)")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UsageError(
            "the admin token holds a character that no token has", hint="printable ASCII without spaces, as FLYBALL_ADMIN_TOKEN has it"
        )
    return token


def wait_before(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait before the attempt after this one (1, 2, …): as long as the server asks, or twice as long each time, with chance."""
    asked = float(retry_after) if retry_after is not None and retry_after.isdigit() else 0.0
    longest = _FIRST_WAIT * 2.0**attempt
    return min(_LONGEST_WAIT, max(asked, random.uniform(longest / 2, longest)))  # noqa: S311 - so that many clients do not come back at once


def _plain(value: Any) -> object:
    """numpy's scalars and arrays as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")
