"""From a request to an order: the parts of a path, the query of a GET, the body of a POST, each checked and named where it is wrong."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from flyball.core.errors import RequestError
from flyball.core.schema import did_you_mean
from flyball.server.admin.routes import Order
from flyball.serving.codecs import decode_json
from flyball.serving.contract import kind_of, shown

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_MOST_FIELDS = 20


def read_order(takes: type[Order], given: Mapping[str, object], *, texts: bool) -> Order:
    """The order that a request's values make; RequestError names the first that is wrong. `texts`: they came in an address, as text."""
    known = [one.encode_name for one in msgspec.structs.fields(takes)]
    for name in given:
        if name not in known:
            raise RequestError(f"{shown(name)} is not a key of this request{did_you_mean(name, known)}", field=name[:60])
    for name, value in given.items():
        _refuse_control(value, name)
    try:
        return msgspec.convert(given, takes, strict=not texts)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None


def body_values(body: bytes) -> dict[str, object]:
    """The object in a body; an empty body is an empty one."""
    if not body.strip():
        return {}
    given = decode_json(body)
    if not isinstance(given, dict):
        raise RequestError(f"the body must be an object, not {kind_of(given)}")
    return given


def query_values(query: bytes) -> dict[str, object]:
    """The values in an address, behind the question mark."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise RequestError("the address does not end in name=value pairs") from None
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise RequestError(f"{shown(name)} stands twice in the address", field=name[:60])
        found[name] = value
    return found


def _refuse_control(value: object, name: str) -> None:
    """What is written here is read in terminals and pages."""
    if isinstance(value, str) and not value.isprintable():
        raise RequestError(f"{name!r} holds characters that cannot be printed, such as a line break", field=name[:60])
    if isinstance(value, list):
        for item in value[:100]:
            _refuse_control(item, name)


def _named(said: str) -> RequestError:
    """msgspec's words as ours, with the field."""
    missing = _MISSING.match(said)
    if missing is not None:
        return RequestError(f"{missing[1]!r} is missing", field=missing[1])
    place = _PLACE.search(said)
    field = place[1] if place is not None else ""
    what = _PLACE.sub("", said).replace("`", "")
    return RequestError(f"{field!r} cannot be taken: {what[:1].lower()}{what[1:]}" if field else what, field=field)
