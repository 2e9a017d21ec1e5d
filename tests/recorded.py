"""A project in git with two versions, trained once per session: the first from a clean commit, the second with changes not committed."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pandas as pd

from projects import make_project
from trained import change, flyball

MODEL = "churn"


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    return subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True).stdout.strip()


def make_recorded(folder: Path) -> Path:
    """Two trainings, one prediction file scored by the champion, and the journal that came of it."""
    repository = folder / "team"
    repository.mkdir()
    git(repository, "init", "-q")
    project = make_project(repository / "churn")
    (project / ".gitignore").write_text("mlflow.db*\nmlartifacts/\nflyball.db*\n.flyball/\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "begin")
    done = flyball(project, "train", "--now", "2024-04-01T00:00:00Z")
    assert done.status == 0, done.err
    change(project, "C = 1.0", "C = 0.5")
    change(project, 'print("columns:", list(frame.columns))', 'print("dirty:", list(frame.columns))', name="pipeline.py")
    again = flyball(project, "train", "--now", "2024-04-02T00:00:00Z")
    assert again.status == 0, again.err
    rows = pd.read_csv(project / "data" / "customers.csv").head(20).drop(columns=["churned", "known_at"])
    rows.to_csv(project / "new.csv", index=False)
    scored = flyball(project, "predict", str(project / "new.csv"), str(project / "scored.csv"), "--prepare")
    assert scored.status == 0, scored.err
    return project


def copied(project: Path, into: Path) -> Path:
    """A copy of the project and its repository, whose runs lie in the copy too: MLflow keeps whole paths."""
    here = Path(shutil.copytree(project.parent, into / "team")) / project.name
    with closing(sqlite3.connect(here / "mlflow.db")) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("model_versions", "source")):
            change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            connection.execute(change, (project.as_uri(), here.as_uri()))
    return here


def an_answer(project: Path) -> str:
    """The id of the first prediction of that file."""
    return str(pd.read_csv(project / "scored.csv", dtype=str)["prediction_id"][0])
