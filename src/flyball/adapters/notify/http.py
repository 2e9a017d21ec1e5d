"""One POST of JSON: taken (2xx), or an error in words that show no more of the address than scheme and host."""

import ssl
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import httpx

from flyball.adapters.notify.text import clean
from flyball.alerting.receivers import place_of
from flyball.core.errors import SpecError, StoreError

_READ = 400  # bytes of a refusal that are looked at


def address(url: str) -> str:
    """The address itself, or a refusal that does not repeat it."""
    try:
        split = urlsplit(url)
        sound = split.scheme in ("http", "https") and bool(split.hostname) and (split.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or any(sign.isspace() for sign in url):
        raise SpecError("the address is none: it must begin with http:// or https:// and a host", hint="correct the url or its variable")
    return url


def post_json(url: str, body: bytes, *, seconds: float, key: str = "", more: Mapping[str, str] | None = None) -> None:
    """Send it, with `more` headers; StoreError says why it was not taken.

    Redirections are not followed: they could lead the message to anybody.
    """
    headers = {"content-type": "application/json", "user-agent": "flyball", "accept-encoding": "identity", **(more or {})}
    if key:
        headers["idempotency-key"] = key
    try:
        with (
            httpx.Client(timeout=httpx.Timeout(seconds), follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            if response.is_success:
                return
            raise StoreError(_refusal(response, url))
    except httpx.TimeoutException:
        raise StoreError(f"it did not answer within {seconds:g} s") from None
    except httpx.TransportError as error:
        raise StoreError(_broken(error, url)) from None
    except (httpx.InvalidURL, UnicodeError):
        raise SpecError("the address cannot be used", hint="correct the url or its variable") from None


def _refusal(response: httpx.Response, url: str) -> str:
    if response.is_redirect:
        there = place_of(urljoin(url, response.headers.get("location", "")))
        return f"HTTP {response.status_code}: it sends on to {there}, which is not followed; name the address that answers"
    try:
        said = next(response.iter_raw(_READ), b"")
    except httpx.HTTPError:
        said = b""
    text = clean(_without_secret(said.decode("utf-8", "replace"), url), 160)
    return f"HTTP {response.status_code}" + (f": {text}" if text else "")


def _broken(error: httpx.TransportError, url: str) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"no encrypted connection: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, ssl.SSLError):
            return clean(f"no connection: {cause.strerror}")
        cause = cause.__cause__ or cause.__context__
    return clean(f"no connection: {_without_secret(str(error), url) or type(error).__name__}")


def _without_secret(text: str, url: str) -> str:
    """The text without the address, or any part of it behind the host, however it is written there."""
    split = urlsplit(url)
    parts = [url, split.path, split.query, split.fragment, split.username or "", split.password or "", *split.path.split("/")]
    parts += [value for pair in split.query.split("&") for value in pair.split("=")]
    for part in sorted((part for part in parts if len(part) > 3), key=len, reverse=True):
        text = text.replace(part, "…")
    return text
