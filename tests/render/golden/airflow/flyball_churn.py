"""Made by `flyball render airflow`. Change flyball.toml and render again, rather than this file."""

import json
import os
import shlex
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import yaml
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, BaseSensorOperator, Param, Variable
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret

PLAN = {
    'model': 'churn',
    'environment': '',
    'prefix': 'flyball_churn',
    'variables': {
        'AWS_REGION': 'eu-west-1',
    },
    'secrets': ['FLYBALL_DATABASE', 'FLYBALL_MLFLOW', 'FLYBALL_SIGNING_KEY', 'FLYBALL_ADMIN_TOKEN', 'AWS_SECRET_ACCESS_KEY'],
    'dags': [
        {
            'dag': 'flyball_churn',
            'says': 'churn: prepare, train, evaluate, test, deploy',
            'every': 2592000.0,
            'new_data': {
                'path': 'data/customers.csv',
                'rows': ['snapshot', '--json'],
                'versions': ['models', '--json'],
                'every': 300.0,
                'seconds': 21600.0,
            },
            'steps': [
                {
                    'name': 'check',
                    'verb': ['check'],
                    'says': 'flyball.toml means what it should',
                    'needs': [],
                    'seconds': 600.0,
                    'retries': 0,
                    'slots': 1,
                    'resources': {},
                },
                {
                    'name': 'data',
                    'verb': ['snapshot', '--pull', '--push'],
                    'says': 'prepare the data and keep the exact rows',
                    'needs': ['check'],
                    'seconds': 7200.0,
                    'retries': 2,
                    'slots': 1,
                    'resources': {},
                },
                {
                    'name': 'train',
                    'verb': ['train', '--no-register', '--pull', '--push', '--report', 'evaluation'],
                    'says': 'train and judge, and register nothing yet',
                    'needs': ['data'],
                    'seconds': 5400.0,
                    'retries': 0,
                    'slots': 3,
                    'resources': {
                        'cpu': '2500m',
                        'memory': '4294967296',
                        'nvidia.com/gpu': '1',
                    },
                },
                {
                    'name': 'test',
                    'verb': ['test', '--report', 'evaluation', '--junit', 'evaluation/tests.xml'],
                    'says': "the model's own tests",
                    'needs': ['train'],
                    'seconds': 3600.0,
                    'retries': 0,
                    'slots': 1,
                    'resources': {},
                },
                {
                    'name': 'register',
                    'verb': ['register', '--report', 'evaluation', '--hold'],
                    'says': 'make it a version',
                    'needs': ['test'],
                    'seconds': 1800.0,
                    'retries': 0,
                    'slots': 1,
                    'resources': {},
                },
                {
                    'name': 'deploy',
                    'verb': ['rollout', 'start'],
                    'says': 'put it to work as [rollout] says: at once, or in comparison with the champion',
                    'needs': ['register'],
                    'seconds': 1800.0,
                    'retries': 1,
                    'slots': 1,
                    'resources': {},
                },
            ],
        },
        {
            'dag': 'flyball_churn-watch',
            'says': 'churn: look at everything and do what follows',
            'every': 900.0,
            'new_data': None,
            'steps': [
                {
                    'name': 'watch',
                    'verb': ['tick'],
                    'says': 'look at everything and do what follows',
                    'needs': [],
                    'seconds': 1800.0,
                    'retries': 1,
                    'slots': 1,
                    'resources': {},
                },
            ],
        },
    ],
}


def setting(name, default):
    """What an Airflow variable says of this model: the one with the model's prefix, else `default`."""
    return Variable.get(f"{PLAN['prefix']}_{name}", default=default)


def project():
    """The folder with flyball.toml: the Airflow variable PREFIX_project, or the nearest folder above this file that has one."""
    named = setting("project", "")
    if named:
        return named
    for folder in Path(__file__).resolve().parents:
        if (folder / "flyball.toml").is_file():
            return str(folder)
    raise AirflowFailException(f"there is no flyball.toml above {__file__}: set the Airflow variable {PLAN['prefix']}_project")


def command(words):
    """The words of a verb. The Airflow variable PREFIX_command says how flyball is called on the workers."""
    return [*shlex.split(setting("command", "flyball")), *words]


def secret(name):
    """A secret: the Airflow variable PREFIX_NAME, else NAME, else what the worker's own environment says."""
    value = setting(name, "") or Variable.get(name, default="") or os.environ.get(name, "")
    if not value:
        raise AirflowFailException(f"set the Airflow variable {PLAN['prefix']}_{name} or {name}, or {name} where the workers run")
    mask_secret(value)
    return value


def given():
    """The variables that every step is given."""
    return {**PLAN["variables"], **{name: secret(name) for name in PLAN["secrets"]}}


class Verb(BashOperator):
    """One verb of flyball, in the project's folder. No template is filled in, so that everything means what flyball.toml says."""

    template_fields = ()
    template_ext = ()

    def __init__(self, *, words, **rest):
        super().__init__(bash_command="true", append_env=True, skip_on_exit_code=None, **rest)
        self.words = words

    def execute(self, context):
        self.cwd = project()
        self.bash_command = shlex.join(["exec", *command(self.words)])
        self.env = given()
        return super().execute(context)


class NewData(BaseSensorOperator):
    """Waits for new data. Other runs than scheduled ones do not wait, unless their parameter `new_data` asks for it."""

    template_fields = ()

    def __init__(self, *, data, **rest):
        super().__init__(**rest)
        self.data = data

    def poke(self, context):
        if context["dag_run"].run_type != "scheduled" and not context["params"]["new_data"]:
            return True
        if self.data["path"] is None:
            return is_unknown(asked(self.data["rows"]), asked(self.data["versions"]))
        since = context["prev_start_date_success"]
        return is_newer(project(), self.data["path"], since.timestamp() if since else None)


def asked(words):
    """What a verb answers as JSON."""
    done = subprocess.run(command(words), cwd=project(), env={**os.environ, **given()}, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def is_unknown(snapshot, versions):
    """Whether no version was trained on these very rows. A query is asked for that: there is no file whose time could tell."""
    return snapshot["digest"] not in [version["snapshot"] for version in versions]


def is_newer(folder, source, since):
    """Whether a file, or any file of a folder, was written after `since` (None: whether there is one).

    Of what DVC tracks only the pointers count: the rows come by `flyball snapshot --pull`, after this and with a time of their own.
    """
    path = Path(folder) / source
    files = pointers(Path(folder), path)
    if not files:
        below = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        tracked = {file.with_suffix("") for file in below if file.suffix == ".dvc"}
        files = [file for file in below if tracked.isdisjoint([file, *file.parents])]
    return any(file.is_file() and (since is None or file.stat().st_mtime > since) for file in files)


def pointers(folder, path):
    """The files by which DVC tracks a path or a folder it lies in: NAME.dvc, and the dvc.lock of a stage that makes it."""
    found = []
    for place in [path, *path.parents]:
        if place == folder or place == place.parent:
            break
        found.append(place.with_name(place.name + ".dvc"))
        for above in place.parents:
            if makes(above / "dvc.lock", place.relative_to(above).as_posix()):
                found.append(above / "dvc.lock")
            if above == folder:
                break
    return [file for file in found if file.is_file()]


def makes(lock, name):
    """Whether a dvc.lock says of a file or folder that a stage makes it."""
    if not lock.is_file():
        return False
    stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages") or {}
    return any(out.get("path") == name for stage in stages.values() for out in stage.get("outs") or [])


def placed(resources):
    """What a task may use, for executors that start a pod for each. Where nothing can talk to a cluster there are none of those."""
    if not resources:
        return None
    try:
        from kubernetes.client import models as k8s
    except ImportError:
        return None
    asked = k8s.V1ResourceRequirements(requests=resources, limits=resources)
    return {"pod_override": k8s.V1Pod(spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base", resources=asked)]))}


def task(step):
    return Verb(
        task_id=step["name"],
        words=step["verb"],
        doc=step["says"],
        retries=step["retries"],
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(seconds=step["seconds"]),
        executor_config=placed(step["resources"]),
        pool_slots=step["slots"],
    )


def make(part):
    """A DAG of the plan. Two runs of it never overlap, and what was missed while Airflow was down is not made up for."""
    with DAG(
        dag_id=part["dag"],
        description=part["says"],
        schedule=timedelta(seconds=part["every"]) if part["every"] else None,
        start_date=datetime(2025, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        tags=["flyball"],
        params={"new_data": Param(False, type="boolean", description="wait for new data first")} if part["new_data"] else {},
    ) as dag:
        tasks = {step["name"]: task(step) for step in part["steps"]}
        for step in part["steps"]:
            for name in step["needs"]:
                tasks[name] >> tasks[step["name"]]
        if part["new_data"]:
            waits = NewData(
                task_id="new_data",
                data=part["new_data"],
                mode="reschedule",
                poke_interval=part["new_data"]["every"],
                timeout=part["new_data"]["seconds"],
                soft_fail=True,
            )
            for step in part["steps"]:
                if not step["needs"]:
                    waits >> tasks[step["name"]]
    return dag


for _part in PLAN["dags"]:
    globals()[_part["dag"]] = make(_part)
