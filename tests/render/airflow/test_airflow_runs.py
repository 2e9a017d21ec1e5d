"""Airflow itself, in an environment of its own: it imports what is rendered for it, and runs every step of a project for real."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flyball.render.airflow.dag import files, tree
from flyball.render.records import Order
from flyball.spec.load import load_spec
from orchestrated import FLYBALL, full, hostile, interpreter, project, ran
from rendered import write_down
from trained import change, flyball

LOOK = """
import json, sys
from datetime import timedelta
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1], include_examples=False)
dags = {}
for name, dag in bag.dags.items():
    tasks = {}
    for task in dag.tasks:
        config = task.executor_config or {}
        pod = config.get("pod_override")
        tasks[task.task_id] = {
            "after": sorted(task.upstream_task_ids),
            "retries": task.retries,
            "seconds": task.execution_timeout and task.execution_timeout.total_seconds(),
            "slots": task.pool_slots,
            "pod": pod and {**pod.spec.containers[0].resources.limits},
        }
    module = sys.modules[type(dag.get_task(next(iter(tasks)))).__module__]
    dags[name] = {"tasks": tasks, "runs": dag.max_active_runs, "catchup": dag.catchup, "schedule": str(dag.schedule)}
print("LOOKED" + json.dumps({"errors": bag.import_errors, "dags": dags}))
"""
NEWER = """
import json, sys, runpy
from pathlib import Path
is_newer = runpy.run_path(sys.argv[1])["is_newer"]
print("LOOKED" + json.dumps([is_newer(Path(path), since) for path, since in json.loads(sys.argv[2])]))
"""


class Airflow:
    """An installation with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.python = interpreter("airflow")
        self.home, self.dags = home, home / "dags"
        self.dags.mkdir(parents=True)
        self.surroundings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("src")),
        }
        self.says("db", "migrate")

    def says(self, *words: str, **more: str) -> str:
        """What `airflow` prints."""
        return ran([self.python, "-m", "airflow", *words], self.home, {**self.surroundings, **more})

    def looks(self, code: str, *words: str) -> Any:
        """What a program says that runs in Airflow's environment."""
        said = ran([self.python, "-c", code, *words], self.home, self.surroundings)
        return json.loads(said.split("LOOKED", 1)[1].splitlines()[0])


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    yield Airflow(tmp_path_factory.mktemp("airflow") / "home")


def test_airflow_imports_what_is_rendered_and_finds_every_task_as_planned(airflow: Airflow, tmp_path: Path) -> None:
    write_down(files(Order(specs=(full(), hostile("a {{ 'b' }}\u202e.md", "$(touch x)", "{{ 7 * 7 }}\n.sh")))), tmp_path)
    found = airflow.looks(LOOK, str(tmp_path))
    assert found["errors"] == {}
    assert len(found["dags"]) == 4 and all(dag["runs"] == 1 and not dag["catchup"] for dag in found["dags"].values())
    plan: Any = tree(full())
    for part in plan["dags"]:
        tasks = found["dags"][part["dag"]]["tasks"]
        for step in part["steps"]:
            task = tasks[step["name"]]
            assert (task["retries"], task["seconds"], task["slots"]) == (step["retries"], step["seconds"], step["slots"])
            assert (task["pod"] or {}) == step["resources"]
            assert task["after"] == (step["needs"] or (["new_data"] if part["new_data"] else []))
    assert found["dags"]["flyball_churn"]["schedule"].startswith("30 days")
    assert found["dags"]["flyball_churn_watch"]["schedule"] == "0:15:00"


def test_every_step_runs_in_airflow_and_the_version_answers_at_the_end(airflow: Airflow, tmp_path: Path) -> None:
    folder = project(tmp_path / "churn")
    change(folder, '"drift"]', '"drift", "schedule"]\nevery = "30d"')
    write_down(files(Order(specs=(load_spec(folder),))), airflow.dags)
    said = airflow.says(
        "dags",
        "test",
        "flyball_churn",
        "--conf",
        json.dumps({"new_data": True}),
        AIRFLOW_VAR_FLYBALL_CHURN_PROJECT=str(folder),
        AIRFLOW_VAR_FLYBALL_CHURN_COMMAND=FLYBALL,
    )
    assert "state=success" in said
    (version,) = flyball(folder, "models", "--json").json
    assert version["version"] == 1 and "champion" in version["aliases"]


def test_no_word_of_a_project_is_run_or_filled_in_and_secrets_come_from_airflow(airflow: Airflow, tmp_path: Path) -> None:
    text = "{{ 7 * 7 }} $(touch x) `touch x`; touch x\n'\"\\ ${HOME} 温度 x.sh"
    wanted = replace(hostile(text, text, text), folder=tmp_path)
    plan: Any = tree(wanted)
    write_down(files(Order(specs=(wanted,))), airflow.dags)
    writer, kept = tmp_path / "writer.py", tmp_path / "kept.json"
    writer.write_text(
        textwrap.dedent(f"""
        import json, os, sys
        with open({str(kept)!r}, "w") as file:
            json.dump([sys.argv[1:], dict(os.environ), os.getcwd()], file)
        """)
    )
    prefix = plan["prefix"].upper()
    variables = {f"AIRFLOW_VAR_{name}": f"secret of {name}" for name in plan["secrets"]}
    variables[f"AIRFLOW_VAR_{prefix}_{plan['secrets'][0]}"] = "its own"
    del variables[f"AIRFLOW_VAR_{plan['secrets'][1]}"]
    airflow.says(
        "dags",
        "test",
        plan["dags"][1]["dag"],
        **{f"AIRFLOW_VAR_{prefix}_PROJECT": str(tmp_path), f"AIRFLOW_VAR_{prefix}_COMMAND": f"{sys.executable} {writer}"},
        **variables,
        **{plan["secrets"][1]: "of the worker"},
    )
    words, surroundings, place = json.loads(kept.read_text())
    assert words == ["--env", text, "tick"] and place == str(tmp_path)
    assert surroundings["A"] == text
    said = [surroundings[name] for name in plan["secrets"]]
    assert said == ["its own", "of the worker", *(f"secret of {name}" for name in plan["secrets"][2:])]
    assert not (tmp_path / "x").exists() and not (airflow.home / "x").exists()


def test_a_secret_that_nobody_gave_is_an_error_that_says_where_to_put_it(airflow: Airflow, tmp_path: Path) -> None:
    write_down(files(Order(specs=(full(),))), tmp_path)
    done = subprocess.run(
        [airflow.python, "-m", "airflow", "dags", "test", "flyball_churn_watch"],
        cwd=airflow.home,
        env={**os.environ, **airflow.surroundings, "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path), "AIRFLOW_VAR_FLYBALL_CHURN_PROJECT": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "set the Airflow variable flyball_churn_FLYBALL_DATABASE or FLYBALL_DATABASE" in said


def test_data_are_new_when_a_file_was_written_after_the_last_run(airflow: Airflow, tmp_path: Path) -> None:
    ((_, text),) = files(Order(specs=(full(),))).items()
    module, lake = tmp_path / "dag.py", tmp_path / "lake"
    module.write_text(text)
    (lake / "2025").mkdir(parents=True)
    (lake / "2025" / "01.parquet").write_text("x")
    os.utime(lake / "2025" / "01.parquet", (1000, 1000))
    (tmp_path / "empty").mkdir()
    asked = [
        (str(lake), None),
        (str(lake), 999),
        (str(lake), 1000),
        (str(lake / "2025" / "01.parquet"), 999),
        (str(tmp_path / "empty"), None),
        (str(tmp_path / "nowhere"), None),
    ]
    assert airflow.looks(NEWER, str(module), json.dumps(asked)) == [True, True, False, True, False, False]
