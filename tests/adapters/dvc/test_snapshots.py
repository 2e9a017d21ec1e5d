"""Snapshots under DVC: in git and outside it, restored from the cache and from a remote."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from flyball.adapters.dvc.snapshots import DvcSnapshots
from flyball.core.errors import IntegrityError, NotFoundError, StoreError
from flyball.core.table import Table
from flyball.data.records import Snapshot

pytestmark = pytest.mark.filterwarnings("ignore")  # what DVC says when it is imported and used is not ours to answer for


def rows(first: int) -> Table:
    return Table({"x": np.arange(first, first + 50), "c": np.array(["a", None] * 25, dtype=object)})


def keep(project: Path, table: Table) -> Snapshot:
    snapshots = DvcSnapshots(project)
    path, digest = snapshots.write(table, frozenset(), project / ".flyball" / "cache")
    where, md5 = snapshots.keep(path, "Flight delay")
    return Snapshot(
        digest=digest,
        dvc_md5=md5,
        path=where,
        rows=table.rows,
        columns=tuple(table.columns),
        sources=(),
        steps=(),
        logged_rows=0,
        first_at=None,
        last_at=None,
    )


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout


def test_a_project_in_a_folder_that_git_ignores_keeps_its_data_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("/demo-project/\n")
    project = tmp_path / "demo-project"
    project.mkdir()
    kept = keep(project, rows(0))
    assert DvcSnapshots(project).restore(kept)["x"][0] == 0


@pytest.mark.parametrize("where", ["outside git", "in git", "below the top of git"])
def test_old_snapshots_come_back_from_the_cache(tmp_path: Path, where: str) -> None:
    project = tmp_path / "project" if where == "below the top of git" else tmp_path
    project.mkdir(exist_ok=True)
    if where != "outside git":
        git(tmp_path, "init", "-q")
    first, second = keep(project, rows(0)), keep(project, rows(100))
    assert first.digest != second.digest
    assert first.path == second.path == "snapshots/flight-delay-925729c0.parquet"
    assert (project / f"{second.path}.dvc").is_file()
    for snapshot, start in ((first, 0), (second, 100)):
        assert DvcSnapshots(project).restore(snapshot)["x"][0] == start
    if where != "outside git":
        seen = git(tmp_path, "status", "--porcelain", "-uall")
        assert "parquet.dvc" in seen
        assert f"{first.path}\n" not in seen


def test_the_same_rows_are_the_same_snapshot(tmp_path: Path) -> None:
    assert keep(tmp_path, rows(0)) == keep(tmp_path, rows(0))


def test_a_snapshot_travels_by_the_projects_remote(tmp_path: Path) -> None:
    project, remote = tmp_path / "project", tmp_path / "remote"
    project.mkdir()
    remote.mkdir()
    kept = keep(project, rows(0))
    with pytest.raises(StoreError, match="no remote"):
        DvcSnapshots(project).push(kept)
    with (project / ".dvc" / "config").open("a") as config:
        config.write(f"['remote \"here\"']\n    url = {remote}\n")
    text = (project / ".dvc" / "config").read_text()
    (project / ".dvc" / "config").write_text(text.replace("[core]", "[core]\n    remote = here"))
    assert DvcSnapshots(project).push(kept) == 1
    keep(project, rows(100))
    for path in (project / ".dvc" / "cache").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.unlink()
    assert DvcSnapshots(project).restore(kept)["x"][0] == 0


def test_a_snapshot_that_is_nowhere_is_not_found(tmp_path: Path) -> None:
    kept = keep(tmp_path, rows(0))
    gone = Snapshot(**{name: getattr(kept, name) for name in Snapshot.__dataclass_fields__} | {"digest": "0" * 64, "dvc_md5": "0" * 32})
    with pytest.raises(NotFoundError, match="neither in DVC's cache nor in its remote"):
        DvcSnapshots(tmp_path).restore(gone)


def test_bytes_that_changed_in_the_cache_are_refused(tmp_path: Path) -> None:
    kept = keep(tmp_path, rows(0))
    keep(tmp_path, rows(100))
    (cached,) = [path for path in (tmp_path / ".dvc" / "cache").rglob("*") if path.is_file() and kept.dvc_md5.endswith(path.name)]
    cached.chmod(0o600)
    cached.write_bytes(cached.read_bytes() + b"x")
    with pytest.raises(IntegrityError, match="not the snapshot that was recorded"):
        DvcSnapshots(tmp_path).restore(kept)


def test_a_copy_has_the_recorded_bytes_wherever_they_were_found(tmp_path: Path) -> None:
    kept = keep(tmp_path, rows(0))
    DvcSnapshots(tmp_path).copy(kept, tmp_path / "present.parquet")
    keep(tmp_path, rows(7))  # the file in the project is a newer snapshot now
    DvcSnapshots(tmp_path).copy(kept, tmp_path / "cached.parquet")
    assert (tmp_path / "present.parquet").read_bytes() == (tmp_path / "cached.parquet").read_bytes()
