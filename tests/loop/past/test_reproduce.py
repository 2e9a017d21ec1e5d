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
from flyball.stores import open_stores
from flyball.wiring import open_studio
from projects import make_project
from recorded import MODEL, git
from trained import change, flyball

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow and DVC say of themselves is not ours to answer for

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def again(project: Path, version: int, scratch: Path, *, other_code: bool = False) -> Reproduction:
    scratch.mkdir()
    settings = read_settings(project, {})
    studio = open_studio(settings, load_spec(project), scratch, echo=lambda _: None)
    return reproduce(MODEL, version, studio, actor="ann", now=NOW, other_code=other_code)


def kept(project: Path, name: str, version: int = 1) -> Path:
    """A file that the run of a version kept in MLflow's store."""
    run = next(entry.event.run_id for entry in journal(project) if isinstance(entry.event, Registered) and entry.event.version == version)
    (found,) = (path for path in (project / "mlartifacts").rglob(name) if run in path.as_posix())
    return found


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


ALONE = """
from sklearn.ensemble import RandomForestClassifier


def prepare(frame):
    return frame


def train(frame, target, C=1.0):
    return RandomForestClassifier(n_estimators=5, max_depth=4).fit(frame, target)
"""


def test_a_file_never_added_to_git_comes_from_the_run_and_a_training_without_a_seed_is_told_from_a_changed_one(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", pipeline=ALONE)
    git(project, "init", "-q")
    (project / ".gitignore").write_text("*.py\nflyball.toml\nmlflow.db*\nmlartifacts/\n.flyball/\nflyball.db*\n")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "data only")
    assert flyball(project, "train", "--now", "2024-04-01T00:00:00Z").status == 0
    change(project, "C = 1.0", "C = 9.0")
    kept(project, "pipeline.py").with_name("numpy.py").write_text("raise SystemExit('planted')\n")  # what lies beside the code stays there
    found = again(project, 1, tmp_path / "scratch")
    assert (found.code.taken, found.code.same_code, found.code.same_spec) == ("commit and run", True, True)
    assert not found.identical
    assert (found.reason.code, found.repeatable) == ("reproduce.not_repeatable", False)
    assert found.largest_difference is not None and found.largest_difference > 0
    assert isinstance(journal(project)[-1].event, Verified)


def touching(marker: Path) -> str:
    """Code that leaves a mark where it is run."""
    return f"\nfrom pathlib import Path\nPath({str(marker)!r}).touch()\n"


def test_code_that_is_not_the_recorded_code_is_run_only_if_that_was_said(recorded: Path, tmp_path: Path) -> None:
    shutil.rmtree(recorded.parent / ".git")
    code, marker = kept(recorded, "pipeline.py"), tmp_path / "marker"
    code.write_text(code.read_text() + touching(marker))
    environment = kept(recorded, "environment.txt")
    environment.write_text(environment.read_text().replace("numpy==", "numpy==0.0.1+was"))
    entries = journal(recorded)
    with pytest.raises(RefusedError, match="the code of churn@1 cannot be had as recorded") as refused:
        again(recorded, 1, tmp_path / "scratch")
    assert "--other-code" in refused.value.hint
    assert not marker.exists() and journal(recorded) == entries
    found = again(recorded, 1, tmp_path / "allowed", other_code=True)
    assert marker.exists() and (found.code.taken, found.code.same_code) == ("run", False)
    assert "git has no commit" in found.code.missing
    assert [one.name for one in found.packages] == ["numpy"], "packages of another version are named"
    assert found.identical, "the bytes are the same all the same"


def test_a_changed_difference_is_never_applied(recorded: Path, tmp_path: Path) -> None:
    difference, marker = kept(recorded, "uncommitted.diff", 2), tmp_path / "marker"
    difference.write_text(difference.read_text().replace('print("dirty:"', f'open({str(marker)!r}, "w"); print("dirty:"'))
    for other_code in (False, True):
        with pytest.raises(IntegrityError, match=r"uncommitted\.diff of run .* is not what was recorded"):
            again(recorded, 2, tmp_path / f"scratch-{other_code}", other_code=other_code)
    assert not marker.exists()


def test_a_command_put_into_the_kept_spec_is_not_run(recorded: Path, tmp_path: Path) -> None:
    shutil.rmtree(recorded.parent / ".git")
    spec, marker = kept(recorded, "flyball.toml"), tmp_path / "marker"
    text = spec.read_text()
    assert 'run = "pipeline:train"' in text
    spec.write_text(text.replace('run = "pipeline:train"', f'command = ["touch", "{marker}"]'))
    with pytest.raises(RefusedError, match="says of the training of churn@1 cannot be had as recorded"):
        again(recorded, 1, tmp_path / "scratch")
    assert not marker.exists()


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
