"""Kubeflow's own SDK, in an environment of its own: it compiles the rendered Python to what was rendered, and runs every step for real."""

import os
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from flyball.render.kubeflow.pipeline import files
from flyball.render.records import Order
from orchestrated import FLYBALL, FULL, full, hostile, interpreter, project, ran
from rendered import write_down
from trained import flyball

PLAIN = FULL.replace('resources = { cpu = 2.5, memory = "4Gi", gpu = 1 }\n', "").replace('variables = { AWS_REGION = "eu-west-1" }\n', "")


@pytest.mark.parametrize("which", ["full", "plain", "hostile"])
def test_the_sdk_compiles_the_python_to_the_very_pipelines_that_are_rendered(which: str, tmp_path: Path) -> None:
    python = interpreter("kfp")
    name = "a {b} \u202e温度.md"
    spec = {"full": full(), "plain": full(PLAIN), "hostile": hostile(name, "'; x \"\n`y`", "- a: b\n#\t\u2028{ }")}[which]
    write_down(files(Order(specs=(spec,))), tmp_path)
    (folder,) = tmp_path.iterdir()
    ran([python, "pipeline.py", "--out", str(tmp_path)], folder, {})
    for file in ("pipeline.yaml", "watch.yaml"):
        ours, theirs = (list(yaml.safe_load_all((place / file).read_text())) for place in (folder, tmp_path))
        assert ours == theirs


def test_the_command_for_a_schedule_is_one_that_the_sdk_takes(tmp_path: Path) -> None:
    head = next(line for line in files(Order(specs=(full(),)))["churn/pipeline.yaml"].splitlines() if "recurring-run" in line)
    words = shlex.split(head.removeprefix("#"))
    assert words[:3] == ["kfp", "recurring-run", "create"]
    (tmp_path / "pipeline.yaml").touch()
    code = "import sys; from kfp.cli.recurring_run import create; print(create.make_context('create', sys.argv[1:]).params)"
    said = ran([interpreter("kfp"), "-c", code, *words[3:]], tmp_path, {})
    for part in ("'interval_second': '2592000'", "'max_concurrency': 1", "'catchup': False", "'enabled': True"):
        assert part in said


def test_every_step_runs_under_the_sdk_and_the_version_answers_at_the_end(tmp_path: Path) -> None:
    python, folder = interpreter("kfp"), project(tmp_path / "project")
    for words in (["init", "-q", "--no-scm"], ["remote", "add", "-q", "-d", "team", str(tmp_path / "remote")]):
        ran([sys.executable, "-m", "dvc", *words], folder, {"DVC_NO_ANALYTICS": "1"})
    # The project itself keeps its stores in its own folder, which is why one machine is enough.
    write_down(files(Order(specs=(full(),))), tmp_path / "rendered")
    said = ran(
        [python, "pipeline.py", "--local", str(folder), "--flyball", FLYBALL],
        tmp_path / "rendered" / "churn",
        {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("src"))},
    )
    assert said.count("SUCCESS") == 7  # six steps and the pipeline
    (version,) = flyball(folder, "models", "--json").json
    assert version["version"] == 1 and "champion" in version["aliases"]
