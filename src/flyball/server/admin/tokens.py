"""Who may change what serves: tokens from the environment, kept as digests, and the request's `Authorization` held against them."""

import hashlib
import hmac
import re
from collections.abc import Sequence

from flyball.core.errors import UsageError
from flyball.core.record import record
from flyball.core.surroundings import FOR_ADMINS

VARIABLE = FOR_ADMINS
SHORTEST = 32
"""Bytes that a secret has at least."""
HOW = f"set {VARIABLE} to a secret of at least {SHORTEST} bytes (openssl rand -hex 32) where the server starts, and start it again"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECRET = re.compile(r"[\x21-\x7e]+")


@record
class AdminToken:
    """A token that opens the admin routes: what its bearer is called in the journal, and the SHA-256 of the token."""

    actor: str
    digest: bytes


def read_tokens(text: str) -> tuple[AdminToken, ...]:
    """The tokens in the variable, with white space between them; none if it is empty. `NAME:SECRET` is a token whose bearer has a name.

    The whole of it is what a client sends. UsageError, which never quotes a secret, for one that is too short or stands twice.
    """
    tokens: list[AdminToken] = []
    for number, token in enumerate(text.split(), start=1):
        name, _, secret = token.rpartition(":") if _NAME.fullmatch(token.partition(":")[0]) else ("", "", token)
        if len(secret) < SHORTEST or not _SECRET.fullmatch(secret):
            raise UsageError(
                f"token {number} in {VARIABLE} cannot be used: a secret has at least {SHORTEST} printable ASCII characters",
                hint="make one with `openssl rand -hex 32`; write NAME:SECRET to give its bearer a name in the journal",
            )
        tokens.append(AdminToken(actor=f"token:{name}" if name else "admin", digest=_digest(token.encode())))
    for what, found in (("name", [one.actor for one in tokens]), ("secret", [one.digest for one in tokens])):
        if len(set(found)) < len(found):
            raise UsageError(f"two tokens in {VARIABLE} have the same {what}", hint="NAME:SECRET tells their bearers apart")
    return tuple(tokens)


def bearer(tokens: Sequence[AdminToken], authorization: bytes) -> str | None:
    """Who sent this `Authorization` header; None if no token is right. Takes as long whichever is, and whatever was sent."""
    scheme, _, given = authorization.partition(b" ")
    digest, actor = _digest(given.strip()), None
    for token in tokens:
        if hmac.compare_digest(digest, token.digest):
            actor = token.actor
    return actor if scheme.lower() == b"bearer" else None


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
