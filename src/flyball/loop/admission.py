"""Who may act on a model in stores that others share: whoever has a token that the model's journal knows.

The first token that comes is kept, as a digest that tells nothing of it; from then on it, or another that was kept with it, must come
again. So the address of a production database is not enough to move what serves there.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime

from flyball.core.errors import ConflictError, RefusedError
from flyball.core.reason import because
from flyball.core.surroundings import ADMINS_BEFORE, FOR_ADMINS
from flyball.journal.events import Admitted, Entry
from flyball.ports.history import Journal

_COST, _BLOCK = 2**14, 8
_ATTEMPTS = 20


def admit(journal: Journal, model: str, tokens: Sequence[bytes], *, before: Sequence[bytes] = (), now: datetime, actor: str) -> list[Entry]:
    """Let through whoever has one of the tokens that are kept; RefusedError for everybody else. Give what was written down.

    `tokens`: SHA-256 of those at hand; where none is kept yet, they are from now on. `before`: of those that were kept until now, where
    the ones at hand are to take their place; where they have done so already, `before` says nothing any more.
    """
    for _ in range(_ATTEMPTS):
        entries = journal.read(model)
        kept = kept_tokens(entries)
        if not tokens:
            raise _refused(model, "no admin token is at hand")
        found = [_known(token, kept) for token in tokens]
        replaces = any(_known(token, kept) for token in before)
        if kept and not replaces and not any(found):
            raise _refused(model, "the admin token at hand is not one of those that are kept with the model")
        if kept and (not replaces or (all(found) and len(kept) == len(tokens))):
            return []
        code = "admission.changed" if kept else "admission.first"
        event = Admitted(tokens=tuple(_kept(token) for token in tokens), reason=because(code, tokens=len(tokens)))
        try:
            return journal.append(model, [event], expected=entries[-1].seq if entries else 0, actor=actor, at=now)
        except ConflictError:
            continue
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="try again")


def is_admitted(journal: Journal, model: str, tokens: Sequence[bytes]) -> bool:
    """Whether one of the tokens is kept. Nothing is written."""
    kept = kept_tokens(journal.read(model))
    return any(_known(token, kept) for token in tokens)


def must_be_known(journal: Journal, model: str, tokens: Sequence[bytes]) -> None:
    """RefusedError unless one of the tokens is kept, with this model or another of the same database, or none is kept there at all.

    For what changes the database of all of them before anything can be written into it. Nothing is written.
    """
    kept = [one for name in journal.models() for one in kept_tokens(journal.read(name))]
    if kept and not any(_known(token, kept) for token in tokens):
        raise _refused(model, "the admin token at hand is not one of those that are kept there" if tokens else "no admin token is at hand")


def kept_tokens(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The digests that hold; none if nobody has acted yet."""
    found: tuple[str, ...] = ()
    for entry in entries:
        if isinstance(entry.event, Admitted):
            found = entry.event.tokens
    return found


def _kept(token: bytes) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt:{salt.hex()}:{_hash(token, salt).hex()}"


def _known(token: bytes, kept: Iterable[str]) -> bool:
    found = False
    for one in kept:
        _, salt, digest = one.split(":")
        found |= hmac.compare_digest(_hash(token, bytes.fromhex(salt)), bytes.fromhex(digest))
    return found


def _hash(token: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(token, salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32)


def _refused(model: str, why: str) -> RefusedError:
    return RefusedError(
        f"{model} lives in stores that others share, and {why}",
        hint=f"set {FOR_ADMINS} to a token of this environment where its loop runs; to replace the tokens that are kept, put one of them "
        f"into {ADMINS_BEFORE} once. Reading (status, why, models, monitor, ...) needs none",
    )
