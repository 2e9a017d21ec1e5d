"""Bundles in a local folder, one sub-folder per digest, verified each time one is asked for."""

import contextlib
import os
import re
import secrets
import shutil
from pathlib import Path

from flyball.core.errors import ConflictError, FlyballError, IntegrityError, NotFoundError, StoreError
from flyball.registry.bundle import MANIFEST, bundle_digest, settle_folder, verify_bundle
from flyball.registry.signing import KeySource, load_key

_LOST = (
    "copy the folder {digest} there from a machine that has it, or from MLflow: the artifact flyball/bundle of the version's run, or "
    "flyball/bundle-{digest} if it was given another reference"
)
_DIGEST = re.compile(r"[0-9a-f]{64}")


class LocalBundles:
    """The port `BundleStore` on a folder. Several processes may use it at once."""

    def __init__(self, folder: Path, key: KeySource) -> None:
        self._folder = folder
        self._key = key

    def put(self, folder: Path) -> str:
        """Keep a copy of a complete, signed bundle folder, all or nothing; give its digest.

        What is kept is verified, not what was given: bytes that change while they are copied are refused.
        """
        verify_bundle(folder, load_key(self._key))  # before a byte is copied: links and devices must not be followed
        digest = bundle_digest(folder)
        with contextlib.suppress(NotFoundError, IntegrityError):
            self.path(digest)
            return digest
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._copy(folder, digest)
        except OSError as error:
            raise StoreError(f"cannot keep a bundle in {self._folder}: {error.strerror or error}") from error
        return digest

    def path(self, digest: str) -> Path:
        """The folder of a bundle, every file verified against its manifest and the manifest against its signature."""
        if _DIGEST.fullmatch(digest) is None:
            raise NotFoundError(f"{digest[:80]!r} is not the digest of a bundle")
        folder = self._folder / digest
        if not (folder / MANIFEST).exists():
            raise NotFoundError(f"the bundle {digest[:12]} is not in {self._folder}", hint=_LOST.format(digest=digest))
        if bundle_digest(folder) != digest:
            raise IntegrityError(f"the bundle in {folder} is another than its name says")
        if isinstance(self._key, Path) and not self._key.exists():  # a new key would verify nothing that stands here
            raise IntegrityError(
                f"the signing key {self._key} is gone, so the bundles it signed cannot be verified",
                hint="restore it from a backup, or train again with --force: the next version is signed with a new key",
            )
        verify_bundle(folder, load_key(self._key))
        return folder

    def _copy(self, folder: Path, digest: str) -> None:
        fresh = self._folder / f".{digest[:16]}.{secrets.token_hex(8)}"
        target = self._folder / digest
        try:
            shutil.copytree(folder, fresh, symlinks=True)
            verify_bundle(fresh, load_key(self._key))
            if bundle_digest(fresh) != digest:
                raise IntegrityError(f"{folder} changed while it was copied")
            _sync_files(fresh)
            with contextlib.suppress(NotFoundError, IntegrityError):
                self.path(digest)  # somebody else was faster, and theirs is sound
                return
            if target.exists():  # there, but not what its name says: it is of no use to anybody
                broken = self._folder / f".broken.{digest[:16]}.{secrets.token_hex(8)}"
                with contextlib.suppress(OSError):
                    target.rename(broken)
                shutil.rmtree(broken, ignore_errors=True)
            try:
                settle_folder(fresh, target)
            except ConflictError:
                self.path(digest)  # somebody else kept the same bundle meanwhile
        except FlyballError:
            raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _sync_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
