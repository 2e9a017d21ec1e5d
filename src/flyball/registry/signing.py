"""Signatures: HMAC-SHA256 over RFC 8785 bytes, with a key that lives in one private file of the project."""

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from flyball.core.digest import canonical_json
from flyball.core.errors import IntegrityError
from flyball.core.record import record

_BYTES = 32


@record
class SigningKey:
    """A secret and the public name derived from it. Its text form never shows the secret."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.key_id!r})"


KeySource = Path | SigningKey
"""Where a project's key is: in a file of its own, or given by who starts the process."""


def key_from_text(text: str, *, name: str) -> SigningKey:
    """The key that a variable holds, as hexadecimal digits; IntegrityError, without what it holds, if it is none."""
    secret = _secret(text.encode(errors="replace"))
    if secret is None:
        raise IntegrityError(
            f"{name} does not hold a signing key ({_BYTES * 2} hexadecimal digits)",
            hint="make one: python -c 'import secrets; print(secrets.token_hex(32))', or take what stands in .flyball/key of the project",
        )
    return key_of(secret)


def load_key(source: KeySource) -> SigningKey:
    """The key that was given, or the one in a file, made first if there is none; of several processes at once all get the same key.

    IntegrityError if others may read the file or it does not hold a key.
    """
    if isinstance(source, SigningKey):
        return source
    path = source
    while True:
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            _create(path)
        else:
            break
    with os.fdopen(handle, "rb") as file:
        mode = os.fstat(handle).st_mode
        content = file.read(_BYTES * 4)
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise IntegrityError(f"the signing key {path} can be read by others", hint=f"chmod 600 {path}")
    secret = _secret(content)
    if secret is None:
        raise IntegrityError(
            f"{path} does not hold a signing key ({_BYTES * 2} hexadecimal digits)",
            hint="restore it from a backup; without it the bundles it signed cannot be verified",
        )
    return key_of(secret)


def key_of(secret: bytes) -> SigningKey:
    """The key with this secret; the name is the start of a digest of it."""
    return SigningKey(key_id=hashlib.sha256(b"flyball signing key\0" + secret).hexdigest()[:16], secret=secret)


def sign(value: object, key: SigningKey) -> str:
    """Hex signature of JSON-ready builtins."""
    return hmac.new(key.secret, canonical_json(value), hashlib.sha256).hexdigest()


def verify(value: object, signature: str, key: SigningKey) -> bool:
    """Whether `sign` gave this signature, compared in constant time."""
    return hmac.compare_digest(sign(value, key).encode(), signature.encode())


def _secret(content: bytes) -> bytes | None:
    try:
        secret = bytes.fromhex(content.decode().strip())
    except ValueError:  # also what is not text
        return None
    return secret if len(secret) == _BYTES else None


def _create(path: Path) -> None:
    """Write a new key beside the path and link it there: the path appears complete or not at all, and the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
