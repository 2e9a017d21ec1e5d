"""`flyball tick` from the schedulers of two machines, which have a folder each and one database."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.journal import PostgresJournal
from flyball.core.reason import because
from flyball.journal.events import Registered, RetrainEnded, RetrainStarted
from projects import customers, make_project
from trained import Said, change, flyball

NOW = "2024-04-01T00:00:00Z"
ACTION = "retrain-9-20240401000000"
SLOW = """
    from pathlib import Path
    import time
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.05)
    return """


def test_a_training_runs_on_one_of_them(tmp_path: Path, shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_DATABASE", shared)
    monkeypatch.setenv("FLYBALL_SIGNING_KEY", "5e" * 32)
    monkeypatch.setenv("FLYBALL_ADMIN_TOKEN", "a" * 64)
    berlin = make_project(tmp_path / "berlin", frame=customers(1_500))
    with (berlin / "flyball.toml").open("a") as spec:
        spec.write('\n[stores]\ndatabase = "env:TEAM_DATABASE"\n')
    said = flyball(berlin, "train", "--now", NOW, "--json")
    assert said.status == 0, said.err
    change(berlin, "    return LogisticRegression", f"{SLOW}LogisticRegression", "pipeline.py")
    paris = tmp_path / "paris"
    shutil.copytree(berlin, paris)

    def tick(folder: Path) -> Said:
        monkeypatch.setenv("FLYBALL_REPLICA", folder.name)
        said = flyball(folder, "tick", "--now", NOW, "--json")
        assert said.status == 0 and said.json["stands_by"] is None, said.err
        return said

    with Database(shared) as database:
        journal = PostgresJournal(database)
        asked = RetrainStarted(action=ACTION, cause="drift", reason=because("retrain.lost"))
        journal.append("churn", [asked], expected=len(journal.read("churn")), actor="loop", at=journal.read("churn")[0].at)
        for folder in (berlin, paris):
            tick(folder)
        _until((berlin / "begun").exists)
        for folder in (paris, berlin, paris):
            tick(folder)
        (berlin / "go").touch()

        def closed() -> bool:
            for folder in (paris, berlin):
                tick(folder)
            return any(isinstance(entry.event, RetrainEnded) for entry in journal.read("churn"))

        _until(closed)
        made = [entry.event for entry in journal.read("churn") if isinstance(entry.event, Registered)]
        (ended,) = (entry.event for entry in journal.read("churn") if isinstance(entry.event, RetrainEnded))
        assert [one.version for one in made] == [1, 2] and made[1].action == ACTION
        assert (ended.outcome, ended.version) == ("registered", 2)
    assert not (paris / "begun").exists() and not (paris / ".flyball" / "jobs" / ACTION).exists()


def _until(found: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not found():
        assert time.monotonic() < until
        time.sleep(0.2)
