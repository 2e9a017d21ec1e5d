"""A bundle is what was signed, to the last byte, or it is refused."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyball.core.digest import canonical_json, sha256_bytes
from flyball.core.errors import ConflictError, DataError, IntegrityError, NotFoundError, UnsupportedError
from flyball.registry.bundle import FORMAT, bundle_digest, read_file, read_manifest, verify_bundle, write_bundle
from flyball.registry.signing import key_of, sign
from served import manifest

KEY = key_of(b"k" * 32)
FILES: dict[str, Path | bytes] = {
    "model.onnx": bytes(range(256)) * 3,
    "reference.json": b'{"columns": {}}',
    "native/MLmodel": b"flavors: {}",
}
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "bundle"
    write_bundle(folder, manifest(), FILES, KEY)
    return folder


def copy(sound: Path, into: Path) -> Path:
    target = into / "copy"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(sound, target)
    return target


def test_a_bundle_comes_back_as_it_was_written(tmp_path: Path) -> None:
    digest = write_bundle(tmp_path / "b", manifest(classes=("no", "yes"), threshold=0.25), FILES, KEY)
    found = verify_bundle(tmp_path / "b", KEY)
    assert replace(found, files={}) == manifest(classes=("no", "yes"), threshold=0.25, bundle_format=FORMAT)
    assert set(found.files) == set(FILES)
    assert digest == bundle_digest(tmp_path / "b") == sha256_bytes((tmp_path / "b" / "manifest.json").read_bytes())
    assert read_manifest(tmp_path / "b", digest) == found
    assert read_file(tmp_path / "b", found, "reference.json") == FILES["reference.json"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["b"], "nothing is left beside it"


@given(st.sampled_from([str, int, float, bool]), st.data())
@settings(max_examples=60, deadline=None)
def test_classes_keep_their_values(kind: type, data: st.DataObject) -> None:
    values = {str: st.text(max_size=5), int: st.integers(-(2**53) + 1, 2**53 - 1), float: st.floats(-1e9, 1e9), bool: st.booleans()}[kind]
    classes = tuple(data.draw(st.lists(values, min_size=2, max_size=4)))
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder) / "b", manifest(classes=classes), {}, KEY)
        assert verify_bundle(Path(folder) / "b", KEY).classes == classes


def test_a_folder_is_packed_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "MLmodel").write_bytes(b"m")
    (tmp_path / "model" / "code" / "__init__.py").write_bytes(b"")
    write_bundle(tmp_path / "b", manifest(), {"native": tmp_path / "model"}, KEY)
    assert set(verify_bundle(tmp_path / "b", KEY).files) == {"native/MLmodel", "native/code/__init__.py"}


def test_the_same_parts_make_the_same_digest(tmp_path: Path) -> None:
    first = write_bundle(tmp_path / "a", manifest(), FILES, KEY)
    assert write_bundle(tmp_path / "b", manifest(), dict(reversed(FILES.items())), KEY) == first


def test_a_bundle_is_never_written_over(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", manifest(), FILES, KEY)
    with pytest.raises(ConflictError):
        write_bundle(tmp_path / "b", manifest(), {}, KEY)


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a//b", "", ".hidden", "a/../b", "a\\b", "a\nb", "x" * 200, "manifest.json/.."])
def test_a_name_that_leads_elsewhere_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot hold a file named"):
        write_bundle(tmp_path / "b", manifest(), {name: b"x"}, KEY)
    assert list(tmp_path.iterdir()) == [], "a failed write leaves nothing"


def test_what_json_cannot_hold_is_refused_before_anything_stands(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written as JSON"):
        write_bundle(tmp_path / "b", manifest(classes=(2**60, 1)), {}, KEY)
    assert list(tmp_path.iterdir()) == []


@given(st.data())
@QUICK
def test_any_flipped_bit_is_refused(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    folder = copy(sound, tmp_path)
    file = folder / data.draw(st.sampled_from(["manifest.json", *FILES]))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    with pytest.raises(IntegrityError):
        verify_bundle(folder, KEY)


@given(st.data())
@QUICK
def test_any_truncation_or_growth_is_refused(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    folder = copy(sound, tmp_path)
    file = folder / data.draw(st.sampled_from(["manifest.json", *FILES]))
    content = file.read_bytes()
    kept = data.draw(st.integers(0, len(content) - 1))
    file.write_bytes(data.draw(st.sampled_from([content[:kept], content + b"\n", content + content[:kept] + b" "])))
    with pytest.raises(IntegrityError):
        verify_bundle(folder, KEY)


def _swap(folder: Path) -> None:
    first, second = (folder / "model.onnx").read_bytes(), (folder / "reference.json").read_bytes()
    (folder / "model.onnx").write_bytes(second)
    (folder / "reference.json").write_bytes(first)


def _link_out(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_bytes((folder / "model.onnx").read_bytes())
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(outside)


def _hard_link_out(folder: Path) -> None:
    outside = folder.parent / "hard"
    outside.unlink(missing_ok=True)
    os.link(folder / "model.onnx", outside)


def _linked_folder(folder: Path) -> None:
    (folder / "native").rename(folder.parent / "moved")
    (folder / "native").symlink_to(folder.parent / "moved")


def _pipe(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    os.mkfifo(folder / "model.onnx")


def _folder_for_a_file(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "an extra file": lambda folder: (folder / "extra.pkl").write_bytes(b""),
    "an extra file in a folder": lambda folder: (folder / "native" / "x.py").write_bytes(b""),
    "an extra empty folder": lambda folder: (folder / "more").mkdir(),
    "a hidden file": lambda folder: (folder / ".x").write_bytes(b""),
    "a missing file": lambda folder: (folder / "model.onnx").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "swapped files": _swap,
    "a link out": _link_out,
    "a hard link out": _hard_link_out,
    "a linked folder": _linked_folder,
    "a pipe": _pipe,
    "a folder for a file": _folder_for_a_file,
    "nesting": lambda folder: (folder / "manifest.json").write_bytes(b"[" * 100_000),
    "not JSON": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe"),
    "JSON of another kind": lambda folder: (folder / "manifest.json").write_bytes(b"[]"),
    "null fields": lambda folder: (folder / "manifest.json").write_bytes(b'{"key_id":null,"manifest":null,"signature":null}'),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_bundle_with_damage_is_refused(sound: Path, tmp_path: Path, what: str) -> None:
    folder = copy(sound, tmp_path)
    DAMAGE[what](folder)
    with pytest.raises(IntegrityError):
        verify_bundle(folder, KEY)


def resigned(folder: Path, **changes: object) -> None:
    """Change the manifest and sign it again: what somebody with the key could have written."""
    plain = json.loads((folder / "manifest.json").read_bytes())
    plain["manifest"].update(changes)
    plain["signature"] = sign(plain["manifest"], KEY)
    (folder / "manifest.json").write_bytes(canonical_json(plain))


def test_a_newer_format_says_how_to_upgrade(sound: Path, tmp_path: Path) -> None:
    folder = copy(sound, tmp_path)
    resigned(folder, bundle_format=FORMAT + 1, something_new=True)
    with pytest.raises(UnsupportedError, match="format 2") as refused:
        verify_bundle(folder, KEY)
    assert "pip install --upgrade flyball" in refused.value.hint


def test_a_signed_manifest_with_unknown_or_missing_parts_is_refused(sound: Path, tmp_path: Path) -> None:
    for changes in (
        {"something": 1},
        {"task": "magic"},
        {"bundle_format": 0},
        {"bundle_format": "1"},
        {"files": {"../x": {"size": 0, "sha256": ""}}},
    ):
        folder = copy(sound, tmp_path)
        resigned(folder, **changes)
        with pytest.raises(IntegrityError):
            verify_bundle(folder, KEY)


def test_a_bundle_of_another_key_is_refused_and_says_whose_it_is(sound: Path) -> None:
    with pytest.raises(IntegrityError, match=KEY.key_id):
        verify_bundle(sound, key_of(b"x" * 32))


def test_no_bundle_at_all_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        verify_bundle(tmp_path / "nothing", KEY)


def test_a_file_is_verified_as_it_is_read(sound: Path, tmp_path: Path) -> None:
    folder = copy(sound, tmp_path)
    found = verify_bundle(folder, KEY)
    (folder / "model.onnx").write_bytes(b"changed after it was verified")
    with pytest.raises(IntegrityError, match="differs"):
        read_file(folder, found, "model.onnx")
    with pytest.raises(NotFoundError, match="it has"):
        read_file(folder, found, "manifest.json")


def test_a_manifest_of_another_digest_is_refused(sound: Path) -> None:
    with pytest.raises(IntegrityError, match="not the one"):
        read_manifest(sound, "0" * 64)


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bundle(tmp_path / "b", manifest(), {"model.onnx": b"x", "reference.json": tmp_path / "absent"}, KEY)
    assert list(tmp_path.iterdir()) == []


def test_what_the_format_gained_later_is_written_only_where_it_says_something(tmp_path: Path) -> None:
    write_bundle(tmp_path / "plain", manifest(), {"model.onnx": b"m"}, KEY)
    plain = (tmp_path / "plain" / "manifest.json").read_bytes()
    assert b'"outputs"' not in plain and b'"probabilities"' not in plain, "as version 0.1.0 wrote it"
    told = replace(manifest(), outputs=("a", "b"), probabilities=False)
    write_bundle(tmp_path / "told", told, {"model.onnx": b"m"}, KEY)
    found = verify_bundle(tmp_path / "told", KEY)
    assert (found.outputs, found.probabilities) == (("a", "b"), False)


def test_times_keep_their_microseconds(tmp_path: Path) -> None:
    at = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
    write_bundle(tmp_path / "b", manifest(trained_until=at), {}, KEY)
    assert verify_bundle(tmp_path / "b", KEY).trained_until == at
