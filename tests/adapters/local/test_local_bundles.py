"""Bundles in a local folder keep what every store of bundles promises."""

import threading
from pathlib import Path

import pytest

from flyball.adapters.local.bundles import LocalBundles
from flyball.core.errors import IntegrityError, NotFoundError
from flyball.registry.bundle import write_bundle
from flyball.registry.signing import key_of, load_key
from flyball.testing.bundles import BundleStoreSuite
from served import linear, manifest


@pytest.fixture
def bundles(tmp_path: Path) -> LocalBundles:
    return LocalBundles(tmp_path / "bundles", tmp_path / "key")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "made", manifest(), {"model.onnx": linear([1, 1, 1], 0), "native/MLmodel": b"x"}, load_key(tmp_path / "key"))
    return tmp_path / "made"


class TestLocalBundles(BundleStoreSuite):
    """The suite of the port."""


def test_a_damaged_copy_is_replaced_when_the_bundle_comes_again(bundles: LocalBundles, bundle: Path) -> None:
    digest = bundles.put(bundle)
    (bundles.path(digest) / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(IntegrityError):
        bundles.path(digest)
    assert bundles.put(bundle) == digest
    assert (bundles.path(digest) / "model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()
    assert [path.name for path in bundles.path(digest).parent.iterdir()] == [digest], "nothing is left beside it"


def test_a_bundle_signed_by_others_is_not_kept(bundles: LocalBundles, tmp_path: Path) -> None:
    write_bundle(tmp_path / "foreign", manifest(), {}, key_of(b"f" * 32))
    with pytest.raises(IntegrityError, match="signed with the key"):
        bundles.put(tmp_path / "foreign")
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize("digest", ["", "..", "../key", "A" * 64, "0" * 63, "/etc", "0" * 64 + "\n"])
def test_what_is_no_digest_never_becomes_a_path(bundles: LocalBundles, digest: str) -> None:
    with pytest.raises(NotFoundError):
        bundles.path(digest)


def test_a_bundle_under_another_name_is_refused(bundles: LocalBundles, bundle: Path) -> None:
    kept = bundles.path(bundles.put(bundle))
    kept.rename(kept.with_name("0" * 64))
    with pytest.raises(IntegrityError, match="another than its name"):
        bundles.path("0" * 64)


def test_many_may_keep_the_same_bundle_at_once(bundles: LocalBundles, bundle: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(bundles.put(bundle))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and len(set(found)) == 1
    assert bundles.path(found[0]).is_dir()
