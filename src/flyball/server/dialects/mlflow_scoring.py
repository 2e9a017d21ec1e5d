"""MLflow's scoring protocol: `/invocations`, `/ping`, `/version`, as `mlflow models serve` answers them."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from flyball.core.errors import RequestError
from flyball.server.answers import HttpError, Receive, Reply, Scope
from flyball.server.body import BodyReader
from flyball.server.dialects.caller import answered_by, caller_of
from flyball.server.dialects.frames import FORMATS, Frames, decode_frame
from flyball.server.dialects.refusal import Refusal, refusal
from flyball.server.served import Models
from flyball.serving.codecs import MalformedError
from flyball.serving.contract import Row, kind_of

SPOKEN = "3.17.0"  # the MLflow whose protocol this is: what /version says
_JSON, _CSV = b"application/json", b"text/csv"
_CLOSE = [(b"connection", b"close")]
_CODES = {
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    422: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "TEMPORARILY_UNAVAILABLE",
}
# A text to its end, or NaN outside of one: texts are passed over whole, each character looked at once.
_NAN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|\bNaN\b', re.DOTALL)


class _Split(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    data: list[list[Any]]
    columns: msgspec.Raw = msgspec.Raw()
    index: list[Any] | None = None


class _Frame(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The commonest body. Its column names are not decoded: the same ones come with every request."""

    dataframe_split: _Split


class MlflowScoring:
    """Answers as MLflow's scoring server does: what its pyfunc would predict, errors as `{"error_code", "message"}`.

    With several models, `/models/{name}/invocations` names one.
    """

    def __init__(self, models: Models, bodies: BodyReader, *, draining: Callable[[], bool]) -> None:
        self._models = models
        self._bodies = bodies
        self._draining = draining
        self._frame = msgspec.json.Decoder(_Frame)
        self._frames: dict[str, Frames] = {}

    def speaks(self, path: str) -> bool:
        """True for the paths of an MLflow scoring server that are not ours already."""
        return path in ("/invocations", "/ping", "/version") or (path.startswith("/models/") and path.endswith("/invocations"))

    async def answer(self, scope: Scope, receive: Receive) -> Reply:
        """Answer one request."""
        try:
            path: str = scope["path"]
            if path == "/ping":
                return self._ping(scope)
            if path == "/version":
                return _readable(scope, Reply(200, SPOKEN.encode(), [], b"text/plain; charset=utf-8"))
            return await self._invocations(scope, receive)
        except ConnectionResetError:
            raise
        except Exception as error:  # noqa: BLE001 - every error goes out in the protocol's shape
            return self.refused(error)

    def refused(self, error: Exception) -> Reply:
        """An error as MLflow spells it."""
        return _refused(refusal(error))

    def _ping(self, scope: Scope) -> Reply:
        ready = not self._draining() and all(one.ready for one in self._models.by_name.values())
        return _readable(scope, Reply(200 if ready else 503, b"\n", [(b"cache-control", b"no-store")]))

    async def _invocations(self, scope: Scope, receive: Receive) -> Reply:
        if scope["method"] != "POST":
            raise HttpError(405, "/invocations takes POST only", headers=[(b"allow", b"POST")])
        name = _model_in(scope)
        if name is None and len(self._models.by_name) > 1:
            names = ", ".join(self._models.by_name)
            raise RequestError(f"this server has several models: {names}", hint="name one: POST /models/NAME/invocations")
        served = self._models.one(name)
        kind = _kind(scope)
        caller = caller_of(scope)
        body = await self._bodies.read(scope, receive, browsers=False, kinds=None)
        contract = served.live.contract
        frames = self._frames.get(served.name)
        if frames is None or frames.contract is not contract:
            frames = self._frames[served.name] = Frames(contract, max_rows=served.settings.max_rows)
        rows = frames.table(body) if kind == _CSV else self._rows(frames, body)
        if not rows:
            raise MalformedError("the input has no rows")
        frames.refuse_inexact(rows)
        found = await served.predictor.infer(rows, unit=caller.unit, client_ids=caller.client_ids(len(rows)), at=caller.at)
        return Reply(200, msgspec.json.encode({"predictions": [one.label for one in found.rows]}), answered_by(found))

    def _rows(self, frames: Frames, body: bytes) -> list[Row]:
        try:
            split = self._frame.decode(body).dataframe_split
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return _any_rows(frames, body)
        columns = bytes(split.columns)
        keys = 2 + (columns != b"") + (split.index is not None)
        # One colon for each key and those in the names: no key stands twice. Otherwise it takes a closer look.
        if columns in (b"", b"null") or body.count(b":") != keys + frames.colons(columns):
            return _any_rows(frames, body)
        if split.index is not None and len(split.index) != len(split.data):
            raise _no_frame(f"the index has {len(split.index)} entries, the data {len(split.data)} rows")
        return frames.split(columns, split.data)


def _any_rows(frames: Frames, body: bytes) -> list[Row]:
    """The rows in any JSON body; `params` and keys that say nothing here are passed over, as MLflow does."""
    if b"NaN" in body:  # MLflow's own clients write it for a missing value
        body = _NAN.sub(lambda found: found[0] if found[0].startswith(b'"') else b"null", body)
    given = decode_frame(body)
    if type(given) is not dict:
        raise MalformedError(f"the body must be an object with one of the keys {', '.join(FORMATS)}, not {kind_of(given)}")
    named = [name for name in FORMATS if name in given]
    if len(named) != 1:
        found = f"it has {' and '.join(named)}" if named else "it has none of them"
        raise MalformedError(f"the body must have exactly one of the keys {', '.join(FORMATS)}: {found}")
    value = given[named[0]]
    if named[0] == "dataframe_split":
        return _split(frames, value)
    if named[0] == "dataframe_records":
        if type(value) is not list:
            got = "dictionary" if type(value) is dict else kind_of(value)
            raise MalformedError(f"Dataframe records format must be a list of records. Got {got}.", field=named[0])
        return frames.records(value)
    if type(value) is dict:
        scalars = value and not any(type(one) is list for one in value.values())
        return frames.records([value]) if scalars else frames.columns(value)
    if type(value) is not list:
        raise MalformedError(f"{named[0]!r} must be a list of rows or an object of columns, not {kind_of(value)}", field=named[0])
    return frames.records(value) if value and type(value[0]) is dict else frames.tensor(value)


def _split(frames: Frames, given: object) -> list[Row]:
    if not isinstance(given, dict):
        got = "list" if type(given) is list else kind_of(given)
        raise MalformedError(f"Dataframe split format must be a dictionary. Got {got}", field="dataframe_split")
    if "data" not in given or not given.keys() <= {"data", "columns", "index"}:
        keys = ", ".join(sorted(given))[:100]
        raise MalformedError(
            f"Dataframe split format must have the key 'data', and may have 'columns' and 'index'. Got {keys}", field="dataframe_split"
        )
    data, columns, index = given["data"], given.get("columns"), given.get("index")
    if type(data) is not list:
        raise _no_frame(f"'data' must be a list of rows, not {kind_of(data)}")
    if index is not None and (type(index) is not list or len(index) != len(data)):
        found = f"{len(index)} entries" if isinstance(index, list) else kind_of(index)
        raise _no_frame(f"the index has {found}, the data {len(data)} rows")
    if columns is None:
        return frames.tensor(data)
    if type(columns) is not list:
        raise _no_frame(f"'columns' must be a list of names, not {kind_of(columns)}")
    return frames.named(columns, data)


def _no_frame(why: str) -> MalformedError:
    return MalformedError(f"Provided dataframe_split field is not a valid dataframe representation: {why}", field="dataframe_split")


def _model_in(scope: Scope) -> str | None:
    """The model of `/models/{name}/invocations`, whatever characters its name has."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if not raw.startswith(b"/models/"):
        return None
    return unquote(raw[len(b"/models/") : -len(b"/invocations")].decode("latin-1"))


def _kind(scope: Scope) -> bytes:
    """JSON or CSV; HttpError 415 for another type, a parameter other than charset, or a charset other than UTF-8."""
    value = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if value == _JSON:
        return _JSON
    kind, *parameters = (part.strip() for part in value.split(b";"))
    for parameter in parameters:
        name, _, charset = parameter.partition(b"=")
        if name.strip().lower() != b"charset":
            raise HttpError(415, "the Content-Type may have no parameter but charset", headers=_CLOSE)
        if charset.strip().strip(b'"').lower() not in (b"utf-8", b"utf8"):
            raise HttpError(415, "the body must be UTF-8", headers=_CLOSE)
    if kind.lower() not in (_JSON, _CSV):
        raise HttpError(415, "the Content-Type of the body must be application/json or text/csv", headers=_CLOSE)
    return _JSON if kind.lower() == _JSON else _CSV


def _readable(scope: Scope, reply: Reply) -> Reply:
    if scope["method"] not in ("GET", "HEAD"):
        raise HttpError(405, f"{scope['path']} takes GET only", headers=[(b"allow", b"GET, HEAD")])
    return reply


def _refused(why: Refusal) -> Reply:
    code = _CODES.get(why.status, "BAD_REQUEST")
    status = 400 if why.status == 422 else why.status
    return Reply(status, msgspec.json.encode({"error_code": code, "message": why.message}), why.headers)
