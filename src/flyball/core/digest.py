"""Content digests: SHA-256 over bytes, files and canonical JSON (RFC 8785)."""

import hashlib
from pathlib import Path

import rfc8785


def sha256_bytes(content: bytes) -> str:
    """Hex SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: object) -> bytes:
    """RFC 8785 canonical JSON of JSON-ready builtins (see `core.codec.to_plain`)."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # its own recursive JSON type is not exported


def sha256_json(value: object) -> str:
    """Hex SHA-256 of the canonical JSON of a value."""
    return sha256_bytes(canonical_json(value))
