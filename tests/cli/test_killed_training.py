"""`flyball train` killed with everything it started, at moments spread over its run: what is left is nothing or a whole version."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from projects import customers, make_project
from trained import command, flyball, only_our_warnings

WORDS = ("train", "--json", "--now", "2024-04-01T00:00:00Z")


def in_registry(folder: Path) -> dict[int, str]:
    """Version → identity, as MLflow has them."""
    if not (folder / "mlflow.db").exists():
        return {}
    with only_our_warnings():
        from mlflow import MlflowClient

        uri = f"sqlite:///{folder / 'mlflow.db'}"
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        return {int(found.version): found.tags["flyball.identity"] for found in client.search_model_versions("name = 'churn'")}


def a_version_stands_in_mlflow(folder: Path) -> bool:
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(f"file:{folder}/mlflow.db?mode=ro", uri=True)) as database:
        return bool(database.execute("SELECT count(*) FROM model_versions").fetchone()[0])
    return False


def appears(pattern: str) -> Callable[[Path], bool]:
    return lambda folder: any(True for _ in folder.glob(pattern))


MOMENTS: tuple[Callable[[Path], bool], ...] = (
    appears("flyball.db"),
    appears("mlflow.db"),
    appears(".flyball/cache/*.parquet"),
    appears(".flyball/work/*/train.npy"),
    appears(".flyball/work/*/model.pkl"),
    appears(".flyball/work/*/run"),
    appears(".flyball/work/*/report.json"),
    appears(".flyball/work/*/tracked"),
    appears(".flyball/bundles/*/manifest.json"),
    a_version_stands_in_mlflow,
)


def left_running(folder: Path) -> list[str]:
    """Processes that work in the folder; only Linux tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*") if Path("/proc/self/cwd").exists() else ():
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder.resolve():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def test_a_killed_training_leaves_no_half_version_and_the_next_one_ends_in_one(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", frame=customers(1_500))
    completed = 0
    for moment in MOMENTS:
        process = subprocess.Popen(command(folder, *WORDS), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while process.poll() is None and not moment(folder):
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        completed += process.wait() == 0
        listed = flyball(folder, "models", "--json").json
        assert len(listed) <= 1
        assert all(one["gate"] == "pass" and one["metrics"] for one in listed)
    assert completed == 0, "the moments came too late to kill anything"

    until = time.monotonic() + 60
    while left_running(folder):
        assert time.monotonic() < until, left_running(folder)
        time.sleep(0.1)
    done = flyball(folder, *WORDS)
    assert done.status == 0, done.err
    assert done.json["version"] == 1
    (listed,) = flyball(folder, "models", "--json").json
    assert listed["aliases"] == ["champion"] and listed["run_id"] == done.json["run_id"]
    assert set(in_registry(folder)) == {1}
    again = flyball(folder, *WORDS)
    assert (again.json["version"], again.json["status"]) == (1, "unchanged")
    assert set(in_registry(folder)) == {1}
    assert not any((folder / ".flyball" / "work").glob("*/*"))
    assert flyball(folder, "doctor").status == 0
