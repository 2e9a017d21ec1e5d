"""Airflow itself, in an environment of its own: it imports what is rendered for it, and runs every step of a project for real."""

import json
import os
import shutil
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
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1])
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
    dags[name] = {"tasks": tasks, "runs": dag.max_active_runs, "catchup": dag.catchup, "schedule": str(dag.schedule)}
print("LOOKED" + json.dumps({"errors": bag.import_errors, "dags": dags}))
"""
NEWER = """
import json, sys, runpy
made = runpy.run_path(sys.argv[1])
found = [made["is_newer"](*one) for one in json.loads(sys.argv[2])]
snapshot, versions = json.loads(sys.argv[3])
print("LOOKED" + json.dumps([found, made["is_unknown"](snapshot, versions), made["is_unknown"](snapshot, versions[:1])]))
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


def only_the_pointer(folder: Path, remote: Path) -> None:
    """Leave of the data what a fresh checkout has: DVC's pointer, and a remote."""
    dvc = [sys.executable, "-m", "dvc"]
    for words in (
        ["init", "--no-scm", "-q"],
        ["remote", "add", "-d", "-q", "far", str(remote)],
        ["add", "-q", "data/customers.csv"],
        ["push", "-q"],
    ):
        ran([*dvc, *words], folder, {})
    (folder / "data" / "customers.csv").unlink()
    shutil.rmtree(folder / ".dvc" / "cache", ignore_errors=True)


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
    assert found["dags"]["flyball_churn-watch"]["schedule"] == "0:15:00"


def test_every_step_runs_in_airflow_where_dvc_has_the_data_and_the_version_answers_at_the_end(airflow: Airflow, tmp_path: Path) -> None:
    folder = project(tmp_path / "churn")
    change(folder, '"drift"]', '"drift", "schedule"]\nevery = "30d"')
    only_the_pointer(folder, tmp_path / "remote")
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
        [airflow.python, "-m", "airflow", "dags", "test", "flyball_churn-watch"],
        cwd=airflow.home,
        env={**os.environ, **airflow.surroundings, "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path), "AIRFLOW_VAR_FLYBALL_CHURN_PROJECT": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "set the Airflow variable flyball_churn_FLYBALL_DATABASE or FLYBALL_DATABASE" in said


def newer(airflow: Airflow, module: Path, *asked: tuple[object, str, float | None]) -> list[bool]:
    """What the rendered sensor says of data in a project's folder: is something newer than a time."""
    ((_, text),) = files(Order(specs=(full(),))).items()
    module.write_text(text)
    found: list[bool] = airflow.looks(
        NEWER, str(module), json.dumps([(str(folder), *rest) for folder, *rest in asked]), '[{"digest": ""}, []]'
    )[0]
    return found


def write(path: Path, at: float, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))


def test_files_are_new_when_one_was_written_after_the_last_run(airflow: Airflow, tmp_path: Path) -> None:
    write(tmp_path / "lake" / "2025" / "01.parquet", 1000)
    (tmp_path / "empty").mkdir()
    asked: list[tuple[object, str, float | None]] = [
        (tmp_path, "lake", None),
        (tmp_path, "lake", 999),
        (tmp_path, "lake", 1000),
        (tmp_path, "lake/2025/01.parquet", 999),
        (tmp_path, "empty", None),
        (tmp_path, "nowhere", None),
        (tmp_path / "empty", str(tmp_path / "lake"), 999),
    ]
    assert newer(airflow, tmp_path / "dag.py", *asked) == [True, True, False, True, False, False, True]


def test_what_dvc_tracks_is_new_when_its_pointer_is_whatever_lies_beside_it(airflow: Airflow, tmp_path: Path) -> None:
    fresh, old, whole, parts, stage = (tmp_path / name for name in ("fresh", "old", "whole", "parts", "stage"))
    write(fresh / "data" / "customers.csv.dvc", 2000)
    write(old / "data" / "customers.csv.dvc", 2000)
    write(old / "data" / "customers.csv", 5000)  # pulled by the last run: not new
    write(whole / "data.dvc", 2000)
    write(whole / "data" / "customers.csv", 5000)
    write(parts / "lake" / "2025.dvc", 2000)
    write(parts / "lake" / "2025" / "01.parquet", 5000)
    write(parts / "lake" / "loose.parquet", 2500)
    outs = "schema: '2.0'\nstages:\n  fetch:\n    cmd: make\n    outs:\n    - path: data/customers.csv\n      md5: abc\n"
    write(stage / "dvc.lock", 2000, outs)
    write(stage / "data" / "other.csv", 1000)
    asked: list[tuple[object, str, float | None]] = []
    for folder, source in (
        (fresh, "data/customers.csv"),
        (old, "data/customers.csv"),
        (whole, "data/customers.csv"),
        (stage, "data/customers.csv"),
    ):
        asked += [(folder, source, None), (folder, source, 1999), (folder, source, 2000)]
    asked += [(parts, "lake", 2499), (parts, "lake", 2500), (stage, "data/other.csv", 1000)]
    assert newer(airflow, tmp_path / "dag.py", *asked) == [True, True, False] * 4 + [True, False, False]


def test_rows_of_a_query_are_new_when_no_version_learnt_from_them(airflow: Airflow, tmp_path: Path) -> None:
    ((_, text),) = files(Order(specs=(full(),))).items()
    module = tmp_path / "dag.py"
    module.write_text(text)
    rows = [{"digest": "b"}, [{"version": 1, "snapshot": "a"}, {"version": 2, "snapshot": "b"}]]
    assert airflow.looks(NEWER, str(module), "[]", json.dumps(rows)) == [[], False, True]
