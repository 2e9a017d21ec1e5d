"""Bundles that all machines share: kept in the database, verified on each machine, fetched once."""

import shutil
from pathlib import Path

import pytest

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.postgres import bundles as module
from flyball.adapters.postgres.bundles import SharedBundles
from flyball.adapters.postgres.database import Database
from flyball.core.errors import IntegrityError, NotFoundError
from flyball.registry.bundle import write_bundle
from flyball.registry.signing import SigningKey, key_of
from flyball.testing.bundles import BundleStoreSuite
from served import linear, manifest

KEY = key_of(b"k" * 32)


def machine(database: Database, folder: Path, key: SigningKey = KEY) -> SharedBundles:
    """What another machine opens: the same database, a disk of its own."""
    return SharedBundles(database, LocalBundles(folder / "bundles", key), scratch=folder)


@pytest.fixture
def bundles(database: Database, tmp_path: Path) -> SharedBundles:
    return machine(database, tmp_path / "one")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    files = {"model.onnx": linear([1, 1, 1], 0), "native/MLmodel": b"x"}
    write_bundle(tmp_path / "made", manifest(), files, KEY)
    return tmp_path / "made"


class TestSharedBundles(BundleStoreSuite):
    """The suite of the port."""


@pytest.mark.parametrize("piece", [7, 1024, 4 * 1024 * 1024])
def test_a_machine_fetches_what_another_kept_whatever_the_size_of_the_pieces(
    database: Database, bundles: SharedBundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    bundle = tmp_path / "with an empty file"
    write_bundle(bundle, manifest(), {"model.onnx": linear([1, 1, 1], 0), "native/MLmodel": b"x", "native/empty": b""}, KEY)
    digest = bundles.put(bundle)
    other = machine(database, tmp_path / "two")
    fetched = other.path(digest)
    assert fetched.is_relative_to(tmp_path / "two")
    for path in (path for path in bundle.rglob("*") if path.is_file()):
        assert (fetched / path.relative_to(bundle)).read_bytes() == path.read_bytes()
    assert other.shared() == [digest]
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["bundles"], "nothing is left beside it"


def test_what_was_fetched_once_is_there_without_the_database(
    database: Database, bundles: SharedBundles, bundle: Path, tmp_path: Path
) -> None:
    digest = bundles.put(bundle)
    machine(database, tmp_path / "two").path(digest)
    with Database("postgresql://nobody@127.0.0.1:1/nothing") as gone:
        assert machine(gone, tmp_path / "two").path(digest).is_dir()


def test_bytes_changed_in_the_database_never_become_a_bundle(
    database: Database, bundles: SharedBundles, bundle: Path, tmp_path: Path
) -> None:
    digest = bundles.put(bundle)
    with database.write() as connection:
        connection.execute("UPDATE bundle_pieces SET content = set_byte(content, 0, get_byte(content, 0) # 1) WHERE name = 'model.onnx'")
    with pytest.raises(IntegrityError):
        machine(database, tmp_path / "two").path(digest)
    assert not (tmp_path / "two" / "bundles").exists()


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "native/../../outside", ".hidden", "a\nb"])
def test_a_name_in_the_database_never_leads_out_of_the_folder(
    database: Database, bundles: SharedBundles, bundle: Path, tmp_path: Path, name: str
) -> None:
    digest = bundles.put(bundle)
    with database.write() as connection:
        connection.execute("UPDATE bundle_pieces SET name = %s WHERE name = 'model.onnx'", (name,))
    with pytest.raises(IntegrityError):
        machine(database, tmp_path / "two").path(digest)
    assert not (tmp_path / "outside").exists()


def test_a_bundle_put_in_the_place_of_another_is_refused(database: Database, bundles: SharedBundles, bundle: Path, tmp_path: Path) -> None:
    digest = bundles.put(bundle)
    write_bundle(tmp_path / "later", manifest(threshold=0.25), {"model.onnx": linear([1, 1, 1], 1)}, KEY)
    later = bundles.put(tmp_path / "later")
    with database.write() as connection:
        connection.execute("DELETE FROM bundle_pieces WHERE digest = %s", (digest,))
        connection.execute("UPDATE bundle_pieces SET digest = %s WHERE digest = %s", (digest, later))
    with pytest.raises(IntegrityError):
        machine(database, tmp_path / "two").path(digest)


def test_a_machine_with_another_key_is_told_which_key_is_needed(
    database: Database, bundles: SharedBundles, bundle: Path, tmp_path: Path
) -> None:
    digest = bundles.put(bundle)
    with pytest.raises(IntegrityError, match="signed with the key") as caught:
        machine(database, tmp_path / "two", key_of(b"x" * 32)).path(digest)
    assert "FLYBALL_SIGNING_KEY" in caught.value.hint


def test_a_bundle_nobody_shared_is_not_found(database: Database, bundle: Path, tmp_path: Path) -> None:
    local = LocalBundles(tmp_path / "one" / "bundles", KEY)
    digest = local.put(bundle)
    other = machine(database, tmp_path / "two")
    with pytest.raises(NotFoundError):
        other.path(digest)
    machine(database, tmp_path / "one").share(digest)
    shutil.rmtree(tmp_path / "one")
    assert other.path(digest).is_dir()
