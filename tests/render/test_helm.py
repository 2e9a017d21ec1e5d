"""The chart, as Helm's own engine reads, checks and renders it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from clustered import order, python_with, text, trees, validate
from flyball.render.targets import render
from rendered import write_down

_HELM = """
import json, sys
from helm_python.chart import Chart, lint
folder, values = sys.argv[1], json.loads(sys.argv[2])
chart = Chart.load(folder)
chart.validate_schema(values)
said = {"lint": lint(folder), "metadata": chart.metadata, "files": chart.render(values)}
json.dump(said, sys.stdout)
"""


def helm(folder: Path, **values: Any) -> Any:
    """What Helm makes of a chart."""
    python = python_with("FLYBALL_CLUSTER_PYTHON", "helm_python", ".venv/cluster")
    done = subprocess.run([python, "-c", _HELM, str(folder), json.dumps(values)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def objects(said: Any) -> dict[str, Any]:
    found = [yaml.safe_load(one) for name, one in said["files"].items() if "/templates/" in name and one.strip()]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_down(render("helm", order()), tmp_path_factory.mktemp("charts")) / "churn"


def test_helm_finds_nothing_wrong_with_it(chart: Path) -> None:
    said = helm(chart)
    assert not said["lint"]["errors"]
    assert {one["error"] for one in said["lint"]["messages"]} <= {"icon is recommended"}
    assert said["metadata"]["name"] == "churn"


@pytest.mark.parametrize("loop", ["deployment", "cronjob"])
def test_with_the_values_as_they_come_it_is_what_is_rendered_plainly(loop: str, tmp_path: Path) -> None:
    folder = write_down(render("helm", order(loop=loop)), tmp_path) / "churn"
    assert objects(helm(folder)) == trees(render("kubernetes", order(loop=loop)))


def test_what_the_values_say_is_what_is_installed(chart: Path) -> None:
    resources = {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}}
    found = objects(
        helm(
            chart,
            image="mine:1",
            serverImage="slim:2",
            secret="theirs",
            replicas=3,
            most=5,
            rate="50",
            serverResources=resources,
            trainingResources=resources,
            databasePort=6432,
            monitor=False,
            networkPolicies=False,
        )
    )
    assert not [name for name in found if name.startswith(("ServiceMonitor", "NetworkPolicy"))]
    policy = objects(helm(chart, databasePort=6432))["NetworkPolicy/churn"]
    assert policy["spec"]["egress"][1]["ports"][0]["port"] == 6432
    [server] = found["Deployment/churn"]["spec"]["template"]["spec"]["containers"]
    assert (server["image"], server["resources"]) == ("slim:2", resources)
    assert {env["valueFrom"]["secretKeyRef"]["name"] for env in server["env"] if "secretKeyRef" in env.get("valueFrom", {})} == {"theirs"}
    scaler = found["HorizontalPodAutoscaler/churn"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 5)
    assert scaler["metrics"][0]["pods"]["target"]["averageValue"] == "50"
    steps = found["CronJob/churn-train"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["initContainers"]
    assert {one["image"] for one in steps} == {"mine:1"}
    assert next(one for one in steps if one["name"] == "train")["resources"] == resources
    for tree in found.values():
        validate(tree)


def test_a_fixed_number_of_servers_is_a_value_too(tmp_path: Path) -> None:
    folder = write_down(render("helm", order(environment="steady")), tmp_path) / "churn"
    assert objects(helm(folder))["Deployment/churn"]["spec"]["replicas"] == 3
    assert objects(helm(folder, replicas=7))["Deployment/churn"]["spec"]["replicas"] == 7


@pytest.mark.parametrize(
    "nasty", ["{{ .Values.secret }}", "{{- fail `x` }}", '"}}{{"', "{{/* */}}", "hole_a_ {{ hole", "{", "}}", "{{{{", "a $(HOME) `id` 'b'"]
)
def test_what_looks_like_a_template_is_said_and_not_executed(nasty: str, tmp_path: Path) -> None:
    toml = text(nasty.replace("/", ""), note=nasty)
    folders = sorted(write_down(render("helm", order(toml)), tmp_path).glob("*/Chart.yaml"))
    assert objects(helm(folders[0].parent)) == trees(render("kubernetes", order(toml)))


@pytest.mark.parametrize("values", [{"replicas": "many"}, {"monitor": "yes"}, {"image": 3}])
def test_a_value_of_another_kind_is_refused_by_the_schema(values: dict[str, Any], chart: Path) -> None:
    python = python_with("FLYBALL_CLUSTER_PYTHON", "helm_python", ".venv/cluster")
    done = subprocess.run([python, "-c", _HELM, str(chart), json.dumps(values)], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and next(iter(values)) in done.stderr
