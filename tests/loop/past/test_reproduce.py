"""Training again from what is recorded: the same bytes where everything is the same, and the reason where they are not."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flyball.core.errors import FlyballError, IntegrityError, NotFoundError, RefusedError
from flyball.journal.events import Entry, Registered
from flyball.journal.moves import Verified
from flyball.loop.past.reproduce import Reproduction, reproduce
from flyball.settings import read_settings
from flyball.spec.load import load_spec
from flyball.wiring import open_stores, open_studio
from projects import make_project
from recorded import MODEL, git
from trained import change, flyball

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say of themselves is not ours to answer for

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def again(project: Path, version: int, scratch: Path) -> Reproduction:
    scratch.mkdir()
    settings = read_settings(project, {})
    return reproduce(MODEL, version, open_studio(settings, load_spec(project), scratch, echo=lambda _: None), actor="ann", now=NOW)


def journal(project: Path) -> list[Entry]:
    return open_stores(read_settings(project, {})).journal.read(MODEL)


def standing(project: Path) -> dict[str, int]:
    """Every file of the project but the database, by size: what must not change."""
    return {
        path.relative_to(project).as_posix(): path.stat().st_size
        for path in sorted(project.rglob("*"))
        if path.is_file() and not path.name.startswith(("flyball.db", "mlflow.db")) and ".dvc/tmp" not in path.as_posix()
    }


def test_a_version_from_a_clean_commit_comes_out_byte_for_byte_and_only_the_journal_has_one_entry_more(
    recorded: Path, tmp_path: Path
) -> None:
    before, entries = standing(recorded), journal(recorded)
    found = again(recorded, 1, tmp_path / "scratch")
    assert found.identical and found.reason.code == "reproduce.identical"
    assert {one.name for one in found.files} == {"model.pkl", "model.onnx", "linear.bin"}
    assert (found.code.taken, found.code.same_code, found.code.same_spec) == ("commit", True, True)
    assert (found.largest_difference, found.differing) == (0.0, 0)
    assert all(then == now for then, now in found.metrics.values())
    assert standing(recorded) == before
    assert git(recorded, "status", "--short", "pipeline.py") == "M pipeline.py"
    (*same, told) = journal(recorded)
    assert same == entries
    assert told.event == Verified(version=1, identical=True, reason=found.reason)
    assert told.actor == "ann"


def test_changes_that_were_not_committed_are_put_on_top_of_the_commit(recorded: Path, tmp_path: Path) -> None:
    git(recorded, "checkout", "-q", "--", ".")  # the work tree may be anything meanwhile
    found = again(recorded, 2, tmp_path / "scratch")
    assert found.identical
    assert (found.code.taken, found.code.same_code) == ("commit and diff", True)
    assert 'print("dirty:"' in (tmp_path / "scratch" / "code" / "churn" / "pipeline.py").read_text()


def test_without_the_commit_the_code_is_what_the_run_kept(recorded: Path, tmp_path: Path) -> None:
    shutil.rmtree(recorded.parent / ".git")
    found = again(recorded, 1, tmp_path / "scratch")
    assert found.identical
    assert found.code.taken == "run"
    assert "git has no commit" in found.code.missing


def test_a_file_that_was_never_added_to_git_comes_from_the_run(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    git(project, "init", "-q")
    (project / ".gitignore").write_text("*.py\nflyball.toml\nmlflow.db*\nmlartifacts/\n.flyball/\nflyball.db*\n")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "data only")
    assert flyball(project, "train", "--now", "2024-04-01T00:00:00Z").status == 0
    change(project, "C = 1.0", "C = 9.0")
    found = again(project, 1, tmp_path / "scratch")
    assert found.identical
    assert (found.code.taken, found.code.same_code, found.code.same_spec) == ("commit and run", True, True)


UNSEEDED = """
from sklearn.ensemble import RandomForestClassifier


def prepare(frame):
    return frame


def train(frame, target, C=1.0):
    return RandomForestClassifier(n_estimators=5, max_depth=4).fit(frame, target)
"""


def test_a_training_without_a_seed_is_told_from_one_that_something_else_changed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", pipeline=UNSEEDED)
    assert flyball(project, "train", "--now", "2024-04-01T00:00:00Z").status == 0
    found = again(project, 1, tmp_path / "scratch")
    assert not found.identical
    assert (found.reason.code, found.repeatable) == ("reproduce.not_repeatable", False)
    assert found.largest_difference is not None and found.largest_difference > 0
    assert isinstance(journal(project)[-1].event, Verified)


def test_packages_of_another_version_are_named(recorded: Path, tmp_path: Path) -> None:
    for kept in (recorded / "mlartifacts").rglob("environment.txt"):
        kept.write_text(kept.read_text().replace("numpy==", "numpy==0.0.1+was"))
    found = again(recorded, 1, tmp_path / "scratch")
    assert [one.name for one in found.packages] == ["numpy"]
    assert found.identical, "the bytes are the same all the same"


@pytest.mark.parametrize(
    ("lost", "kind", "words"),
    [
        ("mlartifacts", NotFoundError, "run .* is gone|not .*artifact"),
        (".dvc/cache", NotFoundError, "neither in DVC's cache nor in its remote"),
    ],
)
def test_what_is_gone_is_named(recorded: Path, tmp_path: Path, lost: str, kind: type[FlyballError], words: str) -> None:
    shutil.rmtree(recorded / lost if (recorded / lost).exists() else recorded.parent / lost)
    (recorded / "snapshots" / "churn.parquet").unlink()
    with pytest.raises(kind, match=words):
        again(recorded, 1, tmp_path / "scratch")


def test_a_bundle_that_is_not_the_one_of_the_journal_is_refused(recorded: Path, tmp_path: Path) -> None:
    for manifest in (recorded / "mlartifacts").rglob("bundle/manifest.json"):
        manifest.write_text(manifest.read_text().replace('"bundle_format":1', '"bundle_format": 1'))
    with pytest.raises(IntegrityError, match="is not the one with digest"):
        again(recorded, 1, tmp_path / "scratch")


def test_a_version_nobody_registered_is_not_found(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="versions: 1, 2"):
        again(recorded, 7, tmp_path / "scratch")


def test_a_version_that_was_adopted_is_refused(recorded: Path, tmp_path: Path) -> None:
    stores = open_stores(read_settings(recorded, {}))
    entries = stores.journal.read(MODEL)
    made = next(entry.event for entry in entries if isinstance(entry.event, Registered))
    adopted = replace(made, version=9, source="models:/other@champion")
    stores.journal.append(MODEL, [adopted], expected=entries[-1].seq, actor="ann", at=NOW)
    with pytest.raises(RefusedError, match="adopted from models:/other@champion"):
        again(recorded, 9, tmp_path / "scratch")
