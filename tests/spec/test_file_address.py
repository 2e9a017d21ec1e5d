"""Addresses of files in a project's folder."""

from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.file_address import file_in, is_file_address


def test_a_file_of_the_project_is_found_whether_it_is_there_or_not(tmp_path: Path) -> None:
    for address in ("file:told/events.jsonl", "file://told/events.jsonl"):
        assert is_file_address(address) and file_in(tmp_path, address) == tmp_path.resolve() / "told" / "events.jsonl"
    assert not is_file_address("https://events.example.com")


@pytest.mark.parametrize("address", ["file:../x", "file:///etc/x", "file:a/../../x", "file:", "file:.", "file:a\0b"])
def test_what_is_outside_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(SpecError, match="no file in the project's folder"):
        file_in(tmp_path, address)


def test_a_link_does_not_lead_outside(tmp_path: Path) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "told").symlink_to(outside)
    (folder / "log.jsonl").symlink_to(outside / "log.jsonl")
    for address in ("file:told/events.jsonl", "file:log.jsonl"):
        with pytest.raises(SpecError, match="no file in the project's folder"):
            file_in(folder, address)
