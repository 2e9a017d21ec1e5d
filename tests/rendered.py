"""Specs to render for, and Prometheus' tools run over what was rendered."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flyball.render.records import Files, Order
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from programs import program

_SPEC = """
[model]
name = {name}
task = "binary"
[data]
source = "data.csv"
target = "churned"
time = "at"
[train]
run = "pipeline:train"
[serve]
address = {address}
[monitor]
floor = {{ metric = "roc_auc", drop = 0.03 }}
[alerts]
to = [ {{ kind = "alertmanager", url = "http://127.0.0.1:9093" }} ]
"""


def spec(name: str = "churn", *, link: str = "https://wiki.example/churn", address: str = "127.0.0.1:8000") -> Spec:
    """A spec with whatever rendering looks at; texts are written into it as JSON, which TOML reads too."""
    texts = {"name": name, "address": address}
    quoted = {key: json.dumps(text, ensure_ascii=False).replace("\x7f", r"\u007f") for key, text in texts.items()}
    read = parse_spec(_SPEC.format(**quoted), folder=Path())
    return replace(read, alerts=replace(read.alerts, link=link))  # also one that the file may not have


def order(*specs: Spec) -> Order:
    """What to render: for these projects, or for one."""
    return Order(specs=specs or (spec(),))


def write_down(files: Files | Mapping[str, str], folder: Path) -> Path:
    """The files, below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def promtool(folder: Path, *words: str) -> str:
    """What promtool says of files in a folder; it must be content with them."""
    done = subprocess.run([program("promtool"), *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


_DELIVERED = """
[model]
name = {name}
task = "binary"
[data]
source = "data.csv"
target = "churned"
time = "at"
[train]
run = "pipeline:train"
resources = {{ cpu = 2, memory = "4Gi" }}
[retrain]
on = ["schedule", "performance"]
every = "30d"
[deliver]
install = {install}
secrets = ["AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"]
variables = {{ AWS_REGION = "eu-west-1", MESSAGE = {text} }}
server = {{ cpu = 1.5, memory = "512Mi" }}
[env.{environment}.stores]
database = "env:FLYBALL_DATABASE"
mlflow = "env:MLFLOW_TRACKING_URI"
remote = "s3://bucket/churn"
"""


def delivered(
    name: str = "churn",
    *,
    text: str = "hello",
    environment: str = "prod",
    install: Sequence[str] = ("pip", "install", "-r", "requirements.txt"),
    folder: Path = Path("/srv/churn"),
    root: Path | None = None,
) -> Order:
    """What to render for a project with shared stores; every text is one that somebody may have written."""

    def written(value: object) -> str:
        return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")

    texts = {"name": name, "text": text, "environment": environment, "install": list(install)}
    read = parse_spec(_DELIVERED.format(**{key: written(value) for key, value in texts.items()}), folder=folder, environment=environment)
    return Order(specs=(read,), root=root)
