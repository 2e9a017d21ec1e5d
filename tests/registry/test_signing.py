"""Signatures over canonical JSON, and the key file."""

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from flyball.core.digest import canonical_json
from flyball.core.errors import IntegrityError
from flyball.registry.signing import key_of, load_key, sign, verify
from flyball.settings import read_settings, signing_key

VECTORS = Path(os.environ.get("FLYBALL_CONFORMANCE", Path(__file__).parents[2] / ".." / "shared" / "conformance")) / "jcs" / "testdata"


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not here: set FLYBALL_CONFORMANCE to the folder that holds jcs/")
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_what_is_signed_is_canonical_byte_for_byte(name: str) -> None:
    value = json.loads((VECTORS / "input" / f"{name}.json").read_text(encoding="utf-8"))
    assert canonical_json(value) == bytes.fromhex((VECTORS / "outhex" / f"{name}.txt").read_text())


def test_a_signature_fits_its_value_and_its_key_alone() -> None:
    key, other = key_of(b"1" * 32), key_of(b"2" * 32)
    signature = sign({"a": 1, "b": [True, None]}, key)
    assert verify({"b": [True, None], "a": 1}, signature, key)
    assert not verify({"a": 2, "b": [True, None]}, signature, key)
    assert not verify({"a": 1, "b": [True, None]}, signature, other)
    assert key.key_id != other.key_id


def test_a_key_never_shows_its_secret() -> None:
    key = key_of(b"s" * 32)
    assert "ssss" not in repr(key) and b"s".hex() * 4 not in repr(key)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "project" / "key"
    key = load_key(path)
    assert load_key(path).secret == key.secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"], "nothing is left beside it"


def _load(path: Path, results: "multiprocessing.Queue[str]") -> None:
    results.put(load_key(path).key_id)


def test_processes_that_start_together_get_the_same_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for round_ in range(5):
        results: multiprocessing.Queue[str] = context.Queue()
        processes = [context.Process(target=_load, args=(tmp_path / str(round_), results)) for _ in range(4)]
        for process in processes:
            process.start()
        found = {results.get(timeout=20) for _ in processes}
        for process in processes:
            process.join()
        assert len(found) == 1


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(IntegrityError, match="read by others") as refused:
        load_key(tmp_path / "key")
    assert "chmod 600" in refused.value.hint


@pytest.mark.parametrize("content", [b"", b"abc", b"zz" * 32, b"\xff" * 64, b"00" * 31])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(IntegrityError, match="does not hold a signing key"):
        load_key(tmp_path / "key")


def test_a_key_that_all_machines_of_a_team_share_comes_from_their_surroundings_else_from_the_projects_file(tmp_path: Path) -> None:
    (tmp_path / "flyball.toml").write_text("")
    settings = read_settings(tmp_path, {})
    assert load_key(signing_key(settings, {"FLYBALL_SIGNING_KEY": f" {'ab' * 32}\n"})) == key_of(b"\xab" * 32)
    assert not settings.key.exists()
    assert load_key(signing_key(settings, {"FLYBALL_SIGNING_KEY": ""})) == load_key(settings.key)


@pytest.mark.parametrize("text", ["ab" * 31, "zz" * 32, "hunter2", "\ud800" * 64])
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / "flyball.toml").write_text("")
    with pytest.raises(IntegrityError, match="FLYBALL_SIGNING_KEY does not hold a signing key") as caught:
        signing_key(read_settings(tmp_path, {}), {"FLYBALL_SIGNING_KEY": text})
    assert text not in str(caught.value)
