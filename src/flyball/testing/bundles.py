"""What every store of bundles keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

import hashlib
import shutil
from pathlib import Path

import pytest

from flyball.core.errors import IntegrityError, NotFoundError
from flyball.ports.serving import BundleStore


class BundleStoreSuite:
    """Inherit, and give the fixtures `bundles` (empty) and `bundle` (a complete folder, signed with the key this store trusts)."""

    def test_a_bundle_is_kept_under_the_digest_of_its_manifest(self, bundles: BundleStore, bundle: Path) -> None:
        digest = bundles.put(bundle)
        assert digest == hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
        kept = bundles.path(digest)
        assert _content(kept) == _content(bundle)

    def test_the_copy_does_not_depend_on_the_original(self, bundles: BundleStore, bundle: Path) -> None:
        before, digest = _content(bundle), bundles.put(bundle)
        shutil.rmtree(bundle)
        assert _content(bundles.path(digest)) == before

    def test_keeping_the_same_bundle_twice_is_keeping_it_once(self, bundles: BundleStore, bundle: Path) -> None:
        assert bundles.put(bundle) == bundles.put(bundle)

    def test_an_unknown_digest_is_not_found(self, bundles: BundleStore) -> None:
        with pytest.raises(NotFoundError):
            bundles.path("0" * 64)

    def test_a_bundle_without_a_manifest_is_not_kept(self, bundles: BundleStore, bundle: Path) -> None:
        (bundle / "manifest.json").unlink()
        with pytest.raises((IntegrityError, NotFoundError)):
            bundles.put(bundle)

    def test_one_changed_byte_in_any_file_is_found(self, bundles: BundleStore, bundle: Path) -> None:
        kept = bundles.path(digest := bundles.put(bundle))
        for file in sorted(path for path in kept.rglob("*") if path.is_file()):
            sound = file.read_bytes()
            file.chmod(0o600)
            file.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
            with pytest.raises(IntegrityError):
                bundles.path(digest)
            file.write_bytes(sound)
        assert bundles.path(digest) == kept

    def test_a_file_too_many_or_too_few_is_found(self, bundles: BundleStore, bundle: Path) -> None:
        kept = bundles.path(digest := bundles.put(bundle))
        kept.chmod(0o700)
        (kept / "extra.pkl").write_bytes(b"x")
        with pytest.raises(IntegrityError):
            bundles.path(digest)
        (kept / "extra.pkl").unlink()
        for file in [path for path in kept.rglob("*") if path.is_file() and path.name != "manifest.json"]:
            file.unlink()
        with pytest.raises(IntegrityError):
            bundles.path(digest)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
