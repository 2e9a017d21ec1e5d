"""The state of the project's code, its environment, and room to work."""

import subprocess
import threading
from pathlib import Path

from flyball.adapters.local.workspace import LocalWorkspace


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *who, "-C", str(folder), *words], check=True, capture_output=True)


def test_outside_git_there_is_neither_commit_nor_diff(tmp_path: Path) -> None:
    tree = LocalWorkspace(tmp_path).tree()
    assert (tree.commit, tree.diff) == ("", b"")


def test_uncommitted_changes_of_the_project_are_the_diff(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "pipeline.py").write_text("a = 1\n")
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "churn.parquet.dvc").write_text("md5: 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    clean = LocalWorkspace(tmp_path).tree()
    assert len(clean.commit) == 40
    assert clean.diff == b""
    (tmp_path / "snapshots" / "churn.parquet.dvc").write_text("md5: 2\n")
    assert LocalWorkspace(tmp_path).tree().diff == b""
    (tmp_path / "pipeline.py").write_text("a = 2\n")
    assert b"+a = 2" in LocalWorkspace(tmp_path).tree().diff


def test_the_environment_is_every_package_once_and_sorted(tmp_path: Path) -> None:
    lines = LocalWorkspace(tmp_path).environment().splitlines()
    assert lines[0].startswith("# python 3.")
    assert lines[1:] == sorted(set(lines[1:]), key=str.lower)
    assert any(line.startswith("numpy==") for line in lines)
    assert "scikit-learn" in LocalWorkspace(tmp_path).versions()


def test_what_an_attempt_left_is_still_there_until_it_is_done(tmp_path: Path) -> None:
    workspace = LocalWorkspace(tmp_path)
    with workspace.work("a" * 64) as folder:
        (folder / "fitted.json").write_text("{}")
    with workspace.work("a" * 64) as folder:
        assert (folder / "fitted.json").is_file()
    with workspace.work("a" * 64 + "+1") as folder:
        assert not (folder / "fitted.json").exists()
    workspace.done("a" * 64)
    with workspace.work("a" * 64) as folder:
        assert list(folder.iterdir()) == []


def test_nobody_else_is_in_the_folder_of_a_training(tmp_path: Path) -> None:
    workspace, order = LocalWorkspace(tmp_path), []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with workspace.work("same"):
            order.append("second")

    other = threading.Thread(target=second)
    other.start()
    with workspace.work("same"):
        inside.set()
        other.join(timeout=0.3)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
