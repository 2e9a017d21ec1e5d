"""The bundle: one folder per model version, every byte of it named in a signed manifest, verified before anything is parsed."""

import hashlib
import hmac
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import cast

import msgspec
import rfc8785

from flyball.core.codec import from_plain, to_plain
from flyball.core.digest import canonical_json, sha256_bytes
from flyball.core.errors import ConflictError, DataError, FlyballError, IntegrityError, NotFoundError, UnsupportedError
from flyball.registry.records import BundleFile, Manifest, Signed
from flyball.registry.signing import SigningKey, sign, verify

FORMAT = 1
MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 16 * 1024 * 1024
_DEEPEST = 16
# Every part of a file's path: no leading dot (so no `..`), no separator, nothing a shell or a terminal reads as its own.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}")
_BLOCK = 1024 * 1024
# What format 1 gained after it was first used, with what it says where it says nothing.
_LATER: Mapping[str, object] = {"outputs": (), "probabilities": True, "model_sha256": ""}
_LATER_PARITY: Mapping[str, object] = {"edge_rows": 0, "edge_differing": 0, "edge_largest": 0.0, "thresholds": ""}


def write_bundle(folder: Path, manifest: Manifest, files: Mapping[str, Path | bytes], key: SigningKey) -> str:
    """Write a complete bundle as `folder`, all or nothing, and give its digest (SHA-256 of the manifest file's bytes).

    `files`: name → bytes, or a path to copy; a path may be a folder, whose files follow under the name. The manifest's own list of
    files and its format are filled in here. ConflictError if `folder` is there already.
    """
    if folder.exists():
        raise ConflictError(f"there is already something at {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    fresh.mkdir(mode=0o700)
    try:
        entries: dict[str, BundleFile] = {}
        for name, source in _flat(files):
            if name in entries:
                raise DataError(f"a bundle cannot hold {name!r} twice")
            entries[name] = _write(fresh, name, source)
        content = _manifest_bytes(replace(manifest, bundle_format=FORMAT, files=dict(sorted(entries.items()))), key)
        _write(fresh, MANIFEST, content)
        settle_folder(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return sha256_bytes(content)


def settle_folder(fresh: Path, folder: Path) -> None:
    """Make a finished folder appear under its name: durable first, then renamed. ConflictError if the name was taken meanwhile."""
    for inner, _, _ in os.walk(fresh):
        _sync_folder(Path(inner))
    try:
        fresh.rename(folder)
    except OSError as error:
        if folder.exists():
            raise ConflictError(f"there is already something at {folder}") from error
        raise
    _sync_folder(folder.parent)


def verify_bundle(folder: Path, key: SigningKey) -> Manifest:
    """The manifest of a bundle in which everything is as it was signed.

    IntegrityError: another signature, size, digest or link, a missing or an extra file. UnsupportedError: a format of a newer Flyball.
    """
    content = _manifest_content(folder)
    manifest = _signed(content, key)
    _verify_files(folder, manifest)
    return manifest


def read_manifest(folder: Path, digest: str) -> Manifest:
    """The manifest of a bundle whose digest is known from a trusted place (a `Deployment`, a store's `put`)."""
    content = _manifest_content(folder)
    if not hmac.compare_digest(sha256_bytes(content), digest):
        raise IntegrityError(f"the bundle in {folder} is not the one with digest {digest[:12]}")
    _, signed = _decode(content)
    return signed.manifest


def read_file(folder: Path, manifest: Manifest, name: str) -> bytes:
    """The bytes of one file of a bundle, verified as they are given. NotFoundError if the manifest does not name it."""
    entry = manifest.files.get(name)
    if entry is None:
        raise NotFoundError(f"the bundle has no file {name!r}", hint=f"it has: {', '.join(sorted(manifest.files))}")
    _check_name(name)
    with _open(folder, name) as file:
        content = file.read(entry.size + 1)
    if len(content) != entry.size or not hmac.compare_digest(sha256_bytes(content), entry.sha256):
        raise IntegrityError(f"{name} in {folder} differs from what was signed")
    return content


def bundle_digest(folder: Path) -> str:
    """SHA-256 of the manifest file's bytes: the bundle's name in every store."""
    return sha256_bytes(_manifest_content(folder))


def folder_digest(folder: Path) -> str:
    """One SHA-256 for every file of a folder, its name and its bytes; IntegrityError for what is neither file nor folder."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise IntegrityError(f"{path} is neither a file nor a folder")
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return sha256_bytes(canonical_json(found))


def _manifest_bytes(manifest: Manifest, key: SigningKey) -> bytes:
    try:
        plain = _plain(manifest)
        return canonical_json({"manifest": plain, "key_id": key.key_id, "signature": sign(plain, key)})
    except (rfc8785.CanonicalizationError, TypeError, msgspec.MsgspecError) as error:
        raise DataError(
            f"the manifest cannot be written as JSON: {error}", hint="classes must be text, booleans, or numbers JSON holds exactly"
        ) from error


def _plain(manifest: Manifest) -> dict[str, object]:
    """The manifest as builtins, without what the format gained later where that says nothing: earlier bundles keep their bytes."""
    plain = _spare(cast(dict[str, object], to_plain(manifest)), _LATER)
    if manifest.parity is not None:
        plain["parity"] = _spare(cast(dict[str, object], plain["parity"]), _LATER_PARITY)
    return plain


def _spare(plain: Mapping[str, object], later: Mapping[str, object]) -> dict[str, object]:
    def silent(name: str, value: object) -> bool:
        return name in later and (tuple(value) if isinstance(value, list) else value) == later[name]

    return {name: value for name, value in plain.items() if not silent(name, value)}


def _decode(content: bytes) -> tuple[dict[str, object], Signed]:
    """The signed manifest as builtins and as records; IntegrityError unless the bytes are exactly how Flyball writes it."""
    try:
        plain = msgspec.json.decode(content)
        version = plain["manifest"]["bundle_format"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, KeyError) as error:
        raise IntegrityError(f"{MANIFEST} is not a manifest") from error
    if isinstance(version, int) and version > FORMAT:
        raise UnsupportedError(
            f"this bundle has format {version}, this Flyball reads up to {FORMAT}",
            hint="upgrade with: pip install --upgrade flyball",
        )
    try:
        signed = from_plain(plain, Signed)
        again = {"manifest": _plain(signed.manifest), "key_id": signed.key_id, "signature": signed.signature}
        exact = canonical_json(again) == content
    except (FlyballError, ValueError) as error:
        raise IntegrityError(f"{MANIFEST} is not a manifest: {error}") from error
    if version != FORMAT or not exact:
        raise IntegrityError(f"{MANIFEST} is not written as a manifest of format {FORMAT} is")
    return plain, signed


def _signed(content: bytes, key: SigningKey) -> Manifest:
    try:
        plain = msgspec.json.decode(content)
        named, signature, body = plain["key_id"], plain["signature"], plain["manifest"]
        if named != key.key_id:
            raise IntegrityError(
                f"the bundle was signed with the key {str(named)[:16]!r}, this project's key is {key.key_id!r}",
                hint="give this machine the key of who made it (.flyball/key there, or FLYBALL_SIGNING_KEY), or register it here again",
            )
        genuine = verify(body, signature, key)
    except (msgspec.DecodeError, rfc8785.CanonicalizationError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{MANIFEST} is not a signed manifest") from error
    if not genuine:
        raise IntegrityError("the signature of the bundle does not fit its manifest")
    return _decode(content)[1].manifest


def _verify_files(folder: Path, manifest: Manifest) -> None:
    found = set(_names(folder, "", 0)) - {MANIFEST}
    named = set(manifest.files)
    if missing := named - found:
        raise IntegrityError(f"{folder} lacks {', '.join(sorted(missing)[:5])}")
    if extra := found - named:
        raise IntegrityError(f"{folder} holds what nobody signed: {', '.join(sorted(extra)[:5])}")
    for name, entry in manifest.files.items():
        _check_name(name)
        with _open(folder, name) as file:
            size = os.fstat(file.fileno()).st_size
            if size != entry.size or not hmac.compare_digest(hashlib.file_digest(file, "sha256").hexdigest(), entry.sha256):
                raise IntegrityError(f"{name} in {folder} differs from what was signed")


def _names(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    """Every file under a folder; IntegrityError for links, devices, empty folders and names a bundle cannot have."""
    if depth > _DEEPEST:
        raise IntegrityError(f"{folder} is nested too deeply")
    with os.scandir(folder / prefix) as entries:
        children = sorted(entries, key=lambda entry: entry.name)
    if prefix and not children:
        raise IntegrityError(f"{folder} holds an empty folder nobody signed: {prefix}")
    for entry in children:
        name = f"{prefix}/{entry.name}" if prefix else entry.name
        if _PART.fullmatch(entry.name) is None:
            raise IntegrityError(f"{folder} holds a file with a name no bundle has: {entry.name!r}")
        if entry.is_dir(follow_symlinks=False):
            yield from _names(folder, name, depth + 1)
        elif entry.is_file(follow_symlinks=False):
            yield name
        else:
            raise IntegrityError(f"{name} in {folder} is a link or a device, not a file")


def _manifest_content(folder: Path) -> bytes:
    if not folder.is_dir() or folder.is_symlink():
        raise NotFoundError(f"there is no bundle in {folder}")
    with _open(folder, MANIFEST) as file:
        content = file.read(_LARGEST_MANIFEST + 1)
    if len(content) > _LARGEST_MANIFEST:
        raise IntegrityError(f"{MANIFEST} in {folder} is too large to be a manifest")
    return content


def _open(folder: Path, name: str) -> BufferedReader:
    """Open a regular file with one name, through no link; O_NONBLOCK so that a pipe cannot hold us."""
    try:
        handle = os.open(
            folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except FileNotFoundError as error:
        raise IntegrityError(f"{folder} lacks {name}") from error
    except OSError as error:
        raise IntegrityError(f"{name} in {folder} cannot be opened as a file: {error.strerror}") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(handle)
        raise IntegrityError(f"{name} in {folder} is a link or a device, not a file of its own")
    return os.fdopen(handle, "rb")


def _flat(files: Mapping[str, Path | bytes]) -> Iterator[tuple[str, Path | bytes]]:
    for name, source in files.items():
        if isinstance(source, Path) and source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    yield f"{name}/{path.relative_to(source).as_posix()}", path
        else:
            yield name, source


def _write(folder: Path, name: str, source: Path | bytes) -> BundleFile:
    _check_name(name, error=DataError)
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as file:
        for block in _blocks(source):
            file.write(block)
            digest.update(block)
            size += len(block)
        file.flush()
        os.fsync(file.fileno())
    return BundleFile(size=size, sha256=digest.hexdigest())


def _blocks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _check_name(name: str, error: type[FlyballError] = IntegrityError) -> None:
    parts = name.split("/")
    if len(parts) > _DEEPEST or not all(_PART.fullmatch(part) for part in parts):
        raise error(f"a bundle cannot hold a file named {name!r}")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # folders cannot be opened elsewhere, and renames are durable on their own
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
