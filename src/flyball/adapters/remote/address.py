"""The address of a model on another server, as a person writes it: TensorFlow Serving's REST or the Open Inference Protocol."""

import re
from urllib.parse import unquote, urlsplit

from flyball.core.errors import UsageError
from flyball.core.record import record
from flyball.serving.backend import Protocol

_PATHS: tuple[tuple[Protocol, re.Pattern[str]], ...] = (
    ("tf", re.compile(r"/v1/models/(?P<name>[^/:]+)(?:/(?:versions/\d{1,18}|labels/[^/:]+))?")),
    ("v2", re.compile(r"/v2/models/(?P<name>[^/:]+)(?:/versions/[^/:]+)?")),
)
_LONGEST = 2000


@record
class Address:
    """`url` without an end slash; `name` is what the other server calls its model."""

    url: str
    protocol: Protocol
    name: str


def is_address(text: str) -> bool:
    """Whether a word is meant as one."""
    return text.startswith(("http://", "https://"))


def address_of(text: str) -> Address:
    """The address; UsageError says what to write."""
    url = text.rstrip("/")
    hint = "write http://HOST:8501/v1/models/NAME (TensorFlow Serving) or http://HOST:8000/v2/models/NAME (Triton, KServe, MLServer)"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text[:200]!r} is no address: {error}", hint=hint) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or len(url) > _LONGEST:
        raise UsageError(f"{text[:200]!r} is no address of a model", hint=hint)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise UsageError("the address holds a user or a password, which would stand in every bundle", hint="let a proxy in front add it")
    if parts.query or parts.fragment or any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise UsageError(f"{text[:200]!r} has something after the model's name", hint=hint)
    for protocol, path in _PATHS:
        found = path.fullmatch(parts.path)
        if found is not None:
            return Address(url=url, protocol=protocol, name=unquote(found["name"]))
    raise UsageError(f"{text[:200]!r} names no model", hint=hint)
