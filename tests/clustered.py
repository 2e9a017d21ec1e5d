"""A project that can run in a cluster, and what was rendered of it as the trees it holds."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from crds import CRDS
from flyball.render.records import Files, Order, Source
from flyball.spec.load import environments, parse_spec
from flyball.spec.records import Spec

TARGETS = ("docker", "kubernetes", "kustomize", "helm", "kserve")
TEXT = """
[model]
name = {name}
task = "binary"
[data]
source = "data.csv"
target = "churned"
time = "at"
[train]
run = "pipeline:train"
resources = {{ cpu = 4, memory = "8Gi" }}
[stores]
database = "env:FLYBALL_DATABASE"
mlflow = "http://mlflow.example.com:5000"
remote = "s3://bucket/churn"
[deliver]
image = "registry.example.com/team/churn:1"
secrets = ["AWS_SECRET_ACCESS_KEY"]
variables = {{ AWS_REGION = "eu-west-1", NOTE = {note} }}
install = ["pip", "install", "-r", {requirements}]
server = {{ cpu = 1, memory = "1Gi" }}
{more}
{environments}"""
ENVIRONMENTS = """
[env.prod.deliver]
namespace = "churn-prod"
replicas = 4
most = 40
[env.steady.deliver]
replicas = 3
most = 3
"""


def text(
    name: str = "churn", *, note: str = "by the sea", requirements: str = "requirements.txt", more: str = "", environments: str = ""
) -> str:
    """A `flyball.toml`; texts are written into it as JSON, which TOML reads too."""
    texts = {"name": name, "note": note, "requirements": requirements}
    quoted = {key: json.dumps(one, ensure_ascii=False).replace("\x7f", r"\u007f") for key, one in texts.items()}
    return TEXT.format(**quoted, more=more, environments=environments)


def read(toml: str, environment: str = "") -> Spec:
    """A spec."""
    return parse_spec(toml, folder=Path(), environment=environment)


def order(toml: str = "", *, environment: str = "", **more: Any) -> Order:
    """What to render, as `flyball render` orders it."""
    toml = toml or text(environments=ENVIRONMENTS if environment else "")
    spec = read(toml, environment)
    source = Source(text=toml, environments={name: read(toml, name) for name in environments(toml)})
    return replace(Order(specs=(spec,), sources={spec.model.name: source}), **more)


def trees(files: Files, under: str = "manifests/") -> dict[str, Any]:
    """What the manifests of a folder say, by kind and name."""
    read = [yaml.safe_load(one) for name, one in files.items() if name.startswith(under) and name.endswith(".yaml")]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in read if one["kind"] != "Kustomization"}


def pod_of(tree: Mapping[str, Any]) -> Any:
    """The pod that a Deployment, a CronJob or a Job makes."""
    spec = tree["spec"]
    if tree["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"]["spec"]


def validate(tree: Any) -> None:
    """By Kubernetes' own schemas, strictly; what the operator of Prometheus and KServe add, by the schemas written down here."""
    if tree["kind"] in CRDS:
        CRDS[tree["kind"]].validate(tree)
    else:
        kubernetes_validate.validate(tree, "1.37.0", strict=True)


def python_with(variable: str, module: str, target: str) -> str:
    """A Python that has a package which the others do not need; skipped where there is none, but not in CI."""
    python = os.environ.get(variable, sys.executable)
    found = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    if found.returncode != 0:
        said = f"{python} has no {module}: make {target}, and set {variable} to {target}/bin/python"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    return python
