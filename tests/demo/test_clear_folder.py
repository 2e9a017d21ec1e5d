"""A second demo starts clean, and nothing but a former demo is ever deleted."""

from pathlib import Path

import pytest

from flyball.core.errors import RefusedError
from flyball.demo.run import clear_folder


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    clear_folder(tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [".flyball-demo"]


def test_a_former_demo_is_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    clear_folder(folder)
    (folder / "flyball.db").write_text("old")
    (folder / "data").mkdir()
    (folder / "data" / "flights.parquet").write_text("old")
    clear_folder(folder)
    assert [path.name for path in folder.iterdir()] == [".flyball-demo"]


def test_a_link_in_a_former_demo_is_removed_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    folder = tmp_path / "demo"
    clear_folder(folder)
    (folder / "data").symlink_to(tmp_path / "mine")
    clear_folder(folder)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert not (folder / "data").exists()


def test_any_other_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RefusedError, match="not made by flyball demo"):
        clear_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RefusedError, match="not a folder"):
        clear_folder(tmp_path / "file")
