"""The project as git has it: commit, differences, and both written out again somewhere else."""

from pathlib import Path

import pytest

from flyball.adapters.git import GitSources, working_tree
from flyball.core.errors import IntegrityError, NotFoundError
from recorded import git


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of a repository that holds other things too."""
    repository = tmp_path / "team"
    folder = repository / "models" / "churn"
    folder.mkdir(parents=True)
    git(repository, "init", "-q")
    (repository / "other.txt").write_text("not the project's\n")
    (folder / "pipeline.py").write_text("C = 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "begin")
    return folder


def test_a_commit_is_written_out_with_the_difference_on_top_and_nothing_else(project: Path, tmp_path: Path) -> None:
    (project / "pipeline.py").write_text("C = 2\n")
    (project / "blob.bin").write_bytes(bytes(range(256)))
    git(project, "add", "-N", "blob.bin")
    tree = working_tree(project)
    git(project, "checkout", "-q", "--", "pipeline.py")
    before = git(project, "status", "--short")
    folder = GitSources(project).checkout(tree.commit, tree.diff, tmp_path / "out")
    assert (folder / "pipeline.py").read_text() == "C = 2\n"
    assert (folder / "blob.bin").read_bytes() == bytes(range(256))
    assert not list((tmp_path / "out").rglob("other.txt"))
    assert git(project, "status", "--short") == before
    assert (project / "pipeline.py").read_text() == "C = 1\n"


def test_it_does_not_matter_whether_the_scratch_lies_in_another_repository(project: Path, tmp_path: Path) -> None:
    (project / "pipeline.py").write_text("C = 3\n")
    tree = working_tree(project)
    around = tmp_path / "around"
    around.mkdir()
    git(around, "init", "-q")
    folder = GitSources(project).checkout(tree.commit, tree.diff, around / "out")
    assert (folder / "pipeline.py").read_text() == "C = 3\n"


def test_a_commit_that_is_gone_is_named(project: Path, tmp_path: Path) -> None:
    sources = GitSources(project)
    assert sources.knows(git(project, "rev-parse", "HEAD"))
    assert not sources.knows("0" * 40)
    with pytest.raises(NotFoundError, match="no commit 000000000000"):
        sources.checkout("0" * 40, b"", tmp_path / "out")
    outside = tmp_path / "outside"
    outside.mkdir()
    assert not GitSources(outside).knows("0" * 40)


def test_a_difference_that_does_not_fit_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "pipeline.py").write_text("C = 2\n")
    tree = working_tree(project)
    with pytest.raises(IntegrityError, match="does not fit commit"):
        GitSources(project).checkout(tree.commit, tree.diff.replace(b"-C = 1", b"-C = 7"), tmp_path / "out")


def test_a_repository_that_git_cannot_read_is_told_from_one_that_is_not_there(project: Path, tmp_path: Path) -> None:
    assert working_tree(project).trouble == ""
    (tmp_path / "outside").mkdir()
    assert working_tree(tmp_path / "outside").trouble == ""
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    git(fresh, "init", "-q")
    assert working_tree(fresh).trouble == "", "it has no commit yet"
    (project.parents[1] / ".git" / "HEAD").write_text("nothing that git knows\n")
    found = working_tree(project)
    assert found.commit == "" and "not a git repository" in found.trouble
