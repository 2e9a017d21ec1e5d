"""TensorFlow Serving's REST protocol: predict, classify, regress, status and metadata under `/v1/models`."""

import base64
import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

import msgspec

from flyball.core.errors import NotFoundError, RequestError
from flyball.core.schema import did_you_mean
from flyball.registry.records import Manifest
from flyball.server.answers import HttpError, Receive, Reply, Scope, json_reply
from flyball.server.body import BodyReader
from flyball.server.dialects.caller import answered_by, caller_of
from flyball.server.dialects.frames import Frames, decode_frame
from flyball.server.dialects.model_tensors import manifest_of, outlived
from flyball.server.dialects.refusal import Refusal, refusal
from flyball.server.dialects.signature import metadata, signature_named
from flyball.server.predict import Inferred
from flyball.server.scoring import Given
from flyball.server.served import Models, Served
from flyball.serving.contract import kind_of, shown
from flyball.serving.deployment import LiveModel
from flyball.serving.records import Label

_NO_STORE = [(b"cache-control", b"no-store")]
_DEEPEST = 8  # levels of lists and objects in which binary values are looked for
_CHAMPION = ("champion", "production", "stable")
_CHALLENGER = ("challenger", "staging", "canary")
_PATH = re.compile(
    rb"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
    rb"(?::(?P<verb>predict|classify|regress)|/(?P<page>metadata))?"
)


class _Asked(NamedTuple):
    """What a path asks for: of which model, of which of its versions if it says so, and a verb or a page."""

    name: str
    version: int | None
    label: str | None
    verb: str
    page: str


class TfServing:
    """Answers as TensorFlow Serving does, errors as `{"error"}`.

    A classifier's `:predict` gives the probability of each class, as a TensorFlow model does; `:classify` gives them with the labels.
    A path without version or label is answered by whom the deployment says; one with a version or label by that version, outside of any
    comparison.
    """

    def __init__(self, models: Models, bodies: BodyReader, *, draining: Callable[[], bool]) -> None:
        self._models = models
        self._bodies = bodies
        self._draining = draining
        self._frames: dict[str, Frames] = {}

    def speaks(self, path: str) -> bool:
        """True for everything under `/v1/models`."""
        return path.startswith("/v1/models/") or path == "/v1/models"

    async def answer(self, scope: Scope, receive: Receive) -> Reply:
        """Answer one request."""
        try:
            asked = _asked(scope)
            allowed = ("POST",) if asked.verb else ("GET", "HEAD")
            if scope["method"] not in allowed:
                names = ", ".join(allowed)
                raise HttpError(405, f"this path takes {names} only", headers=[(b"allow", names.encode())])
            served = self._models.one(asked.name)
            if asked.verb:
                return await self._infer(asked, served, scope, receive)
            return self._read(asked, served)
        except ConnectionResetError:
            raise
        except Exception as error:  # noqa: BLE001 - every error goes out in the protocol's shape
            return self.refused(error)

    def refused(self, error: Exception) -> Reply:
        """An error as TensorFlow Serving spells it."""
        return _refused(refusal(error))

    def _read(self, asked: _Asked, served: Served) -> Reply:
        live = served.live
        version = asked.version if asked.version in live.left_out and not asked.page else _version(asked, live)
        if asked.page:
            found = live.champion if version is None else live.versions[version]
            return json_reply(200, metadata(live.model, found), _NO_STORE)
        states = {number: ("AVAILABLE", "OK", "") for number in live.versions}
        states |= {number: ("END", "FAILED_PRECONDITION", why) for number, why in live.left_out.items()}
        ready = not self._draining()
        body = {
            "model_version_status": [
                {"version": str(number), "state": state, "status": {"error_code": code, "error_message": why}}
                for number, (state, code, why) in sorted(states.items(), reverse=True)
                if version in (None, number)
            ]
        }
        return json_reply(200 if ready else 503, body if ready else {"error": "the server is stopping"}, _NO_STORE)

    async def _infer(self, asked: _Asked, served: Served, scope: Scope, receive: Receive) -> Reply:
        caller = caller_of(scope)
        body = await self._bodies.read(scope, receive, browsers=False, kinds=None)
        given = decode_frame(body)
        if type(given) is not dict:
            raise RequestError(f"the body must be an object, not {kind_of(given)}")
        if b'"b64"' in body:
            given = _unpacked(given, _DEEPEST)
        live = served.live
        version = _version(asked, live)
        _meaningful(asked.verb, (live.champion if version is None else live.versions[version]).manifest)
        signature_named(given.get("signature_name"), asked.verb)
        if asked.verb == "predict":
            by_row, rows = self._tensors(served, live, given)
        else:
            by_row, rows = True, _examples(given)
        if not rows:
            raise RequestError("the request has no rows")
        found = await served.predictor.infer(rows, unit=caller.unit, client_ids=caller.client_ids(len(rows)), at=caller.at, version=version)
        if asked.verb == "predict":
            content = _predictions(found) if by_row else _outputs(found)
        else:
            content = {"results": [one.label if asked.verb == "regress" else _classes(found.live, one) for one in found.rows]}
        return Reply(200, msgspec.json.encode(content), answered_by(found))

    def _tensors(self, served: Served, live: LiveModel, given: dict[str, Any]) -> tuple[bool, list[Any]]:
        """Whether a request is in the row format, and its rows."""
        by_row = "instances" in given
        if by_row == ("inputs" in given):
            raise RequestError("the request must have either 'instances' (rows) or 'inputs' (columns)", field="instances")
        frames = self._frames.get(served.name)
        if frames is None or frames.contract is not live.contract:
            frames = self._frames[served.name] = Frames(live.contract, max_rows=served.settings.max_rows)
        value = given["instances" if by_row else "inputs"]
        if type(value) is dict and not by_row:
            for column in value:
                if column not in live.contract.positions:
                    near = did_you_mean(column[:60], live.contract.names)
                    raise RequestError(f"{shown(column)} is no input of this model{near}", field=column[:60])
            return by_row, frames.columns(value)
        if type(value) is not list:
            wanted = "a list" if by_row else "a list of rows or an object of columns"
            raise RequestError(f"{'instances' if by_row else 'inputs'!r} must be {wanted}, not {kind_of(value)}")
        if value and type(value[0]) is dict:
            rows = [_scalars(one) for one in value]
            return by_row, frames.exact(rows) or rows
        return by_row, cast(list[Any], frames.tensor(value))


def _asked(scope: Scope) -> _Asked:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    found = _PATH.fullmatch(raw)
    if found is None:
        raise HttpError(
            400, "this is no path of the protocol: /v1/models/NAME[/versions/N|/labels/LABEL][:predict|:classify|:regress|/metadata]"
        )
    name, label = (unquote((found[part] or b"").decode("latin-1")) for part in ("name", "label"))
    version = None if found["version"] is None else int(found["version"])
    return _Asked(name, version, label or None, (found["verb"] or b"").decode(), (found["page"] or b"").decode())


def _version(asked: _Asked, live: LiveModel) -> int | None:
    """The version a path names, which must be in memory; None if it leaves the choice to the deployment."""
    if asked.version is not None:
        if asked.version not in live.versions:
            here = ", ".join(map(str, sorted(live.versions)))
            raise NotFoundError(f"version {asked.version} of {live.model!r} is not in memory here", hint=f"live versions: {here}")
        return asked.version
    if asked.label is None:
        return None
    if asked.label in _CHAMPION:
        return live.champion.version
    if asked.label in _CHALLENGER and live.challenger is not None:
        return live.challenger.version
    known = [*_CHAMPION, *(_CHALLENGER if live.challenger is not None else ())]
    raise NotFoundError(f"no version of {live.model!r} has the label {shown(asked.label)}", hint=f"labels here: {', '.join(known)}")


def _meaningful(verb: str, manifest: Manifest) -> None:
    if verb != "predict" and (verb == "regress") != (manifest.task == "regression"):
        raise RequestError(f"this model's task is {manifest.task}: :{verb} has no meaning for it")
    if verb == "regress" and manifest.outputs:
        raise RequestError(f"this model has {len(manifest.outputs)} outputs: ask for them with :predict")


def _examples(given: dict[str, Any]) -> list[Any]:
    """The rows of a classify or regress request: examples, each completed by what the context says of all."""
    examples, context = given.get("examples"), given.get("context", {})
    if type(examples) is not list:
        raise RequestError(f"'examples' must be a list of objects, not {kind_of(examples)}", field="examples")
    if type(context) is not dict:
        raise RequestError(f"'context' must be an object, not {kind_of(context)}", field="context")
    rows = []
    for number, one in enumerate(examples):
        if type(one) is not dict:
            raise RequestError(f"example {number} must be an object, not {kind_of(one)}", field=f"examples[{number}]")
        if both := one.keys() & context.keys():
            name = min(both)
            raise RequestError(f"{shown(name)} stands both in 'context' and in example {number}", field=name[:60])
        rows.append(_scalars({**context, **one}))
    return rows


def _scalars(one: object) -> object:
    """A row by name whose values may stand in lists of one value."""
    if type(one) is not dict or list not in map(type, one.values()):
        return one
    return {name: value[0] if type(value) is list and len(value) == 1 else value for name, value in one.items()}


def _unpacked(value: Any, depth: int) -> Any:
    """The value with every `{"b64": …}` as the text it stands for."""
    if depth and type(value) is list:
        return [_unpacked(one, depth - 1) for one in value]
    if depth and type(value) is dict:
        if len(value) == 1 and type(packed := value.get("b64")) is str:
            try:
                return base64.b64decode(packed, validate=True).decode()
            except ValueError:
                raise RequestError("a value in 'b64' is no text in base64") from None
        return {name: _unpacked(one, depth - 1) for name, one in value.items()}
    return value


def _predictions(found: Inferred) -> dict[str, object]:
    """The row format: a value or list for each row, or an object where the model has several outputs."""
    outputs = found.live.champion.manifest.outputs
    if outputs:
        return {"predictions": [dict(zip(outputs, _several(one, len(outputs)), strict=True)) for one in found.rows]}
    return {"predictions": [_output(found.live, one) for one in found.rows]}


def _outputs(found: Inferred) -> dict[str, object]:
    """The columnar format: one list, or one for each output."""
    outputs = found.live.champion.manifest.outputs
    if outputs:
        columns = zip(*(_several(one, len(outputs)) for one in found.rows), strict=True)
        return {"outputs": dict(zip(outputs, map(list, columns), strict=True))}
    return {"outputs": [_output(found.live, one) for one in found.rows]}


def _output(live: LiveModel, one: Given) -> object:
    if manifest_of(live, one).task == "regression":
        return one.label
    return one.score if isinstance(one.score, list) else [1.0 - one.score, one.score]


def _classes(live: LiveModel, one: Given) -> list[tuple[str, float]]:
    """Each class, as text, with its probability."""
    classes = manifest_of(live, one).classes
    scores = one.score if isinstance(one.score, list) else [1.0 - one.score, one.score]
    if len(scores) != len(classes):
        raise outlived()
    return list(zip(map(_text, classes), scores, strict=True))


def _several(one: Given, outputs: int) -> list[float]:
    if not isinstance(one.label, list) or len(one.label) != outputs:
        raise outlived()
    return one.label


def _text(label: Label) -> str:
    return ("true" if label else "false") if isinstance(label, bool) else str(label)


def _refused(why: Refusal) -> Reply:
    return Reply(400 if why.status == 422 else why.status, msgspec.json.encode({"error": why.message}), why.headers)
