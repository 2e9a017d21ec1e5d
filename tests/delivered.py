"""A team as it is in the world: a git remote, a DVC remote, PostgreSQL, MLflow over HTTP, and a project in git that uses them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from postgresql import running_postgres
from projects import SPEC, customers, make_project

ADMIN = "a" * 64
STORES = """
[deliver]
install = ["git", "--version"]
variables = { GREETING = "it's $HOME & 'more'" }
[retrain]
on = ["schedule"]
every = "30d"
[env.prod.stores]
database = "env:FLYBALL_DATABASE"
mlflow = "env:FLYBALL_MLFLOW"
"""
IGNORED = "/mlflow.db\n/mlartifacts/\n/flyball.db*\n/.flyball/\n/evaluation/\n__pycache__/\n"
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Team:
    """Where everything is. `secrets`: what a CI system is given; `environment`: what any machine has."""

    folder: Path
    project: Path
    origin: Path
    secrets: dict[str, str]
    environment: dict[str, str]
    place: str = ""

    @property
    def work(self) -> Path:
        """The project's folder in its repository."""
        return self.project / self.place

    def run(self, *words: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """A command in the project's folder, on the machine of somebody who works there."""
        env = {**self.environment, "HOME": str(self.folder), **self.secrets, **more}
        done = subprocess.run([*words], cwd=self.work, env=env, capture_output=True, text=True, check=False, timeout=250)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def push(self, message: str, branch: str = "main") -> str:
        """Commit everything and push it; gives the commit."""
        self.run("git", "-C", str(self.project), "add", "-A")
        self.run("git", "commit", "-q", "-m", message)
        self.run("git", "push", "-q", "origin", f"HEAD:{branch}")
        return self.run("git", "rev-parse", "HEAD").stdout.strip()


@contextmanager
def team(folder: Path, *, shared: bool = True, spec: str = SPEC + STORES, place: str = "") -> Iterator[Team]:
    """A team with a project that was pushed once, its data in DVC and in no commit."""
    made = Team(
        folder=folder, project=folder / "project", origin=folder / "origin.git", secrets={}, environment=dict(machine(folder)), place=place
    )
    folder.mkdir(exist_ok=True)
    make_project(made.work, frame=customers(2500), spec=spec)
    (made.work / ".gitignore").write_text(IGNORED)
    (made.work / "requirements.txt").write_text("numpy\n")
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", made.origin], check=True)
    (folder / "dvc-remote").mkdir()
    for words in (
        ("git", "init", "-q", "--initial-branch=main", str(made.project)),
        ("git", "remote", "add", "origin", str(made.origin)),
        ("dvc", "init", "-q", *(["--subdir"] if place else [])),
        ("dvc", "remote", "add", "-q", "-d", "team", str(folder / "dvc-remote")),
        ("dvc", "add", "-q", "data/customers.csv"),
        ("dvc", "push", "-q"),
    ):
        made.run(*words)
    if not shared:
        yield made
        return
    with running_postgres(folder / "postgres") as server, mlflow_server(folder / "mlflow") as tracking:
        made.secrets |= {
            "FLYBALL_DATABASE": server.fresh(),
            "FLYBALL_MLFLOW": tracking,
            "FLYBALL_SIGNING_KEY": "0123456789abcdef" * 4,
            "FLYBALL_ADMIN_TOKEN": ADMIN,
        }
        yield made


def machine(folder: Path) -> Mapping[str, str]:
    """What every machine of the test has: our programs, and a name to commit with."""
    bin_folder = Path(sys.executable).parent
    who = {f"GIT_{one}_{what}": text for one in ("AUTHOR", "COMMITTER") for what, text in (("NAME", "ada"), ("EMAIL", "ada@example.com"))}
    return {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        **who,
    }


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A tracking server that keeps artifacts too."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stores = ("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts"))
    words: Sequence[str] = (sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *stores)
    with (folder / "log").open("wb") as log:
        env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        process = subprocess.Popen(words, stdout=log, stderr=log, env=env, cwd=folder, start_new_session=True)
    try:
        for _ in range(600):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)
