"""The rendered containers run on a root they cannot write: servers answer from the shared database alone and drain, the loop looks."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from clustered import order, pod_of, trees
from flyball.render.kubernetes.pods import USER
from flyball.render.targets import render
from kubelets import Container, Volumes, can_isolate, free_port, image_of, run, volumes
from postgresql import Postgres
from recorded import git
from trained import CUSTOMER, begin, spawn

_CLUSTER = """
[env.prod.stores]
database = "env:FLYBALL_DATABASE"
mlflow = "env:FLYBALL_MLFLOW"
[env.prod.deliver]
image = "registry.example.com/team/churn:1"
variables = { NOTE = "a $(HOME) b" }
"""


@dataclass(frozen=True)
class Installed:
    """A project whose first version was made by the rendered Job, and what was rendered of it. `steps`: how each container of it ended."""

    image: Path
    objects: dict[str, Any]
    secrets: dict[str, str]
    steps: dict[str, tuple[int, str]]

    @property
    def spec(self) -> str:
        """What the ConfigMap holds."""
        return str(self.objects["ConfigMap/churn-spec"]["data"]["flyball.toml"])


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A tracking server that others share."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'm.db'}"]
    words += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "mlflow", *words], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{address}/health").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
            assert server.poll() is None, (folder / "log").read_text()
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def made_image(project: Path, folder: Path) -> Path:
    """What the image holds of a project, of its repository too. Data is pushed to where a pod's project sees a folder of its own."""
    image = image_of(project, folder)
    git(image, "init", "-q")
    for words in (["init", "-q"], ["remote", "add", "-q", "-d", "there", "../tmp/remote"]):
        subprocess.run([sys.executable, "-m", "dvc", *words], cwd=image, check=True)
    git(image, "add", "-A")
    git(image, "commit", "-qm", "begin")
    for name in render("docker", order())["Dockerfile.dockerignore"].splitlines():
        if name.startswith(".git/") and "*" not in name:
            place = image / name
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    assert (image / ".git").is_dir() and not (image / ".git" / "config").exists()
    return image


@pytest.fixture(scope="module")
def installed(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    can_isolate()
    folder = tmp_path_factory.mktemp("cluster")
    project = begin(folder / "churn")
    (project / "tests.toml").unlink()  # a forest so small breaks some of what is asked there
    with (project / "flyball.toml").open("a") as file:
        file.write(_CLUSTER)
    image = made_image(project, folder / "image")
    rendered = spawn(project, "--env", "prod", "render", "kubernetes", "--json")
    assert rendered.status == 0, rendered.err
    with mlflow_server(folder) as tracking:
        address = postgres.fresh()
        given = {
            "FLYBALL_DATABASE": address,
            "FLYBALL_MLFLOW": tracking,
            "FLYBALL_SIGNING_KEY": secrets.token_hex(32),
            "FLYBALL_ADMIN_TOKEN": secrets.token_hex(32),
        }
        made = Installed(image=image, objects=trees(rendered.json["files"]), secrets=given, steps={})
        pod, place = pod_of(made.objects["CronJob/churn-train"]), volumes(folder / "pod", made.spec, image)
        for tree in [*pod["initContainers"], *pod["containers"]]:
            made.steps[tree["name"]] = run(tree, place, given)
            if made.steps[tree["name"]][0] != 0:
                break
        yield made
        postgres.drop(address)


@pytest.fixture
def place(tmp_path: Path, installed: Installed) -> Volumes:
    """The empty volumes of one pod."""
    return volumes(tmp_path / "pod", installed.spec, installed.image)


def test_the_steps_of_a_training_run_one_after_the_other_in_one_pod_and_make_the_first_version(installed: Installed) -> None:
    assert [(name, status) for name, (status, said) in installed.steps.items() if status] == [], installed.steps
    assert list(installed.steps) == ["project", "check", "data", "train", "test", "register", "deploy"]
    assert "cannot read the repository" not in installed.steps["train"][1]


def test_a_version_made_in_a_pod_says_which_commit_it_was_made_from(installed: Installed) -> None:
    address = f"{installed.secrets['FLYBALL_MLFLOW']}/api/2.0/mlflow"
    experiments = httpx.get(f"{address}/experiments/search", params={"max_results": 100}).json()["experiments"]
    asked = {"experiment_ids": [one["experiment_id"] for one in experiments]}
    runs = httpx.post(f"{address}/runs/search", json=asked).json()["runs"]
    tags = [{tag["key"]: tag["value"] for tag in one["data"]["tags"]} for one in runs]
    said = {(one["mlflow.source.git.commit"], one["flyball.dirty"]) for one in tags if "flyball.snapshot" in one}
    assert said == {(git(installed.image, "rev-parse", "HEAD").strip(), "no")}


def test_a_server_with_nothing_but_the_spec_answers_from_the_shared_database_and_drains_in_time(
    installed: Installed, place: Volumes
) -> None:
    pod = pod_of(installed.objects["Deployment/churn"])
    [tree] = pod["containers"]
    server = Container(tree, place, installed.secrets, python=os.environ.get("FLYBALL_SLIM_PYTHON", sys.executable))
    try:
        assert server.until("startupProbe"), server.said()
        assert server.until("readinessProbe") and server.probe("livenessProbe"), server.said()
        for host in ("churn", "churn.churn-prod.svc.cluster.local"):
            said = httpx.post(f"{server.url}/predict", json={"features": CUSTOMER}, headers={"Host": host})
            assert said.status_code == 200 and said.json()["version"] == 1
        assert httpx.post(f"{server.url}/predict", json={"features": CUSTOMER}, headers={"Host": "elsewhere"}).status_code == 403
        page = httpx.get(f"{server.url}/metrics", headers={"Host": f"127.0.0.1:{server.port}"}).text
        assert 'model_predictions_total{model="churn",version="1",variant="champion"} 2' in page
        assert not (place.project / "flyball.db").exists()
        token = {"Authorization": f"Bearer {installed.secrets['FLYBALL_ADMIN_TOKEN']}", "Host": "churn"}
        for route in ("status", "versions", "why/1", "journal", "history", "retrains", "rollout", "experiment"):
            said = httpx.get(f"{server.url}/admin/{route}", headers=token, timeout=60)
            assert said.status_code < 500 and said.json(), f"{route}: {said.text}: {server.said()}"
    finally:
        status = server.stop(pod["terminationGracePeriodSeconds"])
    assert status == 0, server.said()
    with psycopg.connect(installed.secrets["FLYBALL_DATABASE"]) as database:
        [rows] = database.execute("SELECT count(*) FROM flyball.predictions").fetchall()
    assert rows == (2,), "what was answered is in the shared database before the pod is gone"


def test_the_loop_looks_is_found_alive_and_ends_when_it_is_asked_to(installed: Installed, place: Volumes) -> None:
    pod = pod_of(installed.objects["Deployment/churn-loop"])
    [before], [tree] = pod["initContainers"], pod["containers"]
    assert run(before, place, installed.secrets) == (0, "")
    assert (place.project / "pipeline.py").is_file()
    loop = Container(tree, place, installed.secrets)
    try:
        assert loop.until("livenessProbe"), loop.said()
    finally:
        status = loop.stop(pod["terminationGracePeriodSeconds"])
    assert status == 0, loop.said()
    assert "failed" not in loop.said(), loop.said()


@dataclass(frozen=True)
class Built:
    """What a Dockerfile leaves: where the project is, whose that folder is, and where, as whom and with which variables commands run."""

    project: str
    owned: list[str]
    place: str
    user: str
    variables: dict[str, str]


def built(dockerfile: str) -> Built:
    place, user, project, owned = "/", "0:0", "", []
    variables: dict[str, str] = {}
    for word, _, rest in (line.partition(" ") for line in dockerfile.splitlines()):
        match word:
            case "WORKDIR":
                place = rest
            case "USER":
                user = rest
            case "COPY" if rest.endswith('[".", "."]'):
                project = place
            case "ENV":
                variables |= dict(one.split("=", 1) for one in rest.split(" "))
            case "RUN" if json.loads(rest)[:5] == ["install", "-d", "-o", str(USER), "-g"]:
                owned = json.loads(rest)[6:]
    return Built(project=project, owned=owned, place=place, user=user, variables=variables)


def test_the_steps_of_kubeflow_run_in_the_image_as_its_dockerfile_leaves_it(installed: Installed, tmp_path: Path) -> None:
    (written := tmp_path / "written").mkdir()
    (written / "flyball.toml").write_text(installed.spec.replace("$(HOME)", "at home"))  # an expression to Kubeflow, which refuses it
    rendered = [spawn(written, "--env", "prod", "render", one, "--json") for one in ("docker", "kubeflow")]
    assert [one.err for one in rendered if one.status] == []
    dockerfile, pipelines = (one.json["files"] for one in rendered)
    image = built(dockerfile["Dockerfile"])
    assert image.user == f"{USER}:{USER}" and image.place in image.owned, "the user may write where it works"
    pipeline, platform = yaml.safe_load_all(pipelines["churn-prod/pipeline.yaml"])
    tmp = volumes(tmp_path / "pod", installed.spec).tmp
    for name in ("check", "data", "train"):
        folder = tmp.parent / name
        if image.place == image.project:
            shutil.copytree(installed.image, folder)
        else:
            folder.mkdir()
        step = pipeline["deploymentSpec"]["executors"][f"exec-{name}"]["container"]
        [given] = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{name}"]["secretAsEnv"]
        assert given["secretName"] == "churn"
        plain = {key: text for key, text in image.variables.items() if key != "PATH"} | {one["name"]: one["value"] for one in step["env"]}
        found = [{"name": key, "value": text} for key, text in plain.items()]
        found += [{"name": one["envVar"], "value": installed.secrets[one["secretKey"]]} for one in given["keyToEnv"]]
        arguments = [str(tmp / "artifact") if word.startswith("{{$") else word for word in step["args"]]
        mounts = [{"name": "project"}, {"name": "tmp"}]
        tree = {"name": name, "command": step["command"], "args": arguments, "env": found, "volumeMounts": mounts}
        status, said = run(tree, Volumes(project=folder, tmp=tmp, spec=installed.spec), {})
        assert status == 0, f"{name}: {said}"
        assert "cannot read the repository" not in said


def test_without_its_secrets_a_server_says_what_is_missing_and_ends(installed: Installed, place: Volumes) -> None:
    [tree] = pod_of(installed.objects["Deployment/churn"])["containers"]
    names = {env["name"] for env in tree["env"] if not env.get("valueFrom", {}).get("secretKeyRef", {}).get("optional")}
    with pytest.raises(KeyError):  # as Kubernetes, which does not start such a container at all
        Container(tree, place, {"FLYBALL_MLFLOW": "http://127.0.0.1:1"})
    assert "FLYBALL_DATABASE" in names and "FLYBALL_ADMIN_TOKEN" not in names
