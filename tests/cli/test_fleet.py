"""A folder of projects: each gets its turn, whatever is wrong with the others."""

import shutil
from pathlib import Path

from trained import Shop, flyball


def fleet(own: Shop) -> Path:
    folder = own.folder.parent / "fleet"
    folder.mkdir()
    shutil.move(own.folder, folder / "good")
    (folder / "broken").mkdir()
    (folder / "broken" / "flyball.toml").write_text("[model]\nname = 3\n")
    (folder / "no-project").mkdir()
    return folder


def test_status_shows_every_project_and_tells_the_broken_one(own: Shop) -> None:
    folder = fleet(own)
    said = flyball(folder, "status", "--json")
    assert said.status == 1, "one of them could not be read"
    assert [one["model"] for one in said.json] == ["churn"]
    assert "broken: error:" in said.err


def test_a_broken_project_does_not_keep_the_others_from_their_tick(own: Shop) -> None:
    folder = fleet(own)
    said = flyball(folder, "tick", "--now", "2025-03-02T00:00:00Z", "--json")
    assert said.status == 1
    assert [one["model"] for one in said.json] == ["churn"]


def test_one_port_cannot_serve_several_projects(own: Shop) -> None:
    folder = fleet(own)
    (folder / "broken" / "flyball.toml").unlink()
    shutil.copytree(folder / "good", folder / "other")
    said = flyball(folder, "up", "--port", "0")
    assert said.status == 2 and "[serve] address" in said.err


def test_an_empty_folder_is_no_project(tmp_path: Path) -> None:
    said = flyball(tmp_path, "status")
    assert said.status == 1 and "flyball init" in said.err
